/**
 * What you test with: given/when/then and invariants with no runtime; the runtime
 * itself in memory, on a clock that the test moves and a node that it may crash;
 * stores and buses in memory whose logs can be broken on purpose, and the contract
 * suites that any of them can run.
 *
 * @example The runtime, on a clock that the test moves
 * ```ts
 * import { defineActor } from "@flowmade/aether";
 * import { TestSystem } from "@flowmade/aether/testing";
 * import assert from "node:assert/strict";
 *
 * const Egg = defineActor("egg", {
 *   state: () => "raw",
 *   events: { Boiled: () => "boiled" },
 * }).commands({
 *   boil: (_s, minutes: number, ctx) =>
 *     ctx.schedule("done", { after: minutes * 60_000 }, "done"),
 *   done: () => ({ type: "Boiled" }),
 * }).queries({ state: (s) => s });
 *
 * await using system = await TestSystem.start({ actors: [Egg] });
 * const breakfast = system.actor(Egg, "breakfast");
 * await breakfast.boil(4);
 * await system.clock.advance(4 * 60_000);
 * assert.equal(await breakfast.state(), "boiled");
 * ```
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
