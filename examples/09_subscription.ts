/**
 * A subscription that renews each month, for years, on a clock that runs ahead:
 * each renewal sets the timer for the next one, and one that was missed while
 * nothing ran is made up for. In one process, in memory.
 *
 *     deno run -A examples/09_subscription.ts
 *     bun examples/09_subscription.ts
 */
import {
  Aether,
  type CancelTimer,
  type Clock,
  defineActor,
  InMemoryEventStore,
} from "@flowmade/aether";

/** A clock that stands still until it is told how late it is. */
class Calendar implements Clock {
  #now = Date.UTC(2026, 0, 31);
  readonly #timers = new Set<{ at: number; run: () => void }>();

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  timer(ms: number, run: () => void): CancelTimer {
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Lets time pass, and everything happen that falls due meanwhile. */
  async pass(until: number): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      const due = [...this.#timers].sort((a, b) => a.at - b.at)[0];
      if (due === undefined || due.at > until) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.run();
    }
    this.#now = Math.max(this.#now, until);
  }
}

const Invoice = defineActor("invoice", {
  state: () => ({ total: 0, count: 0 }),
  events: {
    Charged: (s, e: { amount: number; for: string }) => ({
      total: s.total + e.amount,
      count: s.count + 1,
    }),
  },
}).commands({
  charge: (_s, c: { amount: number; for: string }) => ({
    type: "Charged",
    data: c,
  }),
}).queries({ summary: (s) => s });

const Subscription = defineActor("subscription", {
  state: () => ({ months: 0, started: 0, isActive: false }),
  events: {
    Started: (s, e: { at: number }) => ({
      ...s,
      started: e.at,
      isActive: true,
    }),
    Renewed: (s, _e: { month: string }) => ({ ...s, months: s.months + 1 }),
    Ended: (s) => ({ ...s, isActive: false }),
  },
}).commands({
  start(s, _c: undefined, ctx) {
    if (s.isActive) return [];
    ctx.schedule("renewal", monthsAfter(ctx.now.getTime(), 1), "renew");
    return { type: "Started", data: { at: ctx.now.getTime() } };
  },
  renew(s, _c: undefined, ctx) {
    // Counted from the start: the 31st is not lost in February.
    const month = monthsAfter(s.started, s.months + 1);
    ctx.schedule("renewal", monthsAfter(s.started, s.months + 2), "renew");
    const text = month.toISOString().slice(0, 10);
    ctx.send(Invoice, ctx.key).charge({ amount: 12, for: text });
    return { type: "Renewed", data: { month: text } };
  },
  cancel(s, _c: undefined, ctx) {
    ctx.cancel("renewal");
    return s.isActive ? { type: "Ended" } : [];
  },
});

function monthsAfter(start: number, months: number): Date {
  const from = new Date(start);
  const month = from.getUTCMonth() + months;
  const last = new Date(Date.UTC(from.getUTCFullYear(), month + 1, 0));
  const day = Math.min(from.getUTCDate(), last.getUTCDate());
  return new Date(Date.UTC(from.getUTCFullYear(), month, day));
}

const clock = new Calendar();
await using store = new InMemoryEventStore({ namespace: "magazine", clock });
const open = () =>
  Aether.start({
    namespace: "magazine",
    actors: [Subscription, Invoice],
    store,
    clock,
  });

let aether = await open();
await aether.actor(Subscription, "ada").start();
await clock.pass(Date.UTC(2026, 5, 1));
let { count, total } = await aether.actor(Invoice, "ada").summary();
console.log(`in June: ${count} months, ${total} to pay`);
await aether.close();

// Nobody is there over the summer.
await clock.pass(Date.UTC(2026, 8, 15));
aether = await open();
await clock.pass(Date.UTC(2026, 8, 15));
({ count, total } = await aether.actor(Invoice, "ada").summary());
console.log(`in September: ${count} months, ${total} to pay`);

await clock.pass(Date.UTC(2028, 0, 31));
await aether.actor(Subscription, "ada").cancel();
await clock.pass(Date.UTC(2030, 0, 1));
({ count, total } = await aether.actor(Invoice, "ada").summary());
console.log(`after two years: ${count} months, ${total} to pay`);
const months = (await store.getEvents("invoice-ada"))
  .map(({ data }) => (data as { for: string }).for);
console.log(months.slice(0, 4).join(" "), "…", months.at(-1));
await aether.close();
