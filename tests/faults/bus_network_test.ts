import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { NatsEventBus } from "../../bus/mod.ts";
import { connect } from "../../nats/mod.ts";
import { JetStreamEventStore } from "../../store/mod.ts";
import {
  seeded,
  startNatsServer,
  startTcpProxy,
  uniqueNamespace,
} from "../support/mod.ts";
import {
  assertExact,
  assertLive,
  assertNoConsumers,
  assertNoSubscriptions,
  assertOrderOfNew,
  lastOf,
  logOf,
  nightly,
  report,
  type Seen,
  Watcher,
  Writer,
} from "./_bus_world.ts";

describe("a network that breaks under subscribers", () => {
  for (
    const kind of [
      "cut",
      "half-open",
      "cut inside messages",
      "loses messages",
    ] as const
  ) {
    it(`${kind}: loses nobody's place`, { timeout: 120_000 }, async () => {
      const random = seeded();
      await using servers = await startNatsServer();
      const [server] = servers.servers;
      await using proxy = await startTcpProxy({ target: server!.url });
      const namespace = uniqueNamespace("busnet");
      const own = await connect({ servers: server!.url });
      // Pinged often, so that a silent connection is noticed within this test.
      const far = await connect({
        servers: proxy.url,
        ignoreClusterUpdates: true,
        pingInterval: 500,
        maxPingOut: 2,
      });
      const store = await JetStreamEventStore.open(own, { namespace });
      const bus = new NatsEventBus(far);
      const journal: Seen[] = [];
      const near = new NatsEventBus(own);
      const catchUp = new Watcher(bus, namespace, "catch-up", {
        from: "beginning",
      });
      const live = new Watcher(bus, namespace, "live", {});
      const one = new Watcher(bus, namespace, "single, far", {
        durable: "s",
        lease: 1_500,
      }, (event) => journal.push(event));
      for (const each of [catchUp, live, one]) await each.subscription.ready;
      const two = new Watcher(near, namespace, "single, near", {
        durable: "s",
        lease: 1_500,
      }, (event) => journal.push(event));
      await two.subscription.ready;
      const writer = new Writer(store);
      await writer.more(50);
      for (let round = 0; round < (nightly ? 6 : 2); round++) {
        if (kind === "cut") {
          proxy.refuse(true);
          proxy.cut();
          await writer.more(100);
          proxy.refuse(false);
        } else if (kind === "half-open") {
          proxy.halfOpen(true);
          await delay(2_500); // as long as it takes to be noticed, or longer
          proxy.halfOpen(false);
        } else if (kind === "cut inside messages") {
          proxy.cutAfter(1_000 + random.int(20_000), "toClient");
        } else {
          const rule = proxy.dropReplies(0.05, () => random.next());
          await writer.more(200);
          rule.stop();
        }
        await writer.more(100);
      }
      await writer.stop();
      const log = await logOf(store);
      const end = lastOf(log);
      const started = performance.now();
      await catchUp.reach(end, 40_000);
      await live.reach(end, 40_000);
      for (
        let i = 0;
        ![one, two].some((s) => s.seen.at(-1)?.sequence === end);
        i++
      ) {
        assert.ok(i < 400, "no single gets to the end");
        await delay(50);
      }
      assertExact("catch-up", catchUp.seen, log);
      const missed = assertLive("live", live, log, 0);
      assertOrderOfNew("single", journal, log);
      report(`network under subscribers, ${kind}`, {
        events: log.length,
        back: Math.round(performance.now() - started),
        liveMissed: missed,
        gaps: live.gaps.length,
        restarts: catchUp.subscription.stats().restarts,
        late: live.subscription.stats().late,
        shares: [one.seen.length, two.seen.length],
        dropped: proxy.stats.dropped,
      });
      assert.ok(
        catchUp.subscription.stats().restarts > 0,
        "nothing was broken",
      );
      const closing = performance.now();
      await bus.close();
      await near.close();
      const closed = performance.now() - closing;
      assert.ok(closed < 3_000, `it took ${closed} ms to close`);
      await assertNoConsumers(own, namespace);
      await assertNoSubscriptions([server!.monitorUrl]);
      await store.close();
      await own.close();
      await far.close();
    });
  }
});
