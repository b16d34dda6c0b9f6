/**
 * How long does it take to load an actor, and does it grow with the stream?
 *
 * Actors with 100 commits each, spread evenly over streams of a thousand to a
 * million messages; the plain client's direct batch beside it; then with a
 * snapshot. What a longer history costs is in `history.ts`.
 *
 * @module
 */
import { jetstreamManager } from "@nats-io/jetstream";
import { streamNames } from "../event/mod.ts";
import type { JetStreamEventStore } from "../store/mod.ts";
import type { Chart } from "./_chart.ts";
import { orderData } from "./_commits.ts";
import {
  type CountedStore,
  countLoad,
  type Loaded,
  loading,
  openCounted,
  rawBatch,
  rawLast,
  timesTable,
} from "./_loads.ts";
import { type Goal, printReport, type Table } from "./_report.ts";
import type { WireCount } from "./_round_trips.ts";
import { inTurns, ratio, type Result } from "./_rounds.ts";
import { benchOptions } from "./_runtime.ts";
import { Seeder } from "./_seeder.ts";
import { type Arena, onServer } from "./_servers.ts";

/** A stream of some size, with the loaded actors in it. */
interface Filled extends CountedStore {
  readonly messages: number;
}

const options = benchOptions();
const COMMITS = 100;
const LOADED: Loaded = {
  ids: Array.from({ length: 5 }, (_, n) => `loaded-${n}`),
  version: COMMITS,
};
const SMALL = 1_000;
const BIG = Math.max(SMALL, Math.ceil(1_000_000 * options.scale));
const SIZES = [
  ...[SMALL, 10_000, 100_000].filter((size) => size < BIG),
  BIG,
];
/** Other actors in the big streams, with a hundred commits each too. */
const OTHERS = 10_000;
/** Commits behind the older snapshot. */
const BEHIND = 10;

const goals: Goal[] = [];
const ratios: Record<string, number> = {};
const tables: Table[] = [];
const charts: Chart[] = [];

async function measure(arena: Arena): Promise<void> {
  const streams: Filled[] = [];
  for (const size of SIZES) streams.push(await openFilled(arena, size));
  const jsm = await jetstreamManager(arena.raw);
  // The server finishes what it does behind a big write.
  await new Promise((resolve) => setTimeout(resolve, 2_000 * options.scale));
  const rounds = { ...options, warmUp: LOADED.ids.length * 2, ownCount: true };
  const results = await inTurns([
    ...streams.map((stream) =>
      loading(`Aether, ${stream.messages} messages`, stream, LOADED)
    ),
    ...streams.map((stream) =>
      rawBatch(
        `raw direct batch, ${stream.messages} messages`,
        jsm,
        stream,
        LOADED,
      )
    ),
  ], rounds);
  const wires: WireCount[] = [];
  for (const stream of streams) wires.push(await countLoad(stream, LOADED));
  const own = results.slice(0, streams.length);
  const raw = results.slice(streams.length);
  const what = `load of ${COMMITS} commits`;
  tables.push(timesTable(what, results, wires));
  goals.push({
    name: `${what}: big stream ÷ small stream`,
    ratio: ratio(own[0]!, own.at(-1)!),
    goal: 5,
    better: "at most",
  });
  ratios[`${what}: raw direct batch, big ÷ small`] = ratio(
    raw[0]!,
    raw.at(-1)!,
  );
  for (const [i, { messages }] of streams.entries()) {
    ratios[`${what}, ${messages} messages: Aether ÷ raw direct batch`] = ratio(
      raw[i]!,
      own[i]!,
    );
  }
  const line = (name: string, results: readonly Result[]) => ({
    name,
    points: results.map(({ p50 }, i) => ({ x: SIZES[i]!, y: p50 })),
  });
  charts.push({
    name: "activate",
    title: `Loading an actor of ${COMMITS} commits, by the size of the stream`,
    kind: "lines",
    x: { label: "messages in the stream", log: true, exact: true },
    y: { label: "p50 ms", log: true },
    panels: [{
      title: "no snapshot",
      series: [line("Aether", own), line("raw direct batch", raw)],
    }],
  });
  await measureSnapshots(streams.at(-1)!, arena);
  for (const { store } of streams) await store.close();
}

async function measureSnapshots(big: Filled, arena: Arena): Promise<void> {
  const jsm = await jetstreamManager(arena.raw);
  const results: Result[] = [];
  const wires: WireCount[] = [];
  const rounds = { ...options, warmUp: 200, ownCount: true };
  for (
    const { behind, ids } of [
      { behind: BEHIND, ids: LOADED.ids.slice(0, 2) },
      { behind: 0, ids: LOADED.ids.slice(2) },
    ]
  ) {
    const loaded: Loaded = { ids, version: COMMITS, snapshot: true };
    for (const actorId of ids) {
      await big.store.saveSnapshot({
        actorId,
        version: COMMITS - behind,
        state: orderData(0),
        timestamp: new Date(),
      });
    }
    const place = behind === 0
      ? "snapshot of the last commit"
      : `snapshot ${behind} commits back`;
    const [aether, raw] = await inTurns([
      loading(`Aether, ${place}`, big, loaded),
      rawLast("raw, last message by subject", jsm, big, LOADED),
    ], rounds);
    results.push(aether!);
    wires.push(await countLoad(big, loaded));
    if (behind === 0) results.push(raw!);
  }
  const what = `load with a snapshot, ${big.messages} messages`;
  tables.push(timesTable(what, results, wires));
  goals.push({
    name: `${what}: round trips`,
    ratio: Math.max(...wires.map((wire) => wire.roundTrips)),
    goal: 2,
    better: "at most",
  });
}

async function openFilled(arena: Arena, messages: number): Promise<Filled> {
  const counted = await openCounted(arena, `size-${messages}`);
  await fill(arena, counted.store, messages);
  const { state } = await (await jetstreamManager(arena.raw)).streams.info(
    streamNames(counted.store.namespace).events,
  );
  if (state.messages !== messages) {
    throw new Error(`${state.messages} of ${messages} messages are stored`);
  }
  return { ...counted, messages };
}

/** The loaded actors' commits by Aether's own store, the others' in between by the seeder. */
async function fill(
  arena: Arena,
  store: JetStreamEventStore,
  messages: number,
): Promise<void> {
  await using seeder = new Seeder(arena.own, store.namespace);
  let written = 0;
  let others = 0;
  for (let commit = 1; commit <= COMMITS; commit++) {
    for (const actorId of LOADED.ids) {
      const event = { eventType: "OrderPlaced", data: orderData(commit) };
      const { sequence } = await store.append(actorId, [event]);
      seeder.follow(sequence);
      written++;
    }
    for (const end = messages * commit / COMMITS; written < end; written++) {
      const other = `order-${String(others++ % OTHERS).padStart(5, "0")}`;
      await seeder.write(other, { n: written });
    }
    await seeder.flush();
  }
}

await onServer(measure);
printReport({
  bench: "activate",
  rounds: options.rounds,
  ratios,
  goals,
  tables,
  charts,
  notes: [
    `${LOADED.ids.length} actors in turn, one load at a time; "load" is store.load, without an ` +
    "actor's apply. The streams were written just before, so the system's page cache is warm.",
  ],
});
