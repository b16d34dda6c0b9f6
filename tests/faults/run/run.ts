/** One run: faults, one after the other, under load; then the verdict. */
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "../../../nats/mod.ts";
import type { Random } from "../../support/mod.ts";
import type { RunRecord } from "../checker/mod.ts";
import { type CrossCheck, crossCheck, hasGo } from "../porcupine/mod.ts";
import { Bag } from "./bag.ts";
import { type Counts, countsOf, vacuity } from "./counts.ts";
import type { Fault, Injected, Observation } from "./fault.ts";
import { judge } from "./judge.ts";
import { RunLog } from "./log.ts";
import { open, recordOf } from "./record.ts";
import { rest } from "./settle.ts";
import { mayBeOutsiders } from "./workload/outsider.ts";
import { RunWorld } from "./world.ts";

/** How a run is made. */
export interface RunOptions {
  readonly replicas: 1 | 3;
  readonly random: Random;
  /** Milliseconds in which faults begin. */
  readonly time: number;
  /** Faults to draw from. */
  readonly faults: readonly Fault[];
  /** Whether faults are short, and follow one another soon. */
  readonly quick: boolean;
  /** Calls a second; 300 by default. */
  readonly rate?: number;
  /** Told what happens. */
  readonly tell: (line: string) => void;
}

/** A fault of a run. */
export interface Injection extends Injected {
  readonly fault: Fault;
  /** Milliseconds since the load began. */
  readonly at: number;
  readonly took: number;
  /** Whether nothing could be made of the world any more. */
  readonly isLost?: boolean;
}

/** What a run has come to. */
export interface RunReport {
  readonly seed: number;
  readonly replicas: 1 | 3;
  readonly runtimes: readonly string[];
  /** Milliseconds for which there was load. */
  readonly duration: number;
  readonly schedule: readonly Injection[];
  /** Faults that could not be injected, and why. */
  readonly unavailable: ReadonlyMap<string, string>;
  readonly operations: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly observations: readonly Observation[];
  readonly counts: Counts;
  readonly violations: readonly string[];
  /** How many things were looked at, by invariant. */
  readonly checked: Readonly<Record<string, number>>;
  /** Reads of owners that had not yet seen what an outsider wrote. */
  readonly staleReads: number;
  /** Reads of owners that were owners no more, which their lease allows. */
  readonly lateReads: number;
  /** A second opinion, where Go is installed to have one. */
  readonly porcupine: CrossCheck | undefined;
  readonly recorded: Recorded;
}

/** How much was recorded. */
export interface Recorded {
  readonly events: number;
  /** Commands that actors sent each other. */
  readonly sends: number;
  readonly timers: number;
  readonly parked: number;
}

/** What a run leaves behind: what is told of it, and the much larger record. */
export interface Run {
  readonly report: RunReport;
  readonly record: RunRecord;
}

/** Milliseconds a call may take. */
const TIMEOUT = 10_000;
/**
 * The same where a machine has other tests to run: a rolling restart may slow calls
 * down there, and still must not fail one.
 */
const PATIENT = 30_000;
/** Milliseconds in which all has to come to rest. */
const REST = 120_000;
const QUICK_REST = 40_000;
/** Milliseconds after which nodes judge each other: before that, a fault is another one. */
const SETTLED = 3_500;

/** Makes a run. */
export async function run(options: RunOptions): Promise<Run> {
  const { quick, random, rate = 300, replicas, tell, time } = options;
  const unavailable = new Map<string, string>();
  const faults: Fault[] = [];
  for (const fault of options.faults) {
    const why = fault.replicas.includes(replicas)
      ? await fault.unavailable?.()
      : `it takes ${fault.replicas.join(" or ")} servers`;
    if (why === undefined) faults.push(fault);
    else unavailable.set(`${fault.id} (${fault.title})`, why);
  }
  const timeout = quick ? PATIENT : TIMEOUT;
  // What the load draws, and when, is not to change which faults come.
  const load = random.fork();
  await using world = await RunWorld.start({
    ...{ replicas, rate, timeout },
    random: load,
  });
  const runtimes = [...world.nodes.values()].map(({ runtime }) => runtime);
  tell(`seed ${random.seed}: ${replicas} server(s), nodes ${runtimes.join()}`);
  world.begin();
  const began = world.now();
  const schedule: Injection[] = [];
  const bag = new Bag(faults, random);
  for (;;) {
    await delay(quick ? SETTLED : 5_000 + random.int(5_000));
    if (quick && bag.isEmpty) break;
    // A quick run takes each once, however long that is.
    const left = quick ? Infinity : time - (world.now() - began);
    const fault = bag.draw(left);
    if (fault === undefined) break;
    const injection = await inject(world, fault, random, quick, began);
    schedule.push(injection);
    tell(describe(injection));
    if (injection.isLost) break;
  }
  await world.end();
  const duration = world.now() - began;
  await world.settled().catch((error: Error) =>
    void world.accidents.push(error.message)
  );
  // The last word on each actor, by whoever owns it now.
  await Promise.all(
    world.keys.map((key) =>
      world.journal.read(world.commands.readTally(key, true))
    ),
  );
  await using way = await open(connect({ servers: [...world.servers.urls] }));
  const log = new RunLog(way.api, world.namespace);
  const unrest = await rest(world, log, quick ? QUICK_REST : REST);
  const counts = countsOf(world);
  const record = await recordOf(world, log);
  const { checked, staleReads, violations } = judge(record);
  const late = staleReads.filter((what) => !tellsOfOutsider(what)).length;
  const porcupine = !quick && hasGo() ? await crossCheck(record) : undefined;
  const report: RunReport = {
    seed: random.seed,
    ...{ replicas, runtimes, duration, schedule, unavailable, counts },
    recorded: recordedIn(record),
    operations: world.journal.operations,
    observations: [
      ...schedule.flatMap(({ observations }) => observations),
      {
        what: "a call was late at most",
        samples: [world.journal.latest],
        unit: "ms",
      },
    ],
    violations: [
      ...schedule.flatMap(({ fault, violations }) =>
        violations.map((what) => `${fault.id} (${fault.title}): ${what}`)
      ),
      ...world.journal.violations,
      ...unrest.map((what) => `not at rest: ${what}`),
      ...violations.map(({ invariant, what }) => `${invariant}: ${what}`),
      ...(porcupine?.result === "Illegal"
        ? [`porcupine finds no order for ${porcupine.illegal.join(", ")}`]
        : []),
      ...vacuity(counts),
    ],
    ...{
      checked,
      porcupine,
      staleReads: staleReads.length - late,
      lateReads: late,
    },
  };
  return { report, record };
}

function recordedIn({ effects, log, parked }: RunRecord): Recorded {
  const count = (wanted: string) =>
    effects.filter(({ kind }) => kind === wanted).length;
  return {
    events: log.length,
    sends: count("send"),
    timers: count("schedule"),
    parked: parked.length,
  };
}

async function inject(
  world: RunWorld,
  fault: Fault,
  random: Random,
  quick: boolean,
  began: number,
): Promise<Injection> {
  const at = world.now() - began;
  const injected = await healed(world, fault, random, quick);
  return { fault, at, took: world.now() - began - at, ...injected };
}

/** A fault that does not heal, or fails itself, is a violation; the others go on. */
async function healed(
  world: RunWorld,
  fault: Fault,
  random: Random,
  quick: boolean,
): Promise<Injected & { readonly isLost?: boolean }> {
  const limit = fault.takes * 3 + 180_000;
  const end = new AbortController();
  try {
    return await Promise.race([
      fault.inject(world, random, quick),
      delay(limit, undefined, { signal: end.signal }).then(() => {
        throw new Error(`it has not healed in ${limit} ms`);
      }),
    ]);
  } catch (error) {
    const violations = [messageOf(error)];
    const isLost = await world.recover().then(() => false, (again) => {
      violations.push(`and then: ${messageOf(again)}`);
      return true;
    });
    return { observations: [], violations, isLost };
  } finally {
    end.abort();
  }
}

/** Whether a stale read was of a log that somebody besides its owner writes. */
function tellsOfOutsider(what: string): boolean {
  return what.split(" ").some(mayBeOutsiders);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.split("\n")[0]! : String(error);
}

/** One line of the schedule. */
export function describe({ at, fault, observations, took }: Injection): string {
  const seconds = (ms: number) => (ms / 1_000).toFixed(1);
  const figures = observations.filter(({ samples }) => samples.length > 0)
    .map(({ samples, unit, what }) =>
      `${what}: ${Math.max(...samples) | 0}${unit === "ms" ? " ms" : ""}`
    );
  return `${seconds(at).padStart(7)} s  ${fault.id} ${fault.title} (${
    seconds(took)
  } s)${figures.length === 0 ? "" : `; ${figures.join("; ")}`}`;
}
