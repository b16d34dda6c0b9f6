import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { NatsEventBus } from "../../bus/mod.ts";
import { connect } from "../../nats/mod.ts";
import { JetStreamEventStore } from "../../store/mod.ts";
import { startNatsServer, uniqueNamespace } from "../support/mod.ts";
import {
  assertCovered,
  assertExact,
  assertLive,
  assertNoConsumers,
  assertNoSubscriptions,
  assertOrderOfNew,
  lastOf,
  logOf,
  nightly,
  report,
  Watcher,
  Writer,
} from "./_bus_world.ts";

/** How long the server stays down, each time. */
const DOWNS = nightly ? [2_000, 0, 15_000, 500, 0] : [1_000, 0];

describe("a server killed under subscribers", () => {
  it("loses nobody's place", { timeout: 120_000 }, async () => {
    await using servers = await startNatsServer();
    const [server] = servers.servers;
    const namespace = uniqueNamespace("buskill");
    const own = await connect({ servers: server!.url });
    const other = await connect({ servers: server!.url });
    const store = await JetStreamEventStore.open(own, { namespace });
    const bus = new NatsEventBus(other);
    const catchUp = new Watcher(bus, namespace, "catch-up", {
      from: "beginning",
    });
    const narrow = new Watcher(bus, namespace, "narrow", {
      from: "beginning",
      actorId: "order-3",
    });
    const live = new Watcher(bus, namespace, "live", {});
    const single = new Watcher(bus, namespace, "single", { durable: "s" });
    const competing = ["a", "b"].map((name) =>
      new Watcher(bus, namespace, `competing ${name}`, {
        durable: "c",
        mode: "competing",
        lease: 2_000,
      })
    );
    const all = [catchUp, narrow, live, single, ...competing];
    for (const { subscription } of all) await subscription.ready;

    const writer = new Writer(store);
    await writer.more(50);
    for (const down of DOWNS) {
      await server!.kill();
      // How long it is down is what is tested: nothing tells when to go on.
      await delay(down);
      await server!.restart();
      await writer.more(100);
    }
    await writer.stop();
    const log = await logOf(store);
    const end = lastOf(log);
    const started = performance.now();
    await catchUp.reach(end);
    const back = performance.now() - started;
    await live.reach(end);
    await single.reach(end);
    const ofActor = log.filter(({ actorId }) => actorId === "order-3");
    await narrow.reach(lastOf(ofActor));
    assertExact("catch-up", catchUp.seen, log);
    assertExact("narrow", narrow.seen, ofActor);
    const missed = assertLive("live", live, log, 0);
    assertOrderOfNew("single", single.seen, log);
    const shared = () => competing.flatMap(({ seen }) => seen);
    for (
      let i = 0;
      new Set(shared().map((e) => `${e.actorId}@${e.version}`)).size <
        log.length;
      i++
    ) {
      assert.ok(i < 600, "competing ones do not get on");
      await delay(50);
    }
    const repeated = assertCovered("competing", shared(), log);
    assert.equal(catchUp.gaps.length, 0);
    report("server killed under subscribers", {
      events: log.length,
      back: Math.round(back),
      liveMissed: missed,
      liveGaps: live.gaps.length,
      repeated,
      restarts: catchUp.subscription.stats().restarts,
    });
    assert.ok(catchUp.subscription.stats().restarts > 0, "nothing was broken");
    await bus.close();
    await assertNoConsumers(own, namespace, 1);
    await assertNoSubscriptions([server!.monitorUrl]);
    await store.close();
    await own.close();
    await other.close();
  });
});
