/** Reading, held against a model. */
import assert from "node:assert/strict";
import type { NewEvent, StoredEvent } from "../event/mod.ts";
import type { ReadOptions } from "../store/mod.ts";
import type { Chance } from "./_random.ts";
import {
  type Case,
  collect,
  deposits,
  refused,
  someDeposits,
  type Suite,
} from "./_suite.ts";

export function testReads(suite: Suite): void {
  suite.group("read() and getEvents()", () => {
    suite.test("of what is not there is nothing", async ({ store }) => {
      for (
        const options of [{}, { type: "account" }, { actorId: "account-ada" }]
      ) {
        for (const direction of ["forward", "backward"] as const) {
          assert.deepEqual(
            await collect(store.read({ ...options, direction })),
            [],
          );
        }
      }
      assert.deepEqual(await store.getEvents("account-ada"), []);
      assert.equal(await store.getLatestVersion("account-ada"), 0);
      await store.append("account-bob", deposits(1));
      assert.deepEqual(
        await collect(store.read({ actorId: "account-ada" })),
        [],
      );
      assert.deepEqual(await collect(store.read({ type: "order" })), []);
    });

    suite.test("getEvents() starts at a version", async ({ store }) => {
      await store.append("account-ada", deposits(1, 2));
      await store.append("account-ada", deposits(3, 4));
      const versions = async (from?: number) =>
        (await store.getEvents("account-ada", from)).map((event) =>
          event.version
        );
      assert.deepEqual(await versions(), [1, 2, 3, 4]);
      assert.deepEqual(await versions(0), [1, 2, 3, 4]);
      assert.deepEqual(await versions(1), [1, 2, 3, 4]);
      assert.deepEqual(await versions(2), [2, 3, 4]);
      assert.deepEqual(await versions(4), [4]);
      assert.deepEqual(await versions(5), []);
    });

    for (const scope of ["actor", "type", "namespace"] as const) {
      for (const direction of ["forward", "backward"] as const) {
        suite.test(
          `${direction} by ${scope}, with from, to and limit, is as the model says`,
          async (t) => {
            const random = t.chance();
            const model = await writeHistory(t, random);
            const reader = await t.another();
            for (let bits = 0; bits < 8; bits++) {
              for (let round = 0; round < 4; round++) {
                const options = someOptions(
                  random,
                  model,
                  scope,
                  direction,
                  bits,
                );
                assert.deepEqual(
                  await collect(reader.read(options)),
                  expectedOf(model, options),
                  `seed ${suite.seed}: ${JSON.stringify(options)}`,
                );
              }
            }
          },
        );
      }
    }

    suite.test("a limit may fall inside a commit", async ({ store }) => {
      await store.append("account-ada", someDeposits(5));
      await store.append("account-ada", someDeposits(5));
      const versions = async (options: ReadOptions) =>
        (await collect(store.read(options))).map((event) => event.version);
      for (
        const where of [{}, { type: "account" }, { actorId: "account-ada" }]
      ) {
        assert.deepEqual(await versions({ ...where, limit: 3 }), [1, 2, 3]);
        assert.deepEqual(await versions({ ...where, limit: 7 }), [
          1,
          2,
          3,
          4,
          5,
          6,
          7,
        ]);
        assert.deepEqual(
          await versions({ ...where, limit: 3, direction: "backward" }),
          [10, 9, 8],
        );
        assert.deepEqual(await versions({ ...where, limit: 0 }), []);
      }
      assert.deepEqual(
        await versions({ actorId: "account-ada", from: 4, to: 7, limit: 3 }),
        [4, 5, 6],
      );
    });

    suite.test("what is appended while it runs does not show", async (t) => {
      await t.store.append("account-ada", deposits(1));
      await t.store.append("account-ada", deposits(2));
      for (
        const where of [{}, { type: "account" }, { actorId: "account-ada" }]
      ) {
        const before = await t.store.getEvents("account-ada");
        const reading = t.store.read(where)[Symbol.asyncIterator]();
        const seen = [(await reading.next()).value as StoredEvent];
        await t.store.append("account-ada", deposits(9));
        for (
          let next = await reading.next();
          !next.done;
          next = await reading.next()
        ) {
          seen.push(next.value);
        }
        assert.deepEqual(seen, before);
      }
    });

    suite.test("leaving early leaves the store as it was", async (t) => {
      const store = t.store;
      for (let i = 0; i < 20; i++) {
        await store.append(`account-${i % 4}`, deposits(i, i));
      }
      for (let i = 0; i < 30; i++) {
        for (
          const where of [{}, { type: "account" }, { actorId: "account-1" }]
        ) {
          const direction = i % 2 === 0 ? "forward" : "backward";
          for await (const event of store.read({ ...where, direction })) {
            assert.ok(event.version > 0);
            break;
          }
        }
        for await (const actorId of store.listActors()) {
          assert.match(actorId, /^account-/);
          break;
        }
      }
      const { version } = await store.append("account-0", deposits(1));
      assert.equal(version, 11);
      assert.equal((await collect(store.read())).length, 41);
    });

    suite.test("several readings at once do not mix", async (t) => {
      for (let i = 0; i < 60; i++) {
        await t.store.append(`account-${i % 3}`, deposits(i));
      }
      const [all, backward, ...actors] = await Promise.all([
        collect(t.store.read()),
        collect(t.store.read({ direction: "backward" })),
        ...[0, 1, 2].map((i) =>
          collect(t.store.read({ actorId: `account-${i}` }))
        ),
      ]);
      assert.equal(all!.length, 60);
      assert.deepEqual(backward, all!.toReversed());
      for (const [i, events] of actors.entries()) {
        assert.deepEqual(
          events,
          all!.filter((event) => event.actorId === `account-${i}`),
        );
      }
    });

    suite.test(`an actor of ${suite.longActor} events is read whole`, async (t) => {
      const { longActor } = suite;
      const reader = await t.another();
      const half = longActor >> 1;
      let { position } = await t.store.load("account-long");
      const positions = new Map([[0, position]]);
      while (position.version < longActor) {
        const { version } = position;
        // First in commits of up to 100, then one by one.
        const size = version < half ? Math.min(100, half - version) : 1;
        const events = someDeposits(size, version);
        ({ position } = await t.store.append("account-long", events, {
          expectedVersion: position,
        }));
        positions.set(position.version, position);
      }
      const versions = Array.from({ length: longActor }, (_, i) => i + 1);
      const amount = (event: { data: unknown }) =>
        (event.data as { amount: number }).amount;
      const forward = await collect(reader.read({ actorId: "account-long" }));
      assert.deepEqual(forward.map((event) => event.version), versions);
      assert.deepEqual(forward.map(amount), versions);
      const backward = await collect(
        reader.read({ actorId: "account-long", direction: "backward" }),
      );
      assert.deepEqual(
        backward.map((event) => event.version),
        versions.toReversed(),
      );

      const loaded = await reader.load("account-long");
      assert.deepEqual(loaded.position, position);
      assert.deepEqual(
        loaded.commits.flatMap(({ events }) => events).map(amount),
        versions,
      );

      const near = longActor - 9;
      const tail = await reader.getEvents("account-long", near);
      assert.deepEqual(
        tail.map((event) => event.version),
        versions.slice(near - 1),
      );
      for (const after of [half, longActor - 150, longActor - 3, longActor]) {
        const { commits } = await reader.load("account-long", {
          after: positions.get(after)!,
        });
        assert.deepEqual(
          commits.flatMap(({ events }) => events).map((event) => event.version),
          versions.slice(after),
        );
      }
    });

    const { received } = suite.options;
    if (received !== undefined) {
      suite.test("what is not consumed is not fetched", async (t) => {
        const data = "x".repeat(20_000);
        const size = 2_000;
        for (let i = 0; i < size; i += 20) {
          await t.store.append(
            "account-big",
            Array.from({ length: 20 }, () => ({ eventType: "E", data })),
          );
        }
        // Not the store that has appended: it may know what it has written.
        const before = received();
        for await (const event of t.store.read({ actorId: "account-big" })) {
          if (event.version === 3) break;
        }
        await t.store.getLatestVersion("account-big");
        const read = received() - before;
        assert.ok(read > data.length, `${read} bytes: this counts nothing`);
        assert.ok(
          read < size * data.length * 0.6,
          `${read} bytes for 3 of ${size} events`,
        );
      });
    }

    suite.test("options that make no sense are refused", async ({ store }) => {
      const bad: unknown[] = [
        { actorId: "account-ada", type: "account" },
        { type: "no type" },
        { type: "" },
        { actorId: "" },
        { from: -1 },
        { from: 1.5 },
        { to: -1 },
        { to: NaN },
        { limit: -1 },
        { limit: "3" },
        { direction: "sideways" },
      ];
      for (const options of bad) {
        await refused(
          "invalid_argument",
          () => collect(store.read(options as ReadOptions)),
        );
      }
      for (const from of [-1, 0.5, NaN, "1" as unknown as number]) {
        await refused(
          "invalid_argument",
          () => store.getEvents("account-ada", from),
        );
      }
      await refused("invalid_argument", () => store.getLatestVersion(""));
    });
  });
}

const ACTORS = [
  "account-ada",
  "account-bob",
  "order-1",
  "order-2",
  "2024-report",
  "x-ünï *",
];
const TYPES = ["account", "order", "_", "x", "none"];

/** Writes some 60 commits of many kinds by two stores; returns what was acknowledged. */
async function writeHistory(t: Case, random: Chance): Promise<StoredEvent[]> {
  const stores = [t.store, await t.another()];
  const model: StoredEvent[] = [];
  const some = (): NewEvent[] =>
    someDeposits(random.pick([1, 1, 2, 7]), model.length);
  for (let i = 0; i < 60; i++) {
    const store = random.pick(stores);
    const actorId = random.pick(ACTORS);
    const kind = random.int(10);
    if (kind === 0) await store.append(actorId, [], { fence: true });
    else if (kind === 1) {
      const appends = ["account-ada", "order-1"].map((actorId) => ({
        actorId,
        events: some(),
      }));
      const results = await store.appendAll(appends);
      model.push(...results.flatMap(({ events }) => events));
    } else model.push(...(await store.append(actorId, some())).events);
  }
  return model;
}

function someOptions(
  random: Chance,
  model: readonly StoredEvent[],
  scope: "actor" | "type" | "namespace",
  direction: "forward" | "backward",
  bits: number,
): ReadOptions {
  const actorId = random.pick([...ACTORS, "account-none"]);
  const type = random.pick(TYPES);
  const last = scope === "actor"
    ? model.filter((event) => event.actorId === actorId).length
    : model.at(-1)!.sequence;
  const bound = () => random.int(last + 3);
  return {
    direction,
    ...(scope === "actor" ? { actorId } : {}),
    ...(scope === "type" ? { type } : {}),
    ...(bits & 1 ? { from: bound() } : {}),
    ...(bits & 2 ? { to: bound() } : {}),
    ...(bits & 4 ? { limit: random.pick([0, 1, 2, 3, 5, 17, 1_000]) } : {}),
  };
}

function expectedOf(
  model: readonly StoredEvent[],
  options: ReadOptions,
): readonly StoredEvent[] {
  const {
    actorId,
    direction,
    from = 0,
    limit = Infinity,
    to = Infinity,
    type,
  } = options;
  const place = (event: StoredEvent) =>
    actorId === undefined ? event.sequence : event.version;
  const events = model.filter((event) =>
    (actorId === undefined || event.actorId === actorId) &&
    (type === undefined || typeOf(event.actorId) === type) &&
    place(event) >= from && place(event) <= to
  );
  return (direction === "backward" ? events.toReversed() : events).slice(
    0,
    limit,
  );
}

function typeOf(actorId: string): string {
  return actorId === "2024-report"
    ? "_"
    : actorId.slice(0, actorId.indexOf("-"));
}
