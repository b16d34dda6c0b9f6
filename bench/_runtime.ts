/** What a bench knows about the process it runs in. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** The runtime a bench was started with. */
export const runtime: "deno" | "bun" = process.versions["bun"] === undefined
  ? "deno"
  : "bun";

/** Version of that runtime. */
export const runtimeVersion: string = process.versions[runtime] ?? "unknown";

/** Version of the installed NATS client. */
export function clientVersion(): string {
  const { resolve } = createRequire(import.meta.url);
  const file = join(dirname(resolve("@nats-io/nats-core")), "../package.json");
  const { version } = JSON.parse(readFileSync(file, "utf8")) as {
    version: string;
  };
  return version;
}

/** How a bench is to be run. */
export interface BenchOptions {
  /** Rounds per case; each contestant runs twice a round. */
  readonly rounds: number;
  /** Milliseconds one contestant runs at a time, about. */
  readonly slice: number;
  /** Share of the full amount of data, above 0 to 1. */
  readonly scale: number;
  /** Distinct actors that are called where that matters. */
  readonly actors: number;
  /** Whether the server that syncs each write is measured too. */
  readonly sync: boolean;
}

/** Reads the command line. */
export function benchOptions(): BenchOptions {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "5" },
      slice: { type: "string", default: "400" },
      scale: { type: "string", default: "1" },
      actors: { type: "string" },
      "no-sync": { type: "boolean", default: false },
    },
  });
  const scale = numberOf("scale", values.scale, Number.MIN_VALUE);
  return {
    rounds: numberOf("rounds", values.rounds, 1),
    slice: numberOf("slice", values.slice, 1),
    scale,
    actors: numberOf(
      "actors",
      values.actors ?? `${Math.ceil(60_000 * scale)}`,
      1,
    ),
    sync: !values["no-sync"],
  };
}

/** Collects garbage, so that no contestant pays for what another has left behind. */
export const collectGarbage: () => void = collector();

function collector(): () => void {
  if (runtime === "bun") {
    const { Bun } = globalThis as unknown as {
      Bun: { gc(force: boolean): void };
    };
    return () => Bun.gc(true);
  }
  try {
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc") as unknown;
    if (typeof gc === "function") return gc as () => void;
  } catch {
    // Then what is left behind is spread over all by their taking turns.
  }
  return () => {};
}

function numberOf(name: string, text: string, least: number): number {
  const value = Number(text);
  if (value >= least) return value;
  throw new Error(`Cannot run with --${name} ${text}: a number from ${least}`);
}
