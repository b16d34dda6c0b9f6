import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type BusEvent, type Gap, isGap, NatsEventBus } from "../../bus/mod.ts";
import { type Clock, streamNames, systemClock, ulid } from "../../event/mod.ts";
import {
  connect,
  type Connection,
  encodeHeaders,
  Link,
} from "../../nats/mod.ts";
import { JetStreamEventStore } from "../../store/mod.ts";
import {
  eventually,
  startNatsServer,
  startTcpProxy,
  testServer,
  uniqueNamespace,
} from "../support/mod.ts";
import { destroyAll } from "./_streams.ts";

/** Ten times as fast as it is. */
const quickClock: Clock = {
  now: () => Date.now(),
  monotonic: () => systemClock.monotonic() * 10,
  timer: (ms, run) => systemClock.timer(ms / 10, run),
};

const NOTICE = {
  id: ulid(),
  eventType: "Noticed",
  actorId: "order-1",
  version: 1,
  data: null,
  timestamp: new Date(0),
};

describe("NatsEventBus", () => {
  let url: string;
  let nc: Connection;
  before(async () => {
    ({ url } = await testServer());
    nc = await connect({ servers: url });
  });
  after(() => nc.close());

  for (const filter of [{}, { actorType: "order" }]) {
    const what = "actorType" in filter ? "a part" : "a namespace";
    it(`tells of ${what} what was lost on the way, in the middle and at the end`, async () => {
      await using proxy = await startTcpProxy({ target: url });
      const far = await connect({
        servers: proxy.url,
        ignoreClusterUpdates: true,
      });
      const namespace = uniqueNamespace("lost");
      const store = await JetStreamEventStore.open(nc, { namespace });
      const bus = new NatsEventBus(far, { clock: quickClock });
      const items: (BusEvent | Gap)[] = [];
      const subscription = bus.subscribe(namespace, {
        ...filter,
        gaps: "yield",
      });
      void (async () => {
        for await (const item of subscription) items.push(item);
      })();
      await subscription.ready;
      const put = (n: number) =>
        store.append("order-1", [{ eventType: `E${n}` }]);
      await put(1);
      await eventually(() => items.length === 1);
      const rule = proxy.dropReplies(({ subject }) =>
        subject.startsWith("aether.bus.")
      );
      await put(2);
      await rule.first;
      rule.stop();
      await put(3);
      await eventually(() => items.length === 3);
      const end = proxy.dropReplies(({ subject }) =>
        subject.startsWith("aether.bus.")
      );
      await put(4);
      await end.first;
      end.stop();
      await eventually(() => items.length === 4);
      await put(5);
      await eventually(() => items.length === 5);
      assert.deepEqual(
        items.map((i) => isGap(i) ? [i.reason, i.from, i.to] : i.eventType),
        ["E1", ["missed", 2, 2], "E3", ["missed", 4, 4], "E5"],
      );
      assert.equal(subscription.stats().gaps, 2);
      await bus.close();
      await far.close();
      await store.close();
      await destroyAll(nc, namespace);
    });
  }

  it("tells what was lost while the connection was down, though more has come since", async () => {
    await using proxy = await startTcpProxy({ target: url });
    const far = await connect({
      servers: proxy.url,
      ignoreClusterUpdates: true,
    });
    const namespace = uniqueNamespace("broke");
    const store = await JetStreamEventStore.open(nc, { namespace });
    const bus = new NatsEventBus(far, { clock: quickClock });
    const items: (BusEvent | Gap)[] = [];
    const subscription = bus.subscribe(namespace, {
      actorType: "order",
      gaps: "yield",
    });
    void (async () => {
      for await (const item of subscription) items.push(item);
    })();
    await subscription.ready;
    const put = (actorId: string) =>
      store.append(actorId, [{ eventType: actorId }]);
    await put("order-1");
    await eventually(() => items.length === 1);
    proxy.refuse(true);
    proxy.cut();
    // From these nothing more will come that could tell.
    await put("order-2");
    await put("cart-1");
    await put("order-3");
    const hold = proxy.holdRequests(({ subject }) =>
      subject.startsWith("$JS.API.STREAM.INFO.")
    );
    proxy.refuse(false);
    await hold.first;
    await put("order-4");
    await eventually(() => items.length === 2);
    hold.release();
    await eventually(() => items.length === 3);
    assert.deepEqual(
      items.map((item) =>
        isGap(item) ? [item.reason, item.from, item.to] : item.eventType
      ),
      ["order-1", "order-4", ["missed", 2, 4]],
    );
    await bus.close();
    await far.close();
    await store.close();
    await destroyAll(nc, namespace);
  });

  it("refuses what the stream did not send, and counts what comes late", async () => {
    const namespace = uniqueNamespace("forged");
    const store = await JetStreamEventStore.open(nc, { namespace });
    const bus = new NatsEventBus(nc);
    const codes: string[] = [];
    const seen: string[] = [];
    const subscription = bus.subscribe(namespace, {
      onError: ({ code }) => codes.push(code),
    });
    void (async () => {
      for await (const event of subscription) seen.push(event.eventType);
    })();
    await subscription.ready;
    await store.append("order-1", [{ eventType: "Real" }]);
    await eventually(() => seen.length === 1);
    const link = new Link(nc);
    const send = (headers: Record<string, string>) =>
      link.publish(
        `aether.bus.${namespace}.order.1`,
        "{}",
        encodeHeaders({
          "content-type": "application/cloudevents+json",
          ...headers,
        }),
      );
    const stream = { "Nats-Stream": `AETHER=EV=${namespace}` };
    send({});
    send({ "Nats-Sequence": "7" });
    send({ "Nats-Sequence": "7", "Nats-Stream": "AETHER=EV=other" });
    // In the order in which the server adds them.
    send({ ...stream, "Nats-Sequence": "x" });
    send({ ...stream, "Nats-Sequence": "1" }); // seen already
    send({ ...stream, "Nats-Sequence": "2" }); // no commit
    await eventually(() => codes.length === 5);
    assert.deepEqual(new Set(codes), new Set(["corrupt_log"]));
    assert.equal(subscription.stats().late, 1);
    assert.deepEqual(seen, ["Real"]);
    await bus.close();
    await link.close();
    await store.close();
    await destroyAll(nc, namespace);
  });

  it("shares one core subscription among those who want the same", async () => {
    await using server = await startNatsServer();
    const own = await connect({ servers: server.url });
    const namespace = uniqueNamespace("share");
    const store = await JetStreamEventStore.open(own, { namespace });
    const bus = new NatsEventBus(own);
    const subscriptions = Array.from(
      { length: 50 },
      () => bus.subscribe(namespace),
    );
    await Promise.all(subscriptions.map(({ ready }) => ready));
    const count = async () => {
      const [monitor] = server.servers;
      const answer = await fetch(`${monitor!.monitorUrl}/connz?subs=1`);
      const { connections } = await answer.json() as {
        connections: { subscriptions_list?: string[] }[];
      };
      return connections.flatMap((c) => c.subscriptions_list ?? [])
        .filter((subject) => subject.startsWith("aether.")).length;
    };
    assert.equal(await count(), 2); // stored events, and notices
    for (const each of subscriptions) await each.close();
    await eventually(async () => await count() === 0);
    await bus.close();
    await store.close();
    await own.close();
  });

  it("says what a user may not do", async () => {
    await using server = await startNatsServer({
      config: `authorization { users = [
        { user: all, password: p },
        { user: none, password: p, permissions: {
          publish: ["_INBOX.>", "$JS.API.STREAM.INFO.>"], subscribe: ["_INBOX.>"] } } ] }`,
    });
    const namespace = uniqueNamespace("forbid");
    const all = await connect({ servers: server.url, user: "all", pass: "p" });
    const store = await JetStreamEventStore.open(all, { namespace });
    const none = await connect({
      servers: server.url,
      user: "none",
      pass: "p",
    });
    const bus = new NatsEventBus(none);
    for (
      const options of [
        {},
        { from: "beginning" },
        { durable: "d" },
        { durable: "d", mode: "competing" },
      ] as const
    ) {
      const subscription = bus.subscribe(namespace, options);
      const denied = { code: "permission_denied" };
      await assert.rejects(subscription.ready, denied);
      const iterate = async () => {
        for await (const _ of subscription) assert.fail("it delivered");
      };
      await assert.rejects(iterate(), denied);
    }
    await bus.close();
    await store.close();
    await all.close();
    await none.close();
  });

  it("ends its subscriptions when the connection is closed", async () => {
    const namespace = uniqueNamespace("closed");
    const store = await JetStreamEventStore.open(nc, { namespace });
    const own = await connect({ servers: url });
    const bus = new NatsEventBus(own);
    const ends = [];
    for (
      const options of [
        {},
        { from: "beginning" },
        { durable: "d" },
        { durable: "e", mode: "competing" },
      ] as const
    ) {
      const subscription = bus.subscribe(namespace, options);
      await subscription.ready;
      ends.push((async () => {
        for await (const _ of subscription) { /* nothing comes */ }
      })());
    }
    const settled = Promise.allSettled(ends);
    await own.close();
    for (const end of await settled) {
      assert.equal(end.status, "rejected");
      assert.equal((end.reason as { code?: string }).code, "closed");
    }
    await assert.rejects(bus.publish(namespace, NOTICE), {
      code: "store_unavailable",
    });
    await bus.close();
    await store.close();
    await destroyAll(nc, namespace);
  });

  it("sends no notice while the connection is down, and says so", async () => {
    await using proxy = await startTcpProxy({ target: url });
    const far = await connect({
      servers: proxy.url,
      ignoreClusterUpdates: true,
    });
    const bus = new NatsEventBus(far);
    await bus.publish("down", NOTICE);
    proxy.refuse(true);
    const cut = new Promise<void>((resolve) => {
      void (async () => {
        for await (const { type } of far.status()) {
          if (type === "disconnect") return resolve();
        }
      })();
    });
    proxy.cut();
    await cut;
    await eventually(() =>
      assert.rejects(bus.publish("down", NOTICE), { code: "store_unavailable" })
    );
    proxy.refuse(false);
    await eventually(() => bus.publish("down", NOTICE));
    await bus.close();
    await far.close();
  });

  it("refuses a notice that is too large", async () => {
    const bus = new NatsEventBus(nc);
    const data = "x".repeat(1_100_000);
    await assert.rejects(bus.publish("large", { ...NOTICE, data }), {
      code: "payload_too_large",
    });
    await bus.publish("large", NOTICE);
    await bus.close();
  });

  it("refuses to share a durable that filters something else", async () => {
    const namespace = uniqueNamespace("differ");
    const store = await JetStreamEventStore.open(nc, { namespace });
    const bus = new NatsEventBus(nc);
    const durable = { durable: "d", mode: "competing" } as const;
    await using one = bus.subscribe(namespace, {
      ...durable,
      actorType: "order",
    });
    await one.ready;
    await using two = bus.subscribe(namespace, {
      ...durable,
      actorType: "cart",
    });
    await assert.rejects(two.ready, { code: "misconfigured" });
    await bus.close();
    await store.close();
    await destroyAll(nc, namespace);
  });

  it("does not go on in a log that lacks what it had got to", async () => {
    const namespace = uniqueNamespace("restored");
    const open = () => JetStreamEventStore.open(nc, { namespace });
    const append = async (store: JetStreamEventStore, type: string) => {
      await store.append(`${type}-1`, [{ eventType: "Written" }]);
    };
    const store = await open();
    const bus = new NatsEventBus(nc);
    const options = { durable: "d", actorType: "order", lease: 1_000 };
    for (let i = 0; i < 3; i++) await append(store, "order");
    {
      await using before = bus.subscribe(namespace, options);
      let count = 0;
      for await (const _ of before) if (++count === 3) break;
      await before.acknowledge();
    }
    await store.close();
    const { events } = streamNames(namespace);
    await nc.request(`$JS.API.STREAM.DELETE.${events}`);
    // It ends before the place; then there is another commit, of another actor.
    const shorter = await open();
    await append(shorter, "order");
    await assert.rejects(read(), { code: "corrupt_log" });
    for (let i = 0; i < 3; i++) await append(shorter, "cart");
    await append(shorter, "order");
    await assert.rejects(read(), { code: "corrupt_log" });
    await bus.close();
    await shorter.close();
    await destroyAll(nc, namespace);

    async function read() {
      await using again = bus.subscribe(namespace, options);
      for await (const _ of again) break;
    }
  });
});
