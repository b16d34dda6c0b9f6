/**
 * Two nodes and a client: the actors live on one node or the other, and the
 * client need not know which. One node leaves, and nothing is missing.
 *
 * Starts a nats-server of its own, unless it is given a URL.
 *
 *     deno run -A examples/04_nodes_and_client.ts [nats://localhost:4222]
 *     bun examples/04_nodes_and_client.ts [nats://localhost:4222]
 */
import process from "node:process";
import { Aether, defineActor, ulid } from "@flowmade/aether";
import { startNatsServer } from "../tools/nats_server.ts";

const Cart = defineActor("cart", {
  state: () => ({ items: 0 }),
  events: {
    ItemAdded: (s, _e: { name: string; by: string }) => ({
      items: s.items + 1,
    }),
  },
}).commands({
  add: (_s, c: { name: string; by: string }) => ({
    type: "ItemAdded",
    data: c,
  }),
}).queries({
  items: (s) => s.items,
});

await using own = process.argv[2] === undefined
  ? await startNatsServer()
  : undefined;
const servers = own?.url ?? process.argv[2]!;
// On a server that stays: a namespace of its own for each run.
const namespace = `shop-${ulid()}`;

// In life, each of these three is a process of its own.
const east = await Aether.start({
  servers,
  namespace,
  actors: [Cart],
  nodeId: "east",
});
const west = await Aether.start({
  servers,
  namespace,
  actors: [Cart],
  nodeId: "west",
});
const client = await Aether.start({ servers, namespace, actors: [] });

const names = Array.from({ length: 20 }, (_, index) => `customer-${index}`);
await Promise.all(
  names.map((name) =>
    client.actor(Cart, name).add({ name: "apple", by: name })
  ),
);
console.log(
  `20 carts: some live on east (${
    east.stats().activations > 0
  }), some on west (${west.stats().activations > 0})`,
);

// A node is a client, too: it calls what lives elsewhere the same way.
await east.actor(Cart, "customer-0").add({ name: "pear", by: "east" });
await west.actor(Cart, "customer-0").add({ name: "plum", by: "west" });
console.log(
  `customer-0 has ${await client.actor(Cart, "customer-0").items()} items`,
);

await west.close();
console.log("west has left");

await Promise.all(
  names.map((name) =>
    client.actor(Cart, name).add({ name: "bread", by: name })
  ),
);
const counts = await Promise.all(
  names.map((name) => client.actor(Cart, name).items()),
);
console.log(
  `20 carts, all on east, hold ${
    counts.reduce((sum, count) => sum + count, 0)
  } items`,
);

await client.close();
await east.close();
