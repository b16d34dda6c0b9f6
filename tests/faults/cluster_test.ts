import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { connect, type Connection } from "../../nats/mod.ts";
import { JetStreamEventStore } from "../../store/mod.ts";
import {
  isBun,
  type NatsServers,
  seeded,
  startNatsServer,
  uniqueNamespace,
} from "../support/mod.ts";
import { assertSameReplicas, changeLeader, leaderOf } from "./_cluster.ts";
import type { StaleRead } from "./checker/history.ts";
import { nightly, report, Workload } from "./_workload.ts";

/** How long a server is frozen. */
const FROZEN = nightly ? 20_000 : 8_000;
/** How long two of three servers are down. */
const NO_QUORUM = nightly ? 20_000 : 3_000;
const ROUNDS = nightly ? 5 : 1;
/** Milliseconds NATS may take to elect a leader, and we to notice; 4 to 9 s were measured. */
const ELECTION = 15_000;

/** A namespace with three copies, opened through each server. */
interface Setup extends AsyncDisposable {
  readonly namespace: string;
  /** One for each server, which moves on to another one when its own is gone. */
  readonly connections: readonly Connection[];
  readonly stores: readonly JetStreamEventStore[];
}

/** Each test ends by itself, but for this. What servers do is the same under both runtimes. */
const LIMIT = {
  timeout: nightly ? 600_000 : 60_000,
  skip: !isBun && !nightly,
};

describe("three servers, three copies", () => {
  const random = seeded();
  let servers: NatsServers;
  // Not in a `before`: Bun gives that five seconds, whatever it is told.
  let starting: Promise<NatsServers> | undefined;
  after(async () => (await starting)?.stop());

  async function setup(): Promise<Setup> {
    servers = await (starting ??= startNatsServer({ servers: 3 }));
    const namespace = uniqueNamespace("cluster");
    const connections: Connection[] = [];
    for (const url of servers.urls) {
      const others = servers.urls.filter((other) => other !== url);
      const list = [url, ...others];
      connections.push(await connect({ servers: list, noRandomize: true }));
    }
    const names = connections.map((nc) => nc.info!.server_name).sort();
    assert.deepEqual(names, ["n1", "n2", "n3"]);
    const stores: JetStreamEventStore[] = [];
    for (const nc of connections) {
      const options = { namespace, replicas: 3 } as const;
      stores.push(await JetStreamEventStore.open(nc, options));
    }
    return {
      namespace,
      connections,
      stores,
      async [Symbol.asyncDispose]() {
        for (const store of stores) await store.close();
        for (const nc of connections) await nc.close();
      },
    };
  }

  it("reads its own writes while the leader changes", LIMIT, async () => {
    await using s = await setup();
    const workload = new Workload(s.stores, {
      random,
      writers: 12,
      reads: 0.5,
    });
    for (let i = 0; i < (nightly ? 30 : 3); i++) {
      await changeLeader(s.connections[0]!, s.namespace);
      // However fast the next one leads: enough reads to see a stale one.
      await workload.acked(150);
    }
    await workload.eachAcked();
    // A stale read is one of the things the journal is held against.
    const log = await workload.verify(s.stores[0]!);
    const { figures } = workload;
    report("leader steps down", { ...figures, stored: log.length });
    assert(figures.reads > 100);
  });

  it("loses nothing when the leader is killed", LIMIT, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      await using s = await setup();
      const workload = new Workload(s.stores, { random, timeout: 20_000 });
      await workload.eachAcked();
      const leader = await leaderOf(servers, s.connections[0]!, s.namespace);
      await leader.kill();
      const others = await workload.eachAcked(ELECTION);
      await leader.restart();
      await servers.ready();
      const back = await workload.eachAcked();
      await workload.acked(500);
      const log = await workload.verify(s.stores[1]!);
      const copies = await assertSameReplicas(servers, s.namespace);
      const { figures } = workload;
      report("leader killed", {
        ...figures,
        others,
        back,
        stored: log.length,
        copies,
      });
      assert.equal(figures.unknown, 0);
      assert(figures.longestGap <= ELECTION);
      assert(
        figures.overrun < 1_000,
        `a call took ${figures.overrun} ms too long`,
      );
    }
  });

  it(
    `loses nothing when the leader is frozen for ${FROZEN} ms`,
    LIMIT,
    async () => {
      for (let round = 0; round < ROUNDS; round++) {
        await using s = await setup();
        const workload = new Workload(s.stores, { random, timeout: 4_000 });
        await workload.eachAcked();
        const leader = await leaderOf(servers, s.connections[0]!, s.namespace);
        leader.pause();
        // How long it is frozen is what is tested: nothing tells when to go on.
        await delay(FROZEN);
        const woken = workload.journal.length;
        leader.resume();
        const back = await workload.eachAcked();
        await workload.acked(500);
        const healed = workload.journal.length;
        await workload.eachAcked();
        // As it wakes up it still takes itself for the leader, and answers reads
        // from the log as it knew it, until it hears of the other one.
        const stale: StaleRead[] = [];
        const log = await workload.verify(
          s.stores[1]!,
          (read) => stale.push(read),
        );
        const copies = await assertSameReplicas(servers, s.namespace);
        const { figures } = workload;
        report("leader frozen", {
          ...figures,
          back,
          stored: log.length,
          copies,
          stale: stale.length,
        });
        for (const { entry, problem } of stale) {
          assert(entry >= woken && entry < healed, problem);
        }
        assert(figures.longestGap <= ELECTION);
        assert(back <= 10_000);
        assert(
          figures.overrun < 1_000,
          `a call took ${figures.overrun} ms too long`,
        );
      }
    },
  );

  it(
    "acknowledges nothing without a quorum, and goes on with one",
    LIMIT,
    async () => {
      await using s = await setup();
      const timeout = 1_500;
      const workload = new Workload(s.stores, { random, timeout });
      await workload.eachAcked();
      const [first, second] = [random.int(3), 1 + random.int(2)];
      const dead = [first, (first + second) % 3].map((i) =>
        servers.servers[i]!
      );
      await Promise.all(dead.map((server) => server.kill()));
      // What was on its way when the second one died may still be acknowledged.
      const early = workload.figures.acked;
      await delay(NO_QUORUM);
      const during = workload.figures;
      await Promise.all(dead.map((server) => server.restart()));
      await servers.ready();
      const back = await workload.eachAcked();
      await workload.acked(500);
      const log = await workload.verify(s.stores[1]!);
      const copies = await assertSameReplicas(servers, s.namespace);
      const { figures } = workload;
      report("no quorum", {
        ...figures,
        during,
        early,
        back,
        stored: log.length,
        copies,
      });
      assert(
        during.acked - early <= 64,
        `${during.acked - early} acknowledged without a quorum`,
      );
      const { store_unavailable: refused = 0 } = during.failed;
      assert(
        refused + during.unknown >= 64,
        "calls settle while there is no quorum",
      );
      assert(back <= 10_000);
      assert(
        figures.overrun < 1_000,
        `a call took ${figures.overrun} ms too long`,
      );
    },
  );
});
