/** Commands that are stored together: each keeps its own answer, and hears it when it is true. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  defineActor,
  InMemoryEventStore,
  InMemoryLog,
  OutcomeUnknownError,
  Rejected,
  StoreUnavailableError,
  ulid,
} from "@flowmade/aether";
import { releaseAll } from "./_release.ts";
import { gate } from "./_account.ts";
import { HeldClock } from "./_held_clock.ts";
import { codeOf, hosted, isSettled, settled } from "./_hosted.ts";
import { worlds } from "./_worlds.ts";

/** An account as the others know it, but with room for many. */
const Purse = defineActor("purse", {
  state: () => ({ coins: 0, texts: 0 }),
  events: {
    Put: (s, e: { coins: number }) => ({ ...s, coins: s.coins + e.coins }),
    Taken: (s, e: { coins: number }) => ({ ...s, coins: s.coins - e.coins }),
    Written: (s, _e: { text: string }) => ({ ...s, texts: s.texts + 1 }),
  },
}).commands({
  put: (_s, coins: number) => ({ type: "Put", data: { coins } }),
  take(s, coins: number) {
    if (coins > s.coins) throw new Rejected("too_few", `only ${s.coins}`);
    return { type: "Taken", data: { coins } };
  },
  /** Two events, or none. */
  putTwice: (_s, coins: number) =>
    coins === 0 ? [] : [
      { type: "Put", data: { coins } },
      { type: "Put", data: { coins } },
    ],
  write: (_s, text: string) => ({ type: "Written", data: { text } }),
  explode() {
    throw new TypeError("boom");
  },
  async putSlowly(_s, gateName: string) {
    await waitAt.get(gateName)!.pass();
    return { type: "Put", data: { coins: 1 } };
  },
  // Not known to be async before it is called.
  putLater(s, coins: number, ctx) {
    runs.push([ctx.commandId, s.coins]);
    return Promise.resolve({ type: "Put" as const, data: { coins } });
  },
}).queries({ coins: (s) => s.coins });

const waitAt = new Map<string, ReturnType<typeof gate>["gate"]>();
const runs: [string, number][] = [];

function slowGate() {
  const { gate: g, name } = gate();
  waitAt.set(name, g);
  return { gate: g, name };
}

const purse = (options: Parameters<typeof hosted>[0] = {}) =>
  hosted({ actors: [Purse], ...options });

/** A purse with one commit on its way, behind which others can wait. */
async function held(coins = 5, options: Parameters<typeof hosted>[0] = {}) {
  const parts = purse(options);
  await parts.ask("coins");
  parts.store.holds = true;
  const first = parts.ask("put", coins);
  await settled();
  const [append] = parts.store.appends;
  return { ...parts, first, append: append! };
}

describe("commands that wait together", () => {
  it("are stored in one message, each with its own version and events", async () => {
    const { append, ask, first, store } = await held();
    const ids = [ulid(), ulid(), ulid(), ulid()];
    const waiting = [
      ask("put", 1, { commandId: ids[0]! }),
      ask("putTwice", 2, { commandId: ids[1]! }),
      ask("putTwice", 0, { commandId: ids[2]! }),
      ask("take", 3, { commandId: ids[3]! }),
    ];
    store.holds = false;
    append.end("stored");
    assert.equal((await first).version, 1);
    const answers = await Promise.all(waiting);
    assert.equal(store.appends.length, 2);
    assert.deepEqual(answers.map(({ version }) => version), [2, 4, 4, 5]);
    const stored = await store.getEvents("purse-ada", 2);
    assert.deepEqual(answers.flatMap(({ events }) => events), stored);
    assert.deepEqual(
      stored.map(({ commandId }) => commandId),
      [ids[0], ids[1], ids[1], ids[3]],
    );
    assert.equal(new Set(stored.map(({ sequence }) => sequence)).size, 1);
    const { commits } = await store.load("purse-ada");
    assert.deepEqual(commits[1]!.commands, [
      { id: ids[0], events: 1 },
      { id: ids[1], events: 2 },
      { id: ids[3], events: 1 },
    ]);
    // Each is remembered by itself.
    assert.deepEqual(
      await ask("putTwice", 2, { commandId: ids[1]! }),
      answers[1],
    );
    const other = purse({ store });
    assert.deepEqual(
      await other.ask("putTwice", 2, { commandId: ids[1]! }),
      answers[1],
    );
  });

  it("are decided on what is not stored yet, and refused only when it is", async () => {
    const { append, ask, first, store } = await held(5);
    const taken = ask("take", 4);
    const refused = ask("take", 4);
    const failed = ask("explode");
    const nothing = ask("putTwice", 0);
    append.end("stored");
    await first;
    await settled();
    for (const waiting of [taken, refused, failed, nothing]) {
      assert.equal(await isSettled(waiting), false);
    }
    assert.equal(await ask("coins"), 5); // a query sees what is stored
    store.appends[1]!.end("stored");
    assert.equal((await taken).version, 2);
    assert.equal(await codeOf(refused), "too_few");
    assert.equal(await codeOf(failed), "command_failed");
    assert.deepEqual(await nothing, { version: 2, events: [] });
    assert.equal(store.appends.length, 2);
  });

  it("need no message where there is nothing to store", async () => {
    const { append, ask, first, store } = await held(5);
    const refused = [ask("take", 9), ask("putTwice", 0), ask("take", 8)];
    append.end("stored");
    await first;
    assert.deepEqual(await Promise.all(refused.map(codeOf)), [
      "too_few",
      "done",
      "too_few",
    ]);
    assert.equal(store.appends.length, 1);
  });

  it("are all decided again when another writer came first", async () => {
    const { append, ask, first, store } = await held(5);
    const taken = ask("take", 4);
    const refused = ask("take", 4);
    append.end("stored");
    await first;
    await settled();
    // Now there is enough for both.
    await InMemoryEventStore.prototype.append.call(store, "purse-ada", [
      { eventType: "Put", data: { coins: 3 } },
    ]);
    store.holds = false;
    store.appends[1]!.end("stored"); // it is refused
    assert.equal((await taken).version, 3);
    assert.equal((await refused).version, 4);
    assert.equal(await ask("coins"), 0);
    assert.equal(store.appends.length, 3);
  });

  it("find out that another node did some of them already", async () => {
    const log = new InMemoryLog("hosted");
    const { append, ask, first, store } = await held(5, { shared: log });
    const commandId = ulid();
    const put = ask("put", 7, { commandId });
    const take = ask("take", 12);
    append.end("stored");
    await first;
    await settled();
    const other = purse({ shared: log });
    const done = await other.ask("put", 7, { commandId });
    store.holds = false;
    store.appends[1]!.end("stored");
    assert.deepEqual(await put, done);
    assert.equal((await take).version, 3);
    assert.equal(await ask("coins"), 0);
  });

  it("keep order behind an async one, which holds back nothing decided", async () => {
    const { append, ask, first, store } = await held(5);
    const slow = slowGate();
    const before = ask("take", 1);
    const slowly = ask("putSlowly", slow.name);
    const after = ask("take", 5);
    store.holds = false;
    append.end("stored");
    await first;
    assert.equal((await before).version, 2);
    await slow.gate.entered;
    assert.equal(await isSettled(after), false);
    slow.gate.open();
    assert.equal((await slowly).version, 3);
    assert.equal((await after).version, 4);
    // The async one and what waited behind it make the next message.
    assert.deepEqual(store.appends.map(({ events }) => events.length), [
      1,
      1,
      2,
    ]);
  });

  it("run a handler again on stored state that only then turns out async", async () => {
    const { append, ask, first, store } = await held(5);
    const commandId = ulid();
    const before = ask("put", 1);
    const later = ask("putLater", 1, { commandId });
    store.holds = false;
    append.end("stored");
    await Promise.all([first, before]);
    assert.equal((await later).version, 3);
    assert.deepEqual(
      runs.filter(([id]) => id === commandId).map(([, coins]) => coins),
      [6, 6],
    );
    assert.equal(await ask("coins"), 7);
  });

  for (
    const [whose, hasNewId] of [
      ["its id", false],
      ["an id that was made for it", true],
    ] as const
  ) {
    it(`join one of them under ${whose}`, async () => {
      const { append, ask, first, store } = await held(5);
      const commandId = ulid();
      const again = { commandId, attempt: hasNewId ? 2 : 1 };
      const two = ask("put", 1);
      const one = ask("put", 1, { commandId, hasNewId });
      const waiting = ask("put", 1, again);
      append.end("stored");
      await first;
      await settled();
      const running = ask("put", 1, again);
      store.appends[1]!.end("stored");
      const answer = await one;
      assert.equal(answer.version, 3);
      assert.deepEqual(await waiting, answer);
      assert.deepEqual(await running, answer);
      assert.equal((await two).version, 2);
      assert.equal(await ask("coins"), 7);
    });
  }

  it("are done once, though one comes again before another writer wins", async () => {
    const { append, ask, first, store } = await held(5);
    const commandId = ulid();
    const put = ask("put", 1);
    const one = ask("put", 1, { commandId, hasNewId: true });
    append.end("stored");
    await first;
    await settled();
    const again = ask("put", 1, { commandId, attempt: 2 });
    await InMemoryEventStore.prototype.append.call(store, "purse-ada", [
      { eventType: "Put", data: { coins: 3 } },
    ]);
    store.holds = false;
    store.appends[1]!.end("stored"); // it is refused
    const answer = await one;
    assert.equal(answer.version, 4);
    assert.deepEqual(await again, answer);
    assert.equal((await put).version, 3);
    assert.equal(await ask("coins"), 10);
    // It has joined the first one, and is not decided by itself.
    assert.equal(store.appends.length, 3);
  });

  it("leave out who gave up before the message was sent", async () => {
    const { append, ask, first, store } = await held(5);
    const controller = new AbortController();
    const given = ask("put", 1, { signal: controller.signal });
    const stays = ask("put", 2);
    const reason = new Error("not wanted");
    controller.abort(reason);
    await assert.rejects(given, reason);
    store.holds = false;
    append.end("stored");
    await Promise.all([first, stays]);
    assert.equal(await ask("coins"), 7);
  });

  it("each hear at their own deadline what is known by then", async () => {
    const clock = new HeldClock();
    const { append, ask, first, store } = await held(5, { clock });
    const hasty = ask("put", 1, { timeout: 100 });
    const hastyNo = ask("take", 100, { timeout: 100 });
    const patient = ask("put", 2, { timeout: 5_000 });
    append.end("stored");
    await first;
    await settled();
    clock.advance(100);
    assert.ok(await hasty.catch((e) => e) instanceof OutcomeUnknownError);
    // Nothing of it is on its way.
    assert.equal(await codeOf(hastyNo), "deadline_exceeded");
    assert.equal(await isSettled(patient), false);
    assert.equal(store.appends[1]!.options.timeout, 5_000);
    store.appends[1]!.end("stored");
    assert.equal((await patient).version, 3);
    assert.equal(await ask("coins"), 8);
  });

  it("end unknown only where something of them is on its way", async () => {
    const { append, ask, first, store } = await held(5);
    const put = ask("put", 1);
    const refused = ask("take", 7);
    append.end("stored");
    await first;
    await settled();
    store.appends[1]!.end("fails", new OutcomeUnknownError("who knows"));
    assert.equal(await codeOf(put), "outcome_unknown");
    assert.equal(await isSettled(refused), false);
    // A commit comes first, so that the one in doubt cannot come behind it.
    await settled();
    assert.equal(store.appends.length, 3);
    assert.deepEqual(store.appends[2]!.events, []);
    assert.equal(store.appends[2]!.options.fence, true);
    store.appends[2]!.end("stored");
    assert.equal(await codeOf(refused), "too_few");
  });

  it("are all told where nothing could be stored, and no rejection", async () => {
    const { append, ask, first, store } = await held(5);
    const waiting = [ask("take", 4), ask("take", 4), ask("put", 1)];
    append.end("stored");
    await first;
    await settled();
    store.appends[1]!.end("fails", new StoreUnavailableError("not now"));
    assert.deepEqual(
      await Promise.all(waiting.map(codeOf)),
      Array(3).fill("store_unavailable"),
    );
    store.holds = false;
    assert.equal((await ask("take", 5)).version, 2);
  });

  it("are split where together they are too large", async () => {
    const { append, ask, first, store } = await held(5, { maxPayload: 20_000 });
    const text = "x".repeat(3_000);
    const waiting = Array.from({ length: 20 }, () => ask("write", text));
    store.holds = false;
    append.end("stored");
    await first;
    const answers = await Promise.all(waiting);
    assert.deepEqual(
      answers.map(({ version }) => version),
      Array.from({ length: 20 }, (_, i) => i + 2),
    );
  });

  it("are not harmed by one that cannot be stored", async () => {
    const { append, ask, first, store } = await held(5, { maxPayload: 20_000 });
    const waiting = Array.from(
      { length: 9 },
      (_, i) => codeOf(ask("write", "x".repeat(i === 4 ? 30_000 : 10))),
    );
    store.holds = false;
    append.end("stored");
    await first;
    const codes = await Promise.all(waiting);
    assert.deepEqual(
      codes,
      codes.map((_, i) => i === 4 ? "payload_too_large" : "done"),
    );
  });

  it("close at 256 commands, and at about 512 KiB", async () => {
    const { append, ask, first, store } = await held(5);
    const waiting = Array.from({ length: 300 }, () => ask("put", 1));
    store.holds = false;
    append.end("stored");
    await Promise.all([first, ...waiting]);
    assert.deepEqual(
      store.appends.map(({ events }) => events.length),
      [1, 256, 44],
    );
    store.holds = true;
    const next = ask("put", 1);
    await settled();
    const large = Array.from(
      { length: 6 },
      () => ask("write", "x".repeat(200_000)),
    );
    store.holds = false;
    store.appends.at(-1)!.end("stored");
    await Promise.all([next, ...large]);
    assert.deepEqual(
      store.appends.slice(3).map(({ events }) => events.length),
      [1, 2, 2, 2],
    );
  });

  it("keep what an attempt after the first came to, events or not", async () => {
    const { append, ask, first, store } = await held(5);
    const commandId = ulid();
    const again = ask("take", 9, { attempt: 2, commandId });
    const put = ask("put", 10);
    append.end("stored");
    await first;
    await settled();
    const { commands } = store.appends[1]!.options;
    assert.deepEqual(commands![0], {
      id: commandId,
      events: 0,
      rejected: {
        reason: "too_few",
        message: "only 5",
        details: { reason: "too_few" },
      },
    });
    store.holds = false;
    store.appends[1]!.end("stored");
    await put;
    assert.equal(await codeOf(again), "too_few");
    // Now there would be enough; but it was told no.
    assert.equal(await codeOf(ask("take", 9, { commandId })), "too_few");
  });

  it("move on together when the actor leaves", async () => {
    const { append, ask, first, host, store } = await held(5);
    const waiting = [ask("put", 1), ask("take", 50)];
    const released = releaseAll(host);
    assert.deepEqual(await Promise.all(waiting.map(codeOf)), [
      "moved",
      "moved",
    ]);
    append.end("stored");
    assert.equal((await first).version, 1);
    await released;
    assert.equal(store.appends.length, 1);
  });

  it("finish an async one when the actor leaves", async () => {
    const { ask, host, store } = purse();
    const slow = slowGate();
    const slowly = ask("putSlowly", slow.name);
    await slow.gate.entered;
    const released = releaseAll(host);
    slow.gate.open();
    assert.equal((await slowly).version, 1);
    await released;
    assert.equal(store.appends.length, 1);
  });
});

for (const [where, open] of worlds) {
  describe(`a hot actor ${where}`, () => {
    it("answers each of many callers as if it were alone", async () => {
      await using world = await open();
      const aether = await world.start({ actors: [Purse] });
      const ada = aether.actor(Purse, "ada");
      const answers = await Promise.all(
        Array.from({ length: 500 }, (_, i) => ada.putTwice(i % 3)),
      );
      const events = await aether.store.getEvents("purse-ada");
      assert.deepEqual(answers.flatMap((answer) => answer.events), events);
      assert.ok(new Set(events.map((event) => event.commitId)).size < 20);
      let version = 0;
      for (const answer of answers) {
        version += answer.events.length;
        assert.equal(answer.version, version);
      }
      const rest = await Promise.all(
        Array.from({ length: 100 }, () => codeOf(ada.take(20))),
      );
      const coins = events.reduce(
        (sum, { data }) => sum + (data as { coins: number }).coins,
        0,
      );
      assert.equal(
        rest.filter((code) => code === "done").length,
        Math.min(100, Math.floor(coins / 20)),
      );
    });

    it("takes turns with another node that believes the actor its own", async () => {
      await using world = await open();
      const one = (await world.start({ actors: [Purse] })).actor(Purse, "ada");
      const other = (await world.start({ actors: [Purse] })).actor(
        Purse,
        "ada",
      );
      await one.put(10);
      const codes = await Promise.all(
        Array.from(
          { length: 40 },
          (_, i) => codeOf((i % 2 ? one : other).take(1)),
        ),
      );
      assert.equal(codes.filter((code) => code === "done").length, 10);
      assert.equal(codes.filter((code) => code === "too_few").length, 30);
      assert.equal(await one.coins(undefined, { consistency: "linear" }), 0);
    });
  });
}
