/**
 * How long does an actor not answer when its node is restarted in good order, and
 * does any call fail?
 *
 * Nodes in processes of their own, under a steady load of calls, are sent SIGTERM and
 * started again, one after the other. Some of each node's actors are called again and
 * again meanwhile, ten milliseconds after each answer: the longest of an actor's calls
 * is its pause, once while its node leaves, and once while it comes back. At the end
 * the log is held against what the callers were told.
 *
 * @module
 */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import {
  callsTable,
  failedCalls,
  FLEET,
  FLEET_HELP,
  fleetName,
  type LoadedFleet,
  noViolation,
  p99Goal,
  spreadPanel,
  spreadTable,
  underLoad,
} from "./_fleet.ts";
import { printReport } from "./_report.ts";
import { benchOptions } from "./_runtime.ts";

const HELP = `Measures a rolling restart.

  --rolls <n>      how often every node is restarted (3)${FLEET_HELP}`;

/** Actors of a node that are called all the time. */
const WATCHED = 20;
/** Milliseconds between an answer and the next call. */
const GAP = 10;
/** Milliseconds in which nothing moves, for comparison. */
const STILL = 2_000;

if (process.argv.includes("--help")) {
  console.log(HELP);
  process.exit(0);
}
const options = benchOptions({ ...FLEET, rolls: 3 });
const rolls = Math.ceil(options.rolls * options.scale);

/** Each watched actor's longest call while something is done, by its key. */
async function pausesOf(
  { load }: LoadedFleet,
  keys: readonly string[],
  act: () => Promise<unknown>,
): Promise<Map<string, number>> {
  let isOver = false;
  const watch = async (key: string) => {
    let longest = 0;
    while (!isOver) {
      const began = performance.now();
      await load.add(key);
      longest = Math.max(longest, performance.now() - began);
      await delay(GAP);
    }
    return [key, longest] as const;
  };
  const watched = keys.map(watch);
  await act();
  isOver = true;
  return new Map(await Promise.all(watched));
}

/** Some of the actors that a node has, busy ones and others. */
function watchedOf({ fleet, load }: LoadedFleet, name: string): string[] {
  const keys = load.keys.filter((key) => fleet.ownerOf(key) === name);
  const step = Math.max(1, keys.length / WATCHED);
  return keys.filter((_, i) =>
    Math.floor(i / step) !== Math.floor((i - 1) / step)
  );
}

const still: number[] = [];
const leaving: number[] = [];
const coming: number[] = [];
/** All calls of the steady load while nodes were restarted. */
let during: readonly number[] = [];
const outcome = await underLoad(options, async (loaded) => {
  const { fleet, load } = loaded;
  const names = [...fleet.nodes.keys()].sort();
  const first = watchedOf(loaded, names[0]!);
  const before = await pausesOf(loaded, first, () => delay(STILL));
  still.push(...before.values());
  const from = load.latencies.length;
  for (let roll = 0; roll < rolls; roll++) {
    for (const name of names) {
      const node = fleet.nodes.get(name)!;
      const keys = watchedOf(loaded, name);
      const left = await pausesOf(loaded, keys, () => {
        node.signal("SIGTERM");
        return node.ended;
      });
      leaving.push(...left.values());
      const came = await pausesOf(loaded, keys, async () => {
        await fleet.startNode(name);
        await fleet.settled();
      });
      const back = keys.filter((key) => fleet.ownerOf(key) === name);
      coming.push(...back.map((key) => came.get(key)!));
    }
    console.log(
      `roll ${roll + 1}: the longest pauses were ${
        Math.max(...leaving).toFixed(0)
      } and ${Math.max(...coming).toFixed(0)} ms`,
    );
  }
  during = load.latencies.slice(from);
});
const goals = [
  ...p99Goal("pause of an actor that moves", [...leaving, ...coming], 100),
  {
    name: "rolling restart: failed calls",
    ratio: failedCalls(outcome),
    goal: 0,
    better: "at most" as const,
  },
  noViolation("rolling restart", outcome),
];
printReport({
  bench: "rolling",
  rounds: 1,
  ratios: Object.fromEntries(goals.map(({ name, ratio }) => [name, ratio])),
  goals,
  tables: [
    spreadTable(
      `every node restarted, ${rolls} times: ${fleetName(options)}`,
      {
        "pause of an actor whose node leaves": leaving,
        "pause of an actor whose node comes back": coming,
        "longest call of an actor while nothing moves": still,
        "every call meanwhile": during,
      },
    ),
    callsTable("calls during the restarts", outcome),
  ],
  charts: [{
    name: "rolling",
    title: "Pauses of actors in a rolling restart",
    kind: "bars",
    x: { label: "" },
    y: { label: "ms; p99 at most the goal" },
    panels: [
      spreadPanel("the node leaves", leaving, 100),
      spreadPanel("the node comes back", coming, 100),
      spreadPanel("nothing moves", still),
    ],
  }],
  notes: [
    `A pause is the longest of an actor's calls in that time; it is called again ${GAP} ms after each answer, so ` +
    "that it may have been as much longer. It holds whatever else takes processor time: a runtime that starts, " +
    `the load, and ${WATCHED} actors that are called all the time share the machine's cores. ` +
    'While nothing moves, an actor\'s longest call is of as many calls in a time like that. "Every call" is of ' +
    "the load and of the watched actors. Handlers take no time; nodes run on the callers' runtime unless told otherwise.",
  ],
});
process.exitCode = outcome.violations.length + outcome.stale === 0 ? 0 : 1;
