/**
 * Three servers as a test sees them: who leads, and whether the copies of a
 * stream are the same.
 *
 * @module
 */
import assert from "node:assert/strict";
import { streamNames, subjectsOf, systemClock } from "../../event/mod.ts";
import {
  connect,
  type Connection,
  Deadline,
  JetStreamApi,
  Link,
  type StoredMessage,
} from "../../nats/mod.ts";

import { eventually, type NatsServerProcess } from "../support/mod.ts";

/** One of three servers, wherever it runs. */
export type ClusterServer = Pick<
  NatsServerProcess,
  "name" | "url" | "monitorUrl"
>;

/** The server that leads the namespace's event stream. */
export async function leaderOf<S extends ClusterServer>(
  servers: { readonly servers: readonly S[] },
  nc: Connection,
  namespace: string,
): Promise<S> {
  return await eventually(async () => {
    const name = await leaderName(nc, namespace);
    const leader = servers.servers.find((server) => server.name === name);
    assert(leader !== undefined, `the leader is ${name}`);
    return leader;
  }, { timeout: 15_000 });
}

/** Makes the leader of the event stream step down, and waits for another one. */
export async function changeLeader(
  nc: Connection,
  namespace: string,
): Promise<void> {
  const stream = streamNames(namespace).events;
  const before = await leaderName(nc, namespace);
  await nc.request(`$JS.API.STREAM.LEADER.STEPDOWN.${stream}`, "", {
    timeout: 5_000,
  });
  await eventually(async () => {
    const now = await leaderName(nc, namespace);
    return now !== undefined && now !== before;
  }, { timeout: 15_000 });
}

/** Connects to that one server only. */
export async function connectTo(
  server: ClusterServer,
): Promise<Connection> {
  return await connect({
    servers: server.url,
    ignoreClusterUpdates: true,
    timeout: 5_000,
  });
}

/**
 * Reads the event stream from each server's own copy, and from the leader
 * through each server, and holds them against one another.
 *
 * @param timeout Milliseconds that a copy may take to come up with the others.
 * @returns How many messages each copy has.
 */
export async function assertSameReplicas(
  servers: { readonly servers: readonly ClusterServer[] },
  namespace: string,
  timeout = 20_000,
): Promise<number> {
  const stream = streamNames(namespace).events;
  // What each server says of its own copy.
  await eventually(async () => {
    const states = await Promise.all(
      servers.servers.map((server) => stateOf(server, stream)),
    );
    const [first] = states;
    assert(first !== undefined, `${servers.servers[0]!.name} has no copy`);
    for (const state of states) assert.deepEqual(state, first);
    return true;
  }, { timeout, interval: 100 });

  let reference: readonly string[] | undefined;
  for (const server of servers.servers) {
    const nc = await connectTo(server);
    const link = new Link(nc);
    const api = new JetStreamApi(link);
    const deadline = new Deadline(systemClock, 20_000);
    try {
      // A direct get is answered by the server one is connected to, if it can.
      const copy = await readAll(api, namespace, deadline);
      reference ??= copy;
      assert.equal(copy.length, reference.length, `messages on ${server.name}`);
      assert.deepEqual(copy, reference, `the copy of ${server.name} differs`);
      const step = Math.max(1, Math.floor(copy.length / 200));
      const sequences = [];
      for (let seq = 1; seq <= copy.length; seq += step) sequences.push(seq);
      const told = await Promise.all(
        sequences.map((seq) => api.at(stream, seq, deadline)),
      );
      for (const [i, seq] of sequences.entries()) {
        assert.equal(described(told[i]!), reference[seq - 1]);
      }
    } finally {
      await link.close();
      await nc.close();
    }
  }
  return reference!.length;
}

async function leaderName(
  nc: Connection,
  namespace: string,
): Promise<string | undefined> {
  const stream = streamNames(namespace).events;
  try {
    const answer = await nc.request(`$JS.API.STREAM.INFO.${stream}`, "", {
      timeout: 1_000,
    });
    return (answer.json() as { cluster?: { leader?: string } }).cluster?.leader;
  } catch {
    return undefined; // nobody leads just now
  }
}

/** What a server's monitoring says of its copy of a stream. */
async function stateOf(server: ClusterServer, stream: string) {
  const answer = await fetch(
    `${server.monitorUrl}/jsz?streams=true&config=true`,
  );
  const body = await answer.json() as {
    account_details?: {
      stream_detail?: { name: string; state: Record<string, unknown> }[];
    }[];
  };
  const found = body.account_details?.flatMap((account) =>
    account.stream_detail ?? []
  ).find(({ name }) => name === stream);
  if (found === undefined) return undefined;
  const { bytes, first_seq, last_seq, messages, num_deleted = 0 } = found.state;
  return { bytes, first_seq, last_seq, messages, num_deleted };
}

async function readAll(
  api: JetStreamApi,
  namespace: string,
  deadline: Deadline,
): Promise<string[]> {
  const stream = streamNames(namespace).events;
  const filter = subjectsOf(namespace).allEvents;
  const all: string[] = [];
  for (let next = 1;;) {
    const limits = { batch: 1_000 };
    const { pending } = await api.directBatch(
      stream,
      next,
      filter,
      limits,
      deadline,
      (message) => {
        next = message.sequence + 1;
        all.push(described(message));
      },
    );
    if (pending === 0) return all;
  }
}

// A direct get adds headers of its own; these are the ones that are stored.
function described(message: StoredMessage): string {
  const { at, data, headers, sequence, subject } = message;
  const commit = headers.get("Aether-Commit");
  const expected = headers.get("Nats-Expected-Last-Subject-Sequence");
  const body = new TextDecoder().decode(data);
  return [sequence, subject, at, commit, expected, body].join("|");
}
