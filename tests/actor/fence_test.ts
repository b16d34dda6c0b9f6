/** The first use of an actor whose former owner may still believe it is its own. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  InMemoryLog,
  OutcomeUnknownError,
  StoreUnavailableError,
  ulid,
} from "@flowmade/aether";
import { releaseAll } from "./_release.ts";
import { gate } from "./_account.ts";
import { codeOf, hosted, isSettled, settled } from "./_hosted.ts";

const fenced = (options: Parameters<typeof hosted>[0] = {}) =>
  hosted({ tenure: () => ({ generation: 1, fence: 1 }), ...options });

/** A former owner that has decided something and does not get to store it yet. */
async function frozen() {
  const shared = new InMemoryLog("hosted");
  const old = hosted({ shared });
  await old.ask("deposit", { amount: 5 });
  old.store.holds = true;
  const late = old.ask("deposit", { amount: 1 });
  await settled();
  const thaw = () => {
    old.store.holds = false;
    old.store.appends.at(-1)!.end("stored");
  };
  return { shared, old, late, thaw };
}

describe("a fence", () => {
  it("comes before a query is answered, and refuses the late owner", async () => {
    const { late, old, shared, thaw } = await frozen();
    const { ask, store } = fenced({ shared });
    assert.equal(await ask("balance"), 5);
    assert.deepEqual(store.appends.map(({ events }) => events.length), [0]);
    thaw();
    // It was refused, and decided again on what it had not seen.
    assert.equal((await late).version, 2);
    assert.equal(old.store.appends.length, 3);
    assert.equal(await ask("balance"), 5); // no second fence for a second use
    assert.equal(await ask("balance", undefined, { linear: true }), 6);
    assert.equal(store.appends.length, 1);
  });

  it("comes before a rejection is told, so that it stays true", async () => {
    const { late, shared, thaw } = await frozen();
    const { ask, store } = fenced({ shared });
    store.holds = true;
    const refused = codeOf(ask("withdraw", { amount: 6 }));
    const nothing = ask("nothing");
    await settled();
    assert.equal(await isSettled(refused), false);
    // The late owner is quicker after all: all is decided again.
    thaw();
    await late;
    store.appends[0]!.end("stored");
    await settled();
    assert.equal(store.appends.length, 2);
    assert.deepEqual(
      store.appends[1]!.events.map(({ eventType }) => eventType),
      ["Withdrawn"],
    );
    store.appends[1]!.end("stored");
    assert.equal(await refused, "done");
    assert.deepEqual(await nothing, { version: 3, events: [] });
  });

  it("is the actor's own commit where it has events", async () => {
    const { ask, store } = fenced();
    const [deposit, withdraw] = [
      ask("deposit", { amount: 1 }),
      codeOf(ask("withdraw", { amount: 7 })),
    ];
    assert.equal((await deposit).version, 1);
    assert.equal(await withdraw, "insufficient_funds");
    assert.deepEqual(store.appends.map(({ events }) => events.length), [1]);
  });

  it("lets queries wait for a command's commit", async () => {
    const { ask, store } = fenced();
    const answers = [ask("deposit", { amount: 1 }), ask("balance")];
    assert.equal((await answers[0]).version, 1);
    assert.equal(await answers[1], 1);
    assert.equal(store.appends.length, 1);
  });

  it("comes before a handler that is async begins", async () => {
    const { ask, store } = fenced();
    const held = gate();
    const holding = ask("hold", held.name);
    await held.gate.entered;
    assert.deepEqual(store.appends.map(({ events }) => events.length), [0]);
    assert.equal(await ask("balance"), 0);
    held.gate.open();
    assert.equal((await holding).version, 1);
  });

  it("is needed once in a generation: what was written in it or later needs none", async () => {
    const asked: [string, number][] = [];
    let tenure = { generation: 7, fence: 7 };
    const { ask, host, store } = hosted({
      tenure: (type, shard) => {
        asked.push([type, shard]);
        return tenure;
      },
    });
    await ask("balance");
    await ask("balance");
    await releaseAll(host);
    await ask("balance");
    assert.equal(store.appends.length, 1);
    assert.deepEqual(asked[0], asked[1]);
    assert.equal(asked.length, 2);
    assert.equal(asked[0]![0], "account");
    // Handed over: whoever seized it has touched this actor.
    await releaseAll(host);
    tenure = { generation: 8, fence: 7 };
    await ask("balance");
    assert.equal(store.appends.length, 1);
    // Seized again.
    await releaseAll(host);
    tenure = { generation: 9, fence: 9 };
    await ask("balance");
    assert.equal(store.appends.length, 2);
    assert.equal((await store.load("account-ada")).position.generation, 9);
  });

  it("of a later generation tells an owner that it has lost the shard", async () => {
    const shared = new InMemoryLog("hosted");
    const outdated: number[] = [];
    const old = hosted({
      shared,
      tenure: () => ({ generation: 4, fence: 0 }),
      onOutdated: (_type, shard) => outdated.push(shard),
    });
    const { version } = await old.ask("deposit", { amount: 5 }) as {
      version: number;
    };
    assert.equal(version, 1);
    const next = hosted({
      shared,
      tenure: () => ({ generation: 5, fence: 5 }),
    });
    assert.equal(await next.ask("balance"), 5);
    // It believes the shard its own, until it meets what the next one wrote.
    assert.equal(await old.ask("balance"), 5);
    assert.equal(await codeOf(old.ask("deposit", { amount: 1 })), "moved");
    assert.equal(await codeOf(old.ask("balance")), "moved");
    assert.ok(outdated.length >= 1);
    assert.equal(await next.ask("balance"), 5);
    assert.equal(await old.store.getLatestVersion("account-ada"), 1);
  });

  it("is not needed where the first use stores events of its own", async () => {
    const { ask, store } = fenced();
    await ask("deposit", { amount: 1 });
    await ask("balance");
    assert.equal(store.appends.length, 1);
    const { commits } = await store.load("account-ada");
    assert.equal(commits[0]!.generation, 1);
  });

  it("is tried again where others write, and not for ever", async () => {
    const shared = new InMemoryLog("hosted");
    const other = hosted({ shared });
    const { ask, store } = fenced({ shared });
    store.holds = true;
    const balance = codeOf(ask("balance"));
    for (let i = 0; i < 9; i++) {
      await settled();
      assert.equal(store.appends.length, i + 1);
      await other.ask("deposit", { amount: 1 });
      store.appends[i]!.end("stored");
    }
    assert.equal(await balance, "version_conflict");
    const again = ask("balance");
    await settled();
    store.appends[9]!.end("stored");
    assert.equal(await again, 9);
  });

  it("that cannot be stored refuses what waits, and is tried by the next", async () => {
    const { ask, store } = fenced();
    store.holds = true;
    for (
      const [error, code] of [
        [new StoreUnavailableError("not now"), "store_unavailable"],
        // Nothing of a query is ever in doubt.
        [new OutcomeUnknownError("who knows"), "store_unavailable"],
      ] as const
    ) {
      const waiting = [codeOf(ask("balance")), codeOf(ask("version"))];
      await settled();
      store.appends.at(-1)!.end("fails", error);
      assert.deepEqual(await Promise.all(waiting), [code, code]);
    }
    store.holds = false;
    assert.equal(await ask("balance"), 0);
  });
});

describe("a rejection told to a second attempt", () => {
  it("holds against the first one, which a frozen owner still has to store", async () => {
    const { late, old, shared, thaw } = await frozen();
    const commandId = ulid();
    // Behind the frozen commit the owner decides this one as well: it is done.
    const first = codeOf(old.ask("withdraw", { amount: 6 }, { commandId }));
    // The new owner has no reason to fence.
    const { ask } = hosted({ shared });
    const second = ask("withdraw", { amount: 6 }, { commandId, attempt: 2 });
    assert.equal(await codeOf(second), "insufficient_funds");
    await ask("deposit", { amount: 100 });
    thaw();
    assert.equal((await late).version, 3);
    assert.equal(await first, "insufficient_funds");
    assert.equal(await ask("balance", undefined, { linear: true }), 106);
  });
});

describe("a commit in doubt", () => {
  const unknown = new OutcomeUnknownError("who knows");

  it("is settled before anything else is answered", async () => {
    for (const fate of ["stored, then fails", "fails"] as const) {
      const { ask, store } = hosted();
      await ask("balance");
      store.holds = true;
      const doubted = codeOf(ask("deposit", { amount: 1 }));
      await settled();
      store.holds = false;
      store.appends[0]!.end(fate, unknown);
      assert.equal(await doubted, "outcome_unknown");
      assert.equal(await ask("balance"), fate === "fails" ? 0 : 1);
      assert.deepEqual(store.appends[1]!.events, []);
    }
  });

  it("that arrives late is refused, whatever was told meanwhile", async () => {
    const { ask, store } = hosted();
    await ask("deposit", { amount: 5 });
    store.holds = true;
    const commandId = ulid();
    const doubted = codeOf(ask("withdraw", { amount: 5 }, { commandId }));
    await settled();
    const { events, options } = store.appends.at(-1)!;
    store.appends.at(-1)!.end("fails", unknown);
    assert.equal(await doubted, "outcome_unknown");
    store.holds = false;
    // The same command again, when there is not enough any more:
    await ask("withdraw", { amount: 1 });
    const again = ask("withdraw", { amount: 5 }, { commandId });
    assert.equal(await codeOf(again), "insufficient_funds");
    await assert.rejects(store.append("account-ada", events, options), {
      code: "version_conflict",
    });
    assert.equal(await ask("balance"), 4);
  });

  it("is settled when the actor leaves, and remembered until it is", async () => {
    const { ask, host, store } = hosted();
    await ask("balance");
    store.holds = true;
    const doubted = codeOf(ask("deposit", { amount: 1 }));
    await settled();
    store.appends[0]!.end("fails", unknown);
    assert.equal(await doubted, "outcome_unknown");
    const released = releaseAll(host);
    await settled();
    // The store is not there to settle it.
    store.appends[1]!.end("fails", new StoreUnavailableError("not now"));
    await released;
    const balance = ask("balance");
    await settled();
    assert.equal(store.appends.length, 3); // the actor's next life fences
    const leaving = releaseAll(host);
    assert.equal(await codeOf(balance), "moved");
    store.appends[2]!.end("stored");
    await leaving;
    store.holds = false;
    await ask("balance");
    assert.equal(store.appends.length, 3); // nothing is in doubt any more
  });
});
