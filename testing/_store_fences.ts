/** Commits without events: they take a place in the log, never a version. */
import assert from "node:assert/strict";
import type { StoredCommit } from "../store/mod.ts";
import {
  assertLog,
  collect,
  conflicting,
  deposits,
  type Suite,
} from "./_suite.ts";

export function testFences(suite: Suite): void {
  suite.group("a commit without events", () => {
    suite.test("is no event to any reader", async (t) => {
      await t.store.append("account-ada", deposits(1));
      const fence = await t.store.append("account-ada", [], { fence: true });
      assert.equal(fence.version, 1);
      assert.deepEqual(fence.events, []);
      const last = await t.store.append("account-ada", deposits(2));
      assert.ok(last.sequence > fence.sequence);
      await assertLog(t.store, "account-ada", 2);
      for (
        const where of [{}, { type: "account" }, { actorId: "account-ada" }]
      ) {
        for (const direction of ["forward", "backward"] as const) {
          const events = await collect(t.store.read({ ...where, direction }));
          const versions = events.map((event) => event.version);
          assert.deepEqual(versions, direction === "forward" ? [1, 2] : [2, 1]);
        }
      }
    });

    suite.test("refuses whoever holds the position before it", async (t) => {
      const { position } = await t.store.append("account-ada", deposits(1));
      const other = await t.another();
      const fence = await other.append("account-ada", [], {
        fence: true,
        expectedVersion: position,
      });
      const error = await conflicting(() =>
        t.store.append("account-ada", deposits(2), {
          expectedVersion: position,
        })
      );
      assert.deepEqual([error.expectedVersion, error.actualVersion], [1, 1]);
      assert.deepEqual(error.newerEvents, []);
      await assertLog(t.store, "account-ada", 1);
      const next = await other.append("account-ada", deposits(2), {
        expectedVersion: fence.position,
      });
      assert.equal(next.version, 2);
    });

    suite.test("is refused itself behind the wrong position", async (t) => {
      const { position } = await t.store.append("account-ada", deposits(1));
      await t.store.append("account-ada", deposits(2));
      const error = await conflicting(() =>
        t.store.append("account-ada", [], {
          fence: true,
          expectedVersion: position,
        })
      );
      assert.equal(error.actualVersion, 2);
      assert.equal((await t.store.load("account-ada")).commits.length, 2);
    });

    suite.test("leaves an expected version right", async (t) => {
      const other = await t.another();
      for (let version = 0; version < 6; version++) {
        const result = await t.store.append("account-ada", deposits(version), {
          expectedVersion: version,
        });
        assert.equal(result.version, version + 1);
        await other.append("account-ada", [], { fence: true });
      }
      await assertLog(t.store, "account-ada", 6);
    });

    suite.test("makes no actor: version 0, no stream", async ({ store }) => {
      const fence = await store.append("account-ada", [], {
        fence: true,
        expectedVersion: "no_stream",
      });
      assert.equal(fence.version, 0);
      await assertLog(store, "account-ada", 0);
      await conflicting(() =>
        store.append("account-ada", deposits(1), { expectedVersion: "exists" })
      );
      const first = await store.append("account-ada", deposits(1), {
        expectedVersion: "no_stream",
      });
      assert.equal(first.version, 1);
      assert.deepEqual(first.position.trail, [first.sequence, fence.sequence]);
    });

    suite.test("is loaded, with the commands it answers", async (t) => {
      const before = await t.store.append("account-ada", deposits(1));
      const rejected = {
        reason: "insufficient_funds",
        message: "balance is 1",
      };
      const commands = [
        { id: "no-op", events: 0 },
        { id: "refused", events: 0, rejected },
      ];
      const fence = await t.store.append("account-ada", [], {
        fence: true,
        commands,
      });
      for (const store of [t.store, await t.another()]) {
        const loaded = await store.load("account-ada", {
          after: before.position,
        });
        assert.deepEqual(loaded.position, fence.position);
        assert.equal(loaded.commits.length, 1);
        const { at, ...commit } = loaded.commits[0]!;
        assert.deepEqual(commit, {
          commitId: fence.commitId,
          sequence: fence.sequence,
          version: 1,
          events: [],
          commands,
        });
        assert.ok(Math.abs(at - Date.now()) < 300_000);
      }
    });

    suite.test("is read back with all others, newest first", async (t) => {
      const reader = await t.another();
      if (reader.readCommits === undefined) return; // a store may be without it
      assert.deepEqual(await collect(reader.readCommits("account-ada")), []);
      for (let i = 0; i < 40; i++) {
        await t.store.append("account-ada", i % 3 === 1 ? deposits(i) : [], {
          fence: true,
          commands: [{ id: `c${i}`, events: i % 3 === 1 ? 1 : 0 }],
        });
        await t.store.append("account-bob", deposits(i));
        const all = (await reader.load("account-ada")).commits;
        assert.equal(all.length, i + 1);
        if (i % 13 > 0) continue;
        const back: StoredCommit[] = await collect(
          reader.readCommits("account-ada"),
        );
        assert.deepEqual(back, all.toReversed());
      }
      for await (const { commands } of reader.readCommits("account-ada")) {
        assert.equal(commands[0]!.id, "c39");
        break;
      }
    });

    suite.test("many in a row do not hide the events before them", async (t) => {
      await t.store.append("account-ada", deposits(1, 2, 3));
      for (let i = 0; i < 40; i++) {
        await t.store.append("account-ada", [], { fence: true });
      }
      const other = await t.another();
      await assertLog(other, "account-ada", 3);
      const result = await other.append("account-ada", deposits(4), {
        expectedVersion: 3,
      });
      assert.equal(result.version, 4);
      const last = await collect(
        other.read({ actorId: "account-ada", direction: "backward", limit: 2 }),
      );
      assert.deepEqual(last.map((event) => event.version), [4, 3]);
    });

    suite.test("the generation a commit is written in is kept with it", async (t) => {
      const first = await t.store.append("account-ada", deposits(1), {
        generation: 3,
      });
      const fence = await t.store.append("account-ada", [], {
        fence: true,
        generation: 4,
      });
      assert.equal(first.position.generation, 3);
      for (const store of [t.store, await t.another()]) {
        const loaded = await store.load("account-ada");
        assert.deepEqual(
          loaded.commits.map((commit) => commit.generation),
          [3, 4],
        );
        assert.equal(loaded.position.generation, 4);
        assert.deepEqual(loaded.position, fence.position);
      }
      const plain = await t.store.append("account-ada", deposits(2));
      assert.equal(plain.position.generation, undefined);
      const loaded = await (await t.another()).load("account-ada");
      assert.equal(loaded.position.generation, undefined);
      for (const generation of [0, -1, 1.5, NaN]) {
        await assert.rejects(
          t.store.append("account-ada", deposits(1), { generation }),
          { code: "invalid_argument" },
        );
      }
    });

    suite.test("with events beside it, `fence` changes nothing", async ({ store }) => {
      const { version } = await store.append("account-ada", deposits(1), {
        fence: true,
      });
      assert.equal(version, 1);
      await assertLog(store, "account-ada", 1);
    });
  });
}
