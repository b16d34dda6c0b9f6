/**
 * `deno task soak`: three nodes at 70 % of their top speed for 20 minutes. Heaps,
 * consumers, subscriptions and file descriptors must not grow.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { findNatsServer } from "../../tools/nats_binary.ts";
import { endChildrenOnSignal, run } from "../../tools/process.ts";
import { findBun } from "../../tools/bun_binary.ts";
import { formatSoak } from "./report.ts";
import { soak } from "./soak.ts";

const HELP = `Lets three nodes work for a long time and looks for what grows.

  --minutes <n>    how long (20)
  --share <s>      share of the top speed (0.7)
  --seed <n>       what is called
  --warm-up <s>    seconds from which on heaps have to stand still (660)
  --every <s>      seconds between readings (5)
  --report <file>  where the report goes; printed only, by default`;

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "20" },
      share: { type: "string", default: "0.7" },
      seed: { type: "string" },
      "warm-up": { type: "string", default: "660" },
      every: { type: "string", default: "5" },
      report: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return true;
  }
  endChildrenOnSignal();
  const outcome = await soak({
    minutes: Number(values.minutes),
    share: Number(values.share),
    every: Number(values.every),
    warmUp: Number(values["warm-up"]),
    seed: values.seed === undefined ? undefined : Number(values.seed),
    log: console.log,
  });
  const version = async (program: string) =>
    (await run(program, ["--version"])).output.trim().replace(/^.*: ?v?/, "");
  const versions = [
    outcome.versions,
    `bun: ${await version(await findBun())}`,
    `nats-server: ${await version(await findNatsServer())}`,
  ].join(", ");
  const report = formatSoak({ ...outcome, versions });
  console.log(report);
  if (values.report !== undefined) writeFileSync(values.report, report);
  return outcome.problems.length === 0;
}

process.exit(await main() ? 0 : 1);
