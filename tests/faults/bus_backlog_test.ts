import assert from "node:assert/strict";
import { describe, it } from "node:test";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { NatsEventBus } from "../../bus/mod.ts";
import { connect } from "../../nats/mod.ts";
import { JetStreamEventStore } from "../../store/mod.ts";
import { startNatsServer, uniqueNamespace } from "../support/mod.ts";
import {
  assertExact,
  assertLive,
  assertNoConsumers,
  assertNoSubscriptions,
  lastOf,
  logOf,
  nightly,
  report,
  Watcher,
} from "./_bus_world.ts";

const EVENTS = nightly ? 50_000 : 10_000;
const STALL = nightly ? 20_000 : 1_500;
/** Bytes a stalled subscriber's process may grow by. */
const GROWTH = 100 * 1024 * 1024;

describe("subscribers that stall before a backlog", () => {
  it(
    "keep nobody waiting, and memory bounded",
    { timeout: 240_000 },
    async () => {
      await using servers = await startNatsServer();
      const namespace = uniqueNamespace("busslow");
      const own = await connect({ servers: servers.url });
      const other = await connect({ servers: servers.url });
      const store = await JetStreamEventStore.open(own, { namespace });
      const bus = new NatsEventBus(other);
      const stalled = Promise.withResolvers<void>();
      const stall = () => stalled.promise;
      const slow = [
        new Watcher(
          bus,
          namespace,
          "slow catch-up",
          { from: "beginning" },
          stall,
        ),
        new Watcher(bus, namespace, "slow single", { durable: "s" }, stall),
        new Watcher(
          bus,
          namespace,
          "slow live",
          { buffer: { events: 1_000 } },
          stall,
        ),
      ] as const;
      let lag = 0;
      const sent = new Map<number, number>();
      const quick = new Watcher(bus, namespace, "quick live", {}, (event) => {
        const at = sent.get(event.sequence);
        if (at !== undefined) lag = Math.max(lag, performance.now() - at);
      });
      for (const { subscription } of [...slow, quick]) await subscription.ready;

      const before = process.memoryUsage().rss;
      let made = 0;
      await Promise.all(Array.from({ length: 32 }, async (_, worker) => {
        while (made < EVENTS) {
          made++;
          const { sequence } = await store.append(`order-${worker}`, [
            { eventType: "Made", data: { text: "x".repeat(200) } },
          ]);
          sent.set(sequence, performance.now());
        }
      }));
      await quick.reach(EVENTS);
      const grown = process.memoryUsage().rss - before;
      // The consumers of those who stall may go meanwhile: they are made again.
      await delay(STALL);
      const [catchUp, single, live] = slow;
      assert.ok(catchUp.subscription.stats().waiting <= 1_001);
      assert.ok(live.subscription.stats().waiting <= 1_000);
      stalled.resolve();
      const started = performance.now();
      await catchUp.reach(EVENTS, 60_000);
      await single.reach(EVENTS, 60_000);
      await live.reach(EVENTS);
      const log = await logOf(store);
      assert.equal(lastOf(log), EVENTS);
      assertExact("slow catch-up", catchUp.seen, log);
      assertExact("slow single", single.seen, log);
      assertExact("quick live", quick.seen, log);
      const missed = assertLive("slow live", live, log, 0);
      const dropped = live.gaps.reduce((sum, gap) => sum + gap.dropped, 0);
      assert.equal(dropped, missed);
      assert.equal(dropped, live.subscription.stats().dropped);
      assert.ok(missed >= EVENTS - 1_100, `only ${missed} were dropped`);
      report("a stalled subscriber", {
        events: EVENTS,
        stall: STALL,
        grownMiB: Math.round(grown / 1024 / 1024),
        quickLagMs: Math.round(lag),
        caughtUpMs: Math.round(performance.now() - started),
        restarts: catchUp.subscription.stats().restarts,
      });
      assert.ok(lag < 1_000, `the quick one was ${lag} ms behind`);
      assert.ok(grown < GROWTH, `memory grew by ${grown} bytes`);
      await bus.close();
      await assertNoConsumers(own, namespace);
      await assertNoSubscriptions([servers.servers[0]!.monitorUrl]);
      await store.close();
      await own.close();
      await other.close();
    },
  );
});
