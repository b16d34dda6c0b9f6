/**
 * Stores events and publishes notices from a process of its own, under either
 * runtime. Takes the server's URL, the namespace and how many; says so at the end.
 *
 * @module
 */
import process from "node:process";
import { NatsEventBus } from "../../bus/mod.ts";
import { ulid } from "../../event/mod.ts";
import { connect } from "../../nats/mod.ts";
import { JetStreamEventStore } from "../../store/mod.ts";

const [url, namespace, count] = process.argv.slice(2);
const nc = await connect({ servers: url! });
const store = await JetStreamEventStore.open(nc, { namespace: namespace! });
const bus = new NatsEventBus(nc);
for (let n = 0; n < Number(count); n++) {
  await store.append(`order-größe-${n % 5}`, [
    { eventType: "Placed", data: { n, text: '日本語 \u0000 \\ "quoted"' } },
    { eventType: "Paid", metadata: { correlationId: `c${n}`, who: "ä" } },
  ]);
  if (n % 10 > 0) continue;
  await bus.publish(namespace!, {
    id: ulid(),
    eventType: "Noticed",
    actorId: "order-1",
    version: 1,
    data: { n },
    timestamp: new Date(),
  });
}
await bus.close();
await store.close();
await nc.close();
console.log("done");
