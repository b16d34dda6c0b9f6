import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { defineActor, OutcomeUnknownError } from "../../mod.ts";
import { TestSystem } from "../../testing/mod.ts";
import { Purse } from "../actor/_purse.ts";
import { LONG, NIGHTLY, seed } from "../event/_property.ts";
import { stories, tell } from "./_stories.ts";

/** Gates of handlers that wait for the test, by key. */
const gates = new Map<string, PromiseWithResolvers<void>>();
let calls = 0;

const Answerer = defineActor("answerer", { state: () => 0, events: {} })
  .commands({}).queries({ answer: () => ++calls });
const Slow = defineActor("slow", {
  state: () => 0,
  events: { Done: (s: number) => s + 1 },
}).commands({
  async wait(_s, _c: undefined, ctx) {
    await gates.get(ctx.key)!.promise;
    await ctx.actor(Answerer, "one").answer();
    return { type: "Done" };
  },
}).queries({
  done: (s) => s,
  async waitFor(s, key: string) {
    await gates.get(key)!.promise;
    return s;
  },
});

async function purses() {
  const system = await TestSystem.start({ actors: [Purse] });
  const [ada, bob] = [system.actor(Purse, "ada"), system.actor(Purse, "bob")];
  await ada.put({ coins: 10 });
  await system.settle();
  return { system, ada, bob };
}

/** The id of the command of which nobody knows what became. */
async function unknown(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof OutcomeUnknownError, String(error));
    return String(error.details["commandId"]);
  }
  throw new Error("it was answered");
}

describe("TestSystem.crashAtCommit()", () => {
  it("behind it, leaves a commit of which nobody has heard, and what it promises to the next node", async () => {
    const { system, ada, bob } = await purses();
    system.crashAtCommit();
    const commandId = await unknown(ada.pay({ to: "bob", coins: 4 }));
    assert.equal(system.isUp, false);
    const last = (await system.events()).at(-1)!;
    assert.deepEqual([last.actorId, last.eventType], ["purse-ada", "Taken"]);
    await system.clock.advance(3_600_000);
    assert.deepEqual(await system.events("purse-bob"), []);

    await system.restart();
    assert.equal(await bob.coins(), 4);
    // It was done: called again, it says so, and is not done again.
    const { version } = await ada.pay({ to: "bob", coins: 4 }, { commandId });
    await system.settle();
    assert.equal(version, 2);
    assert.deepEqual([await ada.coins(), await bob.coins()], [6, 4]);
    await system.close();
  });

  it("before it, leaves nothing", async () => {
    const { system, ada, bob } = await purses();
    system.crashAtCommit({ place: "before" });
    const commandId = await unknown(ada.pay({ to: "bob", coins: 4 }));
    assert.equal((await system.events()).length, 1);
    await system.restart();
    assert.deepEqual([await ada.coins(), await bob.coins()], [10, 0]);
    await ada.pay({ to: "bob", coins: 4 }, { commandId });
    await system.settle();
    assert.deepEqual([await ada.coins(), await bob.coins()], [6, 4]);
    await system.close();
  });

  for (const place of ["before", "behind"] as const) {
    it(`${place} that of whoever is paid, has it paid once`, async () => {
      const { system, ada, bob } = await purses();
      system.crashAtCommit({ actorId: "purse-bob", place });
      await ada.pay({ to: "bob", coins: 4 });
      await system.settle();
      assert.equal(system.isUp, false);
      await system.restart();
      await system.restart();
      assert.deepEqual([await ada.coins(), await bob.coins()], [6, 4]);
      await system.close();
    });

    it(`${place} that of a timer, has it fire once, and time goes on`, async () => {
      const { system, ada } = await purses();
      await ada.remind({ name: "tea", after: 1_000, text: "tea" });
      await system.settle();
      system.crashAtCommit({ actorId: "purse-ada", place });
      await system.clock.advance(5_000);
      assert.equal(system.isUp, false);
      assert.equal(system.clock.monotonic(), 5_000);
      await system.restart();
      await system.clock.advance(5_000);
      assert.deepEqual(await ada.log(), ["tea"]);
      const fired = (await system.events()).at(-1)!.timestamp.getTime();
      const late = place === "before" ? 5_000 : 1_000;
      assert.equal(fired, system.clock.now() - 10_000 + late);
      await system.close();
    });
  }

  it("waits for the actor it is told, and leaves no snapshot", async () => {
    const { system, ada, bob } = await purses();
    system.crashAtCommit({ actorId: "purse-ada" });
    for (let i = 0; i < 6; i++) await bob.put({ coins: 1 });
    await ada.remind({ name: "tea", after: 1, text: "tea" }).catch(() => {});
    assert.equal(system.isUp, false);
    const { store } = system;
    assert.equal((await store.getLatestSnapshot("purse-bob"))!.version, 5);
    assert.equal(await store.getLatestSnapshot("purse-ada"), undefined);
    await system.restart();
    await system.restart(); // in peace: what is in memory is kept
    assert.equal(await bob.coins(), 6);
    assert.equal((await store.getLatestSnapshot("purse-bob"))!.version, 5);
    await system.stop();
    assert.equal((await store.getLatestSnapshot("purse-bob"))!.version, 6);
    await system.close();
  });
});

describe("TestSystem.crash()", () => {
  it("rejects what waits: commands as unknown, queries as not done", async () => {
    gates.set("ada", Promise.withResolvers());
    await using system = await TestSystem.start({ actors: [Slow, Answerer] });
    const ada = system.actor(Slow, "ada");
    const calls = [ada.wait(), ada.waitFor("ada")];
    await system.settle({ leaveRunning: true });
    system.crash();
    const [command, query] = await Promise.allSettled(calls);
    assert.equal((command as PromiseRejectedResult).reason.ambiguous, true);
    assert.equal((query as PromiseRejectedResult).reason.code, "moved");
    await assert.rejects(ada.done(), { code: "store_unavailable" });
    assert.throws(() => system.node, { code: "closed" });
    assert.throws(() => system.crash(), { code: "closed" });
    assert.throws(() => system.crashAtCommit(), { code: "closed" });
    await assert.rejects(system.stop(), { code: "closed" });
  });

  it("lets nothing that the node still does get anywhere", async () => {
    gates.set("eve", Promise.withResolvers());
    await using system = await TestSystem.start({ actors: [Slow, Answerer] });
    const eve = system.actor(Slow, "eve");
    await system.actor(Answerer, "one").answer(); // it is in memory
    const lost = unknown(eve.wait());
    await system.settle({ leaveRunning: true });
    system.crash();
    await lost;
    await system.restart();
    calls = 0;
    gates.get("eve")!.resolve();
    await system.settle();
    assert.equal(calls, 0);
    assert.deepEqual(await system.events(), []);
    // The next one's does.
    await eve.wait();
    assert.equal(calls, 1);
    assert.equal(await eve.done(), 1);
  });

  it("stops its timers, which the next node fires once, late", async () => {
    const { system, ada } = await purses();
    await ada.remind({ name: "tea", after: 1_000, text: "tea" });
    await ada.remind({ name: "cake", after: 9_000, text: "cake" });
    await system.settle();
    system.crash();
    await system.clock.advance(5_000);
    assert.equal((await system.events()).length, 1);
    await system.restart();
    assert.deepEqual(await ada.log(), ["tea"]);
    await system.clock.advance(4_000);
    assert.deepEqual(await ada.log(), ["tea", "cake"]);
    await system.clock.advance(86_400_000);
    await system.restart();
    assert.deepEqual(await ada.log(), ["tea", "cake"]);
    await system.close();
  });

  it("troubles nobody with calls that nobody looks at, also at the end", async () => {
    const { system, ada } = await purses();
    ada.pay({ to: "bob", coins: 1 });
    system.crash();
    await system.restart();
    ada.pay({ to: "bob", coins: 1 });
    await system.close();
    await system.close();
    await assert.rejects(system.restart(), { code: "closed" });
  });

  it("loses and doubles nothing, whenever it comes", LONG, async () => {
    await fc.assert(
      fc.asyncProperty(stories, async (story) => {
        const { told, events, parked } = await tell(story);
        const done = (name: string) =>
          told.filter((one) => one.name === name && one.last === "done").length;
        // What was done stays done.
        for (const { first, last } of told) {
          if (first === "done") assert.equal(last, "done");
        }
        assert.equal(parked, 0);
        let coins = 0;
        const said: string[] = [];
        for (const { data, eventType } of events) {
          if (eventType === "Put") coins += data.coins!;
          if (eventType === "Taken") coins -= data.coins!;
          if (eventType === "Said") said.push(data.text!);
        }
        assert.equal(coins, done("put") * 3);
        assert.equal(
          events.filter(({ eventType }) => eventType === "Taken").length,
          done("pay"),
        );
        assert.equal(said.length, done("remind") + done("fail"));
        assert.equal(new Set(said).size, said.length);
      }),
      { numRuns: NIGHTLY ? 10_000 : 100, seed: seed() },
    );
  });
});
