/** Several nodes and clients over one nats-server, all in this process. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import {
  type Aether,
  type AetherError,
  CallHeader,
  connect,
  type Connection,
  errorFromWire,
  parseActorId,
  shardOf,
  subjectsOf,
  systemClock,
  ulid,
} from "@flowmade/aether";
import { clusterOf } from "../../actor/aether.ts";
import { headers as newHeaders } from "@nats-io/nats-core";
import { eventually } from "../support/mod.ts";
import { Account, decided, gate } from "./_account.ts";
import { isShared, type NatsWorld, natsWorld } from "./_worlds.ts";

/** Keys whose accounts live on the given node, as everybody sees it. */
function keysOn(aether: Aether, count: number): string[] {
  const { placement } = clusterOf(aether)!;
  const keys: string[] = [];
  for (let i = 0; keys.length < count; i++) {
    const shard = shardOf(`account-k${i}`);
    if (placement.ownerOf("account", shard)?.node === aether.nodeId) {
      keys.push(`k${i}`);
    }
  }
  return keys;
}

/** Whether a node sees the accounts shared evenly by nodes a and b. */
const sharesAccounts = (aether: Aether) =>
  isShared(aether, "account", ["a", "b"]);

async function threeOf(world: NatsWorld) {
  const a = await world.start({ nodeId: "a" });
  const b = await world.start({ nodeId: "b" });
  const client = await world.start({ actors: [], nodeId: "client" });
  await eventually(() => [a, b, client].every(sharesAccounts));
  return { a, b, client };
}

async function request(
  nc: Connection,
  subject: string,
  body = "",
  given: Record<string, string> = {},
) {
  const headers = newHeaders();
  for (const [name, value] of Object.entries(given)) headers.set(name, value);
  const msg = await nc.request(subject, body, { timeout: 5_000, headers });
  const code = msg.headers?.get(CallHeader.error) ?? "";
  // deno-lint-ignore no-explicit-any
  const json = msg.json() as any;
  return code === "" ? json.ok : errorFromWire(json);
}

/** Checks that an actor's log holds each command once, under versions 1 … n. */
async function assertOnce(aether: Aether, actorId: string, ids: Set<string>) {
  const events = await aether.store.getEvents(actorId);
  assert.deepEqual(
    events.map((event) => event.version),
    events.map((_, i) => i + 1),
  );
  const stored = events.map((event) => event.commandId!);
  assert.equal(new Set(stored).size, stored.length, "a command was done twice");
  for (const id of ids) assert.ok(stored.includes(id), `${id} was lost`);
}

describe("two nodes and a client", () => {
  it("share the actors among them, each on one node", async () => {
    await using world = await natsWorld();
    const { a, b, client } = await threeOf(world);
    for (let i = 0; i < 40; i++) {
      const { version } = await client.actor(Account, `k${i}`)
        .deposit({ amount: i });
      assert.equal(version, 1);
    }
    assert.equal(a.stats().activations + b.stats().activations, 40);
    assert.ok(a.stats().activations > 5 && b.stats().activations > 5);
    assert.equal(client.stats().activations, 0);
    // The nodes themselves reach those of the other.
    for (const node of [a, b]) {
      assert.equal(await node.actor(Account, "k7").balance(), 7);
      assert.equal(
        await node.actor<typeof Account>("account", "k8").balance(),
        8,
      );
    }
  });

  it("tell everything over the wire as they would at home", async () => {
    await using world = await natsWorld();
    const { a, client } = await threeOf(world);
    const [key] = keysOn(a, 1) as [string];
    const far = client.actor(Account, key);
    const near = a.actor(Account, key);
    const answer = await far.deposit({ amount: 5 }, {
      correlationId: "ünï",
    });
    assert.deepEqual(
      answer.events,
      await a.store.getEvents(`account-${key}`),
    );
    for (const actor of [far, near]) {
      const error = await actor.withdraw({ amount: 9 }).catch((e) => e);
      assert.equal(error.code, "rejected");
      assert.equal(error.reason, "insufficient_funds");
      assert.equal(error.details["missing"], 4);
      assert.equal(await actor.nothing2(), undefined);
      const failed = await actor.explode().catch((e) => e);
      assert.equal(failed.code, "command_failed");
      assert.match(failed.message, /boom/);
    }
  });

  it("wait for a handler that takes long, as its node says that it has the call", async () => {
    await using world = await natsWorld();
    const { a, client } = await threeOf(world);
    const [key] = keysOn(a, 1) as [string];
    const nc = await connect({ servers: world.servers });
    const probed = Promise.withResolvers<void>();
    nc.subscribe(`aether.node.${world.namespace}.a.has`, {
      callback: () => probed.resolve(),
    });
    await nc.flush();
    const held = gate();
    const holding = client.actor(Account, key).hold(held.name);
    await held.gate.entered;
    await probed.promise;
    held.gate.open();
    assert.equal((await holding).version, 1);
    assert.equal(held.gate.count, 1);
    await nc.close();
  });

  it("leave the last word on a deadline to the node that runs the actor", async () => {
    await using world = await natsWorld();
    const { a, client } = await threeOf(world);
    const [key] = keysOn(a, 1) as [string];
    const held = gate();
    const error = await client.actor(Account, key)
      .hold(held.name, { timeout: 50 }).catch((e) => e);
    assert.equal(error.code, "deadline_exceeded");
    held.gate.open();
    assert.equal(await client.actor(Account, key).version(), 0);
  });

  it("answer a client that closes what it has asked already", async () => {
    await using world = await natsWorld();
    const { client } = await threeOf(world);
    const held = gate();
    const holding = client.actor(Account, "ada").hold(held.name);
    await held.gate.entered;
    const closing = client.close();
    held.gate.open();
    assert.equal((await holding).version, 1);
    await closing;
    await assert.rejects(client.actor(Account, "ada").balance(), {
      code: "closed",
    });
  });

  it("fail at once where a chain of calls comes back over nodes", async () => {
    await using world = await natsWorld();
    const { a, b, client } = await threeOf(world);
    const [one] = keysOn(a, 1) as [string];
    const [two] = keysOn(b, 1) as [string];
    const error = await client.actor(Account, one)
      .ring([two, one], { timeout: 60_000 }).catch((e) => e);
    assert.equal(error.code, "cycle");
    const chain = [one, two, one].map((key) => `account-${key}`).join(" → ");
    assert.ok(error.message.includes(chain), error.message);
  });

  it("refuse what does not fit into a message", async () => {
    await using world = await natsWorld();
    const { a, client } = await threeOf(world);
    const [key] = keysOn(a, 1) as [string];
    const far = client.actor(Account, key);
    const half = "x".repeat(600_000);
    await far.note(half);
    await far.note(half);
    await assert.rejects(far.notes(), { code: "reply_too_large" });
    await assert.rejects(far.note(half + half), { code: "payload_too_large" });
    assert.equal(await far.version(), 2); // the connection is alive
  });

  it("say so when no node hosts a type", async () => {
    await using world = await natsWorld();
    const client = await world.start({ actors: [] });
    const error = await client.actor(Account, "ada").balance()
      .catch((e: AetherError) => e) as AetherError;
    assert.equal(error.code, "store_unavailable");
    assert.match(error.message, /no node hosts actor type "account"/);
  });

  it("refuse a second node of the same name", async () => {
    await using world = await natsWorld();
    await world.start({ nodeId: "a" });
    await assert.rejects(world.start({ nodeId: "a" }), {
      code: "invalid_argument",
    });
  });

  it("answer elsewhere what a node closed under", async () => {
    await using world = await natsWorld();
    const { a, client } = await threeOf(world);
    const [key] = keysOn(a, 1);
    await a.store.close();
    const called = client.actor(Account, key!).deposit({ amount: 1 });
    await a.close();
    assert.equal((await called).version, 1);
  });

  it("leave open the connections they were given", async () => {
    await using world = await natsWorld();
    const { aether, connection } = await world.startOn();
    await aether.actor(Account, "ada").deposit({ amount: 1 });
    await aether.close();
    assert.equal(connection.isClosed(), false);
    await connection.flush();
  });
});

describe("any NATS client", () => {
  it("asks on aether.ask, by commands and queries", async () => {
    await using world = await natsWorld();
    await threeOf(world);
    const nc = await connect({ servers: world.servers });
    const ask = (
      key: string,
      name: string,
      body?: string,
      headers?: Record<string, string>,
    ) =>
      request(
        nc,
        subjectsOf(world.namespace).ask(parseActorId(`account-${key}`), name),
        body,
        headers,
      );
    for (const key of ["ada", "bob", "ünï *>", "x.y"]) {
      const done = await ask(key, "deposit", '{"amount":5}', {
        [CallHeader.commandId]: "mine",
      });
      assert.equal(done.version, 1);
      assert.equal(done.events[0].actorId, `account-${key}`.normalize("NFC"));
      assert.equal(done.events[0].commandId, "mine");
      const again = await ask(key, "deposit", '{"amount":5}', {
        [CallHeader.commandId]: "mine",
      });
      assert.deepEqual(again, done);
      assert.deepEqual(await ask(key, "balance"), { value: 5 });
      assert.equal((await ask(key, "close")).version, 2);
    }
    const refusals: [Promise<AetherError>, string][] = [
      [ask("ada", "withdraw", '{"amount":500}'), "rejected"],
      [ask("ada", "withdraw", "{"), "invalid_argument"],
      [ask("ada", "withdraw", '{"__proto__":{}}'), "invalid_argument"],
      [ask("ada", "dance"), "invalid_argument"],
      [
        ask("ada", "note", '"x"', { [CallHeader.attempt]: "-1" }),
        "invalid_argument",
      ],
      [
        ask("ada", "note", '"x"', { [CallHeader.chain]: "[1]" }),
        "invalid_argument",
      ],
      [
        ask("ada", "note", '"x"', { [CallHeader.chain]: '["account-ada"]' }),
        "cycle",
      ],
    ];
    for (const [refusal, code] of refusals) {
      assert.equal((await refusal).code, code);
    }
    await nc.close();
  });

  it("is failed no call by a node that leaves", async () => {
    await using world = await natsWorld();
    const { a } = await threeOf(world);
    const nc = await connect({ servers: world.servers });
    const subject = (i: number) =>
      subjectsOf(world.namespace).ask(parseActorId(`account-k${i}`), "deposit");
    const asks: Promise<unknown>[] = [];
    let hasLeft = false;
    const leaving = delay(20).then(() => a.close()).then(() => hasLeft = true);
    for (let i = 0; !hasLeft; i++) {
      asks.push(request(nc, subject(i), '{"amount":1}'));
      if (i % 10 === 0) await delay(1);
    }
    await leaving;
    const answers = await Promise.all(asks);
    const failed = answers.filter((answer) => answer instanceof Error);
    assert.deepEqual(failed, [], `${failed.length} of ${answers.length}`);
    await nc.close();
  });

  it("asks the owner of a shard on aether.do", async () => {
    await using world = await natsWorld();
    const { a } = await threeOf(world);
    const [key] = keysOn(a, 1) as [string];
    const nc = await connect({ servers: world.servers });
    const { shard } = parseActorId(`account-${key}`);
    const { generation } = a.cluster!.ownerOf(`account-${key}`)!;
    const subject = subjectsOf(world.namespace)
      .owner("account", shard, generation);
    const body = JSON.stringify({
      id: `account-${key}`,
      name: "deposit",
      input: { amount: 3 },
    });
    assert.equal((await request(nc, subject, body)).version, 1);
    assert.equal((await request(nc, subject, "{}")).code, "invalid_argument");
    await nc.close();
  });
});

describe("an attempt after the first", () => {
  const attempt2 = (commandId: string) => ({
    [CallHeader.commandId]: commandId,
    [CallHeader.attempt]: "2",
  });

  it("finds what the first one did, on whatever node", async () => {
    await using world = await natsWorld();
    const { a, b } = await threeOf(world);
    const [key] = keysOn(a, 1) as [string];
    const commandId = ulid();
    const first = await a.actor(Account, key).both({ amount: 5 }, {
      commandId,
    });
    for (let i = 0; i < 15; i++) await a.actor(Account, key).note(`${i}`);
    await a.close();
    await eventually(() => keysOn(b, 1).length === 1);
    const nc = await connect({ servers: world.servers });
    const again = await request(
      nc,
      `aether.ask.${world.namespace}.account.${key}.both`,
      '{"amount":5}',
      attempt2(commandId),
    );
    assert.deepEqual(again, JSON.parse(JSON.stringify(first)));
    await nc.close();
  });

  it("stores its rejection before it tells it, and tells it ever after", async () => {
    await using world = await natsWorld();
    const { client } = await threeOf(world);
    const nc = await connect({ servers: world.servers });
    const subject = `aether.ask.${world.namespace}.account.ada.withdraw`;
    const commandId = ulid();
    const ask = () => request(nc, subject, '{"amount":5}', attempt2(commandId));
    assert.equal((await ask()).reason, "insufficient_funds");
    const { commits } = await client.store.load("account-ada");
    assert.deepEqual(commits.map((commit) => commit.commands), [[{
      id: commandId,
      events: 0,
      rejected: {
        reason: "insufficient_funds",
        message: "balance is 0",
        details: { reason: "insufficient_funds", missing: 5 },
      },
    }]]);
    await client.actor(Account, "ada").deposit({ amount: 100 });
    assert.equal((await ask()).reason, "insufficient_funds");
    assert.equal(await client.actor(Account, "ada").balance(), 100);
    await nc.close();
  });

  it("is looked up in the whole log where the snapshot's memory ends", async () => {
    await using world = await natsWorld();
    const first = await world.start();
    const commandId = ulid();
    const done = await first.actor(Account, "ada")
      .deposit({ amount: 5 }, { commandId });
    await first.close();
    const second = await world.start();
    const { position } = await second.store.load("account-ada");
    // A snapshot whose writer remembered nothing.
    await second.store.saveSnapshot!({
      actorId: "account-ada",
      version: 1,
      state: { balance: 5, notes: [] },
      timestamp: new Date(),
      sequence: position.trail[0]!,
    });
    const nc = await connect({ servers: world.servers });
    const answer = await request(
      nc,
      `aether.ask.${world.namespace}.account.ada.deposit`,
      '{"amount":5}',
      attempt2(commandId),
    );
    assert.deepEqual(answer, JSON.parse(JSON.stringify(done)));
    assert.equal(await second.store.getLatestVersion("account-ada"), 1);
    await nc.close();
  });
});

describe("when nodes come and go", () => {
  it("a node that leaves under load fails no command of the others", async () => {
    await using world = await natsWorld();
    const { a, b, client } = await threeOf(world);
    const keys = [...keysOn(a, 4), ...keysOn(b, 4)];
    const done = new Map<string, Set<string>>(keys.map((k) => [k, new Set()]));
    let closing: Promise<void> | undefined;
    let count = 0;
    await Promise.all(keys.map(async (key) => {
      for (let i = 0; i < 40; i++) {
        const commandId = ulid();
        await client.actor(Account, key).deposit({ amount: 1 }, { commandId });
        done.get(key)!.add(commandId);
        if (++count === 100) closing = b.close();
      }
    }));
    await closing;
    for (const key of keys) {
      await assertOnce(client, `account-${key}`, done.get(key)!);
      assert.equal(done.get(key)!.size, 40);
    }
    assert.equal(b.stats().activations, 0);
  });

  it("a node that is cut off: its actors answer elsewhere, nothing is lost or done twice", async () => {
    await using world = await natsWorld();
    const a = await world.start({ nodeId: "a" });
    const { aether: b, connection } = await world.startOn({ nodeId: "b" });
    const client = await world.start({ actors: [] });
    await eventually(() => [a, b, client].every(sharesAccounts));
    const keys = keysOn(b, 8);
    const done = new Map<string, Set<string>>(keys.map((k) => [k, new Set()]));
    let count = 0;
    let longest = 0;
    await Promise.all(keys.map(async (key) => {
      for (let i = 0; i < 40; i++) {
        const commandId = ulid();
        const began = performance.now();
        await client.actor(Account, key).deposit({ amount: 1 }, { commandId });
        longest = Math.max(longest, performance.now() - began);
        done.get(key)!.add(commandId);
        if (++count === 100) connection.close(); // no drain, no good-bye
      }
    }));
    for (const key of keys) {
      await assertOnce(client, `account-${key}`, done.get(key)!);
      assert.equal(done.get(key)!.size, 40);
    }
    // Whoever has been there for less than two seconds condemns nobody.
    assert.ok(longest < 4_000, `the longest call took ${longest} ms`);
  });

  it("a node that stood still answers nothing before it has proved itself", async () => {
    await using world = await natsWorld();
    let jumped = 0;
    const clock = {
      ...systemClock,
      monotonic: () => systemClock.monotonic() + jumped,
    };
    const node = await world.start({ nodeId: "a", clock });
    const client = await world.start({ actors: [] });
    const ada = client.actor(Account, "ada");
    await ada.deposit({ amount: 5 });
    const manager = node.cluster!;
    const { shard } = parseActorId("account-ada");
    const type = { namespace: world.namespace, type: "account" };
    assert.ok(manager.held(type, shard) !== undefined);
    jumped = 1_500;
    assert.equal(manager.held(type, shard), undefined);
    assert.equal(await ada.balance(), 5);
    assert.ok(manager.held(type, shard) !== undefined);
    assert.equal(node.stats().activations, 1);
  });

  it("a node stays silent on a request that is meant for another", async () => {
    await using world = await natsWorld();
    const { a, b, client } = await threeOf(world);
    // The client and b believe in b, but a listens too.
    clusterOf(a)!.placement.override(() => "a");
    clusterOf(b)!.placement.override(() => "b");
    clusterOf(client)!.placement.override(() => "b");
    const ids = new Set<string>();
    for (let i = 0; i < 10; i++) {
      const commandId = ulid();
      ids.add(commandId);
      await client.actor(Account, "ada").deposit({ amount: 1 }, { commandId });
      assert.equal(decided.get(commandId), 1);
    }
    assert.equal(a.stats().activations, 0);
    await assertOnce(client, "account-ada", ids);
  });

  it("two nodes that own an actor at once do each command once", async () => {
    await using world = await natsWorld();
    const { a, b } = await threeOf(world);
    clusterOf(a)!.placement.override(() => "a");
    clusterOf(b)!.placement.override(() => "b");
    const ids = new Set<string>();
    const Busy = Account;
    const increments = Array.from({ length: 64 }, async (_, i) => {
      const node = i % 2 === 0 ? a : b;
      const commandId = ulid();
      ids.add(commandId);
      for (;;) {
        try {
          return await node.actor(Busy, "shared")
            .deposit({ amount: 1 }, { commandId });
        } catch (error) {
          // Full mailboxes and lost races are part of it: nothing was done.
          if (!(error as AetherError).retryable) throw error;
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      }
    });
    await Promise.all(increments);
    await assertOnce(a, "account-shared", ids);
    assert.equal(await a.store.getLatestVersion("account-shared"), 64);
    const conflicts = [...ids].filter((id) => (decided.get(id) ?? 0) > 1);
    assert.ok(conflicts.length > 0, "they never met: the test proves nothing");
  });
});
