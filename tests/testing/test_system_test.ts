import assert, { AssertionError } from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { defineActor, Rejected } from "../../mod.ts";
import { TestSystem } from "../../testing/mod.ts";
import { failures, Purse } from "../actor/_purse.ts";
import { LONG, NIGHTLY, seed } from "../event/_property.ts";
import { stories, tell } from "./_stories.ts";

/** Throws a ball to another one as soon as it has it. */
const Player = defineActor("player", {
  state: () => 0,
  events: { Caught: (s: number) => s + 1 },
}).commands({
  take(_s, from: string, ctx) {
    (ctx.send("player", from) as { take(from: string): void }).take(ctx.key);
    return { type: "Caught" };
  },
});

/** Handlers that wait for something. */
const Waiter = defineActor("waiter", {
  state: () => [] as readonly string[],
  events: { Said: (s, text: string) => [...s, text] },
}).commands({
  async hang() {
    await new Promise(() => {});
  },
  /** Waits for what no promise of this process answers. */
  async digest(_s, text: string) {
    const bytes = new TextEncoder().encode(text);
    const digest = await crypto.subtle.digest("SHA-256", bytes);
    return { type: "Said", data: `${digest.byteLength} bytes` };
  },
  later(_s, _c: undefined, ctx) {
    ctx.schedule("later", { after: 1_000 }, "digest", "later");
  },
  say: (_s, text: string) => ({ type: "Said", data: text }),
}).queries({
  said: (s) => s,
  never: () => new Promise<string>(() => {}),
});

async function purses(options: { parkAfter?: number } = {}) {
  const system = await TestSystem.start({ actors: [Purse], ...options });
  const [ada, bob] = [system.actor(Purse, "ada"), system.actor(Purse, "bob")];
  return { system, ada, bob };
}

describe("TestSystem", () => {
  it("carries out what was sent, without time moving", async () => {
    const { system, ada, bob } = await purses();
    await ada.put({ coins: 10 });
    await ada.pay({ to: "bob", coins: 4 });
    await system.settle();
    assert.equal(await bob.coins(), 4);
    assert.deepEqual(
      (await system.events()).map(({ actorId, eventType, timestamp }) =>
        `${actorId} ${eventType} ${timestamp.toISOString()}`
      ),
      [
        "purse-ada Put 2026-01-01T12:00:00.000Z",
        "purse-ada Taken 2026-01-01T12:00:00.000Z",
        "purse-bob Put 2026-01-01T12:00:00.000Z",
      ],
    );
    assert.equal((await system.events("purse-bob")).length, 1);
    await system.close();
  });

  it("fires timers at their time, also those that timers set", async () => {
    const { system, ada } = await purses();
    await ada.tick({ after: 86_400_000 });
    await ada.remind({ name: "tea", after: 86_400_000, text: "tea" });
    await ada.remind({ name: "now", after: -1, text: "missed" });
    await system.clock.advance(86_399_999);
    assert.deepEqual(await ada.log(), ["tick", "missed"]);
    await system.clock.advance(1);
    assert.deepEqual(await ada.log(), ["tick", "missed", "tick", "tea"]);
    await system.clock.advance(365 * 86_400_000);
    assert.deepEqual(
      (await system.events()).map(({ data, timestamp }) => [
        (data as { text: string }).text,
        timestamp.toISOString().slice(0, 10),
      ]),
      [
        ["tick", "2026-01-01"],
        ["missed", "2026-01-01"],
        ["tick", "2026-01-02"],
        ["tea", "2026-01-02"],
        ["tick", "2026-01-03"],
      ],
    );
    await system.close();
  });

  it("has failures tried again as time moves, and parks them in the end", async () => {
    const { system, ada, bob } = await purses({ parkAfter: 3 });
    failures.set("bob/a", 2).set("bob/b", 9);
    await ada.tellFailing({ to: "bob", texts: ["a"] });
    await system.settle();
    assert.equal(failures.get("bob/a"), 1);
    await system.clock.advance(99);
    assert.deepEqual(await bob.log(), []);
    await system.clock.advance(10_000);
    assert.deepEqual(await bob.log(), ["a"]);
    await ada.tellFailing({ to: "bob", texts: ["b"] });
    await system.clock.advance(10_000);
    const [parked, ...others] = await system.parked();
    assert.deepEqual(others, []);
    assert.equal(parked!.because, "failed");
    assert.equal(parked!.attempts, 3);
    failures.delete("bob/b");
    assert.equal(await system.node.parked().replay(), 1);
    await system.settle();
    assert.deepEqual(await bob.log(), ["a", "b"]);
    assert.deepEqual(await system.parked(), []);
    await system.close();
  });

  it("shows what is stored, and notices, on a bus that keeps up", async () => {
    const { system, ada } = await purses();
    const seen: string[] = [];
    const subscription = system.bus.subscribe("test", { from: "beginning" });
    const reading = subscription.each(({ eventType }) => {
      seen.push(eventType);
    });
    const live: string[] = [];
    const listening = system.bus.subscribe("test").each(({ eventType }) => {
      live.push(eventType);
    });
    await ada.put({ coins: 1 });
    await ada.warn("it is empty soon");
    await system.settle();
    assert.deepEqual(live, ["Put", "Warned"]);
    system.crash();
    await system.restart();
    await ada.remind({ name: "tea", after: 1_000, text: "tea" });
    await system.clock.advance(1_000);
    assert.deepEqual(seen, ["Put", "Said"]);
    assert.equal(live.at(-1), "Said");
    await system.close();
    await Promise.all([reading, listening]);
  });

  it("waits for handlers that wait for something outside", async () => {
    await using system = await TestSystem.start({ actors: [Waiter] });
    const eve = system.actor(Waiter, "eve");
    await eve.later();
    await system.clock.advance(5_000);
    const [event] = await system.events();
    assert.equal(event!.data, "32 bytes");
    assert.equal(event!.timestamp.getTime(), system.clock.now() - 4_000);
  });

  it("does not wait for ever, and goes on where it is told to", async () => {
    await using system = await TestSystem.start({
      actors: [Waiter],
      patience: 20,
    });
    const eve = system.actor(Waiter, "eve");
    const hanging = assert.rejects(eve.hang(), { code: "deadline_exceeded" });
    const waiting = assert.rejects(eve.say("behind it"), {
      code: "deadline_exceeded",
    });
    const unquiet = {
      name: "AssertionError",
      message:
        'The system does not become quiet: "hang" of "waiter-eve" still runs after 20 ms of real time: { leaveRunning: true } goes on meanwhile',
    };
    await assert.rejects(system.clock.advance(10_000), unquiet);
    await assert.rejects(system.stop(), unquiet);
    assert.equal(system.clock.monotonic(), 0);
    await system.clock.advance(9_999, { leaveRunning: true });
    assert.deepEqual(await system.events(), []);
    await system.clock.advance(1, { leaveRunning: true });
    await hanging;
    // Given up, it is not waited for any more.
    await system.clock.advance(0);
    await waiting;
    await eve.say("behind it");
    assert.deepEqual(await eve.said(), ["behind it"]);
  });

  it("stops actors that set each other off without end", async () => {
    await using system = await TestSystem.start({
      actors: [Player],
      mostCommits: 500,
    });
    await system.actor(Player, "ada").take("bob");
    await assert.rejects(
      system.clock.advance(1_000),
      (error: Error) =>
        error instanceof AssertionError &&
        /500 commits have followed each other .* to player-(ada|bob), player-(ada|bob): the node was stopped/
          .test(error.message),
    );
    assert.equal(system.clock.monotonic(), 0);
    assert.equal(system.isUp, false);
    const { length } = await system.events();
    await system.settle();
    assert.equal((await system.events()).length, length);
  });

  it("takes no burst for that", async () => {
    await using system = await TestSystem.start({
      actors: [Purse],
      mostCommits: 500,
    });
    const ada = system.actor(Purse, "ada");
    for (let i = 0; i < 600; i++) await ada.put({ coins: 1 });
    await system.settle();
    assert.equal(await ada.coins(), 600);
  });

  it("gives references that are references", async () => {
    await using system = await TestSystem.start({ actors: [Purse] });
    const ada = system.actor(Purse, "ada");
    assert.equal(await ada, ada);
    assert.equal(String(ada), "purse-ada");
    assert.equal(ada.put, ada.put);
    assert.equal(
      system.actor<typeof Purse>("purse", "ada").toString(),
      "purse-ada",
    );
    const { version, events } = await ada.put({ coins: 2 });
    assert.deepEqual([version, events[0]!.eventType], [1, "Put"]);
    await assert.rejects(
      ada.pay({ to: "bob", coins: 3 }),
      (error) => error instanceof Rejected && error.reason === "too_few",
    );
    await assert.rejects(
      (ada as unknown as { dance(): Promise<void> }).dance(),
      { code: "invalid_argument" },
    );
    assert.throws(() => system.actor(Purse, ""), { code: "invalid_argument" });
    // A command that comes again is given its first answer.
    const commandId = "mine";
    await ada.put({ coins: 2 }, { commandId });
    assert.equal((await ada.put({ coins: 2 }, { commandId })).version, 2);
  });

  it("refuses what a node refuses", async () => {
    const invalid = { code: "invalid_argument" };
    await assert.rejects(
      TestSystem.start({ actors: [Purse, Purse] }),
      invalid,
    );
    await assert.rejects(TestSystem.start({ actors: [{} as never] }), invalid);
    await assert.rejects(
      TestSystem.start({ actors: [], namespace: "not one" }),
      invalid,
    );
  });

  it("gives the log and the failures to who asks for them", async () => {
    const failed: string[] = [];
    await using system = await TestSystem.start({
      actors: [Purse],
      onError: ({ name }) => failed.push(name),
      log: ({ message }) => failed.push(message),
      parkAfter: 1,
    });
    await assert.rejects(system.actor(Purse, "ada").promiseAndFail("bob"), {
      code: "command_failed",
    });
    failures.set("bob/x", 1);
    await system.actor(Purse, "ada").tellFailing({ to: "bob", texts: ["x"] });
    await system.settle();
    assert.deepEqual(failed, [
      "promiseAndFail",
      "sayOrFail",
      "a durable command is parked",
    ]);
  });

  it("tells the same story every time", LONG, async () => {
    await fc.assert(
      fc.asyncProperty(stories, async (story) => {
        assert.deepEqual(await tell(story), await tell(story));
      }),
      { numRuns: NIGHTLY ? 5_000 : 50, seed: seed() },
    );
  });
});
