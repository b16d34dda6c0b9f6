import { defineActor, defineProjection } from "@flowmade/aether";

/** An order: enough events to fold. */
export const Order = defineActor("order", {
  state: () => ({ total: 0, lines: 0 }),
  events: {
    Placed: (s, e: { customer: string; total: number }) => ({
      ...s,
      total: e.total,
    }),
    Added: (s, e: { price: number }) => ({
      total: s.total + e.price,
      lines: s.lines + 1,
    }),
    Cancelled: (s, e: { customer: string }) => ({
      ...s,
      total: e.customer === "" ? s.total : 0,
    }),
  },
}).commands({
  place: (_s, c: { customer: string; total: number }) => ({
    type: "Placed",
    data: c,
  }),
  add: (_s, prices: readonly number[]) =>
    prices.map((price) => ({ type: "Added" as const, data: { price } })),
  cancel: (_s, c: { customer: string }) => ({ type: "Cancelled", data: c }),
  nothing: () => [],
});

/** Another actor, whose events only some projections want. */
export const Visit = defineActor("visit", {
  state: () => 0,
  events: { Visited: (s: number, e: { by: string }) => s + e.by.length },
}).commands({ visit: (_s, by: string) => ({ type: "Visited", data: { by } }) });

/** Of both, one document. */
export const Turnover = defineProjection("turnover", {
  initial: () => ({ orders: 0, sum: 0, visits: 0, seen: [] as string[] }),
  on: [[Order, {
    Placed: (view, { data, id }) => ({
      ...view,
      orders: view.orders + 1,
      sum: view.sum + data.total,
      seen: [...view.seen, id],
    }),
    Added: (view, { data, id }) => ({
      ...view,
      sum: view.sum + data.price,
      seen: [...view.seen, id],
    }),
  }], [Visit, {
    Visited: (view, { id }) => ({
      ...view,
      visits: view.visits + 1,
      seen: [...view.seen, id],
    }),
  }]],
});

/** Of one actor type, a document for each customer. */
export const Customers = defineProjection("by customer", {
  initial: () => ({ orders: [] as string[], sum: 0 }),
  key: (event) => event.eventType === "Added" ? undefined : event.data.customer,
  on: [Order, {
    Placed: (view, { actorId, data }) => ({
      orders: [...view.orders, actorId],
      sum: view.sum + data.total,
    }),
    Cancelled: () => null,
  }],
});
