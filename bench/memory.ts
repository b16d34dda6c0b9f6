/**
 * How many bytes does an actor in memory take, over its state? With no command
 * remembered, and with the thousand it remembers at least. And what does the
 * memory of a node do that is called for many more actors than it may hold?
 *
 * `--actors 1000000` is for a run of minutes, with so many of them.
 *
 * @module
 */
import {
  type EventStore,
  type LoadedActor,
  parseActorId,
  type StoredCommit,
  systemClock,
  ulid,
} from "../mod.ts";
import { makeCall } from "../actor/_call.ts";
import { Host } from "../actor/_host.ts";
import { defineActor } from "../mod.ts";
import { goalPanel } from "./_goal_bars.ts";
import {
  measurePopulation,
  memoryInUse,
  type Moment,
  type Population,
  slopeOf,
} from "./_population.ts";
import { type Goal, printReport, type Table } from "./_report.ts";
import { benchOptions, collectGarbage } from "./_runtime.ts";

const options = benchOptions({ actors: 60_000 });
/** Actors that a node may hold; it is called for many more. */
const MAX_ACTIVATIONS = Math.ceil(10_000 * Math.min(1, options.scale));
const IN_FLIGHT = 256;
const REMEMBERED = 1_000;
/** Actors that are there before the memory is looked at. */
const FIRST = 50;
/** They are forgotten 256 at a time, so for a while there are more. */
const MOST = REMEMBERED + 255;

/** An actor whose state takes no memory of its own. */
const Still = defineActor("still", {
  state: () => 0,
  events: { Stirred: (s) => s },
}).queries({ look: (s) => s });

/** A store whose actors have so many commands behind them, one a commit. */
function storeOf(commands: number): EventStore {
  const load = (actorId: string): Promise<LoadedActor> => {
    const commits = Array.from({ length: commands }, (_, i): StoredCommit => ({
      commitId: ulid(),
      sequence: i + 1,
      version: i + 1,
      events: [{
        id: ulid(),
        eventType: "Stirred",
        actorId,
        version: i + 1,
        data: undefined,
        timestamp: new Date(),
        sequence: i + 1,
        commitId: "",
      }],
      commands: [{ id: ulid(), events: 1 }],
      at: Date.now(),
    }));
    const trail = commits.slice(-17).map(({ sequence }) => sequence).reverse();
    return Promise.resolve({
      commits,
      position: { actorId, version: commands, trail },
    });
  };
  return { namespace: "memory", load } as unknown as EventStore;
}

/** Brings actors into memory and tells how many bytes each takes. */
async function measure(commands: number, actors: number): Promise<number> {
  const host = new Host({
    nodeId: "bench",
    actors: [Still],
    store: storeOf(commands),
    clock: systemClock,
    log: () => {},
    maxActivations: (actors + FIRST) * 2,
    alone: true,
    refer: () => undefined,
  });
  const look = (i: number) =>
    new Promise((resolve, reject) => {
      const address = parseActorId(`still-${i}`);
      const call = makeCall(systemClock, address, "look", undefined);
      host.submit(call, resolve, reject);
    });
  for (let i = 0; i < FIRST; i++) await look(actors + i);
  const before = await bytesInUse();
  for (let i = 0; i < actors; i++) await look(i);
  const bytes = (await bytesInUse() - before) / actors;
  if (host.stats.activations !== actors + FIRST) {
    throw new Error("some have left");
  }
  await host.close(1_000);
  return bytes;
}

async function bytesInUse(): Promise<number> {
  for (let i = 0; i < 5; i++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return memoryInUse().heap;
}

/** What a node's memory did, at every other look. */
function populationTable({ moments, returned }: Population): Table {
  const megabytes = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
  const { called } = moments.at(-1)!;
  return {
    title:
      `a node of at most ${MAX_ACTIVATIONS} actors, called for ${called}, ${returned} of them again behind their leaving`,
    columns: [
      "actors called",
      "seconds",
      "in memory",
      "snapshots",
      "heap MB",
      "process MB",
      "server MB",
    ],
    rows: moments.filter((_, i) => i % 2 === 0).map((moment) => [
      String(moment.called),
      moment.seconds.toFixed(0),
      String(moment.activations),
      String(moment.snapshots),
      megabytes(moment.heap),
      megabytes(moment.rss),
      megabytes(moment.server),
    ]),
  };
}

function memoryLine(name: string, of: (moment: Moment) => number) {
  const points = moments.map((moment) => ({
    x: moment.called,
    y: of(moment) / 2 ** 20,
  }));
  return { name, points };
}

const empty = await measure(0, Math.ceil(20_000 * options.scale));
const full = await measure(REMEMBERED, Math.ceil(1_000 * options.scale));
const most = await measure(MOST, Math.ceil(1_000 * options.scale));
const population = await measurePopulation({
  actors: Math.ceil(options.actors * options.scale),
  maxActivations: MAX_ACTIVATIONS,
  inFlight: IN_FLIGHT,
});
const { moments, peak } = population;
const growth = {
  heap: slopeOf(moments, ({ heap }) => heap),
  rss: slopeOf(moments, ({ rss }) => rss),
};
const goals: Goal[] = [
  { name: "idle, nothing remembered ÷ 2 KB", bytes: empty, most: 2_048 },
  { name: "idle, 1,000 commands ÷ 20 KB", bytes: full, most: 20_480 },
  {
    name: "heap of a node, by each more actor ÷ 64 B",
    bytes: Math.max(0, growth.heap),
    most: 64,
  },
].map(({ name, bytes, most }) => ({
  name,
  ratio: bytes / most,
  goal: 1,
  better: "at most",
}));
const table: Table = {
  title: "bytes of an actor in memory, over its state",
  columns: ["", "bytes"],
  rows: [
    ["nothing remembered", empty.toFixed(0)],
    [`${REMEMBERED} commands remembered`, full.toFixed(0)],
    [`${MOST}, before the oldest go`, most.toFixed(0)],
  ],
};
const bars = [
  "idle, of 2 KB",
  "1,000 commands, of 20 KB",
  "each more actor, of 64 B",
  "actors in memory, of the cap",
];
const grown: Table = {
  title: "growth in the second half, by each more actor called",
  columns: ["", "bytes"],
  rows: Object.entries(growth).map((
    [what, bytes],
  ) => [what === "rss" ? "process" : what, bytes.toFixed(1)]),
};
goals.push({
  name: "most actors in memory ÷ the cap and the calls in flight",
  ratio: peak / (MAX_ACTIVATIONS + IN_FLIGHT),
  goal: 1,
  better: "at most",
});
printReport({
  bench: "memory",
  rounds: 1,
  ratios: Object.fromEntries(goals.map(({ name, ratio }) => [name, ratio])),
  goals,
  tables: [table, populationTable(population), grown],
  charts: [
    {
      name: "memory",
      title: "What an actor takes in memory, beside what it may",
      kind: "bars",
      x: { label: "" },
      y: { label: "share of the limit; at most the goal" },
      panels: [goalPanel(
        "",
        goals.map((goal, i) => ({ ...goal, x: bars[i]! })),
      )],
    },
    {
      name: "population",
      title:
        `A node of at most ${MAX_ACTIVATIONS} actors that is called for ever more`,
      kind: "lines",
      x: { label: "actors called" },
      y: { label: "MB" },
      panels: [{
        title: "",
        series: [
          memoryLine("heap", ({ heap }) => heap),
          memoryLine("process", ({ rss }) => rss),
        ],
      }],
    },
  ],
  notes: [
    "Heap in use behind a collection, with and without the actors, divided by their number. " +
    "Command ids are ULIDs; other ids take what they are long.",
    `The node that is called for many actors makes the calls itself, ${IN_FLIGHT} at a time, on a nats-server of ` +
    "its own; its memory is looked at behind a collection. The process keeps what it once took from the system.",
    `The node that is called for many actors answered ${
      population.rate.toFixed(0)
    } calls/s.`,
  ],
});
