/** Loading, without snapshots. */
import assert from "node:assert/strict";
import type { AppendResult } from "../store/mod.ts";
import {
  collect,
  deposits,
  refused,
  someDeposits,
  type Suite,
} from "./_suite.ts";

export function testLoads(suite: Suite): void {
  suite.group("load()", () => {
    suite.test("of an actor that is not there is nothing", async ({ store }) => {
      assert.deepEqual(await store.load("account-ada"), {
        commits: [],
        position: { actorId: "account-ada", version: 0, trail: [] },
      });
    });

    suite.test("brings every commit, oldest first", async (t) => {
      const results: AppendResult[] = [];
      for (const size of [1, 3, 2]) {
        results.push(await t.store.append("account-ada", someDeposits(size)));
        await t.store.append("account-bob", deposits(1));
      }
      const { commits, position, snapshot } = await (await t.another()).load(
        "account-ada",
      );
      assert.equal(snapshot, undefined);
      assert.deepEqual(position, results.at(-1)!.position);
      assert.deepEqual(
        commits.map(({ commitId, events, sequence, version }) => ({
          commitId,
          events,
          sequence,
          version,
        })),
        results.map(({ commitId, events, sequence, version }) => ({
          commitId,
          events,
          sequence,
          version,
        })),
      );
      for (const { at } of commits) {
        assert.ok(Math.abs(at - Date.now()) < 300_000);
      }
    });

    suite.test("brings only what lies behind a position", async (t) => {
      const reader = await t.another();
      const positions = [(await t.store.load("account-ada")).position];
      for (let i = 1; i <= 24; i++) {
        const events = i % 5 === 0 ? [] : someDeposits(1 + i % 3);
        const result = await t.store.append("account-ada", events, {
          fence: true,
        });
        positions.push(result.position);
      }
      const all = await reader.load("account-ada");
      assert.equal(all.commits.length, 24);
      for (const [i, after] of positions.entries()) {
        const { commits, position, snapshot } = await reader.load(
          "account-ada",
          { after },
        );
        assert.equal(snapshot, undefined);
        assert.deepEqual(commits, all.commits.slice(i));
        assert.deepEqual(position, all.position);
      }
    });

    suite.test("finds commits that lie far apart", async (t) => {
      const reader = await t.another();
      const sequences: number[] = [];
      for (let i = 0; i < 40; i++) {
        sequences.push(
          (await t.store.append("account-ada", deposits(i))).sequence,
        );
        await t.store.appendAll(
          Array.from({ length: 25 }, (_, other) => ({
            actorId: `other-${other}`,
            events: deposits(other),
          })),
        );
      }
      const { commits, position } = await reader.load("account-ada");
      assert.deepEqual(commits.map(({ sequence }) => sequence), sequences);
      assert.equal(position.version, 40);
      assert.deepEqual(
        (await reader.getEvents("account-ada")).map(({ sequence }) => sequence),
        sequences,
      );
      const backward = await collect(
        reader.read({ actorId: "account-ada", direction: "backward", from: 3 }),
      );
      assert.deepEqual(
        backward.map(({ sequence }) => sequence),
        sequences.slice(2).reverse(),
      );
    });

    suite.test("refuses positions and schemas that are none", async ({ store }) => {
      const { position } = await store.append("account-ada", deposits(1));
      await refused(
        "invalid_argument",
        () => store.load("account-bob", { after: position }),
      );
      await refused(
        "invalid_argument",
        () =>
          store.load("account-ada", { after: { ...position, trail: [-1] } }),
      );
      await refused(
        "invalid_argument",
        () => store.load("account-ada", { schema: 0.5 }),
      );
      await refused("invalid_argument", () => store.load(""));
    });
  });
}
