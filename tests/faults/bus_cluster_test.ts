import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NatsEventBus } from "../../bus/mod.ts";
import { JetStreamEventStore } from "../../store/mod.ts";
import { connect } from "../../nats/mod.ts";
import {
  eventually,
  startNatsServer,
  uniqueNamespace,
} from "../support/mod.ts";
import { leaderOf } from "./_cluster.ts";
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

const KILLS = nightly ? 4 : 1;

describe("the leader of three servers killed under subscribers", () => {
  it("loses nobody's place", { timeout: 240_000 }, async () => {
    await using servers = await startNatsServer({ servers: 3 });
    const namespace = uniqueNamespace("busr3");
    const own = await connect({ servers: [...servers.urls] });
    const store = await JetStreamEventStore.open(own, {
      namespace,
      replicas: 3,
    });
    // Subscribers on each server: some lose it, some lose the leader behind it.
    const connections = [];
    const buses = [];
    const catchUps: Watcher[] = [];
    const lives: Watcher[] = [];
    const singles: Watcher[] = [];
    const journal: Seen[] = [];
    for (const [i, url] of servers.urls.entries()) {
      const nc = await connect({
        servers: [url, ...servers.urls],
        noRandomize: true,
      });
      const bus = new NatsEventBus(nc);
      connections.push(nc);
      buses.push(bus);
      catchUps.push(
        new Watcher(bus, namespace, `catch-up ${i}`, {
          from: "beginning",
        }),
      );
      lives.push(new Watcher(bus, namespace, `live ${i}`, {}));
      singles.push(
        new Watcher(bus, namespace, `single ${i}`, {
          durable: "s",
          lease: 3_000,
        }, (event) => journal.push(event)),
      );
    }
    for (const { subscription } of [...catchUps, ...lives, ...singles]) {
      await subscription.ready;
    }
    const writer = new Writer(store);
    await writer.more(50);
    for (let kill = 0; kill < KILLS; kill++) {
      const leader = await leaderOf(servers, own, namespace);
      await leader.kill();
      await writer.more(100);
      await leader.restart();
      await servers.ready();
      await writer.more(50);
    }
    await writer.stop();
    const log = await logOf(store);
    const end = lastOf(log);
    for (const watcher of [...catchUps, ...lives]) await watcher.reach(end);
    for (const { name, seen } of catchUps) assertExact(name, seen, log);
    const missed = lives.map((live) => assertLive(live.name, live, log, 0));
    await eventually(() => {
      assert.deepEqual(
        journal.at(-1),
        log.at(-1),
        singles.map((s) =>
          `${s.name}: ${JSON.stringify(s.subscription.stats())} ${
            s.errors.map((e) => e.message)
          }`
        ).join("\n"),
      );
      return true;
    }, { timeout: 30_000 });
    assertOrderOfNew("single", journal, log);
    report("leader of three killed under subscribers", {
      events: log.length,
      liveMissed: missed,
      restarts: catchUps.map((c) => c.subscription.stats().restarts),
      terms: singles.map((s) => s.seen.length),
    });
    for (const bus of buses) await bus.close();
    await assertNoConsumers(own, namespace);
    await assertNoSubscriptions(servers.servers.map((s) => s.monitorUrl));
    await store.close();
    for (const nc of [own, ...connections]) await nc.close();
  });
});
