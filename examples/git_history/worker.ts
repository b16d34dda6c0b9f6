/**
 * A worker: one node that hosts files. It says when it is ready, and leaves in
 * good order when its standard input ends, so it never outlives who started it.
 */
import process from "node:process";
import { Aether } from "@flowmade/aether";
import { File } from "./file_actor.ts";

const [url, namespace, nodeId] = process.argv.slice(2) as [
  string,
  string,
  string,
];
const aether = await Aether.start({
  servers: url,
  namespace,
  actors: [File],
  nodeId,
});
console.log("ready");
process.stdin.resume();
await new Promise((resolve) => process.stdin.once("end", resolve));
await aether.close();
process.exit(0);
