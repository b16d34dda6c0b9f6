/**
 * A node of a soak, in a process of its own: says `ready`, and what it holds, in a
 * line of JSON, for each line that it is sent.
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { Aether } from "../../mod.ts";
import { collectGarbage } from "../../bench/_runtime.ts";
import { Counter, CountReminders, Treasury, Wallet } from "./actors.ts";

const [servers, namespace, nodeId, maxActivations, leak] = process.argv.slice(
  2,
) as [string, string, string, string, string?];
process.on("unhandledRejection", (reason) => {
  console.error(`UNHANDLED in ${nodeId}`, reason);
  process.exit(70);
});
const leaked: unknown[] = [];
const node = await Aether.start({
  servers,
  namespace,
  nodeId,
  actors: [Wallet, Counter],
  policies: [CountReminders],
  projections: [Treasury],
  maxActivations: Number(maxActivations),
  onError: ({ error }) => console.error(`handler failed in ${nodeId}`, error),
});
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  // So that a soak can be seen to find what grows.
  if (leak !== undefined) leaked.push(new Array(Number(leak)).fill(line));
  for (let i = 0; i < 3; i++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { activations } = node.stats();
  const { heapUsed } = process.memoryUsage();
  console.log(JSON.stringify({ heap: heapUsed, activations }));
}
process.exit(0);
