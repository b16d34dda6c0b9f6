import { defineActor, Rejected } from "@flowmade/aether";

/** Something a test opens when it wants a waiting handler to go on. */
export class Gate {
  readonly #entered = Promise.withResolvers<void>();
  readonly #opened = Promise.withResolvers<void>();
  /** How many handlers came to it. */
  count = 0;

  /** Resolves when the first handler waits here. */
  get entered(): Promise<void> {
    return this.#entered.promise;
  }

  open(): void {
    this.#opened.resolve();
  }

  pass(): Promise<void> {
    this.count++;
    this.#entered.resolve();
    return this.#opened.promise;
  }
}

const gates = new Map<string, Gate>();
let next = 0;

/** A new gate, and the name by which a command finds it. */
export function gate(): { name: string; gate: Gate } {
  const name = `gate-${next++}`;
  const gate = new Gate();
  gates.set(name, gate);
  return { name, gate };
}

/** How often each command id was decided, in this process. */
export const decided = new Map<string, number>();

const Base = defineActor("account", {
  state: () => ({ balance: 0, notes: [] as readonly string[] }),
  events: {
    Deposited: (s, e: { amount: number }) => ({
      ...s,
      balance: s.balance + e.amount,
    }),
    Withdrawn: (s, e: { amount: number }) => ({
      ...s,
      balance: s.balance - e.amount,
    }),
    Noted: (s, e: { text: string; tags?: readonly string[] }) => ({
      ...s,
      notes: [...s.notes, e.text],
    }),
    Closed: (s) => ({ ...s, balance: 0 }),
    Poisoned: (s, e: { fatal: boolean }) => {
      if (e.fatal) throw new Error("cannot be applied");
      return s;
    },
  },
  mailbox: 3,
  snapshotEvery: 10,
}).commands({
  deposit(_s, c: { amount: number }, ctx) {
    decided.set(ctx.commandId, (decided.get(ctx.commandId) ?? 0) + 1);
    return { type: "Deposited", data: { amount: c.amount } };
  },
});

/** An account with a command for each thing a test wants to happen. */
export const Account = Base.commands({
  withdraw(s, c: { amount: number }) {
    if (c.amount > s.balance) {
      throw new Rejected("insufficient_funds", `balance is ${s.balance}`, {
        missing: c.amount - s.balance,
      });
    }
    return { type: "Withdrawn", data: { amount: c.amount } };
  },
  note: (_s, text: string) => ({ type: "Noted", data: { text } }),
  close: () => ({ type: "Closed" }),
  nothing: () => [],
  nothingAtAll: () => {},
  both: (_s, c: { amount: number }) => [
    { type: "Deposited", data: { amount: c.amount } },
    { type: "Noted", data: { text: "both" } },
  ],
  poison: (_s, fatal: boolean) => ({ type: "Poisoned", data: { fatal } }),
  async hold(_s, name: string) {
    await gates.get(name)!.pass();
    return { type: "Noted", data: { text: name } };
  },
  async holdOrReject(s, c: { gate: string; most: number }) {
    await gates.get(c.gate)!.pass();
    if (s.balance >= c.most) throw new Rejected("full", `at ${s.balance}`);
    return { type: "Deposited", data: { amount: 1 } };
  },
  explode: () => {
    throw new TypeError("boom");
  },
  undefinedAmount: () => ({
    type: "Deposited",
    data: { amount: undefined as unknown as number },
  }),
  mutate(s) {
    (s as { balance: number }).balance = 1_000_000;
    return [];
  },
  mutateInput(_s, c: { amount: number }) {
    c.amount = 7;
    return { type: "Deposited", data: c };
  },
  async pay(_s, c: { to: string; amount: number }, ctx) {
    await ctx.actor(Base, c.to).deposit({ amount: c.amount });
    return { type: "Withdrawn", data: { amount: c.amount } };
  },
  async holdAndPay(_s, c: { gate: string; to: string }, ctx) {
    await gates.get(c.gate)!.pass();
    await ctx.actor(Base, c.to).deposit({ amount: 1 });
    return { type: "Noted", data: { text: "paid" } };
  },
  async ring(_s, keys: readonly string[], ctx) {
    const [first, ...rest] = keys;
    if (first === undefined) return { type: "Noted", data: { text: "end" } };
    // A definition cannot name itself while it is being inferred.
    const next = ctx.actor(Base, first) as unknown as {
      ring(keys: readonly string[]): Promise<unknown>;
    };
    await next.ring(rest);
    return { type: "Noted", data: { text: `rang ${first}` } };
  },
}).queries({
  balance: (s) => s.balance,
  notes: (s) => s.notes,
  atLeast: (s, q: { amount: number }) => s.balance >= q.amount,
  version: (_s, _q: undefined, ctx) => ctx.version,
  slowly: async (s, name: string) => {
    await gates.get(name)!.pass();
    return s.balance;
  },
  aDate: () => ({ at: new Date() }),
  nothing2: () => undefined,
  failing: () => {
    throw new Error("no answer");
  },
});
