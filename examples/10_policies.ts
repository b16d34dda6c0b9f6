/**
 * A policy: whenever an order is paid, parcels are packed. And one that has to
 * remember something, which is an actor: every third parcel earns a gift. One
 * command is refused; it is parked, to be looked at. In one process, in memory.
 *
 *     deno run -A examples/10_policies.ts
 *     bun examples/10_policies.ts
 */
import { Aether, defineActor, definePolicy, Rejected } from "@flowmade/aether";

const Order = defineActor("order", {
  state: () => ({ isPaid: false }),
  events: {
    Paid: (_s, e: { customer: string; parcels: readonly string[] }) => ({
      isPaid: e.parcels.length > 0,
    }),
  },
}).commands({
  pay: (_s, c: { customer: string; parcels: readonly string[] }) => ({
    type: "Paid",
    data: c,
  }),
});

const Warehouse = defineActor("warehouse", {
  state: () => ({ packed: [] as readonly string[] }),
  events: {
    Packed: (s, e: { parcel: string; customer: string }) => ({
      packed: [...s.packed, `${e.parcel} for ${e.customer}`],
    }),
  },
}).commands({
  pack(_s, c: { parcel: string; customer: string }) {
    if (c.parcel === "piano") throw new Rejected("too_heavy");
    return { type: "Packed", data: c };
  },
}).queries({ packed: (s) => s.packed });

/** Remembers how many parcels a customer got since the last gift. */
const Loyalty = defineActor("loyalty", {
  state: () => ({ parcels: 0 }),
  events: {
    Counted: (s) => ({ parcels: s.parcels + 1 }),
    Rewarded: () => ({ parcels: 0 }),
  },
}).commands({
  count: (s) =>
    s.parcels < 2
      ? { type: "Counted" }
      : [{ type: "Counted" }, { type: "Rewarded" }],
});

const policies = [
  definePolicy("when an order was paid", {
    on: [Order, {
      Paid({ data: { customer, parcels } }, ctx) {
        const main = ctx.send(Warehouse, "main");
        for (const parcel of parcels) main.pack({ parcel, customer });
      },
    }],
  }),
  definePolicy("parcels are counted", {
    on: [Warehouse, {
      Packed({ data }, ctx) {
        if (data.parcel !== "gift") ctx.send(Loyalty, data.customer).count();
      },
    }],
  }),
  definePolicy("loyalty is rewarded", {
    on: [Loyalty, {
      Rewarded({ actorId }, ctx) {
        const customer = actorId.slice("loyalty-".length);
        ctx.send(Warehouse, "main").pack({ parcel: "gift", customer });
      },
    }],
  }),
];

async function main() {
  await using aether = await Aether.start({
    namespace: "shop",
    actors: [Order, Warehouse, Loyalty],
    policies,
  });
  const pay = (id: string, customer: string, ...parcels: string[]) =>
    aether.actor(Order, id).pay({ customer, parcels });
  await pay("1", "ada", "book", "lamp");
  await pay("2", "bob", "piano");
  await pay("3", "ada", "chair");

  const warehouse = aether.actor(Warehouse, "main");
  let packed = await warehouse.packed();
  while (!packed.some((line) => line.startsWith("gift"))) {
    await new Promise((done) => setTimeout(done, 5));
    packed = await warehouse.packed();
  }
  for (const line of packed) console.log(`packed: ${line}`);

  for (const { because, command, reason } of await aether.parked().list()) {
    console.log(`parked as ${because}: ${JSON.stringify(command.input)}`);
    console.log(`  ${command.command} of ${command.actorId}: ${reason}`);
  }
}

if (import.meta.main) await main();
