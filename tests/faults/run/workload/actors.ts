/** The actors of a run besides tallies: they pay, remind and take note. */
import { defineActor, Rejected, type RejectedSend } from "../../../../mod.ts";

const Base = defineActor("account", {
  state: () => ({ balance: 0, isClosed: false, version: 0 }),
  events: {
    Deposited: (s, e: { amount: number }) => ({
      ...s,
      balance: s.balance + e.amount,
      version: s.version + 1,
    }),
    Paid: (s, e: { amount: number; to: string }) => ({
      ...s,
      balance: s.balance - e.amount,
      version: s.version + 1,
    }),
    Refunded: (s, e: { amount: number }) => ({
      ...s,
      balance: s.balance + e.amount,
      version: s.version + 1,
    }),
    Closed: (s) => ({ ...s, isClosed: true, version: s.version + 1 }),
  },
}).commands({
  deposit(s, { amount }: { amount: number }) {
    if (s.isClosed) throw new Rejected("closed");
    return { type: "Deposited", data: { amount } };
  },
});

/** Pays others; what a closed one does not take comes back. */
export const Account = Base.commands({
  /** Arrives, or comes back. */
  transfer(s, { amount, to }: { amount: number; to: string }, ctx) {
    if (amount > s.balance) throw new Rejected("insufficient_funds");
    ctx.send(Base, to, { onRejected: "refund" }).deposit({ amount });
    return { type: "Paid", data: { amount, to } };
  },
  /** Arrives, or is parked for good. */
  donate(s, { amount, to }: { amount: number; to: string }, ctx) {
    if (amount > s.balance) throw new Rejected("insufficient_funds");
    ctx.send(Base, to).deposit({ amount });
    return { type: "Paid", data: { amount, to } };
  },
  refund: (_s, { input }: RejectedSend<{ amount: number }>) => ({
    type: "Refunded",
    data: { amount: input.amount },
  }),
  close: () => ({ type: "Closed" }),
}).queries({ whole: (s) => s });

/** Sets timers, and takes them back. */
export const Reminder = defineActor("reminder", {
  state: () => ({ rang: 0, version: 0 }),
  events: {
    Set: (s, _e: { timer: string }) => ({ ...s, version: s.version + 1 }),
    Cancelled: (s, _e: { timer: string }) => ({ ...s, version: s.version + 1 }),
    Rang: (s, _e: { timer: string }) => ({
      rang: s.rang + 1,
      version: s.version + 1,
    }),
  },
}).commands({
  set(_s, { after, timer }: { timer: string; after: number }, ctx) {
    ctx.schedule(timer, { after }, "ring", { timer });
    return { type: "Set", data: { timer } };
  },
  cancel(_s, { timer }: { timer: string }, ctx) {
    ctx.cancel(timer);
    return { type: "Cancelled", data: { timer } };
  },
  ring: (_s, { timer }: { timer: string }) => ({
    type: "Rang",
    data: { timer },
  }),
}).queries({ whole: (s) => s });

/** Takes note of what a policy tells it. */
export const Audit = defineActor("audit", {
  state: () => ({ last: 0, version: 0 }),
  events: {
    Noted: (s, e: { of: string; version: number }) => ({
      last: e.version,
      version: s.version + 1,
    }),
  },
}).commands({
  note: (_s, of: { of: string; version: number }) => ({
    type: "Noted",
    data: of,
  }),
}).queries({ whole: (s) => s });
