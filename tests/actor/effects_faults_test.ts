/** What a decision promises is carried out whoever dies, and takes effect once. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  Aether,
  connect,
  deriveId,
  effectId,
  EventBus,
  InMemoryEventStore,
  InMemoryLog,
  NatsEventBus,
  OutcomeUnknownError,
  ulid,
} from "@flowmade/aether";
import { eventually, uniqueNamespace } from "../support/mod.ts";
import { HeldStore, settled } from "./_hosted.ts";
import { Purse } from "./_purse.ts";
import { isShared, natsWorld, worlds } from "./_worlds.ts";

const actors = [Purse];

/** Keeps a store's inbox from taking anything until it is opened. */
function shut(store: { inbox: { put: unknown } }) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const put = store.inbox.put as (...args: unknown[]) => Promise<void>;
  let asked = 0;
  store.inbox.put = async (...args: unknown[]) => {
    asked++;
    await promise;
    return await put.apply(store.inbox, args);
  };
  return {
    open: resolve,
    get asked() {
      return asked;
    },
  };
}

/** A key whose purse lives on a node, as one of them sees it. */
function keyOn(node: string, seenBy: Aether): string {
  for (let i = 0;; i++) {
    const key = `k${i}`;
    if (seenBy.cluster!.ownerOf(`purse-${key}`)?.node === node) return key;
  }
}

describe("between a commit and what it promises, in memory", () => {
  it("a process may end: the next one carries it out", async () => {
    const namespace = uniqueNamespace("effects");
    const log = new InMemoryLog(namespace);
    const first = new InMemoryEventStore({ namespace, log });
    const gate = shut(first);
    const late = await Aether.start({ namespace, actors, store: first });
    const ada = late.actor(Purse, "ada");
    await ada.put({ coins: 5 });
    await ada.pay({ to: "bob", coins: 2 });
    await ada.tell({ to: "bob", texts: ["a", "b"] });
    await settled();
    assert.equal(late.stats().effects.waiting, 3);
    // It is as good as dead.
    const store = new InMemoryEventStore({ namespace, log });
    await using next = await Aether.start({ namespace, actors, store });
    const bob = next.actor(Purse, "bob");
    await eventually(async () => (await bob.log()).length === 2);
    assert.equal(await bob.coins(), 2);
    // It wakes up, and does all of it once more.
    gate.open();
    await eventually(() => late.stats().effects.waiting === 0);
    await eventually(async () => (await inboxOf(store)).length === 0);
    assert.equal(await bob.coins(), 2);
    assert.deepEqual(await bob.log(), ["a", "b"]);
    await late.close();
  });

  it("nobody may know whether the commit is stored: the log tells", async () => {
    for (const fate of ["stored, then fails", "fails"] as const) {
      const store = new HeldStore({ namespace: "doubt" });
      await using aether = await Aether.start({
        namespace: "doubt",
        actors,
        store,
      });
      const ada = aether.actor(Purse, "ada");
      await ada.put({ coins: 5 });
      store.holds = true;
      const pay = ada.pay({ to: "bob", coins: 2 });
      await settled();
      const append = store.appends.at(-1)!;
      assert.equal(append.options.effects?.length, 1);
      append.end(fate, new OutcomeUnknownError("nobody knows"));
      store.holds = false;
      await assert.rejects(pay, { code: "outcome_unknown" });
      // The next command puts a commit behind it, so the log knows.
      await ada.say("next");
      const bob = aether.actor(Purse, "bob");
      await eventually(() => aether.stats().effects.waiting === 0);
      const coins = fate === "fails" ? 0 : 2;
      await eventually(async () => await bob.coins() === coins);
      assert.equal(await ada.coins(), 5 - coins);
    }
  });
});

describe("an inbox that takes nothing", () => {
  it("has commands refused, once so much is promised that they must not add to it", async () => {
    const store = new InMemoryEventStore({ namespace: "behind" });
    const gate = shut(store);
    await using aether = await Aether.start({
      namespace: "behind",
      actors,
      store,
    });
    const ada = aether.actor(Purse, "ada");
    const drops = { to: "bob", times: 200 };
    for (let i = 0; i < 50; i++) await ada.shower(drops);
    const code = "overloaded";
    await assert.rejects(ada.shower(drops), { code });
    await assert.rejects(aether.actor(Purse, "cyd").put({ coins: 1 }), {
      code,
    });
    assert.deepEqual(await ada.log(), []); // queries are answered
    gate.open();
    const bob = aether.actor(Purse, "bob");
    await eventually(async () => await bob.coins() === 10_000);
    await ada.shower({ to: "bob", times: 1 });
  });
});

/** What waits in the inbox of a store in memory. */
async function inboxOf(store: InMemoryEventStore) {
  return (await store.inbox.places(1)).places;
}

for (const [name, world] of worlds) {
  describe(`a durable command, ${name}`, () => {
    it("takes effect once, however often it is put into the inbox", async () => {
      await using w = await world();
      const aether = await w.start({ actors });
      const bob = aether.actor(Purse, "bob");
      const { inbox } = aether.store as InMemoryEventStore;
      const id = deriveId(ulid(), "#0");
      const put = (commandId: string, coins: number) =>
        inbox.put({
          commandId,
          actorId: "purse-bob",
          command: "put",
          input: { coins },
          source: "test",
        });
      for (let i = 0; i < 5; i++) await put(id, 3);
      await assert.rejects(put("no id at all", 1), {
        code: "invalid_argument",
      });
      await put("another-kind", 1);
      await put("another-kind", 1);
      await eventually(async () => await bob.coins() === 4);
      await eventually(async () => (await inbox.places(1)).places.length === 0);
      assert.equal(await bob.coins(), 4);
      assert.equal(aether.stats().effects.carriedOut, 7);
    });
  });
}

describe("between a commit and what it promises, on NATS", () => {
  it("a node may die: whoever seizes the shard sweeps it", async () => {
    await using world = await natsWorld();
    const { aether: late, connection } = await world.startOn({
      actors,
      nodeId: "late",
    });
    const gate = shut(late.store as unknown as { inbox: { put: unknown } });
    const other = await world.start({ actors, nodeId: "other" });
    await eventually(() => isShared(other, "purse", ["late", "other"]));
    const from = keyOn("late", other);
    const to = keyOn("other", other);
    const ada = other.actor(Purse, from);
    await ada.put({ coins: 5 });
    await ada.pay({ to, coins: 2 });
    assert.equal(late.stats().effects.waiting, 1);
    assert.equal(await other.actor(Purse, to).coins(), 0);
    await connection.close();
    await eventually(
      async () => await other.actor(Purse, to).coins() === 2,
      { timeout: 15_000 },
    );
    assert.equal(await ada.coins(), 3);
    // What it did not know of is swept from its mark, not from the beginning.
    assert.equal(other.stats().effects.relayed, 1);
    gate.open(); // it could not do it any more
  });

  it("a node may leave: it carries out what it has promised first", async () => {
    await using world = await natsWorld();
    const leaving = await world.start({ actors, nodeId: "leaving" });
    const gate = shut(
      leaving.store as unknown as { inbox: { put: unknown } },
    );
    const other = await world.start({ actors, nodeId: "other" });
    await eventually(() => isShared(other, "purse", ["leaving", "other"]));
    const from = keyOn("leaving", other);
    const to = keyOn("other", other);
    const ada = other.actor(Purse, from);
    await ada.put({ coins: 5 });
    await ada.pay({ to, coins: 2 });
    const closed = leaving.close();
    gate.open();
    await closed;
    await eventually(async () => await other.actor(Purse, to).coins() === 2);
    assert.equal(await ada.coins(), 3);
    assert.equal(gate.asked, 1);
    // Nothing was left to be swept.
    assert.equal(other.stats().effects.relayed, 0);
  });

  it("timers and commands that wait go to the next owner", async () => {
    await using world = await natsWorld();
    const first = await world.start({ actors, nodeId: "first" });
    const key = keyOn("first", first);
    await first.actor(Purse, key).remind({
      name: "tea",
      after: 1_200,
      text: "tea",
    });
    await eventually(() => first.stats().effects.relayed === 1);
    await first.close();
    const second = await world.start({ actors, nodeId: "second" });
    const ada = second.actor(Purse, key);
    await eventually(async () => (await ada.log()).length === 1, {
      timeout: 10_000,
    });
    assert.deepEqual(await ada.log(), ["tea"]);
  });
});

describe("notices", () => {
  it("are on the bus behind the commit that promises them, on NATS", async () => {
    await using world = await natsWorld();
    const aether = await world.start({ actors });
    const connection = await connect({ servers: world.servers });
    await using bus = new NatsEventBus(connection);
    const seen = bus.subscribe(world.namespace, { eventTypes: ["Warned"] });
    await seen.ready;
    await aether.actor(Purse, "ada").warn("careful");
    for await (const notice of seen) {
      assert.equal(notice.actorId, "purse-ada");
      assert.equal(notice.sequence, undefined);
      assert.deepEqual(notice.data, { text: "careful" });
      break;
    }
    await bus.close();
    await connection.close();
  });

  it("are on the bus beside a log in memory", async () => {
    const log = new InMemoryLog("notices");
    const store = new InMemoryEventStore({ namespace: "notices", log });
    await using bus = new EventBus({ logs: [log] });
    const seen = bus.subscribe("notices", { eventTypes: ["Warned"] });
    await using aether = await Aether.start({
      namespace: "notices",
      actors,
      store,
    });
    await aether.actor(Purse, "ada").warn("careful");
    for await (const notice of seen) {
      const { commits } = await store.load("purse-ada");
      const { commitId } = commits[0]!;
      assert.equal(notice.id, effectId(commitId, 0));
      assert.equal(notice.metadata?.causationId?.length, 26);
      break;
    }
  });
});

describe("a cluster's bucket that is lost", () => {
  it("does not take with it what a dead node had promised", async () => {
    await using world = await natsWorld();
    const { aether: late, connection } = await world.startOn({
      actors,
      nodeId: "late",
    });
    const gate = shut(late.store as unknown as { inbox: { put: unknown } });
    await late.actor(Purse, "ada").put({ coins: 5 });
    await late.actor(Purse, "ada").pay({ to: "bob", coins: 2 });
    await connection.close();
    // Another cluster takes over the namespace, and knows nothing of the one before.
    const next = await world.start({ actors, cluster: "another-one" });
    const bob = next.actor(Purse, "bob");
    await eventually(async () => await bob.coins() === 2);
    assert.equal(await next.actor(Purse, "ada").coins(), 3);
    gate.open();
  });
});
