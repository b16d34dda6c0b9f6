import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  defineActor,
  definePolicy,
  defineProjection,
  type ManyViews,
  type OneView,
  type StoredEvent,
  type ViewOf,
} from "@flowmade/aether";
import { modelOf } from "../../model/mod.ts";
import { type Customers, Order, Turnover, Visit } from "./_shop.ts";

type Placed = StoredEvent<"Placed", { customer: string; total: number }>;

const refused = { code: "invalid_argument" };

describe("defineProjection()", () => {
  it("brings its three forms into one, which models can read", () => {
    const one = defineProjection("a", {
      initial: () => 0,
      on: [Order, { Placed: (sum, { data }) => sum + data.total }],
    });
    const several = defineProjection("a", {
      initial: () => 0,
      on: [
        [Order, { Placed: (sum, { data }) => sum + data.total }],
        [Visit, { Visited: (sum, { data }) => sum + data.by.length }],
      ],
    });
    const named = defineProjection("a", {
      initial: () => 0,
      on: { order: { Placed: (sum, { data }: Placed) => sum + data.total } },
    });
    const names = (on: object) =>
      Object.entries(on).map(([type, events]) => [type, Object.keys(events)]);
    assert.deepEqual(names(one.on), [["order", ["Placed"]]]);
    assert.deepEqual(names(named.on), names(one.on));
    assert.deepEqual(names(several.on), [["order", ["Placed"]], ["visit", [
      "Visited",
    ]]]);
    assert.ok(Object.isFrozen(one) && Object.isFrozen(one.on["order"]));
    assert.deepEqual([one.version, one.lease], [1, 5_000]);
    const Pay = definePolicy("pay", {
      sends: ["visit.visit"],
      on: [Order, { Placed: () => {} }],
    });
    const model = modelOf([Order, Visit, Turnover, Pay], { name: "shop" });
    assert.deepEqual(model.readModels?.["turnover"]?.from, [
      "order.Placed",
      "order.Added",
      "visit.Visited",
    ]);
    assert.deepEqual(model.policies?.["pay"], {
      on: ["order.Placed"],
      sends: ["visit.visit"],
    });
  });

  it("infers events, their data and the view", () => {
    const view: OneView<{ orders: number }> | undefined = undefined as
      | ViewOf<typeof Turnover>
      | undefined;
    const views: ManyViews<{ orders: string[] }> | undefined = undefined as
      | ViewOf<typeof Customers>
      | undefined;
    assert.deepEqual([view, views], [undefined, undefined]);
    assert.throws(() =>
      defineProjection("wrong", {
        initial: () => 0,
        // @ts-expect-error No such event.
        on: [Order, { Lost: (sum: number) => sum }],
      }), refused);
    defineProjection("wrong", {
      initial: () => 0,
      on: [Order, {
        // @ts-expect-error No such data.
        Placed: (sum, { data }) => sum + data.price,
      }],
    });
    defineProjection("wrong", {
      initial: () => 0,
      // @ts-expect-error Not a number.
      on: [[Order, { Placed: () => "one" }]],
    });
    defineProjection("wrong", {
      initial: () => 0,
      // @ts-expect-error No such data.
      key: ({ data }) => data.nobody,
      on: [Visit, { Visited: (sum) => sum + 1 }],
    });
  });

  const initial = () => 0;
  const fold = (n: number) => n + 1;
  const wrong: [string, () => unknown][] = [
    ["no name", () => define("", {})],
    ["a long name", () => define("x".repeat(65), {})],
    ["a name that is none", () => define(7 as never, {})],
    ["a lone surrogate", () => define("\ud800", {})],
    ["no first document", () => define("a", { initial: 7 })],
    ["a key that is no function", () => define("a", { key: "by" })],
    ["version 0", () => define("a", { version: 0 })],
    ["half a lease", () => define("a", { lease: 0.5 })],
    ["no handlers", () => define("a", { on: {} })],
    ["none of the forms", () => define("a", { on: "order" })],
    ["a definition without handlers", () => define("a", { on: [Order] })],
    ["no event of a type", () => define("a", { on: { order: {} } })],
    ["a handler that is none", () => define("a", { on: { order: { A: 1 } } })],
    ["no actor type", () => define("a", { on: { "a-b": { A: fold } } })],
    ["an unknown event", () => define("a", { on: [Order, { A: fold }] })],
    [
      "one event twice",
      () =>
        define("a", {
          on: [[Order, { Placed: fold }], [Order, { Placed: fold }]],
        }),
    ],
  ];
  function define(name: string, spec: object) {
    return defineProjection(name, {
      initial,
      on: { order: { Placed: fold } },
      ...spec,
    } as never);
  }
  for (const [what, run] of wrong) {
    it(`refuses ${what}`, () => assert.throws(run, refused));
  }
});

describe("definePolicy()", () => {
  it("infers events and their data, and what can be sent", () => {
    const Pay = definePolicy("pay", {
      on: [Order, {
        Placed: ({ data }, ctx) => ctx.send(Visit, data.customer).visit("x"),
      }],
    });
    assert.equal(Pay.durable, "policy-pay");
    assert.equal(Pay.from, "beginning");
    definePolicy("pay", {
      on: [Order, {
        // @ts-expect-error No such command.
        Placed: ({ data }, ctx) => ctx.send(Visit, data.customer).leave(),
      }],
    });
    definePolicy("pay", {
      on: [Order, {
        // @ts-expect-error No such input.
        Placed: ({ data }, ctx) => ctx.send(Visit, data.customer).visit(7),
      }],
    });
    definePolicy("pay", {
      on: [[Visit, {
        // @ts-expect-error No such data.
        Visited: ({ data }, ctx) => ctx.send(Visit, data.who).visit("x"),
      }]],
    });
    const Late = defineActor("late", { state: () => 0, events: {} });
    definePolicy("by name", {
      on: {
        order: {
          Placed: ({ data }: Placed, ctx) =>
            ctx.send<typeof Visit>("visit", data.customer).visit("x"),
        },
        late: { Anything: () => {} },
      },
    });
    assert.throws(
      () => definePolicy("late", { on: [Late, { Never: () => {} } as never] }),
      refused,
    );
    assert.throws(
      () => definePolicy("a", { lease: 1, on: { order: { A: () => {} } } }),
      refused,
    );
  });
});
