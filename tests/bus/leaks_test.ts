/** What a bus leaves behind: nothing. Deno looks for timers, sockets and promises. */
import {
  type EventBroadcaster,
  EventBus,
  NatsEventBus,
} from "../../bus/mod.ts";
import { connect } from "../../nats/mod.ts";
import {
  InMemoryEventStore,
  InMemoryLog,
  JetStreamEventStore,
} from "../../store/mod.ts";
import { testServer, uniqueNamespace } from "../support/mod.ts";
import { destroyAll } from "./_streams.ts";

interface NativeDeno {
  test(name: string, run: () => Promise<void>): void;
}

if ("Deno" in globalThis) {
  const { test } = (globalThis as unknown as { Deno: NativeDeno }).Deno;

  test("EventBus leaves nothing behind", async () => {
    const namespace = uniqueNamespace("leak");
    const log = new InMemoryLog(namespace);
    await using store = new InMemoryEventStore({ namespace, log });
    await store.append("order-1", [{ eventType: "Placed" }]);
    await useAll(new EventBus({ logs: [log] }), namespace);
  });

  test("NatsEventBus leaves nothing behind", async () => {
    const { url } = await testServer();
    const namespace = uniqueNamespace("leak");
    const nc = await connect({ servers: url });
    const store = await JetStreamEventStore.open(nc, { namespace });
    await store.append("order-1", [{ eventType: "Placed" }]);
    await useAll(new NatsEventBus(nc), namespace);
    await store.close();
    await destroyAll(nc, namespace);
    await nc.close();
  });
}

/** One subscription of each kind: some are left by their loop, some end with the bus. */
async function useAll(bus: EventBroadcaster, namespace: string): Promise<void> {
  const kinds = [
    {},
    { from: "beginning" },
    { durable: "s" },
    { durable: "c", mode: "competing" },
  ] as const;
  const loops = [];
  for (const kind of kinds) {
    const waiting = bus.subscribe(namespace, kind);
    await waiting.ready;
    loops.push((async () => {
      for await (const _ of waiting) { /* until the bus is closed */ }
    })());
    const failing = bus.subscribe(namespace, {
      ...kind,
      ...("durable" in kind ? { durable: `${kind.durable}2` } : {}),
    });
    await failing.ready;
    if (kind === kinds[0]) {
      await failing.close();
      continue;
    }
    for await (const _ of failing) break;
  }
  await bus.close();
  await Promise.all(loops);
}
