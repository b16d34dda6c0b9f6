/** Subscriptions that span namespaces. */
import assert from "node:assert/strict";
import { matchesPattern } from "../event/mod.ts";
import { assertOrder, type BusSuite, failing, notice } from "./_bus_suite.ts";

export function testPatterns(suite: BusSuite): void {
  suite.group("patterns", () => {
    suite.test("match namespaces as NATS matches subjects", async (t) => {
      const root = t.namespace;
      const names = [
        root,
        `${root}.eu`,
        `${root}.eu.west`,
        `${root}.eu.west.x`,
      ];
      const stores = [t.store];
      for (const name of names.slice(1)) stores.push(await t.openStore(name));
      const wanted: [string, number[]][] = [
        [root, [0]],
        [`${root}.*`, [1]],
        [`${root}.>`, [1, 2, 3]],
        [`${root}.*.west`, [2]],
        [`${root}.eu.*`, [2]],
        [`${root}.eu.>`, [2, 3]],
        [`${root}.*.*`, [2]],
        [`${root}.*.*.*`, [3]],
        [`${root}.*.west.>`, [3]],
        ["*.eu", [1]],
        ["*.*.west", [2]],
      ];
      // Other cases run beside this one: only this one has that type of actor.
      const type = root.replaceAll("-", "_");
      const actor = `${type}-1`;
      const tails = await Promise.all(
        wanted.map(([pattern]) => t.tail({ actorType: type }, pattern)),
      );
      for (const store of stores) {
        await store.append(actor, [{ eventType: "Stored" }]);
        await t.bus.publish(store.namespace, notice(actor));
      }
      for (const [i, [pattern, places]] of wanted.entries()) {
        const expected = places.flatMap((
          place,
        ) => [names[place], names[place]]);
        await tails[i]!.first(expected.length);
        assert.deepEqual(
          tails[i]!.events.map((e) => e.namespace).sort(),
          expected.sort(),
          pattern,
        );
        for (const name of names) {
          assert.equal(
            matchesPattern(pattern, name),
            expected.includes(name),
            `${pattern} and ${name}`,
          );
        }
      }
    });

    suite.test("keep the order of each namespace", async (t) => {
      const other = await t.openStore(`${t.namespace}.b`);
      const third = await t.openStore(`${t.namespace}.c`);
      const tail = await t.tail({}, `${t.namespace}.*`);
      await Promise.all([other, third].map(async (store) => {
        for (let i = 0; i < 50; i++) {
          await store.append(`order-${i % 5}`, [{ eventType: "E" }]);
        }
      }));
      await tail.first(100);
      assertOrder(tail.events);
      for (const store of [other, third]) {
        assert.deepEqual(
          tail.events.filter((e) => e.namespace === store.namespace),
          await t.stored(store),
        );
      }
    });

    suite.test("see a namespace that begins later", async (t) => {
      const tail = await t.tail({}, `${t.namespace}.>`);
      const late = await t.openStore(`${t.namespace}.late`);
      await late.append("order-1", [{ eventType: "Placed" }]);
      await tail.first(1);
      assert.equal(tail.events[0]!.namespace, `${t.namespace}.late`);
    });

    suite.test("are refused from a point, and durably", async (t) => {
      for (
        const options of [
          { from: "beginning" },
          { from: { sequence: 3 } },
          { durable: "d" },
          { durable: "d", mode: "competing" },
        ] as const
      ) {
        const error = await failing(
          "invalid_argument",
          () => t.bus.subscribe(`${t.namespace}.*`, options),
        );
        assert.match(error.message, /order is per namespace/);
      }
    });

    suite.test("are refused where they are none", async (t) => {
      for (
        const pattern of [
          "",
          ".",
          "a..b",
          "a.",
          ">.a",
          "a*",
          "a b",
          "a.>.b",
          "a.b.c.d.e",
          "a.b.c.d.>",
          "ä",
        ]
      ) {
        await failing("invalid_argument", () => t.bus.subscribe(pattern));
      }
    });
  });
}
