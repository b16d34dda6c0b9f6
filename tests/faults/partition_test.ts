/**
 * The leader of the log is cut off from its two peers for 20 seconds, and with it
 * the node that runs beside it, while clients on both sides go on calling. At the
 * end the log is held against what every caller was told, and the servers' copies
 * of it against each other.
 *
 * At night only, under Deno (the nodes run under both), and where network
 * namespaces can be had: that takes root.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "../../nats/mod.ts";
import { Aether } from "../../mod.ts";
import { eventually, isDeno, seeded } from "../support/mod.ts";
import { assertSameReplicas, leaderOf } from "./_cluster.ts";
import { checkHistory, type StaleRead } from "./checker/history.ts";
import { Load } from "./fleet/load.ts";
import { type FleetNode, programsOf, startNode } from "./fleet/process.ts";
import { Network } from "./partition/network.ts";
import { PartitionedServers } from "./partition/servers.ts";

const CUT = 20_000;
/** Milliseconds a call of the load may take. */
const TIMEOUT = 4_000;
/** Milliseconds a call may take beyond its time, on a machine that has much to do. */
const MARGIN = 1_500;
/**
 * Milliseconds in which the server that was cut off has what it has missed:
 * mostly ten seconds, but nats-server also took two minutes.
 */
const CAUGHT_UP = 240_000;
const NAMESPACE = "partition";

const isNight = isDeno && process.env["AETHER_NIGHTLY"] === "1";
const missing = isNight ? Network.missing() : undefined;
if (missing !== undefined) console.log(`skipped: partitions, as ${missing}`);
const LIMIT = {
  timeout: 480_000,
  skip: !isNight || missing !== undefined,
};

describe("a log whose leader is cut off from its peers", LIMIT, () => {
  it(
    "loses nothing and doubles nothing, on whichever side",
    LIMIT,
    async () => {
      const random = seeded();
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
      await Promise.all(keys.map((key) => major.add(key)));
      major.start();
      minor.start();
      await delay(4_000);

      const doneBefore = minor.counts.done;
      const cutAt = journal.length;
      const began = performance.now();
      const since = () => Math.round(performance.now() - began);
      await network.cut(alone);
      console.log(`  ${leader.name}, who leads, is cut off`);
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
      await delay(Math.max(0, CUT / 2 - since()));
      const before = performance.now();
      await Promise.all(keys.slice(0, 20).map((key) => minor.add(key, 2_000)));
      const told = performance.now() - before;
      await delay(Math.max(0, CUT - since()));

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
      assert.deepEqual(problems, [], `seed ${random.seed}`);
      await servers.formed();
      const copies = await assertSameReplicas(servers, NAMESPACE, CAUGHT_UP);
      const same = performance.now() - healed;
      const refused = nodes.said("another writer was first");
      console.log(
        `  majority: first answer of the lost actors after ${first} ms, all ${keys.length} after ${all} ms; ${duringMajor} more done while cut\n` +
          `  minority: ${duringMinor} done since the cut, failed ${
            JSON.stringify(failed)
          }, told within ${told | 0} ms of 2000\n` +
          `  healed: minority's client answered by all after ${
            back | 0
          } ms, shared again after ${shared | 0} ms\n` +
          `  ${log.length} events, ${copies} messages the same three times ${
            same | 0
          } ms behind the healing, ${stale.length} stale reads, ` +
          `${refused} late writes refused, longest call ${
            Math.max(major.longest, minor.longest) | 0
          } ms`,
      );
      assert.ok(first < 15_000, `the majority served after ${first} ms`);
      assert.ok(all < 30_000, `the majority served all after ${all} ms`);
      assert.ok(
        duringMajor > 0,
        "nothing was done while the leader was cut off",
      );
      assert.ok(Object.keys(failed).length > 0, "the minority noticed nothing");
      for (const code of Object.keys(failed)) {
        assert.ok(TYPED.has(code), `the minority was told "${code}"`);
      }
      assert.ok(
        told < 2_000 + MARGIN,
        `the minority was told after ${told} ms`,
      );
      assert.ok(back < 30_000, `the minority was back after ${back} ms`);
      for (const { entry, problem } of stale) {
        // Who is cut off and does not know it yet answers from what it knew.
        assert.ok(entry >= cutAt && entry < sharedAt, problem);
      }
    },
  );
});

/** Codes by which a caller learns that it was not done, or may have been. */
const TYPED = new Set([
  "deadline_exceeded",
  "outcome_unknown",
  "store_unavailable",
  "overloaded",
]);

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
