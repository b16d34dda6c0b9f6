/** Snapshots: a cache that is never believed against the log. */
import assert from "node:assert/strict";
import type { ActorSnapshot, RememberedCommand } from "../event/mod.ts";
import type { AppendResult, LoadedActor } from "../store/mod.ts";
import {
  assertLog,
  type Case,
  collect,
  deposits,
  refused,
  settle,
  someDeposits,
  type Suite,
  sum,
} from "./_suite.ts";

export function testSnapshots(suite: Suite): void {
  const { recreate, writeSnapshot } = suite.faults;
  const { snapshotsTooLarge } = suite.options;

  suite.group("snapshots", () => {
    suite.test("of an actor that has none there is none", async ({ store }) => {
      assert.equal(await store.getLatestSnapshot("account-ada"), undefined);
      await store.append("account-ada", deposits(1));
      assert.equal(await store.getLatestSnapshot("account-ada"), undefined);
      assert.equal((await store.load("account-ada")).snapshot, undefined);
    });

    suite.test("come back as saved, with their place in the log", async (t) => {
      await t.store.append("account-ada", deposits(1, 2));
      const { commitId, sequence } = await t.store.append(
        "account-ada",
        deposits(3),
      );
      const given = {
        ...snapshotAt(3),
        state: { sum: 6, list: [1, null, "ü"], inner: { "": true } },
        commandsSince: 7,
        commandIdsSince: 5,
      };
      assert.equal(await t.store.saveSnapshot(given), true);
      const expected = { ...given, schema: 1, sequence, commitId };
      for (const store of [t.store, await t.another()]) {
        assert.deepEqual(
          await store.getLatestSnapshot("account-ada"),
          expected,
        );
        const { commits, position, snapshot } = await store.load("account-ada");
        assert.deepEqual(snapshot, expected);
        assert.deepEqual(commits, []);
        assert.equal(position.version, 3);
      }
    });

    suite.test("keep the place they are given", async ({ store }) => {
      const { commitId, sequence } = await store.append(
        "account-ada",
        deposits(1, 2),
      );
      await store.append("account-ada", deposits(3));
      const given = { ...snapshotAt(2), commitId, sequence };
      assert.equal(await store.saveSnapshot(given), true);
      assert.deepEqual(await store.getLatestSnapshot("account-ada"), {
        ...given,
        schema: 1,
      });
      const { commits } = await store.load("account-ada");
      assert.deepEqual(commits.map(({ version }) => version), [3]);
    });

    suite.test("are found by the version that ends a commit", async (t) => {
      const results: AppendResult[] = [];
      for (let i = 0; i < 25; i++) {
        results.push(
          await t.store.append("account-ada", someDeposits(1 + i % 3)),
        );
      }
      for (const index of [0, 6, 23]) {
        const { commitId, sequence, version } = results[index]!;
        assert.equal(await t.store.saveSnapshot(snapshotAt(version)), true);
        const kept = await t.store.getLatestSnapshot("account-ada");
        assert.deepEqual([kept!.sequence, kept!.commitId], [
          sequence,
          commitId,
        ]);
      }
    });

    suite.test("newer ones win over older ones", async (t) => {
      for (let i = 1; i <= 5; i++) {
        await t.store.append("account-ada", deposits(i));
      }
      const other = await t.another();
      assert.equal(await t.store.saveSnapshot(snapshotAt(2)), true);
      assert.equal(await other.saveSnapshot(snapshotAt(4)), true);
      assert.equal(await t.store.saveSnapshot(snapshotAt(3)), false);
      assert.equal(
        (await t.store.getLatestSnapshot("account-ada"))?.version,
        4,
      );
      const again = { ...snapshotAt(4), state: { another: true } };
      assert.equal(await t.store.saveSnapshot(again), true);
      assert.deepEqual(
        (await other.getLatestSnapshot("account-ada"))?.state,
        again.state,
      );
    });

    suite.test("saved at once: the newest that was kept stays", async (t) => {
      for (let i = 1; i <= 10; i++) {
        await t.store.append("account-ada", deposits(i));
      }
      const stores = [t.store, await t.another()];
      const { errors, values } = await settle(
        Array.from({ length: 10 }, async (_, i) => {
          const version = 1 + (i * 7) % 10;
          return await stores[i % 2]!.saveSnapshot(snapshotAt(version))
            ? version
            : 0;
        }),
      );
      assert.deepEqual(errors, []);
      const newest = Math.max(...values);
      assert.ok(newest > 0);
      assert.equal(
        (await t.store.getLatestSnapshot("account-ada"))?.version,
        newest,
      );
    });

    suite.test("of versions the log has not are refused", async ({ store }) => {
      await refused(
        "invalid_argument",
        () => store.saveSnapshot(snapshotAt(1)),
      );
      await store.append("account-ada", [], { fence: true });
      await refused(
        "invalid_argument",
        () => store.saveSnapshot(snapshotAt(1)),
      );
      await store.append("account-ada", deposits(1));
      await refused(
        "invalid_argument",
        () => store.saveSnapshot(snapshotAt(2)),
      );
      assert.equal(await store.getLatestSnapshot("account-ada"), undefined);
      assert.equal(await store.saveSnapshot(snapshotAt(1)), true);
    });

    suite.test("of a version inside a commit are refused", async ({ store }) => {
      await store.append("account-ada", deposits(1, 2, 3));
      for (const version of [1, 2]) {
        await refused(
          "invalid_argument",
          () => store.saveSnapshot(snapshotAt(version)),
        );
      }
      assert.equal(await store.getLatestSnapshot("account-ada"), undefined);
    });

    suite.test("that break a rule are refused", async ({ store }) => {
      await store.append("account-ada", deposits(1));
      const remembered: RememberedCommand = {
        id: "c",
        events: 1,
        version: 1,
        at: 1,
      };
      const bad: Partial<Record<keyof ActorSnapshot, unknown>>[] = [
        { version: 0 },
        { version: -1 },
        { version: 0.5 },
        { version: "1" },
        { timestamp: new Date(NaN) },
        { timestamp: "2026-01-01" },
        { schema: 0.5 },
        { schema: "1" },
        { sequence: 0 },
        { commitId: "" },
        { commands: [{ ...remembered, id: "a b" }] },
        { commands: [{ ...remembered, version: undefined }] },
        { commandsSince: -1 },
        { commandIdsSince: 0.5 },
      ];
      for (const change of bad) {
        const snapshot = { ...snapshotAt(1), ...change } as ActorSnapshot;
        await refused("invalid_argument", () => store.saveSnapshot(snapshot));
      }
      assert.equal(await store.getLatestSnapshot("account-ada"), undefined);
    });

    suite.test("whose state JSON would change are refused, and the place named", async ({ store }) => {
      await store.append("account-ada", deposits(1));
      const bad: [unknown, string][] = [
        [undefined, "state"],
        [{ at: new Date() }, "state.at"],
        [{ balance: NaN }, "state.balance"],
        [{ byId: new Map() }, "state.byId"],
        [[1n], "state[0]"],
      ];
      for (const [state, path] of bad) {
        const error = await refused(
          "invalid_argument",
          () => store.saveSnapshot({ ...snapshotAt(1), state }),
        );
        assert.equal(error.details["path"], path);
      }
      assert.equal(await store.getLatestSnapshot("account-ada"), undefined);
    });

    suite.test("of another schema are as good as none", async (t) => {
      await t.store.append("account-ada", deposits(1));
      await t.store.append("account-ada", deposits(2));
      await t.store.saveSnapshot({ ...snapshotAt(1), schema: 2 });
      const { store } = t;
      assert.equal(await store.getLatestSnapshot("account-ada"), undefined);
      assert.equal(
        await store.getLatestSnapshot("account-ada", { schema: 3 }),
        undefined,
      );
      const kept = await store.getLatestSnapshot("account-ada", { schema: 2 });
      assert.deepEqual([kept?.version, kept?.schema], [1, 2]);
      for (const schema of [undefined, 1, 3, false] as const) {
        const { commits, snapshot } = await store.load(
          "account-ada",
          schema === undefined ? {} : { schema },
        );
        assert.equal(snapshot, undefined);
        assert.equal(commits.length, 2);
      }
      const { commits, snapshot } = await store.load("account-ada", {
        schema: 2,
      });
      assert.equal(snapshot?.version, 1);
      assert.equal(commits.length, 1);
    });

    suite.test("are left aside where none is wanted", async (t) => {
      const { position } = await t.store.append("account-ada", deposits(1));
      await t.store.append("account-ada", deposits(2));
      await t.store.saveSnapshot(snapshotAt(2));
      const none = await t.store.load("account-ada", { schema: false });
      assert.equal(none.snapshot, undefined);
      assert.equal(none.commits.length, 2);
      const behind = await t.store.load("account-ada", { after: position });
      assert.equal(behind.snapshot, undefined);
      assert.equal(behind.commits.length, 1);
    });

    suite.test("and the tail fold to the same as all events, at every version", async (t) => {
      const reader = await t.another();
      const boundaries: number[] = [];
      for (let i = 0; i < 45; i++) {
        const events = i % 7 === 6 ? [] : someDeposits(1 + i % 2, i);
        const { version } = await t.store.append("account-ada", events, {
          fence: true,
        });
        if (events.length > 0) boundaries.push(version);
        await t.store.append("account-bob", deposits(i));
      }
      const all = await reader.getEvents("account-ada");
      const total = sum(all);
      for (const version of boundaries) {
        const state = { sum: sum(all.slice(0, version)) };
        assert.equal(
          await t.store.saveSnapshot({ ...snapshotAt(version), state }),
          true,
        );
        // A replica that is behind shows an older one, which is as good, for a while.
        for (let tries = 1;; tries++) {
          const loaded = await reader.load("account-ada");
          const from = loaded.snapshot?.version ?? 0;
          assert.ok(from === 0 || boundaries.includes(from));
          assert.equal(loaded.position.version, all.length);
          assert.equal(fold(loaded), total, `at version ${from}`);
          assert.deepEqual(
            loaded.commits.flatMap(({ events }) => events),
            all.slice(from),
          );
          for (const { sequence } of loaded.commits) {
            assert.ok(sequence > (loaded.snapshot?.sequence ?? 0));
          }
          if (from === version) break;
          assert.ok(tries < 500, `version ${from} rather than ${version}`);
        }
      }
      const { position } = await reader.load("account-ada", { schema: false });
      assert.deepEqual((await reader.load("account-ada")).position, position);
      assert.equal(position.trail.length, 17);
    });

    suite.test("remember commands", async ({ store }) => {
      const { commitId, sequence } = await store.append(
        "account-ada",
        deposits(1),
      );
      const commands: RememberedCommand[] = [
        { id: "done", events: 1, version: 1, at: 1_700_000_000_000 },
        {
          id: "refused",
          events: 0,
          rejected: { reason: "no", message: "ünï", details: { balance: 3 } },
          version: 1,
          at: 1_700_000_000_001,
        },
      ];
      await store.saveSnapshot({
        ...snapshotAt(1),
        commitId,
        sequence,
        commands,
      });
      assert.deepEqual(
        (await store.getLatestSnapshot("account-ada"))?.commands,
        commands,
      );
      assert.deepEqual(
        (await store.load("account-ada")).snapshot?.commands,
        commands,
      );
    });

    suite.test("leave the commits without events behind them to the tail", async ({ store }) => {
      const { commitId, sequence } = await store.append(
        "account-ada",
        deposits(1),
      );
      const fence = await store.append("account-ada", [], {
        fence: true,
        commands: [{ id: "no-op", events: 0 }],
      });
      await store.saveSnapshot({ ...snapshotAt(1), commitId, sequence });
      const { commits, position, snapshot } = await store.load("account-ada");
      assert.equal(snapshot?.version, 1);
      assert.deepEqual(commits.map((commit) => commit.sequence), [
        fence.sequence,
      ]);
      assert.deepEqual(commits[0]!.commands, [{ id: "no-op", events: 0 }]);
      assert.deepEqual(position, fence.position);
    });

    suite.test("may end with a commit without events, the first one too", async ({ store }) => {
      const fence = (id: string) =>
        store.append("account-ada", [], {
          fence: true,
          commands: [{ id, events: 0 }],
        });
      const first = await fence("no-op-1");
      const none = { ...snapshotAt(0), ...placeOf(first) };
      assert.equal(await store.saveSnapshot(none), true);
      const loaded = await store.load("account-ada");
      assert.equal(loaded.snapshot?.version, 0);
      assert.deepEqual(loaded.commits, []);
      const deposit = await store.append("account-ada", deposits(1));
      const later = [await fence("no-op-2"), await fence("no-op-3")] as const;
      const older = { ...snapshotAt(1), ...placeOf(deposit) };
      const newer = { ...snapshotAt(1), ...placeOf(later[0]) };
      assert.equal(await store.saveSnapshot(older), true);
      assert.equal(await store.saveSnapshot(newer), true);
      // Of the same version, and yet not as new.
      assert.equal(await store.saveSnapshot(older), false);
      const { commits, position, snapshot } = await store.load("account-ada");
      assert.equal(snapshot?.sequence, later[0].sequence);
      assert.deepEqual(commits.map(({ sequence }) => sequence), [
        later[1].sequence,
      ]);
      assert.deepEqual(position, later[1].position);
    });

    suite.test("that are too large are not kept, and nothing is thrown", async (t) => {
      const { store } = t;
      await store.append("account-ada", deposits(1));
      await store.append("account-ada", deposits(2));
      assert.equal(await store.saveSnapshot(snapshotAt(1)), true);
      const counted = snapshotsTooLarge?.(store) ?? 0;
      const state = "x".repeat(suite.maxPayload + 1);
      assert.equal(
        await store.saveSnapshot({ ...snapshotAt(2), state }),
        false,
      );
      assert.equal((await store.getLatestSnapshot("account-ada"))?.version, 1);
      if (snapshotsTooLarge !== undefined) {
        assert.equal(snapshotsTooLarge(store), counted + 1);
      }
      assert.equal(await store.saveSnapshot(snapshotAt(2)), true);
    });

    suite.test("are no events", async ({ store }) => {
      const { sequence } = await store.append("account-ada", deposits(1));
      await store.saveSnapshot(snapshotAt(1));
      const next = await store.append("account-ada", deposits(2), {
        expectedVersion: 1,
      });
      assert.equal(next.sequence, sequence + 1);
      assert.equal((await collect(store.read())).length, 2);
      await assertLog(store, "account-ada", 2);
      assert.deepEqual(await collect(store.listActors()), ["account-ada"]);
    });

    if (writeSnapshot !== undefined) {
      suite.test("that are broken are as good as none", async (t) => {
        await t.store.append("account-ada", deposits(1));
        await t.store.append("account-ada", deposits(2));
        await t.store.saveSnapshot(snapshotAt(1));
        const whole = JSON.stringify(
          await t.store.getLatestSnapshot("account-ada"),
        );
        const bodies = [
          "",
          "null",
          "7",
          "[]",
          "{}",
          "not JSON",
          "\ud800",
          whole.slice(0, -2),
          whole.replace('"account-ada"', '"account-bob"'),
          whole.replace('"version":1', '"version":2'),
          whole.replace('"version":1', '"version":"1"'),
          whole.replace('"state":', '"__proto__":'),
          whole.replace(/"commitId":"./, '"commitId":"7'),
        ];
        const bytes = bodies.map((body) => new TextEncoder().encode(body));
        bytes.push(new Uint8Array([0xff, 0xfe, 0x00]));
        for (const [i, body] of bytes.entries()) {
          await writeSnapshot.call(
            suite.faults,
            t.namespace,
            "account-ada",
            body,
          );
          assert.equal(
            await t.store.getLatestSnapshot("account-ada"),
            undefined,
            bodies[i],
          );
          const { commits, snapshot } = await t.store.load("account-ada");
          assert.equal(snapshot, undefined, bodies[i]);
          assert.equal(commits.length, 2);
        }
        assert.equal(await t.store.saveSnapshot(snapshotAt(1)), true);
        assert.equal((await t.store.load("account-ada")).snapshot?.version, 1);
      });
    }

    if (recreate !== undefined) {
      suite.test("of another life of the log are as good as none", async (t) => {
        await life(t, 4);
        await t.store.saveSnapshot({
          ...snapshotAt(4),
          state: { former: true },
        });
        await recreate.call(suite.faults, t.namespace);
        const now = await t.another();
        assert.equal(await now.getLatestSnapshot("account-ada"), undefined);
        assert.deepEqual((await now.load("account-ada")).commits, []);
        // The same sequences and versions again, and then beyond them.
        for (let version = 1; version <= 6; version++) {
          await now.append("account-ada", deposits(version), {
            expectedVersion: version - 1,
          });
          assert.equal(await now.getLatestSnapshot("account-ada"), undefined);
          const { commits, snapshot } = await now.load("account-ada");
          assert.equal(snapshot, undefined);
          assert.equal(commits.length, version);
        }
        // It is not "newer" than one that is true.
        assert.equal(await now.saveSnapshot(snapshotAt(2)), true);
        assert.equal((await now.load("account-ada")).snapshot?.version, 2);
      });
    }
  });
}

function placeOf(
  { commitId, sequence }: AppendResult,
): Pick<ActorSnapshot, "commitId" | "sequence"> {
  return { commitId, sequence };
}

function snapshotAt(version: number): ActorSnapshot {
  return {
    actorId: "account-ada",
    version,
    state: { at: version },
    timestamp: new Date(1_700_000_000_123),
  };
}

async function life({ store }: Case, versions: number): Promise<void> {
  for (let i = 1; i <= versions; i++) {
    await store.append("account-ada", deposits(i));
  }
}

function fold({ commits, snapshot }: LoadedActor): number {
  const state = snapshot?.state as { sum: number } | undefined;
  return (state?.sum ?? 0) + sum(commits.flatMap(({ events }) => events));
}
