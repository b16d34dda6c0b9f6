import { EventBus } from "../bus/mod.ts";
import { InMemoryEventStore, InMemoryLog } from "../store/mod.ts";

/**
 * In-memory stores and buses that belong together: what is stored in one of the
 * stores is seen on every one of the buses.
 *
 * @example A projection's test
 * ```ts
 * import { InMemoryBuses } from "@flowmade/aether/testing";
 * import assert from "node:assert/strict";
 *
 * const buses = new InMemoryBuses();
 * await using store = await buses.openStore("shop");
 * await using bus = await buses.openBus();
 * await store.append("order-1", [{ eventType: "OrderPlaced" }]);
 * for await (const event of bus.subscribe("shop", { from: "beginning" })) {
 *   assert.equal(event.eventType, "OrderPlaced");
 *   break;
 * }
 * ```
 */
export class InMemoryBuses {
  readonly #logs = new Map<string, InMemoryLog>();
  readonly #buses = new Set<EventBus>();

  /** Makes a registry without any namespace. */
  constructor() {}

  /** Opens a store on a namespace. */
  openStore(namespace: string): Promise<InMemoryEventStore> {
    const log = this.#log(namespace);
    return Promise.resolve(new InMemoryEventStore({ namespace, log }));
  }

  /** Opens a bus over all namespaces that were or will be opened here. */
  openBus(): Promise<EventBus> {
    const bus = new EventBus({ logs: [...this.#logs.values()] });
    this.#buses.add(bus);
    return Promise.resolve(bus);
  }

  /** Writes a message past every check of a store. */
  readonly writeRaw = (
    namespace: string,
    actorId: string,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array,
    contentType: string,
  ): Promise<void> => {
    this.#log(namespace).write(actorId, {
      headers: { ...headers, "content-type": contentType },
      body,
    });
    return Promise.resolve();
  };

  #log(namespace: string): InMemoryLog {
    let log = this.#logs.get(namespace);
    if (log === undefined) {
      log = new InMemoryLog(namespace);
      this.#logs.set(namespace, log);
      for (const bus of this.#buses) bus.attach(log);
    }
    return log;
  }
}
