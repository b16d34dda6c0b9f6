/**
 * Nodes in processes of their own, under a steady load of calls on actors of which
 * few are busy, while something is done to them; at the end the log is held against
 * what the callers were told.
 */
import { checkHistory } from "../tests/faults/checker/history.ts";
import { Fleet } from "../tests/faults/fleet/fleet.ts";
import { Load } from "../tests/faults/fleet/load.ts";
import { type Random, seeded } from "../tests/support/mod.ts";
import type { Panel } from "./_chart.ts";
import type { Goal, Table } from "./_report.ts";
import { type OwnValues, runtime } from "./_runtime.ts";
import { percentile } from "./_statistics.ts";

/** What every bench with a fleet may be told; nodes run on this runtime by default. */
export const FLEET = {
  nodes: 3,
  replicas: 1,
  runtime: runtime as string,
  rate: 300,
  actors: 200,
  seed: "",
};

/** The same for people. */
export const FLEET_HELP = `
  --nodes <n>      how many run (3)
  --replicas <n>   nats-servers and copies of each stream, 1 or 3 (1)
  --runtime <r>    deno, bun or mixed (the one that runs this)
  --rate <n>       calls a second (300)
  --actors <n>     how many actors (200)
  --seed <n>       repeats a run's choices`;

/** Nodes, and the calls that are made of their actors. */
export interface LoadedFleet {
  readonly fleet: Fleet;
  readonly load: Load;
  readonly random: Random;
}

/** What a run came to. */
export interface Outcome {
  readonly load: Load;
  /** Events in the log. */
  readonly events: number;
  /** What the log and the callers do not agree on. */
  readonly violations: readonly string[];
  /** Reads that were answered from a state others had moved on from. */
  readonly stale: number;
}

/** Does something to a fleet under load. */
export async function underLoad(
  options: OwnValues<typeof FLEET>,
  act: (loaded: LoadedFleet) => Promise<void>,
): Promise<Outcome> {
  const { actors, nodes, rate, replicas, runtime, seed } = options;
  const random = seeded(seed === "" ? undefined : Number(seed));
  await using fleet = await Fleet.start({
    nodes,
    replicas: replicas as 1 | 3,
    runtime: runtime as "mixed",
  });
  const load = new Load(fleet.client, { random, rate, actors });
  // Every actor is there, and loaded.
  await Promise.all(load.keys.map((key) => load.add(key)));
  load.start();
  await act({ fleet, load, random });
  await load.stop();
  const log = await load.log();
  let stale = 0;
  const violations = checkHistory(load.journal, log, () => stale++);
  for (const violation of violations.slice(0, 20)) console.log(violation);
  return { load, events: log.length, violations, stale };
}

/** What the fleet was, as a title goes on. */
export function fleetName(options: OwnValues<typeof FLEET>): string {
  const { actors, nodes, rate, replicas } = options;
  const mixed = options.runtime === runtime ? "" : ` (${options.runtime})`;
  return `${nodes} nodes${mixed}, ${replicas} nats-server${
    replicas > 1 ? "s" : ""
  }, ${rate} calls/s on ${actors} actors`;
}

/** How samples are spread, a row each; those without any are left empty. */
export function spreadTable(
  title: string,
  rows: Readonly<Record<string, readonly number[]>>,
): Table {
  return {
    title,
    columns: ["", "samples", "p50 ms", "p99 ms", "max ms"],
    rows: Object.entries(rows).map(([name, samples]) => [
      name,
      String(samples.length),
      ...spreadOf(samples)?.map(({ ms }) => ms.toFixed(0)) ?? ["", "", ""],
    ]),
  };
}

/** The same as bars, with a goal for p99. */
export function spreadPanel(
  title: string,
  samples: readonly number[],
  p99?: number,
): Panel {
  return {
    title,
    series: [{
      name: "Aether",
      points: (spreadOf(samples) ?? []).map(({ ms, x }) => ({ x, y: ms })),
    }],
    ...(p99 === undefined ? {} : { goals: [{ x: "p99", y: p99 }] }),
  };
}

/** A goal for p99 in milliseconds; none without samples. */
export function p99Goal(
  name: string,
  samples: readonly number[],
  most: number,
): Goal[] {
  if (samples.length === 0) return [];
  return [{
    name: `${name}, p99 ÷ ${most / 1_000} s`,
    ratio: percentile(samples, 0.99) / most,
    goal: 1,
    better: "at most",
  }];
}

/** What calls came to, and what the check of the log did. */
export function callsTable(title: string, outcome: Outcome): Table {
  const { events, load, stale, violations } = outcome;
  const { done, failed, nothing, read, rejected } = load.counts;
  const codes = [...failed].map(([code, count]) => `${code} ${count}`);
  return {
    title,
    columns: ["", "count"],
    rows: Object.entries({
      "calls done": done,
      "rejected by the actor": rejected,
      "without effect": nothing,
      "reads": read,
      "failed": codes.length === 0 ? 0 : codes.join(", "),
      "events in the log": events,
      "violations": violations.length,
      "stale reads": stale,
    }).map(([name, count]) => [name, String(count)]),
  };
}

/** Calls that ended as neither done nor rejected. */
export function failedCalls({ load }: Outcome): number {
  return [...load.counts.failed.values()].reduce((sum, n) => sum + n, 0);
}

/** What must not be: nothing that callers were told is missing from the log or against it. */
export function noViolation(
  name: string,
  { stale, violations }: Outcome,
): Goal {
  return {
    name: `${name}: violations and stale reads`,
    ratio: violations.length + stale,
    goal: 0,
    better: "at most",
  };
}

function spreadOf(
  samples: readonly number[],
): { readonly x: string; readonly ms: number }[] | undefined {
  if (samples.length === 0) return undefined;
  return [
    { x: "p50", ms: percentile(samples, 0.5) },
    { x: "p99", ms: percentile(samples, 0.99) },
    { x: "max", ms: Math.max(...samples) },
  ];
}
