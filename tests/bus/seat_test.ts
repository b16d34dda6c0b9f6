import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type EventBroadcaster,
  EventBus,
  NatsEventBus,
  type Seats,
} from "../../bus/mod.ts";
import { connect } from "../../nats/mod.ts";
import {
  InMemoryEventStore,
  InMemoryLog,
  JetStreamEventStore,
} from "../../store/mod.ts";
import { eventually, testServer, uniqueNamespace } from "../support/mod.ts";
import { destroyAll } from "./_streams.ts";

const LIMIT = { timeout: 30_000 };

interface Place extends AsyncDisposable {
  readonly namespace: string;
  readonly bus: EventBroadcaster & Seats;
  append(actorId: string, events: number): Promise<unknown>;
  fence(actorId: string): Promise<unknown>;
}

const places: [string, () => Promise<Place>][] = [
  ["in memory", () => {
    const namespace = uniqueNamespace("seat");
    const log = new InMemoryLog(namespace);
    const store = new InMemoryEventStore({ namespace, log });
    const bus = new EventBus({ logs: [log] });
    return Promise.resolve(placeOf(namespace, bus, store, async () => {
      await bus.close();
      await store.close();
    }));
  }],
  ["on NATS", async () => {
    const namespace = uniqueNamespace("seat");
    const nc = await connect({ servers: (await testServer()).url });
    const store = await JetStreamEventStore.open(nc, { namespace });
    const bus = new NatsEventBus(nc);
    return placeOf(namespace, bus, store, async () => {
      await bus.close();
      await store.close();
      await destroyAll(nc, namespace);
      await nc.close();
    });
  }],
];

function placeOf(
  namespace: string,
  bus: EventBroadcaster & Seats,
  store: InMemoryEventStore | JetStreamEventStore,
  close: () => Promise<void>,
): Place {
  return {
    namespace,
    bus,
    append: (actorId, events) =>
      store.append(
        actorId,
        Array.from({ length: events }, () => ({ eventType: "E" })),
      ),
    fence: (actorId) => store.append(actorId, [], { fence: true }),
    [Symbol.asyncDispose]: close,
  };
}

for (const [where, open] of places) {
  describe(`a seat ${where}`, () => {
    it("has one active, and the next one when that leaves", LIMIT, async () => {
      await using place = await open();
      const { bus, namespace } = place;
      let changes = 0;
      const take = () =>
        bus.seat(namespace, "chair", { onChange: () => changes++ });
      const one = take();
      await one.ready;
      await eventually(() => one.term > 0);
      const two = take();
      await two.ready;
      assert.equal(two.term, 0);
      const seen = changes;
      await one.close();
      await eventually(() => two.term > 0);
      assert.ok(changes > seen);
      assert.equal(two.failure, undefined);
      // Another name is another line.
      const other = bus.seat(namespace, "bench", { onChange: () => {} });
      await eventually(() => other.term > 0);
      await two.close();
      await other.close();
      await bus.forget(namespace, "chair");
    });

    it(
      "is refused by a closed bus, and under a name that is none",
      LIMIT,
      async () => {
        await using place = await open();
        const { bus, namespace } = place;
        const onChange = () => {};
        assert.throws(() => bus.seat(namespace, "a.b", { onChange }), {
          code: "invalid_argument",
        });
        const seat = bus.seat(namespace, "chair", { onChange });
        await seat.ready;
        await bus.close();
        assert.throws(() => bus.seat(namespace, "chair", { onChange }), {
          code: "closed",
        });
      },
    );
  });

  describe(`the position of a catch-up ${where}`, () => {
    it(
      "counts whole commits, what is filtered out, and fences",
      LIMIT,
      async () => {
        await using place = await open();
        const { bus, namespace } = place;
        const subscription = bus.subscribe(namespace, {
          from: "beginning",
          where: ({ actorId }) => actorId !== "order-2",
        });
        const events = subscription[Symbol.asyncIterator]();
        const position = () => subscription.stats().position;
        assert.equal(position(), undefined);
        await place.append("order-1", 2);
        await events.next();
        assert.equal(position(), 0);
        await events.next();
        assert.equal(position(), 1);
        const next = events.next();
        await place.append("order-2", 1);
        await eventually(() => position() === 2);
        await place.fence("order-1");
        await eventually(() => position() === 3);
        await place.append("order-1", 1);
        await next;
        assert.equal(position(), 4);
        await subscription.close();
        const live = bus.subscribe(namespace);
        assert.equal(live.stats().position, undefined);
        await live.close();
      },
    );
  });
}
