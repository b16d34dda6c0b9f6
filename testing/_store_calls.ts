/** What every call takes, and what ends it: timeouts, signals, closing. */
import assert from "node:assert/strict";
import { AetherError, type Event } from "../event/mod.ts";
import type { CallOptions } from "../store/mod.ts";
import {
  assertLog,
  collect,
  deposits,
  refused,
  settle,
  someDeposits,
  type Suite,
} from "./_suite.ts";
import type { Store } from "./store_contract.ts";

export function testCalls(suite: Suite): void {
  suite.group("timeouts and signals", () => {
    for (const [method, call] of CALLS) {
      suite.test(`${method} refuses timeouts that are none`, async ({ store }) => {
        await store.append("account-ada", deposits(1));
        for (
          const timeout of [0, -1, 0.5, 300_001, NaN, Infinity, "10", null]
        ) {
          await refused(
            "invalid_argument",
            () => call(store, { timeout: timeout as number }),
          );
        }
        await assertLog(store, "account-ada", 1);
        await call(store, { timeout: 300_000 });
      });

      suite.test(`${method} does nothing behind an aborted signal`, async ({ store }) => {
        await store.append("account-ada", deposits(1));
        const reason = new Error("no more");
        const signal = AbortSignal.abort(reason);
        await assert.rejects(
          async () => await call(store, { signal }),
          (error) => error === reason,
        );
        await assertLog(store, "account-ada", 1);
        assert.equal(await store.getLatestSnapshot("account-ada"), undefined);
        assert.deepEqual(await collect(store.listActors()), ["account-ada"]);
      });
    }

    for (const where of [{}, { type: "account" }, { actorId: "account-0" }]) {
      suite.test(`read(${JSON.stringify(where)}) ends when it is aborted`, async ({ store }) => {
        for (let i = 0; i < 8; i++) {
          await store.append(`account-${i % 2}`, someDeposits(50));
        }
        const controller = new AbortController();
        const reason = new Error("enough");
        let seen = 0;
        await assert.rejects(async () => {
          for await (
            const event of store.read({ ...where, signal: controller.signal })
          ) {
            assert.ok(event.version > 0);
            if (++seen === 5) controller.abort(reason);
          }
        }, (error) => error === reason);
        assert.ok(seen < 200, `${seen}`);
        const { version } = await store.append("account-0", deposits(1));
        assert.equal(version, 201);
      });
    }

    suite.test("listActors() ends when it is aborted", async ({ store }) => {
      for (let i = 0; i < 40; i++) {
        await store.append(`account-${i}`, deposits(i));
      }
      const controller = new AbortController();
      const reason = new Error("enough");
      let seen = 0;
      await assert.rejects(async () => {
        for await (
          const actorId of store.listActors({ signal: controller.signal })
        ) {
          assert.equal(actorId, `account-${seen}`);
          if (++seen === 3) controller.abort(reason);
        }
      }, (error) => error === reason);
      assert.ok(seen < 40, `${seen}`);
      assert.equal((await collect(store.listActors())).length, 40);
    });

    suite.test("an append aborted under way tells the truth", async (t) => {
      const reader = await t.another();
      for (let round = 0; round < 20; round++) {
        const actorId = `account-${round}`;
        const controller = new AbortController();
        const reason = new Error("enough");
        const appending = settle([
          t.store.append(actorId, deposits(1), { signal: controller.signal }),
        ]);
        // Sooner or later within the call, by turns of the event loop.
        for (let turn = 0; turn < round; turn++) {
          await new Promise((next) => setTimeout(next, 0));
        }
        controller.abort(reason);
        const { errors: [error], values: [result] } = await appending;
        const unknown = error instanceof AetherError && error.ambiguous;
        if (error !== undefined && !unknown) assert.equal(error, reason);
        const version = await reader.getLatestVersion(actorId);
        if (!unknown) assert.equal(version, result === undefined ? 0 : 1);
        assert.ok(version <= 1);
      }
    });
  });

  suite.group("close()", () => {
    suite.test("refuses every later call", async (t) => {
      await t.store.append("account-ada", deposits(1));
      const store = await t.another();
      await store.getLatestVersion("account-ada");
      await store.close();
      for (const [, call] of CALLS) {
        await refused("closed", () => call(store, {}));
      }
      await assertLog(t.store, "account-ada", 1);
    });

    suite.test("twice, at once and after disposal is fine", async (t) => {
      const store = await t.another();
      await Promise.all([store.close(), store.close()]);
      await store.close();
      await store[Symbol.asyncDispose]();
      const disposed = await t.another();
      await disposed[Symbol.asyncDispose]();
      await refused("closed", () => disposed.getLatestVersion("account-ada"));
      await disposed.close();
    });

    suite.test("leaves other stores of the namespace open", async (t) => {
      const store = await t.another();
      await store.append("account-ada", deposits(1));
      await store.close();
      const { version } = await t.store.append("account-ada", deposits(2));
      assert.equal(version, 2);
    });

    suite.test("ends appends that are under way, and they tell the truth", async (t) => {
      const store = await t.another();
      await store.getLatestVersion("account-0");
      const appending = Promise.allSettled(
        Array.from(
          { length: 32 },
          (_, i) => store.append(`account-${i}`, deposits(i)),
        ),
      );
      await store.close();
      for (const [i, result] of (await appending).entries()) {
        const version = await t.store.getLatestVersion(`account-${i}`);
        if (result.status === "fulfilled") assert.equal(version, 1);
        else {
          assert.ok(result.reason instanceof AetherError, `${result.reason}`);
          if (!result.reason.ambiguous) {
            assert.equal(result.reason.code, "closed");
            assert.equal(version, 0);
          }
        }
      }
    });

    suite.test("ends readings, and none looks complete that is not", async (t) => {
      for (let i = 0; i < 40; i++) {
        await t.store.append("account-ada", someDeposits(50));
      }
      const store = await t.another();
      for (
        const where of [{}, { type: "account" }, { actorId: "account-ada" }]
      ) {
        const closing = await t.another();
        const reading = closing.read(where)[Symbol.asyncIterator]();
        assert.equal((await reading.next()).value.version, 1);
        await closing.close();
        let seen = 1;
        let closed: unknown;
        try {
          for (
            let next = await reading.next();
            !next.done;
            next = await reading.next()
          ) seen++;
        } catch (error) {
          closed = error;
        }
        if (closed === undefined) assert.equal(seen, 2_000);
        else assert.equal((closed as AetherError).code, "closed");
      }
      assert.equal(await store.getLatestVersion("account-ada"), 2_000);
    });

    suite.test("refuses readings that were asked for but not begun", async (t) => {
      await t.store.append("account-ada", deposits(1));
      const store = await t.another();
      const reading = store.read();
      const listing = store.listActors();
      await store.close();
      await refused("closed", () => collect(reading));
      await refused("closed", () => collect(listing));
    });
  });
}

type Call = (store: Store, options: CallOptions) => unknown;

const saved: Event = {
  id: "e-2",
  eventType: "Deposited",
  actorId: "account-new",
  version: 1,
  data: { amount: 2 },
  timestamp: new Date(1_700_000_000_000),
};

const CALLS: readonly [string, Call][] = [
  ["saveEvent()", (store, options) => store.saveEvent(saved, options)],
  [
    "append()",
    (store, options) => store.append("account-new", deposits(1), options),
  ],
  [
    "append() of a fence",
    (store, options) =>
      store.append("account-new", [], { ...options, fence: true }),
  ],
  [
    "appendAll()",
    (store, options) =>
      store.appendAll(
        [{ actorId: "account-new", events: deposits(1) }],
        options,
      ),
  ],
  [
    "getEvents()",
    (store, options) => store.getEvents("account-ada", 0, options),
  ],
  [
    "getLatestVersion()",
    (store, options) => store.getLatestVersion("account-ada", options),
  ],
  ["read()", (store, options) => collect(store.read(options))],
  [
    "read() of an actor",
    (store, options) =>
      collect(store.read({ ...options, actorId: "account-ada" })),
  ],
  ["listActors()", (store, options) => collect(store.listActors(options))],
  ["load()", (store, options) => store.load("account-ada", options)],
  ["saveSnapshot()", (store, options) =>
    store.saveSnapshot({
      actorId: "account-ada",
      version: 1,
      state: 1,
      timestamp: new Date(1_700_000_000_000),
    }, options)],
  [
    "getLatestSnapshot()",
    (store, options) => store.getLatestSnapshot("account-ada", options),
  ],
];
