/** Loading actors from a stream: as Aether does, and as a plain client would. */
import type { JetStreamManager } from "@nats-io/jetstream";
import { parseActorId, streamNames, subjectsOf } from "../event/mod.ts";
import { JetStreamEventStore } from "../store/mod.ts";
import type { Table } from "./_report.ts";
import { CountingConnection, type WireCount } from "./_round_trips.ts";
import { type Contestant, drive, type Result } from "./_rounds.ts";
import type { Arena } from "./_servers.ts";

/** A store, and what its calls cost on the wire. */
export interface CountedStore {
  readonly store: JetStreamEventStore;
  readonly wire: CountingConnection;
}

/** Actors that are loaded in turn. */
export interface Loaded {
  readonly ids: readonly string[];
  /** The version each has. */
  readonly version: number;
  /** Whether each has a snapshot that is to be used. */
  readonly snapshot?: boolean;
}

/** The schema of snapshots here. */
const SCHEMA = 1;

/** Opens a namespace. */
export async function openCounted(
  arena: Arena,
  namespace: string,
): Promise<CountedStore> {
  const wire = new CountingConnection(arena.own);
  const store = await JetStreamEventStore.open(wire.connection, { namespace });
  return { store, wire };
}

/** Loads actors with Aether's store. */
export function loading(
  name: string,
  { store }: CountedStore,
  { ids, snapshot = false, version }: Loaded,
): Contestant {
  let turn = 0;
  return {
    name,
    run: (operations) =>
      drive(operations, 1, async () => {
        const actorId = ids[turn++ % ids.length]!;
        const schema = snapshot ? SCHEMA : false;
        const loaded = await store.load(actorId, { schema });
        const used = loaded.snapshot !== undefined;
        if (loaded.position.version !== version || used !== snapshot) {
          throw new Error(`${name}: ${actorId} was not loaded as expected`);
        }
      }),
  };
}

/** What one load costs on the wire. */
export function countLoad(
  { store, wire }: CountedStore,
  { ids, snapshot = false }: Loaded,
): Promise<WireCount> {
  const schema = snapshot ? SCHEMA : false;
  return wire.count(() => store.load(ids[0]!, { schema }));
}

/** Reads actors' events with the plain client, by a direct batch each. */
export function rawBatch(
  name: string,
  jsm: JetStreamManager,
  { store }: CountedStore,
  { ids, version }: Loaded,
): Contestant {
  const stream = streamNames(store.namespace).events;
  const subjects = subjectsOfActors(store.namespace, ids);
  let turn = 0;
  return {
    name,
    run: (operations) =>
      drive(operations, 1, async () => {
        const subject = subjects[turn++ % subjects.length]!;
        const found = await getBatch(jsm, stream, subject, version);
        if (found !== version) throw new Error(`${name} found ${found}`);
      }),
  };
}

/** Reads the last message of each with the plain client. */
export function rawLast(
  name: string,
  jsm: JetStreamManager,
  { store }: CountedStore,
  { ids }: Loaded,
): Contestant {
  const stream = streamNames(store.namespace).events;
  const subjects = subjectsOfActors(store.namespace, ids);
  let turn = 0;
  return {
    name,
    run: (operations) =>
      drive(operations, 1, () =>
        jsm.streams.getMessage(stream, {
          last_by_subj: subjects[turn++ % subjects.length]!,
        })),
  };
}

/** How long each took, and what it cost on the wire; one request where nothing was counted. */
export function timesTable(
  title: string,
  results: readonly Result[],
  wires: readonly (WireCount | undefined)[],
): Table {
  return {
    title,
    columns: ["", "p50 ms", "p99 ms", "loads/s", "requests", "round trips"],
    rows: results.map(({ name, p50, p99, rate }, i) => [
      name,
      p50.toFixed(2),
      p99.toFixed(2),
      rate.toFixed(rate < 10 ? 1 : 0),
      String(wires[i]?.requests ?? 1),
      String(wires[i]?.roundTrips ?? 1),
    ]),
  };
}

function subjectsOfActors(
  namespace: string,
  ids: readonly string[],
): string[] {
  const { event } = subjectsOf(namespace);
  return ids.map((actorId) => event(parseActorId(actorId)));
}

/** Reads at most so many messages of one subject with the plain client, from the first one; how many there were. */
export function getBatch(
  jsm: JetStreamManager,
  stream: string,
  subject: string,
  batch: number,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const events: unknown[] = [];
  jsm.direct.getBatch(stream, {
    seq: 1,
    next_by_subj: subject,
    batch,
    callback: (done, message) => {
      if (done === null) events.push(JSON.parse(utf8.decode(message.data)));
      else if (done.err) reject(done.err);
      else resolve(events.length);
    },
  }).catch(reject);
  return promise;
}

const utf8 = new TextDecoder();
