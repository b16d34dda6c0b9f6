/** What a run's nodes do on events: a policy that sends, and a projection that sums up. */
import { definePolicy, defineProjection } from "../../../../mod.ts";
import { Tally } from "../../fleet/tally.ts";
import { Audit } from "./actors.ts";

/** Each spending is noted, once and in order. */
export const Spending = definePolicy("note what is spent", {
  on: [Tally, {
    Spent({ actorId, version }, ctx) {
      const key = actorId.slice("tally-".length);
      ctx.send(Audit, key).note({ of: actorId, version });
    },
  }],
});

/** What each tally comes to. */
export const Sums = defineProjection("sums", {
  initial: () => ({ sum: 0, events: 0 }),
  key: ({ actorId }) => actorId,
  on: [Tally, {
    Added: ({ events, sum }, { data }) => ({
      sum: sum + data.by,
      events: events + 1,
    }),
    Spent: ({ events, sum }, { data }) => ({
      sum: sum - data.by,
      events: events + 1,
    }),
  }],
});
