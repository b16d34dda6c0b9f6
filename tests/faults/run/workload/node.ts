/**
 * A node of a run: hosts all of its actors, its policy and its projection. Says
 * `ready`, counts aloud every second, leaves in good order on SIGTERM, and never
 * outlives who started it.
 */
import "./clock.ts";
import process from "node:process";
import {
  Aether,
  type AetherError,
  type AetherOptions,
} from "../../../../mod.ts";
import { Tally } from "../../fleet/tally.ts";
import { Account, Audit, Reminder } from "./actors.ts";
import { Spending, Sums } from "./reactions.ts";

const [servers, namespace, nodeId, replicas] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
];
for (const event of ["unhandledRejection", "uncaughtException"] as const) {
  process.on(event, (reason: unknown) => {
    console.error(`UNHANDLED in ${nodeId}`, reason);
    process.exit(70);
  });
}
const activations = process.env["AETHER_FAULT_ACTIVATIONS"];
/** Whoever supervises nodes starts one again that found nobody. */
async function start(): Promise<Aether> {
  for (let tries = 1;; tries++) {
    try {
      return await Aether.start(options);
    } catch (error) {
      const { retryable } = error as AetherError;
      if (!retryable || tries === STARTS) throw error;
    }
  }
}

const STARTS = 10;
const options: AetherOptions = {
  servers: servers.split(","),
  ignoreClusterUpdates: process.env["AETHER_FAULT_PROXY"] === "1",
  namespace,
  nodeId,
  actors: [Tally, Account, Reminder, Audit],
  policies: [Spending],
  projections: [Sums],
  replicas: Number(replicas) as 1 | 3,
  ...(activations === undefined ? {} : { maxActivations: Number(activations) }),
  log: ({ level, ...entry }) => {
    console.log(JSON.stringify({ ...entry, level, at: Date.now() }));
  },
};
const aether = await start();
console.log("ready");
const count = setInterval(() => {
  const { stats } = aether.store as { stats?: () => unknown };
  console.log(JSON.stringify({
    message: "counted",
    ...{ host: aether.stats(), store: stats?.call(aether.store) },
    rss: process.memoryUsage().rss,
  }));
}, 1_000);
count.unref();
process.stdin.resume();
process.stdin.once("end", () => process.exit(0));
