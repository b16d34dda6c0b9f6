/** What TypeScript infers: `deno check` fails when one of these lines changes. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  type ActorRef,
  Aether,
  defineActor,
  Rejected,
  type StateOf,
  type StoredEvent,
} from "@flowmade/aether";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends
  (<T>() => T extends B ? 1 : 2) ? true : false;
function same<A, B>(_: Equal<A, B>): void {}

interface Line {
  readonly sku: string;
  readonly count: number;
}

const Shelf = defineActor("shelf", {
  state: () => ({ count: 1 }),
  events: { Taken: (s, _e: { sku: string }) => ({ count: s.count - 1 }) },
}).commands({
  take: (_s, c: { sku: string }) => ({ type: "Taken", data: c }),
  empty: () => [],
}).queries({ count: (s) => s.count });

const Order = defineActor("order", {
  state: () => ({ lines: [] as readonly Line[], paid: false }),
  events: {
    LineAdded: (s, e: Line) => {
      same<typeof s, { lines: readonly Line[]; paid: boolean }>(true);
      return { ...s, lines: [...s.lines, e] };
    },
    Paid: (s) => ({ ...s, paid: true }),
  },
}).queries({
  total: (s) => s.lines.reduce((sum, line) => sum + line.count, 0),
  has: (s, q: { sku: string }) => s.lines.some((line) => line.sku === q.sku),
  later: (s) => Promise.resolve(s.paid),
}).commands({
  add: (s, line: Line, ctx) => {
    same<typeof s, { lines: readonly Line[]; paid: boolean }>(true);
    same<typeof ctx.commandId, string>(true);
    return { type: "LineAdded", data: line };
  },
  async pay(s) {
    await Promise.resolve();
    if (s.paid) throw new Rejected("paid");
    return [{ type: "Paid" }];
  },
  maybe(s, amount?: number) {
    if (amount === undefined || s.paid) return;
    return { type: "LineAdded", data: { sku: "x", count: amount } };
  },
  none: () => [],
  promises(s, _c: undefined, ctx) {
    const shelf = ctx.send(Shelf, "a1", { onRejected: "none" });
    same<ReturnType<typeof shelf.take>, void>(true);
    shelf.take({ sku: "a" });
    shelf.empty();
    ctx.send<typeof Shelf>("shelf", "a1").empty();
    ctx.schedule("later", { after: 1 }, "pay");
    ctx.schedule("later", new Date(), "pay", { any: "thing" });
    ctx.cancel("later");
    ctx.publish({ type: "Packed", data: s.lines });
    // @ts-expect-error an input is wanted
    if (s.paid) shelf.take();
    // @ts-expect-error no such command
    if (s.paid) shelf.fill();
    // @ts-expect-error queries are not sent
    if (s.paid) shelf.count();
    // @ts-expect-error not the name of that type
    if (s.paid) ctx.send<typeof Shelf>("shelv", "a1");
    // @ts-expect-error a time is wanted
    if (s.paid) ctx.schedule("later", 5, "pay");
  },
});

// Every wrong event is a compile error.
const wrong = () => {
  const base = defineActor("wrong", {
    state: () => ({ n: 0 }),
    events: { Added: (s, e: { by: number }) => ({ n: s.n + e.by }) },
  });
  // @ts-expect-error no event of that name
  base.commands({ add: () => ({ type: "Aded", data: { by: 1 } }) });
  // @ts-expect-error data of another type
  base.commands({ add: () => ({ type: "Added", data: { by: "1" } }) });
  // @ts-expect-error data is missing
  base.commands({ add: () => ({ type: "Added" }) });
  base.commands({
    // @ts-expect-error one of several is wrong
    add: () => [{ type: "Added", data: { by: 1 } }, { type: "X" }],
  });
  // @ts-expect-error a handler must not return something else
  base.commands({ add: () => 5 });
  base.commands({
    // @ts-expect-error wrong also when asynchronous
    add: () => Promise.resolve({ type: "Aded", data: { by: 1 } }),
  });
  // @ts-expect-error the state has no such field
  base.commands({ add: (s) => s.m });
  // @ts-expect-error an event handler returns the state
  defineActor("w", { state: () => ({ n: 0 }), events: { Added: (s) => s.n } });
};

function references(order: ActorRef<typeof Order>, aether: Aether) {
  same<ReturnType<typeof order.total>, Promise<number>>(true);
  same<ReturnType<typeof order.later>, Promise<boolean>>(true);
  same<Parameters<typeof order.has>[0], { sku: string }>(true);
  same<Parameters<typeof order.add>[0], Line>(true);
  same<
    Awaited<ReturnType<typeof order.add>>["events"][number],
    StoredEvent<"LineAdded", Line> | StoredEvent<"Paid", undefined>
  >(true);
  same<Awaited<ReturnType<typeof order.pay>>["version"], number>(true);
  same<StateOf<typeof Order>, { lines: readonly Line[]; paid: boolean }>(true);
  const calls = [
    () => order.add({ sku: "a", count: 1 }, { timeout: 5, commandId: "c" }),
    () => order.pay(),
    () => order.pay(undefined, { timeout: 5 }),
    () => order.maybe(),
    () => order.maybe(3),
    // @ts-expect-error an input is wanted
    () => order.add(),
    // @ts-expect-error another input is wanted
    () => order.add({ sku: "a" }),
    // @ts-expect-error no input is taken
    () => order.pay({ amount: 1 }),
    // @ts-expect-error no such command
    () => order.cancel(),
    // @ts-expect-error no such option
    () => order.pay(undefined, { tmeout: 5 }),
    () => aether.actor<typeof Order>("order", "1").pay(),
    // @ts-expect-error not the name of that type
    () => aether.actor<typeof Order>("ordr", "1").pay(),
  ];
  return calls.length;
}

describe("types", () => {
  it("are inferred", async () => {
    assert.equal(typeof wrong, "function");
    await using aether = await Aether.start({
      namespace: "types",
      actors: [Order, Shelf],
    });
    const order = aether.actor(Order, "1");
    assert.equal(references(order, aether), 12);
    const { version, events } = await order.add({ sku: "a", count: 2 });
    assert.equal(version, 1);
    const [event] = events;
    if (event?.eventType !== "LineAdded") throw new Error("not narrowed");
    assert.equal(event.data.sku, "a");
    assert.equal(await order.total(), 2);
    assert.equal((await order.promises()).version, 1);
  });
});
