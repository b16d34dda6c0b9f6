/**
 * A cluster on three servers, with three copies of its bucket: leaders that race,
 * and servers that die and restart. Under Deno only, as it takes time and tests
 * servers rather than the runtime.
 */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { LeaderElection } from "../../cluster/mod.ts";
import { MovedError, ulid } from "../../event/mod.ts";
import { connect, type Connection } from "../../nats/mod.ts";
import {
  eventually,
  isDeno,
  type NatsServerProcess,
  type NatsServers,
  seeded,
  startNatsServer,
  uniqueNamespace,
} from "../support/mod.ts";
import {
  leaderAmong,
  nightly,
  openPorts,
  runsOf,
  shared,
  TestCluster,
} from "./_nodes.ts";

const RACES = nightly ? 1_000 : 60;
const LIMIT = { timeout: nightly ? 600_000 : 120_000, skip: !isDeno };

type World = Awaited<ReturnType<typeof openPorts>>;

describe("three servers", () => {
  let starting: Promise<NatsServers> | undefined;
  after(async () => (await starting)?.stop());
  const start = () => starting ??= startNatsServer({ servers: 3 });

  it(
    "refuse what a deposed leader writes, however they race",
    LIMIT,
    async () => {
      const { urls } = await start();
      const cluster = uniqueNamespace("races");
      const worlds: World[] = [];
      for (const url of urls) {
        worlds.push(await openPorts({ cluster, url, replicas: 3 }));
      }
      const races = new Races(worlds);
      // What the servers themselves say is stored, in their order.
      const watching = await connect({ servers: urls[1]! });
      watching.subscribe(`aether.ctl.${cluster}.ctl.>`, {
        callback: (_, msg) => {
          const { epoch } = msg.json() as { epoch: number };
          races.stored.set(Number(msg.headers!.last("Nats-Sequence")), epoch);
        },
      });
      await watching.flush();
      await races.run(RACES);
      await delay(200);
      const found = races.result();
      console.log(
        `  ${RACES} races: ${found.writes} control writes stored, ${found.before} ` +
          `of them by a leader not yet deposed in its race, ${found.refused} of ` +
          `deposed leaders refused, ${found.stale} of them stored`,
      );
      assert.equal(found.stale, 0, "a deposed leader's write was stored");
      assert.ok(found.refused >= RACES, `only ${found.refused} were refused`);
      assert.ok(found.writes >= 3 * RACES);
      assert.equal(found.epochs, RACES + 1);
      await watching.close();
      await races.close();
    },
  );

  it(
    "lose no lease while they elect a leader of their own",
    LIMIT,
    async () => {
      const servers = await start();
      await using cluster = new TestCluster({ replicas: 3 });
      const connections: Connection[] = [];
      const nodes = await cluster.startAll(
        ...await Promise.all(["a", "b", "c"].map(async (name, i) => {
          const bulkConnection = await connectOnlyTo(
            servers.urls[(i + 1) % 3]!,
          );
          connections.push(bulkConnection);
          const url = servers.urls[i]!;
          return [name, { url, bulkConnection }] as const;
        })),
      );
      await delay(2_100);
      const { manager } = await leaderAmong(nodes);
      const runs = runsOf(nodes);
      const { epoch } = manager.leader()!;
      const seen = new Map(nodes.map(({ manager }) => [manager.nodeId, 0]));
      await using ports = await openPorts({
        cluster: cluster.name,
        url: servers.urls,
      });
      const stream = `KV_aether-${cluster.name}`;
      const leader = await streamLeader(servers, ports.nc, stream);
      const began = performance.now();
      await leader.kill();
      // All who hang on it notice; those who do not go on.
      await eventually(async () => {
        const now = await Promise.all(
          nodes.map(async ({ manager }) => {
            const key = `nodes.${manager.nodeId}`;
            return (await ports.control.last(key, 500))?.sequence ?? 0;
          }),
        );
        for (const [i, { manager }] of nodes.entries()) {
          seen.set(
            manager.nodeId,
            Math.max(seen.get(manager.nodeId)!, now[i]!),
          );
        }
        return true;
      }, { timeout: 15_000, interval: 100 });
      const elected = performance.now() - began;
      await delay(500);
      await leader.restart();
      await shared(nodes, 20_000);
      // Each has renewed its record since, and nobody has lost anything.
      await eventually(async () => {
        for (const [node, sequence] of seen) {
          const now = await ports.control.last(`nodes.${node}`, 1_000);
          assert.ok(now!.sequence > sequence, `${node} has not renewed`);
        }
        return true;
      }, { timeout: 10_000, interval: 100 });
      console.log(
        `  the bucket's leader was killed: read again after ${
          elected | 0
        } ms, ` +
          `all nodes back after ${(performance.now() - began) | 0} ms`,
      );
      assert.deepEqual(runsOf(nodes), runs);
      assert.equal(manager.leader()?.epoch, epoch, "the lease was lost");
      for (const node of nodes) {
        assert.equal(node.said("a node is dead"), 0);
        assert.equal(node.said("a node lost its record"), 0);
        assert.ok(node.said("a node leads") <= 1);
      }

      // And servers restart, shortly: each time one on which two nodes hang.
      for (
        const [i, down] of (nightly ? [300, 1_000, 2_000] : [1_000]).entries()
      ) {
        const leading = await streamLeader(servers, ports.nc, stream);
        const others = servers.servers.filter((server) => server !== leading);
        const server = nightly ? servers.servers[i]! : others[0]!;
        await server.kill();
        await delay(down);
        await server.restart();
        await shared(nodes, 20_000);
      }
      assert.deepEqual(runsOf(nodes), runs, "a node was evicted");
      for (const node of nodes) {
        assert.equal(node.said("a node is dead"), 0);
        assert.equal(node.said("a node lost its record"), 0);
      }
      for (const nc of connections) await nc.close();
    },
  );
});

/** Candidates that take the lease from one another while the holder writes. */
class Races {
  /** Epochs by sequence, of all that is stored below `ctl.`. */
  readonly stored = new Map<number, number>();
  readonly #random = seeded();
  readonly #worlds: readonly World[];
  readonly #candidates: readonly LeaderElection[];
  #refused = 0;
  #before = 0;

  constructor(worlds: readonly World[]) {
    this.#worlds = worlds;
    this.#candidates = worlds.map((world, i) =>
      new LeaderElection(world, {
        node: `n${i}`,
        run: ulid(),
        ttl: 600_000,
      })
    );
  }

  async run(races: number): Promise<void> {
    for (const candidate of this.#candidates) await candidate.start();
    let leading = 0;
    assert.ok(this.#candidates[leading]!.isLeader());
    for (let race = 0; race < races; race++) {
      const next = (leading + 1 + Math.floor(this.#random.next() * 2)) % 3;
      await this.#race(race, leading, next);
      leading = next;
    }
  }

  async close(): Promise<void> {
    for (const candidate of this.#candidates) await candidate.close();
    for (const world of this.#worlds) await world[Symbol.asyncDispose]();
  }

  result() {
    const inOrder = [...this.stored].sort(([a], [b]) => a - b);
    let stale = 0;
    let highest = 0;
    for (const [, epoch] of inOrder) {
      if (epoch < highest) stale++;
      highest = Math.max(highest, epoch);
    }
    return {
      stale,
      refused: this.#refused,
      before: this.#before,
      writes: inOrder.length,
      epochs: new Set(this.stored.values()).size,
    };
  }

  async #race(race: number, from: number, to: number): Promise<void> {
    const [old, next] = [this.#candidates[from]!, this.#candidates[to]!];
    const { epoch, run } = old.leader!;
    // The old one writes until it is told that it does not lead any more.
    let boundary = (await old.write("ctl.shards.race", race))!;
    const writing = (async () => {
      for (;;) {
        try {
          const revision = await old.write("ctl.shards.race", race);
          if (revision === undefined) continue;
          this.stored.set(boundary = revision, epoch);
          this.#before++;
        } catch (error) {
          if (error instanceof MovedError) return;
          throw error;
        }
      }
    })();
    await delay(this.#random.next() * 5);
    const preempting = next.preempt(run);
    // What it had sent before, held up on the way, through every server.
    const late = this.#late(epoch, boundary);
    assert.equal(await preempting, true);
    await Promise.all([writing, late]);
    const first = next.write("ctl.shards.race", `${race} by the next`);
    await this.#late(epoch, boundary);
    assert.ok(await first !== undefined);
    assert.ok(next.epoch! > epoch);
  }

  /** Stale writes, one through each server. */
  async #late(epoch: number, expected: number): Promise<void> {
    const body = JSON.stringify({ write: ulid(), epoch, value: "late" });
    await Promise.all(this.#worlds.map(async ({ control }, i) => {
      const answer = await control.publish({
        key: `ctl.shards.late${i}`,
        body,
        removes: false,
        expected,
        boundary: "ctl.>",
      }, 5_000);
      if (answer.kind === "refused") this.#refused++;
      else this.stored.set(answer.sequence, epoch);
    }));
  }
}

async function connectOnlyTo(url: string): Promise<Connection> {
  return await connect({ servers: url, ignoreClusterUpdates: true });
}

/** The server that leads a stream. */
async function streamLeader(
  servers: NatsServers,
  nc: Connection,
  stream: string,
): Promise<NatsServerProcess> {
  return await eventually(async () => {
    const answer = await nc.request(`$JS.API.STREAM.INFO.${stream}`, "", {
      timeout: 2_000,
    });
    const { cluster } = answer.json() as { cluster?: { leader?: string } };
    const found = servers.servers.find(({ name }) => name === cluster?.leader);
    assert.ok(found !== undefined);
    return found;
  });
}
