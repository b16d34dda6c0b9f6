import { setTimeout as delay } from "node:timers/promises";
import { NatsEventBus } from "../../../../bus/mod.ts";
import { streamNames } from "../../../../event/mod.ts";
import { connect, type Connection } from "../../../../nats/mod.ts";
import { eventually, startTcpProxy } from "../../../support/mod.ts";
import type { Random, TcpProxy } from "../../../support/mod.ts";
import { assertExact, type Seen, Watcher } from "../../_bus_world.ts";
import type { Fault, World } from "../fault.ts";
import { areGone, consumersOf, lastOf } from "./_consumers.ts";
import { Findings } from "./_findings.ts";

/** Milliseconds in which a subscriber goes on. */
const RESUMES = 10_000;
/** Milliseconds without a heartbeat: longer than it takes to doubt a consumer. */
const UNHEARD = 12_000;

/**
 * The server loses the consumers of all subscribers, heartbeats do not arrive,
 * and the server is restarted while somebody does not read.
 */
export const f17: Fault = {
  id: "F17",
  title: "consumers are lost",
  replicas: [1, 3],
  takes: 60_000,
  quick: false,
  async inject(world, random, quick) {
    const found = new Findings();
    await using proxy = await startTcpProxy({
      target: random.pick(world.servers.urls),
    });
    const admin = await connect({ servers: [...world.servers.urls] });
    const nc = await connect({ servers: [...world.servers.urls] });
    const far = await connect({
      servers: proxy.url,
      ignoreClusterUpdates: true,
    });
    const buses = [new NatsEventBus(nc), new NatsEventBus(far)] as const;
    const before = await consumersOf(world, admin);
    try {
      const first = await lastOf(world) + 1;
      const options = { from: { sequence: first }, actorType: "tally" };
      let reads = Promise.resolve();
      const watchers = [
        new Watcher(buses[0], world.namespace, "catch-up", options),
        new Watcher(buses[0], world.namespace, "small", {
          ...options,
          buffer: { events: 4 },
        }),
        new Watcher(buses[1], world.namespace, "far", options),
        new Watcher(
          buses[0],
          world.namespace,
          "reads now and then",
          options,
          () => reads,
        ),
      ];
      for (const { subscription } of watchers) await subscription.ready;
      const resumed: number[] = [];
      const resume = async () => {
        const began = world.now();
        const last = await lastOf(world);
        await Promise.all(
          watchers.map((watcher) =>
            found.proved(watcher.name, async () => {
              await watcher.reach(last, 3 * RESUMES);
              resumed.push(world.now() - began);
            })
          ),
        );
      };

      let deleted = 0;
      for (let round = 0; round < (quick ? 2 : 10); round++) {
        deleted += await deleteConsumers(world, admin);
        await delay(quick ? 200 : 1_000);
        await resume();
      }
      found.injected(
        deleted >= watchers.length,
        `${deleted} consumers deleted`,
      );
      found.measured(
        "a subscriber went on without its consumer",
        resumed.splice(0),
        "ms",
        RESUMES,
      );
      if (!quick) {
        await withoutHeartbeats(world, buses[1], proxy, random, found);
      }

      const { promise, resolve } = Promise.withResolvers<void>();
      reads = promise;
      const server = random.pick(world.servers.servers);
      await server.kill();
      await delay(quick ? 1_000 : 10_000);
      await server.restart();
      await world.servers.ready();
      resolve();
      await eventually(() => !nc.isClosed() && lastOf(world).then(() => true), {
        timeout: 30_000,
      });
      await resume();
      found.measured(
        "a subscriber went on behind a restart",
        resumed,
        "ms",
        RESUMES,
      );

      const last = await lastOf(world);
      const log = await logFrom(world, first, last);
      for (const { name, seen, reach } of watchers.map(reachable)) {
        await found.proved(name, async () => {
          await reach(last);
          assertExact(name, seen.filter((e) => e.sequence <= last), log);
        });
      }
    } finally {
      for (const bus of buses) await bus.close();
      await nc.close();
      await far.close();
    }
    await world.settled();
    await areGone(world, admin, before, found);
    await admin.close();
    return found;
  },
};

/** Lets a subscriber to whom nothing happens hear nothing of the server either, and then shows it an event. */
async function withoutHeartbeats(
  world: World,
  bus: NatsEventBus,
  proxy: TcpProxy,
  random: Random,
  found: Findings,
): Promise<void> {
  const key = `quiet${random.int(1e9)}`;
  const actorId = `tally-${key}`;
  const watcher = new Watcher(bus, world.namespace, "quiet", {
    from: { sequence: await lastOf(world) + 1 },
    actorId,
  });
  await watcher.subscription.ready;
  const heartbeats = proxy.dropReplies(({ headers = "" }) =>
    headers.startsWith("NATS/1.0 100")
  );
  try {
    await delay(UNHEARD);
    found.injected(heartbeats.count > 0, "no heartbeat was lost");
    found.measured(
      "a subscriber that heard no heartbeat asked anew",
      [watcher.subscription.stats().restarts],
      "count",
    );
    const began = world.now();
    await world.call(key);
    const [event] = await world.client.store.getEvents(actorId);
    await found.proved("a subscriber that heard no heartbeat", async () => {
      await watcher.reach(event?.sequence ?? 0);
      found.measured(
        "a subscriber that heard no heartbeat was shown an event",
        [world.now() - began],
        "ms",
        RESUMES,
      );
    });
  } finally {
    heartbeats.stop();
    await watcher.subscription.close();
  }
}

function reachable(watcher: Watcher) {
  const { name, seen } = watcher;
  return {
    name,
    seen,
    reach: (sequence: number) => watcher.reach(sequence, 30_000),
  };
}

async function logFrom(
  world: World,
  from: number,
  to: number,
): Promise<Seen[]> {
  const log: Seen[] = [];
  const read = world.client.store.read({ type: "tally", from, to });
  for await (const { actorId, sequence, version } of read) {
    log.push({ actorId, sequence, version });
  }
  return log;
}

/** Deletes all consumers on the log, whoever has them; how many there were. */
async function deleteConsumers(
  world: World,
  admin: Connection,
): Promise<number> {
  const stream = streamNames(world.namespace).events;
  const names = await consumersOf(world, admin);
  await Promise.all(
    names.map((name) =>
      admin.request(`$JS.API.CONSUMER.DELETE.${stream}.${name}`, "", {
        timeout: 5_000,
      })
    ),
  );
  return names.length;
}
