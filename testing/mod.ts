/**
 * What you test with: in-memory stores that share a log and whose logs can be
 * broken on purpose, and the contract suite that any event store can run.
 *
 * @example A unit test's store
 * ```ts
 * import { InMemoryStores } from "@flowmade/aether/testing";
 * import assert from "node:assert/strict";
 *
 * await using store = await new InMemoryStores().open("shop");
 * await store.append("order-123", [
 *   { eventType: "OrderPlaced", data: { total: 100 } },
 *   { eventType: "OrderPaid" },
 * ], { expectedVersion: "no_stream" });
 *
 * const loaded = await store.load("order-123");
 * assert.equal(loaded.position.version, 2);
 * assert.deepEqual(
 *   loaded.commits.flatMap((commit) => commit.events.map((e) => e.eventType)),
 *   ["OrderPlaced", "OrderPaid"],
 * );
 * ```
 *
 * @module
 */
export * from "./bus_contract.ts";
export * from "./conforms.ts";
export * from "./held_clock.ts";
export * from "./invariants.ts";
export * from "./memory_buses.ts";
export * from "./memory_stores.ts";
export * from "./observe_policies.ts";
export * from "./specification.ts";
export * from "./store_contract.ts";
export * from "./test_system.ts";

// Words of other rooms that the suites take and give.
export type * from "../store/mod.ts";
export type * from "../bus/mod.ts";
export type * from "../actor/mod.ts";
export type * from "../model/mod.ts";
