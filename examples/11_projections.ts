/**
 * Projections: what was rented, in one document, and a document for each customer.
 * Then the handlers change: the new version folds the whole log anew. In memory,
 * or on a server: then the documents are there after a restart.
 *
 *     deno run -A examples/11_projections.ts [nats://localhost:4222]
 *     bun examples/11_projections.ts [nats://localhost:4222]
 */
import process from "node:process";
import {
  Aether,
  type AetherOptions,
  connect,
  defineActor,
  defineProjection,
  destroyNamespace,
  InMemoryEventStore,
  ulid,
} from "@flowmade/aether";

const Bike = defineActor("bike", {
  state: () => ({ rentals: 0 }),
  events: {
    Rented: (s, e: { by: string; hours: number }) => ({
      rentals: s.rentals + (e.hours > 0 ? 1 : 0),
    }),
    Returned: (s) => s,
  },
}).commands({
  rent: (_s, c: { by: string; hours: number }) => ({ type: "Rented", data: c }),
  return: () => ({ type: "Returned" }),
});

/** How many bikes are out. */
const Fleet = defineProjection("fleet", {
  initial: () => ({ out: 0, rentals: 0 }),
  on: [Bike, {
    Rented: (fleet) => ({ out: fleet.out + 1, rentals: fleet.rentals + 1 }),
    Returned: (fleet) => ({ ...fleet, out: fleet.out - 1 }),
  }],
});

/** What each customer has to pay. */
const bills = (version: number, price: (hours: number) => number) =>
  defineProjection("bills", {
    version,
    initial: () => ({ rentals: 0, total: 0 }),
    key: (event) => event.eventType === "Rented" ? event.data.by : undefined,
    on: [Bike, {
      Rented: (bill, { data }) => ({
        rentals: bill.rentals + 1,
        total: bill.total + price(data.hours),
      }),
    }],
  });
const Bills = bills(1, (hours) => hours * 5);
const CheaperBills = bills(2, (hours) => Math.min(hours * 5, 20));

async function main(servers: string | undefined) {
  const namespace = `bikes-${ulid()}`;
  const options: AetherOptions = servers === undefined
    ? {
      namespace,
      actors: [Bike],
      store: new InMemoryEventStore({ namespace }),
    }
    : { namespace, actors: [Bike], servers };

  {
    await using aether = await Aether.start({
      ...options,
      projections: [Fleet, Bills],
    });
    await aether.actor(Bike, "red").rent({ by: "ada", hours: 2 });
    await aether.actor(Bike, "blue").rent({ by: "bob", hours: 10 });
    await aether.actor(Bike, "red").return();
    const receipt = await aether.actor(Bike, "red").rent({
      by: "ada",
      hours: 1,
    });

    const fleet = aether.projection(Fleet);
    await fleet.caughtUpTo(receipt); // now it shows this very rental
    const { out, rentals } = await fleet.get();
    console.log(`${out} bikes are out, ${rentals} were rented`);

    const billing = aether.projection(Bills);
    await billing.caughtUpTo(receipt);
    for (const customer of ["ada", "bob", "eve"]) {
      console.log(
        `${customer}: ${JSON.stringify(await billing.get(customer))}`,
      );
    }
  }

  {
    await using aether = await Aether.start({
      ...options,
      projections: [Fleet, CheaperBills],
    });
    const billing = aether.projection(CheaperBills);
    await billing.caughtUpTo(); // all that is stored by now
    const lines: string[] = [];
    for await (const { key, value } of billing.list()) {
      lines.push(`${key} ${value.total}`);
    }
    console.log(`with the new prices: ${lines.sort().join(", ")}`);
    console.log(`${(await aether.projection(Fleet).get()).out} bikes are out`);
  }

  if (servers === undefined) return;
  await using nc = await connect({ servers });
  await destroyNamespace(nc, namespace, { confirm: namespace });
}

if (import.meta.main) await main(process.argv[2]);
