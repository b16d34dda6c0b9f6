import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { connect, type Connection } from "../../nats/mod.ts";
import { JetStreamEventStore } from "../../store/mod.ts";
import {
  type NatsServers,
  seeded,
  startNatsServer,
  uniqueNamespace,
} from "../support/mod.ts";
import { nightly, report, Workload } from "./_workload.ts";

/** How long the server stays down, each time. */
const DOWNS = nightly ? [2_000, 0, 15_000, 500, 0, 0, 5_000] : [2_000, 0, 300];

/** Each test ends by itself, but for this. */
const LIMIT = { timeout: 60_000 };

describe("one server, killed under 64 writers", () => {
  const random = seeded();
  let servers: NatsServers;
  before(async () => {
    servers = await startNatsServer();
  }, LIMIT);
  after(() => servers.stop(), LIMIT);

  for (const down of DOWNS) {
    const title = down === 0
      ? "and started again at once"
      : `and down for ${down} ms`;
    it(
      `${title}: nothing acknowledged is lost`,
      LIMIT,
      async () => {
        const [server] = servers.servers;
        const namespace = uniqueNamespace("kill");
        const connections: Connection[] = [];
        for (let i = 0; i < 4; i++) {
          connections.push(await connect({ servers: server!.url }));
        }
        const stores = await Promise.all(
          connections.map((nc) => JetStreamEventStore.open(nc, { namespace })),
        );
        const workload = new Workload(stores, {
          random,
          timeout: 10_000 + down,
        });
        await workload.eachAcked();
        await workload.acked(random.int(2_000));
        await server!.kill();
        // How long it is down is what is tested: nothing tells when to go on.
        await delay(down);
        await server!.restart();
        const back = await workload.eachAcked();
        await workload.acked(200);
        const log = await workload.verify(stores[0]!);
        const { figures } = workload;
        report(`server killed ${title}`, {
          ...figures,
          back,
          stored: log.length,
        });
        assert(back <= 3_000, `the last writer wrote again after ${back} ms`);
        assert(
          figures.overrun < 1_000,
          `a call took ${figures.overrun} ms too long`,
        );
        assert.equal(figures.failed["store_unavailable"] ?? 0, 0);
        for (const store of stores) await store.close();
        for (const nc of connections) await nc.close();
      },
    );
  }
});
