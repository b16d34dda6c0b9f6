/**
 * `deno task faults`: breaks a cluster of real processes on purpose, again and again,
 * under load, and holds what callers were told against what the log says. Prints
 * seed, schedule and counts; the exit code is 1 if anything was wrong.
 *
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { seeded } from "../../support/mod.ts";
import type { RunRecord } from "../checker/mod.ts";
import { FAULTS } from "./faults/mod.ts";
import { judge } from "./judge.ts";
import { pageOf } from "./report.ts";
import { type Run, run, type RunReport } from "./run.ts";
import { surroundings } from "./surroundings.ts";

const HELP = `Breaks a cluster on purpose, under load.

  --minutes <n>      minutes in all (10; 1 when quick)
  --replicas <n>     nats-servers: 1, 3, or 1,3 for one run after the other (1)
  --only <ids>       these faults alone, such as F1,F5
  --seed <n>         repeats the choices of a run
  --rate <n>         calls a second (300)
  --quick            short faults, soon after one another, each once
  --report <file>    writes a page of Markdown
  --save             keeps what the runs left behind, also where all was right
  --check <file>     examines what a run left behind, again`;

const KEPT = ".cache/faults";

const { values } = parseArgs({
  options: {
    minutes: { type: "string" },
    replicas: { type: "string", default: "1" },
    only: { type: "string" },
    seed: { type: "string" },
    rate: { type: "string", default: "300" },
    quick: { type: "boolean", default: false },
    report: { type: "string" },
    save: { type: "boolean", default: false },
    check: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});

if (values.help) console.log(HELP);
else if (values.check !== undefined) examine(values.check);
else await main();

async function main(): Promise<void> {
  const { quick } = values;
  const minutes = Number(values.minutes ?? (quick ? 1 : 10));
  const only = values.only?.split(",");
  const faults = FAULTS.filter(({ id }) => only?.includes(id) ?? true);
  for (const id of only ?? []) {
    if (!FAULTS.some((fault) => fault.id === id)) {
      throw new Error(`Cannot inject "${id}" as there is no such fault`);
    }
  }
  const replicas = values.replicas.split(",").map(Number) as (1 | 3)[];
  const first = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  const runs: RunReport[] = [];
  for (const [i, servers] of replicas.entries()) {
    // Of the record nothing is kept in memory: the next run needs the room.
    const { record, report } = await run({
      replicas: servers,
      random: seeded(first + i),
      time: minutes * 60_000 / replicas.length,
      ...{ faults, quick },
      rate: Number(values.rate),
      tell: console.log,
    });
    print(report);
    if (values.save || report.violations.length > 0) keep({ record, report });
    runs.push(report);
  }
  if (values.report !== undefined) {
    const command = [
      "deno task faults",
      ...[`--minutes ${minutes}`, `--replicas ${values.replicas}`],
      ...[`--seed ${first}`],
      ...(quick ? ["--quick"] : []),
      ...(values.rate === "300" ? [] : [`--rate ${values.rate}`]),
      ...(only === undefined ? [] : [`--only ${only}`]),
    ].join(" ");
    writeFileSync(
      values.report,
      pageOf(runs, FAULTS, await surroundings(command)),
    );
  }
  process.exit(runs.every(({ violations }) => violations.length === 0) ? 0 : 1);
}

function print(report: RunReport): void {
  const { checked, counts, lateReads, operations, seed, staleReads } = report;
  const { unavailable } = report;
  for (const [fault, why] of unavailable) {
    console.log(`left out: ${fault}, as ${why}`);
  }
  for (const [kind, outcomes] of operations) {
    console.log(
      `${kind}: ${
        [...outcomes].map(([outcome, n]) => `${n} ${outcome}`).join(", ")
      }`,
    );
  }
  console.log(
    Object.entries({
      ...counts,
      "stale reads": staleReads,
      "late reads": lateReads,
    })
      .map(([what, n]) => `${what} ${n}`).join(", "),
  );
  console.log(
    `looked at ${
      Object.entries(checked).map(([id, n]) => `${id} ${n}`).join(", ")
    }`,
  );
  if (report.porcupine !== undefined) {
    const { operations, result } = report.porcupine;
    console.log(`porcupine: ${result} of ${operations} operations`);
  }
  for (const what of report.violations.slice(0, 40)) {
    console.log(`VIOLATION ${what}`);
  }
  console.log(`seed ${seed}: ${report.violations.length} violations`);
}

function keep({ record, report }: Run): void {
  const { replicas, schedule, seed, violations } = report;
  mkdirSync(KEPT, { recursive: true });
  const path = `${KEPT}/${seed}.json`;
  const told = schedule.map(({ at, fault, took }) => ({
    id: fault.id,
    at,
    took,
  }));
  writeFileSync(
    path,
    JSON.stringify({ seed, replicas, schedule: told, violations, record }),
  );
  console.log(`kept as ${path}`);
}

function examine(path: string): void {
  const { record } = JSON.parse(readFileSync(path, "utf8")) as {
    record: RunRecord;
  };
  const { checked, violations } = judge(record);
  console.log(checked);
  for (const { invariant, what } of violations) {
    console.log(`VIOLATION ${invariant}: ${what}`);
  }
  process.exitCode = violations.length === 0 ? 0 : 1;
}
