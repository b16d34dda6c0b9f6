/**
 * A node that is called for many more actors than it may hold: what does its
 * memory do meanwhile?
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { Aether, defineActor } from "../mod.ts";
import { startNatsServer } from "../tools/nats_server.ts";
import { drive } from "./_rounds.ts";
import { collectGarbage, runtime } from "./_runtime.ts";

/** How many there are, and how many may be in memory. */
export interface PopulationOptions {
  /** Distinct actors that are called. */
  readonly actors: number;
  /** Actors in memory at most. */
  readonly maxActivations: number;
  /** Calls at a time. */
  readonly inFlight: number;
}

/** The node behind so many calls; memory as it is after a collection. */
export interface Moment {
  /** Distinct actors called. */
  readonly called: number;
  /** Seconds since the first call. */
  readonly seconds: number;
  /** Actors in memory. */
  readonly activations: number;
  /** Snapshots saved. */
  readonly snapshots: number;
  /** Bytes of the process. */
  readonly rss: number;
  /** Bytes of the heap in use. */
  readonly heap: number;
  /** Bytes of the server's process; 0 where the system does not tell. */
  readonly server: number;
}

/** What was seen. */
export interface Population {
  /** In the order of time, at equal distances. */
  readonly moments: readonly Moment[];
  /** The most actors that were in memory at any time looked at. */
  readonly peak: number;
  /** Actors that had left and were called again, all of them with their state. */
  readonly returned: number;
  /** Calls a second, while there were any. */
  readonly rate: number;
}

const LEGS = 20;
/** One in so many calls goes to an actor that has left. */
const RETURNING = 20;

const Parcel = defineActor("parcel", {
  state: () => ({ moves: 0, at: "" }),
  events: {
    Moved: (s, e: { to: string }) => ({ moves: s.moves + 1, at: e.to }),
  },
}).commands({
  move: (_s, to: string) => ({ type: "Moved", data: { to } }),
}).queries({ at: (s) => s.at });

/** Calls each actor once, and some of those that have left once more. */
export async function measurePopulation(
  { actors, inFlight, maxActivations }: PopulationOptions,
): Promise<Population> {
  await using server = await startNatsServer();
  await using aether = await Aether.start({
    servers: server.url,
    namespace: "population",
    actors: [Parcel],
    maxActivations,
  });
  const { pid } = server.servers[0]!;
  const moments: Moment[] = [];
  let peak = 0;
  let called = 0;
  let returned = 0;
  let seconds = 0;
  const began = performance.now();
  const look = async () => {
    await settle();
    const { activations, snapshotsSaved } = aether.stats();
    moments.push({
      called,
      seconds: (performance.now() - began) / 1_000,
      activations,
      snapshots: snapshotsSaved,
      ...memoryInUse(),
      server: rssOf(pid),
    });
  };
  const call = async () => {
    const i = called++;
    await aether.actor(Parcel, `p${i}`).move(`depot ${i}`);
    // Counting takes as long as there are actors.
    if (i % 500 === 0) peak = Math.max(peak, aether.stats().activations);
    // Far enough back that it has left, and no two calls meet at one.
    const back = i - maxActivations * 2;
    if (back < 0 || back % RETURNING !== 0) return;
    const { version } = await aether.actor(Parcel, `p${back}`).move("home");
    const at = await aether.actor(Parcel, `p${back}`).at();
    if (version !== 2 || at !== "home") {
      throw new Error(`p${back} came back as version ${version}, at ${at}`);
    }
    returned++;
  };
  await look();
  for (let leg = 1; leg <= LEGS; leg++) {
    const due = Math.round(actors * leg / LEGS);
    seconds += (await drive(due - called, inFlight, call)).seconds;
    await look();
  }
  return { moments, peak, returned, rate: (called + returned) / seconds };
}

/** By how much a figure grew per actor called, in the second half: the slope of the line that fits best. */
export function slopeOf(
  moments: readonly Moment[],
  figure: (moment: Moment) => number,
): number {
  const half = moments.slice(moments.length >> 1);
  const mean = (of: (moment: Moment) => number) =>
    half.reduce((sum, moment) => sum + of(moment), 0) / half.length;
  const [x, y] = [mean(({ called }) => called), mean(figure)];
  const up = mean((m) => (m.called - x) * (figure(m) - y));
  return up / mean(({ called }) => (called - x) ** 2);
}

/** Lets the runtime collect what is not in use. */
async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Bytes of this process, and of its heap in use. */
export function memoryInUse(): { readonly rss: number; readonly heap: number } {
  const { external, heapUsed, rss } = process.memoryUsage();
  // JavaScriptCore counts buffers into its heap, V8 does not.
  return { rss, heap: runtime === "bun" ? heapUsed : heapUsed + external };
}

function rssOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1_024;
  } catch {
    return 0;
  }
}
