/**
 * The leader of the log is cut off from its two peers, and with it the node that
 * runs beside it, while clients on both sides go on calling. At the end the log is
 * held against what every caller was told, and the servers' copies of it against
 * each other.
 */
import { setTimeout as delay } from "node:timers/promises";
import { Aether } from "../../../mod.ts";
import { connect } from "../../../nats/mod.ts";
import { eventually, type Random } from "../../support/mod.ts";
import { assertSameReplicas, leaderOf } from "../_cluster.ts";
import { checkHistory, type StaleRead } from "../checker/history.ts";
import { Load } from "../fleet/load.ts";
import { type FleetNode, programsOf, startNode } from "../fleet/process.ts";
import { Network } from "./network.ts";
import { PartitionedServers } from "./servers.ts";

/** Milliseconds a call of the load may take. */
const TIMEOUT = 4_000;
/** Milliseconds that the calls may take by which the other side is asked. */
export const ASKED = 2_000;
/**
 * Milliseconds in which the server that was cut off has what it has missed:
 * mostly ten seconds, but nats-server also took two minutes.
 */
const CAUGHT_UP = 240_000;
const NAMESPACE = "partition";

/** Codes by which a caller learns that it was not done, or may have been. */
export const TYPED: ReadonlySet<string> = new Set([
  "deadline_exceeded",
  "outcome_unknown",
  "store_unavailable",
  "overloaded",
]);

/** What a partition has come to; durations in milliseconds. */
export interface Partition {
  /** Until the first of the lost machine's actors answered on the other side. */
  readonly first: number;
  /** Until all actors answered there. */
  readonly all: number;
  /** Commands done on either side while it lasted. */
  readonly doneByMajority: number;
  readonly doneByMinority: number;
  /** What the minority's calls failed with, and how often. */
  readonly failed: Readonly<Record<string, number>>;
  /** Until the minority's callers were told, of {@link ASKED}. */
  readonly told: number;
  /** From the healing until all actors answered the minority's client. */
  readonly back: number;
  /** From the healing until all nodes shared the shards. */
  readonly shared: number;
  /** From the healing until all copies of the log were the same. */
  readonly same: number;
  /** Events in the log, and messages in each copy of it. */
  readonly events: number;
  readonly copies: number;
  /** What the checker says of the log. */
  readonly problems: readonly string[];
  /** Reads that were stale while it lasted, and those that were so at another time. */
  readonly stale: readonly StaleRead[];
  readonly staleBeyond: readonly StaleRead[];
  /** Late writes of nodes that were refused. */
  readonly refused: number;
  readonly longest: number;
}

/**
 * Cuts a leader off, and heals it.
 *
 * @param lasts Milliseconds that it is cut off.
 * @throws {Error} Where the machines cannot be had, or do not come to rest.
 */
export async function partition(
  random: Random,
  lasts: number,
): Promise<Partition> {
  await using network = await Network.open(3);
  await using servers = await PartitionedServers.start(network);
  const urls = servers.servers.map(({ url }) => url);
  await using nodes = await Nodes.start(network, urls);

  const nc = await connect({ servers: urls });
  const leader = await leaderOf(servers, nc, NAMESPACE);
  await nc.close();
  const alone = servers.servers.indexOf(leader);
  const clientOf = (nodeId: string, servers: string[]) =>
    Aether.start({
      servers,
      ignoreClusterUpdates: true,
      namespace: NAMESPACE,
      nodeId,
      actors: [],
      replicas: 3,
    });
  await using many = await clientOf(
    "many",
    urls.filter((_, i) => i !== alone),
  );
  await using few = await clientOf("few", [leader.url]);
  await eventually(() => isShared(many, 3) && isShared(few, 3), {
    timeout: 30_000,
  });

  const major = new Load(many, { random, rate: 150, timeout: TIMEOUT });
  const minor = new Load(few, {
    random,
    rate: 100,
    timeout: TIMEOUT,
    with: major,
  });
  const { keys, journal } = major;
  try {
    await Promise.all(keys.map((key) => major.add(key)));
    major.start();
    minor.start();
    await delay(4_000);

    const doneBefore = minor.counts.done;
    const cutAt = journal.length;
    const began = performance.now();
    const since = () => Math.round(performance.now() - began);
    await network.cut(alone);
    const firsts = keys.map(async (key) => {
      await major.add(key, 60_000);
      return since();
    });
    const first = await Promise.any(
      // Of the actors that lived on the machine that is gone.
      keys.map((key, i) => ({ key, i }))
        .filter(({ key }) =>
          many.cluster!.ownerOf(`tally-${key}`)?.node === `n${alone + 1}`
        )
        .map(({ i }) => firsts[i]!),
    );
    const all = Math.max(...await Promise.all(firsts));
    const allDone = major.counts.done;
    // Callers on the other side are told, too.
    await delay(Math.max(0, lasts / 2 - since()));
    const before = performance.now();
    await Promise.all(keys.slice(0, 20).map((key) => minor.add(key, ASKED)));
    const told = performance.now() - before;
    await delay(Math.max(0, lasts - since()));

    const duringMajor = major.counts.done - allDone;
    const duringMinor = minor.counts.done - doneBefore;
    const failed = Object.fromEntries(minor.counts.failed);
    await network.heal();
    const healed = performance.now();
    await Promise.all(keys.map((key) => minor.add(key, 60_000)));
    const back = performance.now() - healed;
    await eventually(() => isShared(many, 3) && isShared(few, 3), {
      timeout: 60_000,
      interval: 100,
    });
    const shared = performance.now() - healed;
    const sharedAt = journal.length;
    await major.stop();
    await minor.stop();

    const stale: StaleRead[] = [];
    const log = await major.log();
    const problems = checkHistory(journal, log, (read) => stale.push(read));
    await servers.formed();
    const copies = await assertSameReplicas(servers, NAMESPACE, CAUGHT_UP);
    const same = performance.now() - healed;
    const refused = nodes.said("another writer was first");

    // Who is cut off and does not know it yet answers from what it knew.
    const isWithin = ({ entry }: StaleRead) =>
      entry >= cutAt && entry < sharedAt;
    return {
      first,
      all,
      doneByMajority: duringMajor,
      doneByMinority: duringMinor,
      failed,
      told,
      back,
      shared,
      same,
      events: log.length,
      copies,
      problems,
      stale: stale.filter(isWithin),
      staleBeyond: stale.filter((read) => !isWithin(read)),
      refused,
      longest: Math.max(major.longest, minor.longest),
    };
  } finally {
    // Also where something went wrong: nobody calls on.
    await Promise.all([major.stop(), minor.stop()]);
  }
}

/** A node on each machine, Deno and Bun in turn. */
class Nodes implements AsyncDisposable {
  readonly #nodes: FleetNode[] = [];

  static async start(
    network: Network,
    urls: readonly string[],
  ): Promise<Nodes> {
    const programs = await programsOf("mixed");
    const nodes = new Nodes();
    try {
      for (const [i, { inside }] of network.machines.entries()) {
        const program = [...inside, ...programs[i % programs.length]!];
        // Its own machine's server first; the others where that is not there.
        const servers = [urls[i]!, ...urls.filter((_, j) => j !== i)];
        nodes.#nodes.push(
          await startNode(`n${i + 1}`, program, servers, NAMESPACE, 3),
        );
      }
      return nodes;
    } catch (error) {
      await nodes[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** How often they have logged something. */
  said(message: string): number {
    return this.#nodes.flatMap(({ log }) => log)
      .filter((entry) => entry["message"] === message).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.#nodes) node.signal("SIGKILL");
    await Promise.all(this.#nodes.map(({ ended }) => ended));
  }
}

/** Whether so many nodes share the shards evenly, as a client knows. */
function isShared(client: Aether, count: number): boolean {
  const shares = new Map<string, number>();
  for (const node of client.cluster!.shardMap("tally").nodes) {
    if (node !== undefined) shares.set(node, (shares.get(node) ?? 0) + 1);
  }
  return shares.size === count &&
    [...shares.values()].every((n) => Math.abs(n - 256 / count) <= 1);
}
