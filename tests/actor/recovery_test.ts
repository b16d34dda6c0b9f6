/** An inbox that is not the one that was written along with its log. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type CommandRecord,
  connect,
  deriveId,
  type Effect,
  effectId,
  InMemoryEventStore,
  ulid,
} from "@flowmade/aether";
import { streamNames } from "../../event/mod.ts";
import { openIn } from "../../actor/_recovery.ts";
import { eventually } from "../support/mod.ts";
import { failures, Purse } from "./_purse.ts";
import { type NatsWorld, natsWorld } from "./_worlds.ts";

const actors = [Purse];
const HELD = "the inbox was held against the log";

/** A log in which a test writes what it likes. */
function written() {
  const store = new InMemoryEventStore({ namespace: "recovery" });
  const append = async (
    actorId: string,
    effects: readonly Effect[],
    commands: readonly CommandRecord[] = [],
  ) => {
    const { commitId } = await store.append(actorId, [], {
      fence: true,
      effects,
      commands,
    });
    return effects.map((_, i) => effectId(commitId, i));
  };
  const open = async () =>
    (await openIn(store)).map(({ command }) => command.commandId);
  return { store, append, open };
}

const done = (id: string): CommandRecord => ({ id, events: 0 });
const refused = (id: string): CommandRecord => ({
  id,
  events: 0,
  rejected: { reason: "closed", message: "no" },
});
const send = (onRejected?: string): Effect => ({
  kind: "send",
  to: "purse-bob",
  command: "put",
  input: { coins: 1 },
  ...(onRejected === undefined ? {} : { onRejected }),
});
const schedule = (timer: string, replaces?: string): Effect => ({
  kind: "schedule",
  timer,
  at: 1_000,
  command: "say",
  ...(replaces === undefined ? {} : { replaces }),
});

describe("what a log promises and does not answer", () => {
  it("is what was sent and has no outcome", async () => {
    const { append, open, store } = written();
    const [a, b, c] = await append("purse-ada", [send(), send(), send()]);
    assert.deepEqual(await open(), [a, b, c]);
    await append("purse-bob", [], [done(a!)]);
    await append("purse-bob", [], [refused(c!)]);
    assert.deepEqual(await open(), [b]);
    const [{ command }] = await openIn(store) as [{ command: unknown }];
    assert.deepEqual(command, {
      commandId: b,
      actorId: "purse-bob",
      command: "put",
      input: { coins: 1 },
      source: "purse-ada",
    });
  });

  it("is what was refused, until the sender that asked knows", async () => {
    const { append, open } = written();
    const [a, b] = await append("purse-ada", [send("back"), send("back")]);
    await append("purse-bob", [], [refused(a!)]);
    await append("purse-bob", [], [done(b!)]);
    assert.deepEqual(await open(), [a]);
    await append("purse-ada", [], [done(deriveId(a!, "rejected"))]);
    assert.deepEqual(await open(), []);
  });

  it("is each timer that is live, and no other", async () => {
    const { append, open, store } = written();
    const [tea, egg, bus] = await append("purse-ada", [
      schedule("tea"),
      schedule("egg"),
      schedule("bus"),
    ]);
    const [again] = await append("purse-ada", [schedule("tea", tea)]);
    await append("purse-ada", [{ kind: "cancel", timer: "egg", id: egg! }]);
    assert.deepEqual(await open(), [bus, again]);
    await append(
      "purse-ada",
      [{ kind: "fired", timer: "bus" }],
      [done(bus!)],
    );
    assert.deepEqual(await open(), [again]);
    const [{ at, command }] = await openIn(store) as [
      Awaited<ReturnType<typeof openIn>>[number],
    ];
    assert.equal(at, 1_000);
    assert.deepEqual(command.timer, { name: "tea", id: again });
    assert.equal(command.source, "purse-ada#tea");
  });
});

describe("an inbox that was lost", () => {
  it("is filled from the log by the next node, and once", async () => {
    await using world = await natsWorld();
    const first = await world.start({ actors, parkAfter: 1 });
    const [ada, bob] = [first.actor(Purse, "ada"), first.actor(Purse, "bob")];
    await ada.put({ coins: 5 });
    await ada.pay({ to: "bob", coins: 2 });
    await eventually(async () => await bob.coins() === 2);
    const text = ulid();
    failures.set(`bob/${text}`, 1);
    await ada.tellFailing({ to: "bob", texts: [text] });
    await eventually(async () => (await first.parked().list()).length === 1);
    await ada.remind({ name: "tea", after: 60_000, text: "never" });
    await ada.remind({ name: "tea", after: 1_500, text: "tea" });
    await first.close();
    await remove(world, streamNames(world.namespace).inbox);

    const told: unknown[] = [];
    const log = (entry: { readonly message: string }) => {
      if (entry.message === HELD) told.push((entry as { put?: unknown }).put);
    };
    const second = await world.start({ actors, log });
    // What was parked is tried again, and the timer runs.
    assert.deepEqual(told, [2]);
    const again = second.actor(Purse, "bob");
    await eventually(async () => (await again.log()).includes(text));
    await eventually(async () =>
      (await second.actor(Purse, "ada").log()).includes("tea")
    );
    assert.equal(await again.coins(), 2);
    await second.close();
    await world.start({ actors, log });
    assert.deepEqual(told, [2]);
  });
});

describe("a cluster's bucket that was lost", () => {
  it("begins again behind the generations that are in the log", async () => {
    await using world = await natsWorld();
    const first = await world.start({ actors, nodeId: "first" });
    const second = await world.start({ actors, nodeId: "second" });
    const owned = (key: string) =>
      first.cluster!.ownerOf(`purse-${key}`)?.node === "second";
    const keys = Array.from({ length: 16 }, (_, i) => `k${i}`);
    await eventually(() => keys.some(owned));
    const key = keys.find(owned)!;
    await first.actor(Purse, key).put({ coins: 3 });
    await first.close();
    await second.close();
    await remove(world, `KV_aether-${world.namespace}`);
    const next = await world.start({ actors, nodeId: "next" });
    await next.actor(Purse, key).put({ coins: 4 });
    assert.equal(await next.actor(Purse, key).coins(), 7);
  });
});

async function remove(world: NatsWorld, stream: string): Promise<void> {
  const nc = await connect({ servers: world.servers });
  const reply = await nc.request(`$JS.API.STREAM.DELETE.${stream}`);
  assert.equal(reply.json<{ success: boolean }>().success, true);
  await nc.close();
}
