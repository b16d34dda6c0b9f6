/**
 * How long does it take to load an actor, by how much has happened to it?
 *
 * By the length of its whole history, without a snapshot, and with one as old as an
 * actor's is on average; and for a history of 10,000 events, by how many came after
 * the snapshot. The plain client's direct batch of the whole history beside it. The
 * actors' events lie between each other's in one stream; what the size of the stream
 * costs is in `activate.ts`.
 *
 * @module
 */
import { jetstreamManager } from "@nats-io/jetstream";
import type { Chart } from "./_chart.ts";
import { orderData } from "./_commits.ts";
import {
  countLoad,
  type Loaded,
  loading,
  openCounted,
  rawBatch,
  timesTable,
} from "./_loads.ts";
import { type Goal, printReport, type Table } from "./_report.ts";
import type { WireCount } from "./_round_trips.ts";
import { inTurns, ratio, type Result } from "./_rounds.ts";
import { benchOptions } from "./_runtime.ts";
import { Seeder } from "./_seeder.ts";
import { type Arena, onServer } from "./_servers.ts";

const options = benchOptions();
const WHOLE = Math.max(1_000, Math.ceil(10_000 * options.scale));
const LENGTHS = [1, 10, 100, 1_000, WHOLE].filter((length, i, all) =>
  all.indexOf(length) === i
);
/** Events after the snapshot: with one every 100, half of them on average. */
const USUAL = 50;
const SINCE = [1, 10, 100, 1_000].filter((since) => since < WHOLE);

/** Actors of one history, one with no snapshot and others with one. */
interface Case extends Loaded {
  readonly name: string;
  /** Events after the snapshot, where there is one. */
  readonly since?: number;
}

const goals: Goal[] = [];
const ratios: Record<string, number> = {};
const tables: Table[] = [];
const charts: Chart[] = [];

async function measure(arena: Arena): Promise<void> {
  const none: Case = { name: "no events", ids: ["order-none"], version: 0 };
  const bare = LENGTHS.map((version): Case => ({
    name: eventsOf(version),
    ids: [`order-bare-${version}`],
    version,
  }));
  const usual = LENGTHS.map((version) =>
    snapshotted(version, Math.min(USUAL, version - 1), "usual")
  );
  const since = [0, ...SINCE].map((since) =>
    snapshotted(WHOLE, since, "since")
  );
  const counted = await openCounted(arena, "history");
  const jsm = await jetstreamManager(arena.raw);
  const cases = [none, ...bare, ...usual, ...since];
  await fill(arena, cases);
  for (const { ids, since, version } of cases) {
    if (since === undefined) continue;
    await counted.store.saveSnapshot({
      actorId: ids[0]!,
      version: version - since,
      state: orderData(0),
      timestamp: new Date(),
    });
  }
  const run = async (title: string, cases: readonly Case[], raw: boolean) => {
    const results = await inTurns([
      ...cases.map((one) => loading(one.name, counted, one)),
      ...raw
        ? cases.map((one) =>
          rawBatch(`raw direct batch, ${one.name}`, jsm, counted, one)
        )
        : [],
    ], { ...options, warmUp: 5, ownCount: true });
    const wires: WireCount[] = [];
    for (const one of cases) wires.push(await countLoad(counted, one));
    tables.push(timesTable(title, results, wires));
    return { results, wires };
  };
  const plain = await run("load by the whole history, no snapshot", bare, true);
  const saved = await run(
    `load by the whole history, snapshot ${USUAL} events back`,
    usual,
    false,
  );
  const after = await run(
    `load of ${WHOLE} events, by those since the snapshot`,
    since,
    false,
  );
  await run("load of an actor without events", [none], false);
  goals.push({
    name: `load with a snapshot, up to ${WHOLE} events: round trips`,
    ratio: Math.max(...saved.wires.map((wire) => wire.roundTrips)),
    goal: 2,
    better: "at most",
  });
  const [own, raws] = [
    plain.results.slice(0, LENGTHS.length),
    plain.results.slice(LENGTHS.length),
  ];
  for (const [i, { name }] of bare.entries()) {
    ratios[`load of ${name}: Aether ÷ raw direct batch`] = ratio(
      raws[i]!,
      own[i]!,
    );
  }
  const line = (
    name: string,
    xs: readonly number[],
    results: readonly Result[],
  ) => ({
    name,
    points: xs.map((x, i) => ({ x, y: results[i]!.p50 })),
  });
  charts.push({
    name: "history",
    title: "Loading an actor, by the length of its history",
    kind: "lines",
    x: { label: "events", log: true, exact: true },
    y: { label: "p50 ms", log: true },
    panels: [{
      title: "by the whole history",
      series: [
        line("no snapshot", LENGTHS, own),
        line("snapshot", LENGTHS, saved.results),
        line("raw direct batch", LENGTHS, raws),
      ],
    }, {
      title: `by the events since the snapshot, of ${WHOLE}`,
      series: [line("snapshot", SINCE, after.results.slice(1))],
    }],
  });
  await counted.store.close();
}

function snapshotted(version: number, since: number, kind: string): Case {
  return {
    name: kind === "usual" ? eventsOf(version) : `${since} since it`,
    ids: [`order-${kind}-${version}-${since}`],
    version,
    since,
    snapshot: true,
  };
}

function eventsOf(count: number): string {
  return count === 1 ? "1 event" : `${count} events`;
}

/** Writes the actors' events, each one's between those of the others. */
async function fill(arena: Arena, cases: readonly Case[]): Promise<void> {
  await using seeder = new Seeder(arena.own, "history");
  for (let n = 0; n < WHOLE; n++) {
    for (const { ids, version } of cases) {
      if (n < version) await seeder.write(ids[0]!, orderData(n));
    }
  }
}

await onServer(measure);
printReport({
  bench: "history",
  rounds: options.rounds,
  ratios,
  goals,
  tables,
  charts,
  notes: [
    'One event a commit, one load at a time; "load" is store.load, without an actor\'s apply. ' +
    "A node saves a snapshot every 100 events unless told otherwise, so that about half as many " +
    "come after it on average. The plain client's batch reads the whole history, and checks nothing.",
  ],
});
