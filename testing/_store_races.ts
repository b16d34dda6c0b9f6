/** Many writers at once, and readers beside them. */
import assert from "node:assert/strict";
import { type StoredEvent, ulid, VersionConflictError } from "../event/mod.ts";
import type { AppendResult, ExpectedVersion } from "../store/mod.ts";
import {
  assertLog,
  type Case,
  collect,
  deposits,
  settle,
  someDeposits,
  type Suite,
} from "./_suite.ts";

const RACERS = 64;

export function testRaces(suite: Suite): void {
  suite.group("many at once", () => {
    const kinds: [string, number, (t: Case) => Promise<ExpectedVersion>][] = [
      ["version 0", 0, () => Promise.resolve(0)],
      ["version 2", 2, () => Promise.resolve(2)],
      ['"no_stream"', 0, () => Promise.resolve("no_stream")],
      [
        "one position",
        2,
        async ({ store }) => (await store.load("account-ada")).position,
      ],
    ];
    for (const [what, has, expectation] of kinds) {
      suite.test(`of ${RACERS} appends that expect ${what} one wins`, async (t) => {
        if (has > 0) await t.store.append("account-ada", someDeposits(has));
        const expectedVersion = await expectation(t);
        const stores = [t.store, await t.another()];
        const { errors, values } = await settle(
          Array.from(
            { length: RACERS },
            (_, i) =>
              stores[i % 2]!.append("account-ada", deposits(i, i, i), {
                expectedVersion,
              }),
          ),
        );
        assertOneWinner(values.map((value) => value.events), errors, has);
        await assertLog(t.store, "account-ada", has + 3);
        assert.deepEqual(
          await t.store.getEvents("account-ada", has + 1),
          values[0]!.events,
        );
      });
    }

    suite.test(`of ${RACERS} saves of one version one wins`, async (t) => {
      await t.store.append("account-ada", deposits(1));
      const stores = [t.store, await t.another()];
      const { errors, values } = await settle(
        Array.from({ length: RACERS }, (_, i) =>
          stores[i % 2]!.saveEvent({
            id: ulid(),
            eventType: "Deposited",
            actorId: "account-ada",
            version: 2,
            data: { amount: i },
            timestamp: new Date(),
          })),
      );
      assertOneWinner(values.map((event) => [event]), errors, 1);
      await assertLog(t.store, "account-ada", 2);
      assert.deepEqual(await t.store.getEvents("account-ada", 2), values);
    });

    suite.test("a few appends that expect nothing all win", async (t) => {
      const stores = [t.store, await t.another()];
      const { errors, values } = await settle(
        Array.from(
          { length: 6 },
          (_, i) => stores[i % 2]!.append("account-ada", deposits(i)),
        ),
      );
      assert.deepEqual(errors, []);
      assert.deepEqual(values.map(({ version }) => version).sort(), [
        1,
        2,
        3,
        4,
        5,
        6,
      ]);
      await assertLog(t.store, "account-ada", 6);
    });

    suite.test("many appends that expect nothing win or say no", async (t) => {
      const stores = [t.store, await t.another()];
      const { errors, values } = await settle(
        Array.from(
          { length: RACERS },
          (_, i) => stores[i % 2]!.append("account-ada", deposits(i, i)),
        ),
      );
      for (const error of errors) {
        assert.ok(error instanceof VersionConflictError, `${error}`);
      }
      assert.ok(values.length > 0);
      await assertLog(t.store, "account-ada", values.length * 2);
      const stored = await t.store.getEvents("account-ada");
      const told = values.flatMap(({ events }) => events)
        .sort((a, b) => a.version - b.version);
      assert.deepEqual(stored, told);
    });

    suite.test("actors do not get in each other's way", async (t) => {
      const stores = [t.store, await t.another()];
      const writers = Array.from({ length: 50 }, async (_, actor) => {
        const results: AppendResult[] = [];
        for (let version = 0; version < 8; version++) {
          const store = stores[(actor + version) % 2]!;
          results.push(
            await store.append(`account-${actor}`, deposits(version), {
              expectedVersion: version,
            }),
          );
        }
        return results;
      });
      const results = (await Promise.all(writers)).flat();
      assert.equal(new Set(results.map(({ sequence }) => sequence)).size, 400);
      const all = await collect(t.store.read());
      assert.equal(all.length, 400);
      const versions = new Map<string, number>();
      let sequence = 0;
      for (const event of all) {
        assert.equal(event.version, (versions.get(event.actorId) ?? 0) + 1);
        versions.set(event.actorId, event.version);
        assert.ok(event.sequence > sequence);
        sequence = event.sequence;
      }
    });

    suite.test("a load beside a writer is whole and not behind", async (t) => {
      const reader = await t.another();
      let acknowledged = 0;
      let writing = true;
      const writer = (async () => {
        for (let version = 0; version < 200; version += 2) {
          await t.store.append("account-ada", deposits(1, 2), {
            expectedVersion: version,
          });
          acknowledged = version + 2;
        }
      })().finally(() => writing = false);
      writer.catch(() => {}); // awaited below, unless a load fails first
      let loads = 0;
      while (writing || loads === 0) {
        const atLeast = acknowledged;
        const { commits, position } = await reader.load("account-ada");
        assert.ok(
          position.version >= atLeast,
          `${position.version} < ${atLeast}`,
        );
        const versions = commits.flatMap(({ events }) => events).map((e) =>
          e.version
        );
        assert.deepEqual(
          versions,
          Array.from({ length: position.version }, (_, i) => i + 1),
        );
        loads++;
        await Promise.resolve();
      }
      await writer;
      assert.equal((await reader.load("account-ada")).position.version, 200);
    });

    suite.test("a reader that goes on where it was skips nothing", async (t) => {
      const reader = await t.another();
      const total = 8 * 25;
      const writers = Promise.all(
        Array.from({ length: 8 }, async (_, actor) => {
          for (let version = 0; version < 25; version++) {
            await t.store.append(`account-${actor}`, deposits(version), {
              expectedVersion: version,
            });
          }
        }),
      );
      const seen: StoredEvent[] = [];
      let ended = false;
      writers.then(() => ended = true, () => ended = true); // awaited below
      for (let last = false; !last;) {
        last = ended;
        const from = (seen.at(-1)?.sequence ?? 0) + 1;
        seen.push(...await collect(reader.read({ from })));
      }
      await writers;
      assert.equal(seen.length, total);
      assert.deepEqual(seen, await collect(t.store.read()));
    });

    suite.test("what one store has appended, another reads at once", async (t) => {
      const reader = await t.another();
      const actors = Math.max(1, Math.ceil(suite.pairs / 50));
      const stale: string[] = [];
      const positions = await Promise.all(
        Array.from(
          { length: actors },
          async (_, i) => (await t.store.load(`account-${i}`)).position,
        ),
      );
      for (let i = 0; i < suite.pairs; i++) {
        const actorId = `account-${i % actors}`;
        const before = positions[i % actors]!;
        const { position, version } = await t.store.append(
          actorId,
          deposits(i),
          {
            expectedVersion: before,
          },
        );
        positions[i % actors] = position;
        const way = i % WAYS.length;
        const seen = await WAYS[way]!(reader, actorId, version, before);
        if (seen !== version) {
          stale.push(`pair ${i}, way ${way}: ${seen} for ${version}`);
        }
      }
      assert.deepEqual(stale, []);
    });
  });
}

type Way = (
  reader: Case["store"],
  actorId: string,
  version: number,
  before: AppendResult["position"],
) => Promise<number | undefined>;

const WAYS: readonly Way[] = [
  async (reader, actorId) => (await reader.load(actorId)).position.version,
  async (reader, actorId, version) =>
    (await reader.getEvents(actorId, version)).at(-1)?.version,
  (reader, actorId) => reader.getLatestVersion(actorId),
  async (reader, actorId) =>
    (await collect(reader.read({ actorId, direction: "backward", limit: 1 })))[
      0
    ]?.version,
  async (reader, actorId, _version, after) =>
    (await reader.load(actorId, { after })).commits.at(-1)?.version,
  async (reader, actorId) =>
    (await reader.load(actorId)).commits.flatMap(({ events }) => events).length,
  async (reader, actorId) => {
    const [last] = await collect(
      reader.read({ direction: "backward", limit: 1 }),
    );
    return last?.actorId === actorId ? last.version : undefined;
  },
];

function assertOneWinner(
  winners: readonly (readonly StoredEvent[])[],
  errors: readonly unknown[],
  has: number,
): void {
  assert.equal(winners.length, 1);
  assert.equal(errors.length, RACERS - 1);
  const won = winners[0]!;
  for (const error of errors) {
    assert.ok(error instanceof VersionConflictError, `${error}`);
    assert.equal(error.actualVersion, has + won.length);
    assert.deepEqual(error.newerEvents, won);
  }
}
