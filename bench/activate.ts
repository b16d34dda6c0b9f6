/**
 * How long does it take to load an actor, and does it grow with the stream?
 *
 * Actors with 100 commits each, spread evenly over a stream of a million
 * messages, and the same in a stream of a thousand; the plain client's direct
 * batch beside it; then with a snapshot.
 *
 * @module
 */
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { parseActorId, streamNames, subjectsOf } from "../event/mod.ts";
import { JetStreamEventStore } from "../store/mod.ts";
import { orderData } from "./_commits.ts";
import { type Goal, printReport, type Table } from "./_report.ts";
import { CountingConnection, type WireCount } from "./_round_trips.ts";
import { drive, inTurns, ratio, type Result } from "./_rounds.ts";
import { benchOptions } from "./_runtime.ts";
import { Seeder } from "./_seeder.ts";
import { type Arena, eachServer } from "./_servers.ts";

/** A stream of some size, with the loaded actors in it. */
interface Filled {
  readonly store: JetStreamEventStore;
  readonly wire: CountingConnection;
  readonly messages: number;
}

const options = benchOptions();
const LOADED = Array.from({ length: 5 }, (_, n) => `loaded-${n}`);
const COMMITS = 100;
const SMALL = 1_000;
const BIG = Math.max(SMALL, Math.ceil(1_000_000 * options.scale));
/** Other actors in the big stream, with a hundred commits each too. */
const OTHERS = 10_000;
/** Commits behind the older snapshot. */
const BEHIND = 10;

const goals: Goal[] = [];
const ratios: Record<string, number> = {};
const tables: Table[] = [];

async function measure(arena: Arena): Promise<void> {
  const big = await openFilled(arena, "big", BIG);
  const small = await openFilled(arena, "sml", SMALL);
  const jsm = await jetstreamManager(arena.raw);
  const rounds = { ...options, warmUp: LOADED.length * 2, ownCount: true };

  await rest(arena);
  const cold = await inTurns([
    loading(`Aether, ${big.messages} messages`, big, LOADED, false),
    loading(`Aether, ${small.messages} messages`, small, LOADED, false),
    rawBatch(`raw direct batch, ${big.messages} messages`, jsm, big),
    rawBatch(`raw direct batch, ${small.messages} messages`, jsm, small),
  ], rounds);
  const wholeWire = [
    await countLoad(big, LOADED[0]!, false),
    await countLoad(small, LOADED[0]!, false),
  ];
  const [inBig, inSmall, rawBig, rawSmall] = cold as [
    Result,
    Result,
    Result,
    Result,
  ];
  const what = `load of ${COMMITS} commits, server ${arena.name}`;
  tables.push(timesTable(what, cold, wholeWire));
  goals.push({
    name: `${what}: big stream ÷ small stream`,
    ratio: ratio(inSmall, inBig),
    goal: 5,
    better: "at most",
  });
  ratios[`${what}: raw direct batch, big ÷ small`] = ratio(rawSmall, rawBig);
  ratios[`${what}: Aether ÷ raw direct batch, big stream`] = ratio(
    rawBig,
    inBig,
  );
  ratios[`${what}: Aether ÷ raw direct batch, small stream`] = ratio(
    rawSmall,
    inSmall,
  );
  await measureSnapshots(arena, big, jsm);
  await big.store.close();
  await small.store.close();
}

async function measureSnapshots(
  arena: Arena,
  big: Filled,
  jsm: JetStreamManager,
): Promise<void> {
  const results: Result[] = [];
  const wires: WireCount[] = [];
  const rounds = { ...options, warmUp: 200, ownCount: true };
  // The newest snapshot stays, also for the second server: actors of their own.
  for (
    const { behind, own } of [
      { behind: BEHIND, own: LOADED.slice(0, 2) },
      { behind: 0, own: LOADED.slice(2) },
    ]
  ) {
    for (const actorId of own) {
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
      loading(`Aether, ${place}`, big, own, 1),
      rawLast("raw, last message by subject", jsm, big),
    ], rounds);
    results.push(aether!);
    wires.push(await countLoad(big, own[0]!, 1));
    if (behind === 0) results.push(raw!);
  }
  const what =
    `load with a snapshot, ${big.messages} messages, server ${arena.name}`;
  tables.push(timesTable(what, results, wires));
  goals.push({
    name: `${what}: round trips`,
    ratio: Math.max(...wires.map((wire) => wire.roundTrips)),
    goal: 2,
    better: "at most",
  });
}

async function openFilled(
  arena: Arena,
  namespace: string,
  messages: number,
): Promise<Filled> {
  const wire = new CountingConnection(arena.own);
  const store = await JetStreamEventStore.open(wire.connection, { namespace });
  if (arena.first) await fill(arena, store, messages);
  const { state } = await (await jetstreamManager(arena.raw)).streams.info(
    streamNames(namespace).events,
  );
  if (state.messages !== messages) {
    throw new Error(`${state.messages} of ${messages} messages are stored`);
  }
  return { store, wire, messages };
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
    for (const actorId of LOADED) {
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

/** Lets the server finish what it does behind a big write. */
async function rest(arena: Arena): Promise<void> {
  if (!arena.first) return;
  await new Promise((resolve) => setTimeout(resolve, 2_000 * options.scale));
}

function loading(
  name: string,
  filled: Filled,
  actors: readonly string[],
  schema: number | false,
) {
  let turn = 0;
  return {
    name,
    run: (operations: number) =>
      drive(operations, 1, async () => {
        const actorId = actors[turn++ % actors.length]!;
        const loaded = await filled.store.load(actorId, { schema });
        const used = loaded.snapshot !== undefined;
        if (
          loaded.position.version !== COMMITS || used !== (schema !== false)
        ) {
          throw new Error(`${name}: ${actorId} was not loaded as expected`);
        }
      }),
  };
}

function countLoad(
  { store, wire }: Filled,
  actorId: string,
  schema: number | false,
): Promise<WireCount> {
  return wire.count(() => store.load(actorId, { schema }));
}

function rawBatch(name: string, jsm: JetStreamManager, filled: Filled) {
  const { stream, subjects } = placeOf(filled);
  let turn = 0;
  return {
    name,
    run: (operations: number) =>
      drive(operations, 1, async () => {
        const subject = subjects[turn++ % subjects.length]!;
        const found = await getBatch(jsm, stream, subject);
        if (found !== COMMITS) throw new Error(`${name} found ${found}`);
      }),
  };
}

function rawLast(name: string, jsm: JetStreamManager, filled: Filled) {
  const { stream, subjects } = placeOf(filled);
  let turn = 0;
  return {
    name,
    run: (operations: number) =>
      drive(operations, 1, () =>
        jsm.streams.getMessage(stream, {
          last_by_subj: subjects[turn++ % subjects.length]!,
        })),
  };
}

function placeOf({ store }: Filled) {
  const { event } = subjectsOf(store.namespace);
  return {
    stream: streamNames(store.namespace).events,
    subjects: LOADED.map((actorId) => event(parseActorId(actorId))),
  };
}

function getBatch(
  jsm: JetStreamManager,
  stream: string,
  subject: string,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const events: unknown[] = [];
  jsm.direct.getBatch(stream, {
    seq: 1,
    next_by_subj: subject,
    batch: 1_000,
    callback: (done, message) => {
      if (done === null) events.push(JSON.parse(utf8.decode(message.data)));
      else if (done.err) reject(done.err);
      else resolve(events.length);
    },
  }).catch(reject);
  return promise;
}

function timesTable(
  title: string,
  results: readonly Result[],
  wires: readonly WireCount[],
): Table {
  return {
    title,
    columns: ["", "p50 ms", "p99 ms", "loads/s", "requests", "round trips"],
    rows: results.map(({ name, p50, p99, rate }, i) => [
      name,
      p50.toFixed(2),
      p99.toFixed(2),
      rate.toFixed(0),
      String(wires[i]?.requests ?? 1),
      String(wires[i]?.roundTrips ?? 1),
    ]),
  };
}

const utf8 = new TextDecoder();

await eachServer({ sync: options.sync, sameData: true }, measure);
printReport({
  bench: "activate",
  rounds: options.rounds,
  ratios,
  goals,
  tables,
  notes: [
    `${LOADED.length} actors in turn, one load at a time; "load" is store.load, without an ` +
    "actor's apply. The streams were written just before, so the system's page cache is warm.",
  ],
});
