/** A node in a process of its own, to be killed: prints `ready` and runs until it is. */
import process from "node:process";
import { Aether } from "@flowmade/aether";
import { Account } from "./_account.ts";

const [servers, namespace, nodeId] = process.argv.slice(2) as [
  string,
  string,
  string,
];
const aether = await Aether.start({
  servers,
  namespace,
  nodeId,
  actors: [Account],
});
process.on("SIGTERM", async () => {
  await aether.close();
  process.exit(0);
});
console.log("ready");
