/**
 * A node in a process of its own: says `ready`, leaves in good order on SIGTERM,
 * and never outlives who started it.
 */
import process from "node:process";
import { Aether } from "../../../mod.ts";
import { Tally } from "./tally.ts";

const [servers, namespace, nodeId, replicas] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
];
process.on("unhandledRejection", (reason) => {
  console.error(`UNHANDLED in ${nodeId}`, reason);
  process.exit(70);
});
await Aether.start({
  servers: servers.split(","),
  namespace,
  nodeId,
  actors: [Tally],
  replicas: Number(replicas) as 1 | 3,
  log: ({ level, ...entry }) => {
    console.log(JSON.stringify({ ...entry, level, at: Date.now() }));
  },
});
console.log("ready");
process.stdin.resume();
process.stdin.once("end", () => process.exit(0));
