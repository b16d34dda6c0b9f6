/** What the nodes that are killed run. */
import { defineActor, definePolicy, defineProjection } from "@flowmade/aether";

export const Transfer = defineActor("transfer", {
  state: () => 0,
  events: {
    Sent: (s: number, e: { n: number }) => s - e.n,
    Received: (s: number, e: { n: number; from: string }) => s + e.n,
  },
}).commands({
  send: (_s, n: number) => ({ type: "Sent", data: { n } }),
  receive: (_s, c: { n: number; from: string }) => ({
    type: "Received",
    data: c,
  }),
});

export const Forward = definePolicy("what was sent is received", {
  lease: 1_000,
  on: [Transfer, {
    Sent: ({ actorId, data }, ctx) =>
      ctx.send(Transfer, `to-${actorId.slice(-1)}`).receive({
        n: data.n,
        from: actorId,
      }),
  }],
});

export const Sums = defineProjection("sums", {
  lease: 1_000,
  initial: () => ({ sent: 0, received: 0, events: 0 }),
  on: [Transfer, {
    Sent: (v, { data }) => ({
      ...v,
      sent: v.sent + data.n,
      events: v.events + 1,
    }),
    Received: (v, { data }) => ({
      ...v,
      received: v.received + data.n,
      events: v.events + 1,
    }),
  }],
});

export const Journal = defineProjection("journal", {
  lease: 1_000,
  initial: () => [] as number[],
  key: (event) => event.actorId,
  on: [Transfer, {
    Sent: (list, { version }) => [...list, version],
    Received: (list, { version }) => [...list, version],
  }],
});
