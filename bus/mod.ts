/**
 * The bus: every stored event reaches every subscriber that wants it, in order
 * per actor; notices beside them; and nothing is dropped silently.
 *
 * Three kinds of subscription. *Live*: from now on, best effort, with gaps told.
 * *Catch-up*: what is stored, then what comes, without gap or repeat. *Durable*:
 * as catch-up, resumed where it was acknowledged, and shared by processes.
 *
 * @example History, then what comes
 * ```ts
 * import { EventBus } from "@flowmade/aether/bus";
 * import { InMemoryEventStore, InMemoryLog } from "@flowmade/aether/store";
 * import assert from "node:assert/strict";
 *
 * const log = new InMemoryLog("shop");
 * await using store = new InMemoryEventStore({ namespace: "shop", log });
 * await using bus = new EventBus({ logs: [log] });
 * await store.append("order-1", [{ eventType: "OrderPlaced" }]);
 *
 * const subscription = bus.subscribe("shop", {
 *   from: "beginning",
 *   eventTypes: ["OrderPlaced", "OrderPaid"],
 * });
 * const seen: string[] = [];
 * for await (const event of subscription) {
 *   seen.push(event.eventType);
 *   if (seen.length === 1) await store.append("order-1", [{ eventType: "OrderPaid" }]);
 *   else break;
 * }
 * assert.deepEqual(seen, ["OrderPlaced", "OrderPaid"]);
 * ```
 *
 * @module
 */
export * from "./event_bus.ts";
export * from "./nats_event_bus.ts";
export * from "./seat.ts";
export * from "./types.ts";

// Words of event/ that the contract is made of.
export type * from "../event/mod.ts";
