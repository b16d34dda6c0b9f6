import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { NatsEventBus } from "../../bus/mod.ts";
import { streamNames, systemClock } from "../../event/mod.ts";
import {
  connect,
  type Connection,
  Deadline,
  JetStreamApi,
  Link,
} from "../../nats/mod.ts";
import { destroyNamespace, JetStreamEventStore } from "../../store/mod.ts";
import {
  eventually,
  type NatsServers,
  startNatsServer,
  uniqueNamespace,
} from "../support/mod.ts";
import {
  assertCovered,
  assertExact,
  assertNoConsumers,
  lastOf,
  logOf,
  nightly,
  Watcher,
  Writer,
} from "./_bus_world.ts";

describe("what the server does to subscribers", () => {
  let servers: NatsServers;
  let nc: Connection;
  let link: Link;
  before(async () => {
    servers = await startNatsServer();
    nc = await connect({ servers: servers.url });
    link = new Link(nc);
  });
  after(async () => {
    await link.close();
    await nc.close();
    await servers.stop();
  });

  /** Deletes every consumer of a stream; returns how many there were. */
  async function deleteConsumers(namespace: string): Promise<number> {
    const stream = streamNames(namespace).events;
    const answer = await nc.request(`$JS.API.CONSUMER.NAMES.${stream}`, "");
    const { consumers } = answer.json() as { consumers: string[] | null };
    const api = new JetStreamApi(link);
    for (const name of consumers ?? []) {
      await api.deleteConsumer(stream, name, new Deadline(systemClock, 5_000));
    }
    return consumers?.length ?? 0;
  }

  it("deletes their consumers: they go on", { timeout: 60_000 }, async () => {
    const namespace = uniqueNamespace("busdel");
    const store = await JetStreamEventStore.open(nc, { namespace });
    const bus = new NatsEventBus(nc);
    const watchers = [
      new Watcher(bus, namespace, "catch-up", { from: "beginning" }),
      new Watcher(bus, namespace, "small", {
        from: "beginning",
        buffer: { events: 4 },
      }),
      new Watcher(bus, namespace, "single", { durable: "s" }),
    ];
    const competing = new Watcher(bus, namespace, "competing", {
      durable: "c",
      mode: "competing",
      lease: 1_000,
    });
    for (const w of [...watchers, competing]) await w.subscription.ready;
    const writer = new Writer(store);
    let deleted = 0;
    for (let round = 0; round < (nightly ? 30 : 6); round++) {
      await writer.more(50);
      deleted += await deleteConsumers(namespace);
    }
    await writer.more(50);
    await writer.stop();
    assert.ok(deleted >= 12, `only ${deleted} consumers were deleted`);
    const log = await logOf(store);
    for (const watcher of watchers) {
      await watcher.reach(lastOf(log));
      assertExact(watcher.name, watcher.seen, log);
    }
    await eventually(() => {
      assertCovered("competing", competing.seen, log);
      return true;
    }, { timeout: 20_000 });
    await bus.close();
    await assertNoConsumers(nc, namespace, 1);
    await store.close();
  });

  it(
    "deletes the stream: a catch-up ends loudly",
    { timeout: 60_000 },
    async () => {
      const namespace = uniqueNamespace("busgone");
      const store = await JetStreamEventStore.open(nc, { namespace });
      await store.append("order-1", [{ eventType: "Placed" }]);
      const bus = new NatsEventBus(nc);
      const catchUp = new Watcher(bus, namespace, "catch-up", {
        from: "beginning",
      });
      await catchUp.reach(1);
      await store.close();
      await destroyNamespace(nc, namespace, { confirm: namespace });
      await assert.rejects(catchUp.ended, { code: "corrupt_log" });
      await bus.close();
    },
  );

  it("makes the stream anew: nobody goes on as if it were the old one", {
    timeout: 60_000,
  }, async () => {
    const namespace = uniqueNamespace("busanew");
    const store = await JetStreamEventStore.open(nc, { namespace });
    for (let i = 0; i < 5; i++) {
      await store.append("order-1", [{ eventType: `Old${i}` }]);
    }
    const bus = new NatsEventBus(nc);
    const catchUp = new Watcher(bus, namespace, "catch-up", {
      from: "beginning",
    });
    const live = new Watcher(bus, namespace, "live", {});
    await catchUp.reach(5);
    await live.subscription.ready;
    await store.close();
    await destroyNamespace(nc, namespace, { confirm: namespace });
    const anew = await JetStreamEventStore.open(nc, { namespace });
    await anew.append("order-1", [{ eventType: "New" }]);
    await assert.rejects(catchUp.ended, { code: "corrupt_log" });
    // The live one notices when it next looks at the stream's end.
    await eventually(() => {
      const covered = live.seen.length > 0 || live.gaps.some((g) => g.to! >= 1);
      assert.ok(covered, "it was neither shown nor told");
      return true;
    }, { timeout: 15_000 });
    await bus.close();
    await anew.close();
  });
});
