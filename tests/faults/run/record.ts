/** What a run leaves behind, gathered when it has come to rest. */
import { setTimeout as delay } from "node:timers/promises";
import { streamNames, subjectsOf, systemClock } from "../../../event/mod.ts";
import {
  type Connection,
  Deadline,
  JetStreamApi,
  Link,
} from "../../../nats/mod.ts";
import { connectTo } from "../_cluster.ts";
import type { RecordedSnapshot, RunRecord } from "../checker/mod.ts";
import { RunLog } from "./log.ts";
import { Sums } from "./workload/reactions.ts";
import type { RunWorld } from "./world.ts";

/** Milliseconds until a server that was away has what it missed. */
const CAUGHT_UP = 60_000;

/** Opens a way into the streams of a world, through one server or whichever. */
export async function open(
  connection: Promise<Connection>,
): Promise<AsyncDisposable & { readonly api: JetStreamApi }> {
  const nc = await connection;
  const link = new Link(nc);
  return {
    api: new JetStreamApi(link),
    async [Symbol.asyncDispose]() {
      await link.close();
      await nc.close();
    },
  };
}

/** Gathers everything. */
export async function recordOf(
  world: RunWorld,
  log: RunLog,
): Promise<RunRecord> {
  await log.read();
  const { client, journal } = world;
  const parked = await client.parked().list();
  const documents: Record<string, unknown> = {};
  for await (const { key, value } of client.projection(Sums).list()) {
    documents[key] = value;
  }
  return {
    journal: journal.entries,
    log: log.events,
    effects: log.effects,
    outcomes: log.outcomes,
    parked: parked.map(({ command }) => command.commandId),
    subscriptions: world.watchers.recorded(),
    // At rest, what it has folded is all there is.
    projections: [{ name: Sums.name, checkpoint: log.last, documents }],
    snapshots: await snapshotsOf(world),
    copies: await copiesOf(world, log.last),
    accidents: world.accidents,
    end: log.last,
    settledAt: Date.now(),
  };
}

/** The log as each server has it; a direct get is answered by the one that is asked. */
async function copiesOf(
  world: RunWorld,
  end: number,
): Promise<[number, string][][]> {
  const copies: [number, string][][] = [];
  for (const server of world.servers.servers) {
    await using way = await open(connectTo(server));
    const log = new RunLog(way.api, world.namespace);
    const until = performance.now() + CAUGHT_UP;
    do {
      await log.read();
      if (log.last >= end) break;
      await delay(100);
    } while (performance.now() < until);
    copies.push(log.copy);
  }
  return copies;
}

async function snapshotsOf(world: RunWorld): Promise<RecordedSnapshot[]> {
  const stream = streamNames(world.namespace).snapshots;
  const filter = subjectsOf(world.namespace).allSnapshots;
  await using way = await open(connectTo(world.servers.servers[0]!));
  const deadline = new Deadline(systemClock, 30_000);
  const snapshots: RecordedSnapshot[] = [];
  for (let next = 1;;) {
    const { pending } = await way.api.directBatch(
      stream,
      next,
      filter,
      { batch: 500 },
      deadline,
      ({ data, sequence }) => {
        next = sequence + 1;
        const { actorId, state, version } = JSON.parse(
          new TextDecoder().decode(data),
        ) as RecordedSnapshot;
        snapshots.push({ actorId, state, version });
      },
    );
    if (pending === 0) return snapshots;
  }
}
