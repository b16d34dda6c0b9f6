/** What the nodes of a soak run: one of everything a node does. */
import {
  defineActor,
  definePolicy,
  defineProjection,
  Rejected,
  type RejectedSend,
} from "../../mod.ts";

const Base = defineActor("wallet", {
  state: () => ({ coins: 0, isClosed: false }),
  events: {
    Put: (s, e: { coins: number }) => ({ ...s, coins: s.coins + e.coins }),
    Taken: (s, e: { coins: number }) => ({ ...s, coins: s.coins - e.coins }),
    Closed: (s) => ({ ...s, isClosed: true }),
    Reminded: (s) => s,
  },
}).commands({
  put(s, coins: number) {
    if (s.isClosed) throw new Rejected("closed");
    return { type: "Put", data: { coins } };
  },
  remind: () => ({ type: "Reminded" }),
});

/** Pays others, and reminds itself. */
export const Wallet = Base.commands({
  close: () => ({ type: "Closed" }),
  pay(s, c: { to: string; coins: number }, ctx) {
    if (c.coins > s.coins) throw new Rejected("too_few");
    ctx.send(Base, c.to, { onRejected: "takeBack" }).put(c.coins);
    return { type: "Taken", data: { coins: c.coins } };
  },
  takeBack: (_s, no: RejectedSend<number>) => ({
    type: "Put",
    data: { coins: no.input },
  }),
  // The next one takes the place of this one, if it comes before it is due.
  remindLater: (_s, after: number, ctx) => {
    ctx.schedule("later", { after }, "remind");
    return [];
  },
}).queries({ coins: (s) => s.coins });

/** Counts what wallets were reminded of. */
export const Counter = defineActor("counter", {
  state: () => ({ reminders: 0 }),
  events: { Counted: (s) => ({ reminders: s.reminders + 1 }) },
}).commands({ count: () => ({ type: "Counted" }) })
  .queries({ reminders: (s) => s.reminders });

/** Counters that the reminders are spread over. */
export const COUNTERS = 16;

export const CountReminders = definePolicy("reminders are counted", {
  on: [Wallet, {
    Reminded({ actorId }, ctx) {
      const number = Number(/\d+$/.exec(actorId)?.[0] ?? 0);
      ctx.send(Counter, `c${number % COUNTERS}`).count();
    },
  }],
});

/** How many coins there are. */
export const Treasury = defineProjection("treasury", {
  initial: () => ({ coins: 0 }),
  on: [Wallet, {
    Put: (all, { data }) => ({ coins: all.coins + data.coins }),
    Taken: (all, { data }) => ({ coins: all.coins - data.coins }),
  }],
});
