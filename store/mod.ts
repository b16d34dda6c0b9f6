/**
 * The event store: commits of actors with versions 1, 2, 3 … in one order per
 * namespace, and snapshots beside them. One contract, two stores behind it: on
 * JetStream, and in this process.
 *
 * @example Append, read, and meet another writer
 * ```ts
 * import { InMemoryEventStore, VersionConflictError } from "@flowmade/aether";
 * import assert from "node:assert/strict";
 *
 * await using store = new InMemoryEventStore({ namespace: "shop" });
 * await store.append("order-1", [{ eventType: "OrderPlaced" }, { eventType: "OrderPaid" }], {
 *   expectedVersion: "no_stream",
 * });
 * assert.equal(await store.getLatestVersion("order-1"), 2);
 *
 * // Somebody who still thinks that the order was only placed:
 * await assert.rejects(
 *   store.append("order-1", [{ eventType: "OrderCancelled" }], { expectedVersion: 1 }),
 *   (error) => error instanceof VersionConflictError && error.actualVersion === 2,
 * );
 * ```
 *
 * @module
 */
export * from "./types.ts";
export * from "./inbox.ts";
export * from "./memory.ts";
export * from "./jetstream.ts";
export { destroyNamespace, type ProvisionOptions } from "./provision.ts";
export type { StoreStats } from "./_context.ts";

// Words of event/ that the contract is made of.
export type * from "../event/mod.ts";
