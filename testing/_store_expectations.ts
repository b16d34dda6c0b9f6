/** Each kind of expectation, right and wrong. */
import assert from "node:assert/strict";
import { AetherError, type StoredEvent } from "../event/mod.ts";
import type { ActorPosition, ExpectedVersion } from "../store/mod.ts";
import {
  assertLog,
  type Case,
  conflicting,
  deposits,
  refused,
  settle,
  someDeposits,
  type Suite,
} from "./_suite.ts";

interface Row {
  readonly expects: string;
  /** Events the actor has. */
  readonly has: number;
  readonly expectation: (
    positions: readonly ActorPosition[],
    t: Case,
  ) => ExpectedVersion | undefined;
  /** Versions a conflict shows, where there is one. */
  readonly conflict?: readonly number[];
}

// positions[n] is that behind version n.
const ROWS: readonly Row[] = [
  { expects: "nothing said", has: 0, expectation: () => undefined },
  { expects: "nothing said", has: 3, expectation: () => undefined },
  { expects: '"any"', has: 0, expectation: () => "any" },
  { expects: '"any"', has: 3, expectation: () => "any" },
  { expects: "version 0", has: 0, expectation: () => 0 },
  { expects: "version 3", has: 3, expectation: () => 3 },
  { expects: "version 0", has: 3, expectation: () => 0, conflict: [1, 2, 3] },
  { expects: "version 2", has: 3, expectation: () => 2, conflict: [3] },
  { expects: "version 4", has: 3, expectation: () => 4, conflict: [] },
  { expects: "version 1", has: 0, expectation: () => 1, conflict: [] },
  { expects: '"no_stream"', has: 0, expectation: () => "no_stream" },
  {
    expects: '"no_stream"',
    has: 2,
    expectation: () => "no_stream",
    conflict: [1, 2],
  },
  { expects: '"exists"', has: 1, expectation: () => "exists" },
  { expects: '"exists"', has: 0, expectation: () => "exists", conflict: [] },
  { expects: "its position", has: 0, expectation: (at) => at[0]! },
  { expects: "its position", has: 3, expectation: (at) => at[3]! },
  {
    expects: "an older position",
    has: 3,
    expectation: (at) => at[1]!,
    conflict: [2, 3],
  },
  {
    expects: "no commit",
    has: 3,
    expectation: (at) => at[0]!,
    conflict: [1, 2, 3],
  },
];

export function testExpectations(suite: Suite): void {
  suite.group("expectedVersion", () => {
    for (const row of ROWS) {
      const outcome = row.conflict === undefined ? "is met" : "is refused";
      suite.test(`${row.expects} ${outcome} by ${row.has} events`, async (t) => {
        const positions = [(await t.store.load("account-ada")).position];
        for (let i = 1; i <= row.has; i++) {
          positions.push(
            (await t.store.append("account-ada", deposits(i))).position,
          );
        }
        // Somebody else's commits must not matter.
        await t.store.append("account-bob", deposits(7));
        const expectedVersion = row.expectation(positions, t);
        const options = expectedVersion === undefined
          ? {}
          : { expectedVersion };
        for (const store of [t.store, await t.another()]) {
          if (row.conflict !== undefined) {
            const error = await conflicting(() =>
              store.append("account-ada", deposits(9), options)
            );
            assert.equal(error.actorId, "account-ada");
            assert.equal(error.actualVersion, row.has);
            assert.equal(
              error.expectedVersion,
              typeof expectedVersion === "object"
                ? expectedVersion.version
                : expectedVersion,
            );
            const newer = error.newerEvents as readonly StoredEvent[];
            assert.deepEqual(newer.map((event) => event.version), row.conflict);
            const from = row.conflict[0];
            if (from !== undefined) {
              assert.deepEqual(
                newer,
                await store.getEvents("account-ada", from),
              );
            }
            assert.equal(error.retryable, true);
            continue;
          }
          const result = await store.append(
            "account-ada",
            deposits(9),
            options,
          );
          assert.equal(result.version, row.has + 1);
          break;
        }
        await assertLog(
          t.store,
          "account-ada",
          row.has + (row.conflict === undefined ? 1 : 0),
        );
      });
    }

    suite.test("a chain of positions needs no look at the log", async ({ store }) => {
      let { position } = await store.append("account-ada", deposits(1));
      for (let i = 2; i <= 30; i++) {
        ({ position } = await store.append("account-ada", deposits(i), {
          expectedVersion: position,
        }));
      }
      assert.equal(position.version, 30);
      await assertLog(store, "account-ada", 30);
    });

    suite.test("the position of a load is one to append behind", async (t) => {
      await t.store.append("account-ada", someDeposits(3));
      const other = await t.another();
      const { position } = await other.load("account-ada");
      const result = await t.store.append("account-ada", deposits(4), {
        expectedVersion: position,
      });
      assert.equal(result.version, 4);
      await conflicting(() =>
        other.append("account-ada", deposits(5), { expectedVersion: position })
      );
      await assertLog(other, "account-ada", 4);
    });

    suite.test("a conflict shows at most 256 newer events", async ({ store }) => {
      await store.append("account-ada", someDeposits(300));
      const error = await conflicting(() =>
        store.append("account-ada", deposits(1), { expectedVersion: 10 })
      );
      const newer = error.newerEvents as readonly StoredEvent[];
      assert.equal(error.actualVersion, 300);
      assert.equal(newer.length, 256);
      assert.equal(newer[0]!.version, 11);
      assert.equal(newer.at(-1)!.version, 266);
    });

    suite.test("a position ahead of the log stores nothing", async (t) => {
      const { position, sequence } = await t.store.append(
        "account-ada",
        deposits(1),
      );
      const ahead = { ...position, version: 9, trail: [sequence + 1_000] };
      const { errors: [error] } = await settle([
        t.store.append("account-ada", deposits(2), {
          expectedVersion: ahead,
          timeout: 1_000,
        }),
      ]);
      // No store returned that position to this log. One that keeps its log on
      // servers may not be sure that it asked the right one, and says so.
      assert.ok(error instanceof AetherError);
      assert.match(error.code, /^(version_conflict|outcome_unknown)$/);
      await assertLog(await t.another(), "account-ada", 1);
    });

    suite.test("an expectation that is none is refused", async ({ store }) => {
      const { position } = await store.append("account-ada", deposits(1));
      const other = await store.append("account-bob", deposits(1));
      const bad: unknown[] = [
        -1,
        1.5,
        NaN,
        "1",
        "latest",
        null,
        {},
        { ...position, version: -1 },
        { ...position, trail: [] },
        { ...position, trail: [3, 7] },
        { ...position, trail: ["1"] },
        { ...position, trail: Array.from({ length: 18 }, (_, i) => 100 - i) },
        other.position,
      ];
      for (const expectation of bad) {
        const expectedVersion = expectation as ExpectedVersion;
        await refused(
          "invalid_argument",
          () => store.append("account-ada", deposits(2), { expectedVersion }),
        );
      }
      await assertLog(store, "account-ada", 1);
    });
  });
}
