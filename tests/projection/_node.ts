/** A node in a process of its own, to be killed: prints `ready` and runs until it is. */
import process from "node:process";
import { Aether } from "@flowmade/aether";
import { Forward, Journal, Sums, Transfer } from "./_bank.ts";

const [servers, namespace, nodeId] = process.argv.slice(2) as [
  string,
  string,
  string,
];
await Aether.start({
  servers,
  namespace,
  nodeId,
  actors: [Transfer],
  policies: [Forward],
  projections: [Sums, Journal],
});
console.log("ready");
