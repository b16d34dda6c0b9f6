/** Which events a subscription wants. */
import assert from "node:assert/strict";
import type { EventFilter, SubscribeOptions } from "../bus/mod.ts";
import { type BusCase, type BusSuite, failing, tell } from "./_bus_suite.ts";

const ACTORS = ["order-1", "order-eu-2", "cart-1", "orderly-1", "2024-report"];
const TYPES = ["Opened", "Changed", "Closed"];

const FILTERS: [
  string,
  EventFilter,
  (actor: string, type: string) => boolean,
][] = [
  [
    "event types",
    { eventTypes: ["Opened", "Closed"] },
    (_, t) => t !== "Changed",
  ],
  ["a type of actor", { actorType: "order" }, (a) => a.startsWith("order-")],
  ["actors without a type", { actorType: "_" }, (a) => a === "2024-report"],
  ["one actor", { actorId: "order-eu-2" }, (a) => a === "order-eu-2"],
  [
    "actors by a pattern",
    { actorId: "order-*" },
    (a) => a.startsWith("order-"),
  ],
  ["a pattern at both ends", { actorId: "*r*-1" }, (a) => /r.*-1$/.test(a)],
  [
    "a pattern with an end",
    { actorId: "order*1" },
    (a) => /^order.*1$/.test(a),
  ],
  ["a predicate", { where: (e) => e.version === 2 }, (_, t) => t === "Changed"],
  [
    "all of these",
    {
      eventTypes: ["Opened"],
      actorType: "order",
      actorId: "*-2",
      where: (e) => e.version < 3,
    },
    (a, t) => a === "order-eu-2" && t === "Opened",
  ],
];

export function testFilters(suite: BusSuite): void {
  suite.group("filters", () => {
    for (const [name, filter, wants] of FILTERS) {
      suite.test(`by ${name}, in each kind of subscription`, async (t) => {
        const kinds: SubscribeOptions[] = [
          {},
          { from: "beginning" },
          { durable: "single" },
          { durable: "competing", mode: "competing" },
        ];
        const tails = [];
        for (const kind of kinds) {
          tails.push(await t.tail({ ...kind, ...filter }));
        }
        await fill(t);
        const wanted = (await t.stored()).filter((e) =>
          wants(e.actorId, e.eventType)
        );
        assert.ok(wanted.length > 0);
        for (const [i, tail] of tails.entries()) {
          await tail.first(wanted.length);
          assert.deepEqual(tail.events, wanted, JSON.stringify(kinds[i]));
          assert.equal(tail.gaps.length, 0);
        }
      });
    }

    suite.test("tell of a predicate that throws, and go on", async (t) => {
      for (const kind of [{}, { from: "beginning" }] as SubscribeOptions[]) {
        const tail = await t.tail({
          ...kind,
          where: (event) => {
            if (event.eventType === "Bad") throw new Error("what is this?");
            return true;
          },
        });
        const actor = kind.from === undefined ? "order-1" : "order-2";
        await t.put(actor, "Good");
        await t.put(actor, "Bad");
        await t.put(actor, "Better");
        await tail.until(() =>
          tail.events.at(-1)?.actorId === actor &&
          tail.events.at(-1)?.eventType === "Better"
        );
        assert.ok(!tail.events.some((e) => e.eventType === "Bad"));
        assert.match(tail.errors[0]!.message, /what is this/);
        assert.equal(
          tail.errors[0]!.details["actorId"],
          tail.events[0]!.actorId,
        );
        await tail.subscription.close();
      }
    });

    suite.test("count what they leave out", async (t) => {
      const tail = await t.tail({ eventTypes: ["Closed"] });
      await fill(t);
      await tail.first(ACTORS.length);
      assert.equal(tail.subscription.stats().filtered, 2 * ACTORS.length);
    });

    suite.test("that cannot be are refused", async (t) => {
      const wrong = [
        { eventTypes: [] },
        { eventTypes: [""] },
        { eventTypes: "Opened" },
        { actorType: "or-der" },
        { actorId: "" },
        { actorId: "order-" },
        { actorId: "order-1", actorType: "cart" },
        { where: "x" },
      ] as unknown as EventFilter[];
      for (const filter of wrong) {
        await failing(
          "invalid_argument",
          () => t.bus.subscribe(t.namespace, filter),
        );
      }
    });

    suite.test("see ids in normal form C", async (t) => {
      const tail = await t.tail({ actorId: "order-gro\u0308\u00dfe" });
      await t.put("order-gr\u00f6\u00dfe", "Placed");
      await tail.first(1);
      assert.deepEqual(tail.events.map(tell), [
        "order-gr\u00f6\u00dfe@1 Placed",
      ]);
    });
  });
}

async function fill(t: BusCase): Promise<void> {
  for (const type of TYPES) {
    for (const actor of ACTORS) await t.put(actor, type);
  }
}
