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
  /** Whether the server that syncs each write is measured too. */
  readonly sync: boolean;
}

/** A bench's own options, by what they are if not given: a number or a word. */
export type OwnOptions = Readonly<Record<string, number | string>>;

/** What those options came to. */
export type OwnValues<Own extends OwnOptions> = {
  readonly [Name in keyof Own]: Own[Name] extends number ? number : string;
};

/**
 * Reads the command line. Every bench takes the same options, and some of its
 * own.
 */
export function benchOptions<const Own extends OwnOptions>(
  own: Own = {} as Own,
): BenchOptions & OwnValues<Own> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "5" },
      slice: { type: "string", default: "400" },
      scale: { type: "string", default: "1" },
      "no-sync": { type: "boolean", default: false },
      ...Object.fromEntries(
        Object.entries(own).map(([name, value]) =>
          [name, { type: "string", default: String(value) }] as const
        ),
      ),
    },
  });
  const text = (name: string) => String(values[name as "rounds"]);
  const given = Object.entries(own).map(([name, value]) => [
    name,
    typeof value === "number" ? numberOf(name, text(name), 1) : text(name),
  ]);
  return {
    ...Object.fromEntries(given) as OwnValues<Own>,
    rounds: numberOf("rounds", text("rounds"), 1),
    slice: numberOf("slice", text("slice"), 1),
    scale: numberOf("scale", text("scale"), Number.MIN_VALUE),
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
