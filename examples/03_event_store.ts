/**
 * The event store by itself: save, read, conflict, append. In memory, or on
 * NATS where a URL is given.
 *
 *     deno run -A examples/03_event_store.ts [nats://localhost:4222]
 *     bun examples/03_event_store.ts [nats://localhost:4222]
 */
import process from "node:process";
import {
  connect,
  type Event,
  type EventStore,
  InMemoryEventStore,
  JetStreamEventStore,
  ulid,
  VersionConflictError,
} from "@flowmade/aether";

const url = process.argv[2];
// On a server that stays: a namespace of its own for each run.
const namespace = `shop-${ulid()}`;
const connection = url === undefined
  ? undefined
  : await connect({ servers: url });
const store: EventStore = connection === undefined
  ? new InMemoryEventStore({ namespace })
  : await JetStreamEventStore.open(connection, { namespace });
console.log(`events live ${url === undefined ? "in memory" : "on NATS"}`);

// One type: what happened, to whom, as which version of it.
const event: Event = {
  id: ulid(),
  eventType: "OrderPlaced",
  actorId: "order-123",
  version: 1,
  data: { total: 100 },
  timestamp: new Date(),
};
await store.saveEvent(event);
console.log("order-123 placed, version 1");

// Another writer that does not know of it comes too late.
try {
  await store.saveEvent({ ...event, id: ulid(), eventType: "OrderCancelled" });
} catch (error) {
  if (!(error instanceof VersionConflictError)) throw error;
  console.log(`conflict: the order is at version ${error.actualVersion}`);
}

// Several events of one decision are one commit; the store counts the versions.
const { version } = await store.append("order-123", [
  { eventType: "OrderPaid", data: { total: 100 } },
  { eventType: "OrderShipped" },
], { expectedVersion: 1 });
console.log(`paid and shipped, version ${version}`);
await store.append("order-124", [{
  eventType: "OrderPlaced",
  data: { total: 7 },
}]);

const history = await store.getEvents("order-123", 0);
console.log(`order-123: ${history.map((e) => e.eventType).join(", ")}`);

let total = 0;
for await (const e of store.read({ type: "order" })) {
  if (e.eventType === "OrderPlaced") {
    total += (e.data as { total: number }).total;
  }
}
console.log(`all orders together: ${total}`);

await store.close();
await connection?.close();
