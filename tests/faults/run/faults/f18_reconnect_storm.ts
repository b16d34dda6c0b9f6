import { setTimeout as delay } from "node:timers/promises";
import { NatsEventBus } from "../../../../bus/mod.ts";
import { connect, type Connection } from "../../../../nats/mod.ts";
import {
  eventually,
  startTcpProxy,
  type TcpProxy,
} from "../../../support/mod.ts";
import type { Fault } from "../fault.ts";
import { areGone, consumersOf, lastOf } from "./_consumers.ts";
import { Findings } from "./_findings.ts";

const CYCLES = 10;
const SILENT = 2_000;
/** Milliseconds in which tries are counted together, and that the first ones take. */
const STEP = 50;
const FIRST = 200;
/** Milliseconds in which all have connected again. */
const BACK = 10_000;

/** Many connections, each with a subscription, are cut again and again, and refused for a while. */
export const f18: Fault = {
  id: "F18",
  title: "many connections are cut again and again",
  replicas: [1, 3],
  takes: 60_000,
  quick: false,
  async inject(world, random, quick) {
    const found = new Findings();
    const many = quick ? 10 : 50;
    const server = random.pick(world.servers.servers);
    const proxy = await startTcpProxy({ target: server.url });
    const admin = await connect({ servers: [...world.servers.urls] });
    const before = await consumersOf(world, admin);
    const first = await lastOf(world) + 1;
    const connections: Connection[] = [];
    const buses: NatsEventBus[] = [];
    try {
      for (let i = 0; i < many; i++) {
        const nc = await connect({
          servers: proxy.url,
          ignoreClusterUpdates: true,
        });
        connections.push(nc);
        const bus = new NatsEventBus(nc);
        buses.push(bus);
        const subscription = bus.subscribe(world.namespace, {
          from: { sequence: first },
          actorId: `tally-${world.keys[i % world.keys.length]}`,
        });
        void subscription.each(() => {}).catch((error) =>
          found.violations.push(`a subscription ended: ${error.message}`)
        );
        await subscription.ready;
      }
      // Others come and go meanwhile: what counts are those that were not there.
      const made = (await consumersOf(world, admin))
        .filter((name) => !before.includes(name)).length;
      found.injected(made >= many, `${made} consumers were made`);
      const back: number[] = [];
      for (let cycle = 0; cycle < CYCLES; cycle++) {
        const cut = world.now();
        const { accepted } = proxy.stats;
        proxy.cut();
        await found.proved(`cycle ${cycle + 1}`, () =>
          eventually(
            () =>
              proxy.stats.accepted >= accepted + many &&
              proxy.connections() >= many,
            { timeout: BACK },
          ));
        back.push(world.now() - cut);
        // Cut at any moment of what they do to be up again.
        await delay(random.int(300));
      }
      found.injected(
        proxy.stats.accepted >= many * CYCLES,
        `${proxy.stats.accepted} connections were made`,
      );
      found.measured("all are connected again", back, "ms", BACK);
      await refuse(proxy, many, found);
      await found.proved(
        "after being refused",
        () => eventually(() => proxy.connections() >= many, { timeout: BACK }),
      );
    } finally {
      for (const bus of buses) await bus.close();
      for (const nc of connections) await nc.close();
      await proxy.close();
    }
    await areGone(world, admin, before, found);
    await admin.close();
    return found;
  },
};

/** Refuses all for a while: how often each tries, and whether they come at once. */
async function refuse(
  proxy: TcpProxy,
  many: number,
  found: Findings,
): Promise<void> {
  proxy.refuse(true);
  proxy.cut();
  try {
    const tries: number[] = [];
    for (let at = 0, before = proxy.stats.accepted; at < SILENT; at += STEP) {
      await delay(STEP);
      tries.push(proxy.stats.accepted - before);
      before = proxy.stats.accepted;
    }
    const all = tries.reduce((sum, n) => sum + n, 0);
    found.injected(all > 0, "nobody tried while all were refused");
    found.measured(
      "tries a second of one that is refused",
      [all / many / SILENT * 1_000],
      "count",
      4,
    );
    // The first one comes at once, as for most that is all it takes.
    const later = tries.slice(FIRST / STEP);
    found.measured(
      `percent of them that tried within the same ${STEP} ms, later`,
      [Math.max(...later) / many * 100],
      "count",
      100,
    );
  } finally {
    proxy.refuse(false);
  }
}
