import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { NatsEventBus } from "../../../../bus/mod.ts";
import { connect } from "../../../../nats/mod.ts";
import {
  destroyNamespace,
  JetStreamEventStore,
} from "../../../../store/mod.ts";
import { uniqueNamespace } from "../../../support/mod.ts";
import {
  assertExact,
  lastOf,
  logOf,
  type Seen,
  Watcher,
} from "../../_bus_world.ts";
import type { Fault } from "../fault.ts";
import { Findings } from "./_findings.ts";

/** Milliseconds the slow ones take for an event. */
const PACE = 100;
/** Most that may wait for a subscriber, beside the one in its hands. */
const WINDOW = 1_000;

/**
 * Subscribers that take their time before a long log of their own, on one
 * connection with others, who read that log and the world's.
 */
export const f12: Fault = {
  id: "F12",
  title: "a subscriber is slow",
  replicas: [1, 3],
  takes: 60_000,
  quick: false,
  async inject(world, _random, quick) {
    const found = new Findings();
    const events = quick ? 2_000 : 50_000;
    const namespace = uniqueNamespace("slow");
    const { replicas } = world;
    const own = await connect({ servers: [...world.servers.urls] });
    const nc = await connect({ servers: [...world.servers.urls] });
    const bus = new NatsEventBus(nc);
    const store = await JetStreamEventStore.open(own, { namespace, replicas });
    try {
      let isSlow = true;
      const pace = () => isSlow ? delay(PACE) : undefined;
      const slow = [
        new Watcher(
          bus,
          namespace,
          "slow catch-up",
          { from: "beginning" },
          pace,
        ),
        new Watcher(bus, namespace, "slow durable", { durable: "slow" }, pace),
      ];
      const sent = new Map<number, number>();
      const lags: number[] = [];
      const quickOne = new Watcher(bus, namespace, "quick", {}, (event) => {
        const at = sent.get(event.sequence);
        if (at !== undefined) lags.push(world.now() - at);
        sent.delete(event.sequence);
      });
      const foreign: number[] = [];
      const other = bus.subscribe(world.namespace, { actorType: "tally" });
      void other.each(({ timestamp }) => {
        foreign.push(Date.now() - timestamp.getTime());
      });
      for (const { subscription } of [...slow, quickOne]) {
        await subscription.ready;
      }
      await other.ready;

      const before = process.memoryUsage().rss;
      let made = 0;
      await Promise.all(Array.from({ length: 32 }, async (_, worker) => {
        while (made < events) {
          made++;
          const data = { text: "x".repeat(200) };
          const { sequence } = await store.append(`order-${worker}`, [
            { eventType: "Made", data },
          ]);
          sent.set(sequence, world.now());
        }
      }));
      await found.proved("the quick subscriber", () => quickOne.reach(events));
      await delay(quick ? 1_000 : 20_000);
      const grown = (process.memoryUsage().rss - before) / 2 ** 20;
      const [behind] = slow.map(({ seen }) => seen.length).sort((a, b) =>
        a - b
      );
      found.injected(behind! < events / 2, "the slow ones kept pace");
      for (const { name, subscription } of slow) {
        const { waiting } = subscription.stats();
        found.promised(
          waiting <= WINDOW + 1,
          `${waiting} messages wait for the ${name}`,
        );
      }
      found.measured(
        "behind the log's end, beside a slow subscriber",
        lags,
        "ms",
        1_000,
      );
      found.measured(
        "behind the world's events, beside it",
        foreign,
        "ms",
        1_000,
      );
      found.measured("MiB by which the process grew", [grown], "count", 100);

      // What it left for later is there, in order.
      isSlow = false;
      const log: Seen[] = await logOf(store);
      for (const { name, reach, seen } of slow.map(reachable)) {
        await found.proved(name, async () => {
          await reach(lastOf(log));
          assertExact(name, seen, log);
        });
      }
      await found.proved(
        "the quick subscriber",
        () => assertExact("quick", quickOne.seen, log),
      );
    } finally {
      await bus.close();
      await store.close();
      await destroyNamespace(own, namespace, { confirm: namespace });
      await nc.close();
      await own.close();
    }
    return found;
  },
};

function reachable(watcher: Watcher) {
  const { name, seen } = watcher;
  return {
    name,
    seen,
    reach: (sequence: number) => watcher.reach(sequence, 60_000),
  };
}
