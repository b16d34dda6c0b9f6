/**
 * A node in a process of its own, for commands that go to another one. Takes the
 * server's URL and the namespace; runs until its standard input ends.
 *
 * @module
 */
import process from "node:process";
import { Aether } from "../mod.ts";
import { Order } from "./_order.ts";

const [servers, namespace] = process.argv.slice(2);
const node = await Aether.start({
  servers: servers!,
  namespace: namespace!,
  actors: [Order],
});
console.log("ready");
for await (const _ of process.stdin) { /* until it ends */ }
await node.close();
