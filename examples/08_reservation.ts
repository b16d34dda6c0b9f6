/**
 * A reservation that is paid in time or given up: a timer is part of the decision
 * that sets it, and so is cancelling it. In one process, in memory.
 *
 *     deno run -A examples/08_reservation.ts
 *     bun examples/08_reservation.ts
 */
import { Aether, defineActor, Rejected } from "@flowmade/aether";

const MINUTES = 300; // of this example, in milliseconds

interface Seat {
  readonly by?: string;
  readonly isPaid: boolean;
}

const Seat = defineActor("seat", {
  state: (): Seat => ({ isPaid: false }),
  events: {
    Reserved: (_s, e: { by: string }) => ({ by: e.by, isPaid: false }),
    Paid: (s) => ({ ...s, isPaid: true }),
    Released: () => ({ isPaid: false }),
  },
}).commands({
  reserve(s, c: { by: string; minutes: number }, ctx) {
    if (s.by !== undefined) throw new Rejected("taken", `${s.by} has it`);
    ctx.schedule("payment", { after: c.minutes * MINUTES }, "release");
    return { type: "Reserved", data: { by: c.by } };
  },
  pay(s, c: { by: string }, ctx) {
    if (s.by !== c.by) throw new Rejected("too_late", "the seat was released");
    ctx.cancel("payment");
    return { type: "Paid" };
  },
  // Only ever called by the timer; late or twice, it does no harm.
  release: (s) => s.isPaid || s.by === undefined ? [] : { type: "Released" },
}).queries({ reservedBy: (s) => s.by ?? null });

await using aether = await Aether.start({
  namespace: "theatre",
  actors: [Seat],
});
const [front, back] = [aether.actor(Seat, "A1"), aether.actor(Seat, "Z9")];

await front.reserve({ by: "ada", minutes: 3 });
await back.reserve({ by: "bob", minutes: 3 });
console.log("ada has A1, bob has Z9");
try {
  await front.reserve({ by: "cyd", minutes: 3 });
} catch (error) {
  console.log(`cyd cannot have A1: ${(error as Rejected).reason}`);
}
await front.pay({ by: "ada" });
console.log("ada pays");

while (await back.reservedBy() !== null) {
  await new Promise((resolve) => setTimeout(resolve, 10));
}
console.log("bob's time is over: Z9 is free");
try {
  await back.pay({ by: "bob" });
} catch (error) {
  console.log(`bob pays now: ${(error as Rejected).reason}`);
}
await back.reserve({ by: "cyd", minutes: 60 });
console.log(
  `A1 is ${await front.reservedBy()}'s, Z9 ${await back.reservedBy()}'s`,
);
for (const seat of ["A1", "Z9"]) {
  const events = await aether.store.getEvents(`seat-${seat}`);
  console.log(`${seat}: ${events.map((event) => event.eventType).join(", ")}`);
}
