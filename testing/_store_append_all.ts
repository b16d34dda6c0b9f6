/** Decisions of several actors: all or none. */
import assert from "node:assert/strict";
import { ulid, VersionConflictError } from "../event/mod.ts";
import {
  assertLog,
  collect,
  conflicting,
  deposits,
  refused,
  settle,
  type Suite,
} from "./_suite.ts";

export function testAppendAll(suite: Suite): void {
  suite.group("appendAll()", () => {
    suite.test("stores all, each behind its own log", async (t) => {
      await t.store.append("account-bob", deposits(1, 2));
      const commitId = ulid();
      const results = await t.store.appendAll([
        {
          actorId: "account-ada",
          events: deposits(1),
          expectedVersion: "no_stream",
        },
        { actorId: "account-bob", events: deposits(3, 4), expectedVersion: 2 },
        { actorId: "order-1", events: deposits(5) },
      ], { commitId, metadata: { correlationId: "c" } });
      assert.deepEqual(
        results.map(({ version, position }) => [position.actorId, version]),
        [["account-ada", 1], ["account-bob", 4], ["order-1", 1]],
      );
      const other = await t.another();
      for (const [i, result] of results.entries()) {
        const { actorId } = result.position;
        assert.equal(result.commitId, commitId);
        assert.ok(i === 0 || result.sequence > results[i - 1]!.sequence);
        const loaded = await other.load(actorId);
        assert.deepEqual(loaded.commits.at(-1)!.events, result.events);
        assert.deepEqual(loaded.position, result.position);
        assert.equal(result.events[0]!.metadata?.correlationId, "c");
      }
      await assertLog(other, "account-bob", 4);
      const next = await t.store.append("account-bob", deposits(5), {
        expectedVersion: results[1]!.position,
      });
      assert.equal(next.version, 5);
    });

    suite.test("leaves no trace of any when one conflicts", async (t) => {
      const seen = await t.store.append("account-cyd", deposits(1));
      await t.store.append("account-cyd", deposits(2));
      const before = await collect(t.store.read());
      for (const wrong of [0, 1, 3, "no_stream", seen.position] as const) {
        for (const place of [0, 1, 2]) {
          const appends = [
            { actorId: "account-ada", events: deposits(1) },
            {
              actorId: "account-bob",
              events: deposits(1),
              expectedVersion: "no_stream" as const,
            },
          ];
          const error = await conflicting(() =>
            t.store.appendAll(
              appends.toSpliced(place, 0, {
                actorId: "account-cyd",
                events: deposits(9),
                expectedVersion: wrong as "no_stream",
              }),
            )
          );
          assert.equal(error.actorId, "account-cyd");
          assert.equal(error.actualVersion, 2);
        }
      }
      assert.deepEqual(await collect(t.store.read()), before);
      for (const actorId of ["account-ada", "account-bob"]) {
        assert.deepEqual((await t.store.load(actorId)).position.trail, []);
      }
    });

    suite.test("leaves no trace of any when an event breaks a rule", async ({ store }) => {
      await refused("invalid_argument", () =>
        store.appendAll([
          { actorId: "account-ada", events: deposits(1) },
          { actorId: "account-bob", events: [{ eventType: "E", data: NaN }] },
        ]));
      await refused("invalid_argument", () =>
        store.appendAll([
          { actorId: "account-ada", events: deposits(1) },
          { actorId: "account-bob", events: [] },
        ]));
      assert.deepEqual(await collect(store.listActors()), []);
    });

    suite.test("leaves no trace of any when one is too large", async ({ store }) => {
      const data = "x".repeat(suite.maxPayload + 1);
      await refused("payload_too_large", () =>
        store.appendAll([
          { actorId: "account-ada", events: deposits(1) },
          { actorId: "account-bob", events: [{ eventType: "E", data }] },
        ]));
      assert.deepEqual(await collect(store.listActors()), []);
    });

    suite.test("refuses an actor twice, however it is spelt", async ({ store }) => {
      for (const twin of ["account-\u00fc", "account-u\u0308"]) {
        await refused("invalid_argument", () =>
          store.appendAll([
            { actorId: "account-\u00fc", events: deposits(1) },
            { actorId: "account-bob", events: deposits(1) },
            { actorId: twin, events: deposits(2) },
          ]));
      }
      assert.deepEqual(await collect(store.listActors()), []);
    });

    suite.test("takes one actor", async ({ store }) => {
      const [result] = await store.appendAll([
        { actorId: "account-ada", events: deposits(1, 2) },
      ]);
      assert.equal(result!.version, 2);
      await assertLog(store, "account-ada", 2);
    });

    suite.test("takes 1,000 actors and no more, and not none", async ({ store }) => {
      const appends = Array.from({ length: 1_001 }, (_, i) => ({
        actorId: `account-${i}`,
        events: deposits(i),
      }));
      await refused("invalid_argument", () => store.appendAll(appends));
      await refused("invalid_argument", () => store.appendAll([]));
      assert.deepEqual(await collect(store.listActors()), []);
      const results = await store.appendAll(appends.slice(1));
      assert.equal(results.length, 1_000);
      const all = await collect(store.read());
      assert.deepEqual(
        all.map((event) => [event.actorId, event.sequence]),
        results.map(({ position, sequence }) => [position.actorId, sequence]),
      );
    });

    suite.test("of many over the same actors one wins", async (t) => {
      const stores = [t.store, await t.another()];
      const calls = Array.from({ length: 16 }, (_, i) => {
        const appends = ["account-ada", "account-bob", "account-cyd"].map((
          actorId,
        ) => ({
          actorId,
          events: deposits(i),
          expectedVersion: 0,
        }));
        return stores[i % 2]!.appendAll(
          i % 3 === 0 ? appends.reverse() : appends,
        );
      });
      const { errors, values } = await settle(calls);
      assert.equal(values.length, 1);
      for (const error of errors) {
        assert.ok(error instanceof VersionConflictError, `${error}`);
      }
      const all = await collect(t.store.read());
      assert.deepEqual(all, values[0]!.flatMap(({ events }) => events));
    });

    suite.test("beside single appends, versions stay whole", async (t) => {
      const stores = [t.store, await t.another()];
      const transfers = Array.from(
        { length: 8 },
        (_, i) =>
          stores[i % 2]!.appendAll([
            { actorId: "account-ada", events: deposits(-1) },
            { actorId: "account-bob", events: deposits(1) },
          ]),
      );
      const singles = Array.from(
        { length: 8 },
        (_, i) => stores[i % 2]!.append("account-ada", deposits(0)),
      );
      const [both, one] = await Promise.all([
        settle(transfers),
        settle(singles),
      ]);
      for (const error of [...both.errors, ...one.errors]) {
        assert.ok(error instanceof VersionConflictError, `${error}`);
      }
      await assertLog(
        t.store,
        "account-ada",
        both.values.length + one.values.length,
      );
      await assertLog(t.store, "account-bob", both.values.length);
    });
  });
}
