/**
 * `deno task bench`: runs every bench under Deno and under Bun, one after the
 * other, and writes `bench/RESULTS.md` and its charts. What is missing (nats-server, Bun) is
 * fetched first. Options it does not know itself go to the benches.
 *
 * @module
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import process from "node:process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { findBun } from "../tools/bun_binary.ts";
import { findNatsServer } from "../tools/nats_binary.ts";
import { endChildrenOnSignal, run } from "../tools/process.ts";
import { drawChart } from "./_chart.ts";
import {
  chartsOf,
  type Circumstances,
  formatResults,
  type Run,
} from "./_results.ts";
import type { Report } from "./_report.ts";
import { clientVersion } from "./_runtime.ts";

const HELP =
  `Runs the benches under Deno and Bun and writes bench/RESULTS.md and
its charts.

  --only <names>    such as append,replay
  --runtime <name>  deno or bun
  --rounds <n>      rounds per case (5)
  --slice <ms>      how long each side runs at a time, about (400)
  --scale <share>   share of the full amount of data (1)
  --no-sync         without the server that syncs each write

A part of the benches or of the data, or fewer than 3 rounds, is printed and not
written.`;

const BENCHES = [
  "append",
  "replay",
  "activate",
  "history",
  "command",
  "hot_actor",
  "bus",
  "memory",
  "nodes",
  "failover",
  "rolling",
  "cluster_rest",
];
/** Fewer rounds are for trying the benches, not for results. */
const ROUNDS_WRITTEN = 3;
const BENCH_TIMEOUT = 30 * 60_000;

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", default: BENCHES.join(",") },
      runtime: { type: "string", default: "deno,bun" },
      rounds: { type: "string", default: "5" },
      slice: { type: "string", default: "400" },
      scale: { type: "string", default: "1" },
      "no-sync": { type: "boolean", default: false },
      // A folder for the results of a trial, whatever is missing in them.
      out: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return true;
  }
  endChildrenOnSignal();
  const benches = BENCHES.filter((name) =>
    values.only.split(",").includes(name)
  );
  const natsServer = await findNatsServer({ log: console.log });
  const programs = [
    { name: "deno", program: process.execPath, args: ["run", "-A"] },
    { name: "bun", program: await findBun({ log: console.log }), args: [] },
  ].filter(({ name }) => values.runtime.split(",").includes(name));
  const load = loadavg()[0]!;
  const began = performance.now();
  const options = [
    `--rounds=${values.rounds}`,
    `--slice=${values.slice}`,
    `--scale=${values.scale}`,
    ...(values["no-sync"] ? ["--no-sync"] : []),
  ];
  const env = { ...process.env, NATS_SERVER: natsServer, NO_COLOR: "1" };

  const runs: Run[] = [];
  for (const bench of benches) {
    for (const { name, program, args } of programs) {
      console.log(`\n== ${bench}, ${name}`);
      const script = fileURLToPath(new URL(`${bench}.ts`, import.meta.url));
      const { code, output } = await run(
        program,
        [...args, script, ...options],
        {
          env,
          timeout: BENCH_TIMEOUT,
        },
      );
      const report = code === 0 ? reportIn(output) : undefined;
      runs.push({ bench, runtime: name, report });
      console.log(report === undefined ? output : withoutJson(output));
    }
  }

  const minutes = (performance.now() - began) / 60_000;
  console.log(`\n${minutes.toFixed(1)} minutes in all`);
  const whole = benches.length === BENCHES.length && programs.length === 2 &&
    values.scale === "1" && !values["no-sync"] &&
    Number(values.rounds) >= ROUNDS_WRITTEN &&
    runs.every(({ report }) => report !== undefined);
  const folder = values.out ??
    (whole ? fileURLToPath(new URL(".", import.meta.url)) : undefined);
  if (folder !== undefined) {
    write(folder, runs, {
      load,
      minutes,
      natsServer: await versionOf(natsServer),
      natsClient: clientVersion(),
    });
    console.log(`written to ${join(folder, "RESULTS.md")}`);
  }
  return runs.every(({ report }) => report !== undefined);
}

/** Writes the results and the charts they show, in place of those before. */
function write(
  folder: string,
  runs: readonly Run[],
  circumstances: Circumstances,
): void {
  const charts = join(folder, "charts");
  rmSync(charts, { recursive: true, force: true });
  mkdirSync(charts, { recursive: true });
  for (const chart of chartsOf(runs)) {
    writeFileSync(join(charts, `${chart.name}.svg`), drawChart(chart));
  }
  writeFileSync(join(folder, "RESULTS.md"), formatResults(runs, circumstances));
}

function reportIn(output: string): Report | undefined {
  const last = output.split("\n").findLast((line) => line.startsWith("{"));
  return last === undefined ? undefined : JSON.parse(last) as Report;
}

function withoutJson(output: string): string {
  return output.split("\n").filter((line) => !line.startsWith("{")).join("\n")
    .trim();
}

async function versionOf(natsServer: string): Promise<string> {
  const { output } = await run(natsServer, ["--version"]);
  return /\d+\.\d+\.\d+\S*/.exec(output)?.[0] ?? "unknown";
}

process.exit(await main() ? 0 : 1);
