/**
 * A durable subscriber in a process of its own, under either runtime. Takes the
 * server's URL, the namespace and the lease; prints a line for each event, and
 * ends with its standard input.
 *
 * @module
 */
import process from "node:process";
import { NatsEventBus } from "../../bus/mod.ts";
import { connect } from "../../nats/mod.ts";

const [url, namespace, lease] = process.argv.slice(2);
const nc = await connect({ servers: url! });
const bus = new NatsEventBus(nc);
const subscription = bus.subscribe(namespace!, {
  durable: "s",
  lease: Number(lease),
});
process.stdin.on("end", async () => {
  await bus.close();
  await nc.close();
});
process.stdin.resume();
await subscription.ready;
console.log("ready");
for await (const { actorId, sequence, version } of subscription) {
  console.log(JSON.stringify({ actorId, sequence, version }));
}
