/**
 * The words everything else is written in: events, actor ids, namespaces,
 * subjects, the stored format, ids, time and errors. Pure: nothing here does I/O.
 *
 * @example From an actor's id to where its events are stored
 * ```ts
 * import { parseActorId, subjectsOf } from "@flowmade/aether/event";
 * import assert from "node:assert/strict";
 * const address = parseActorId("order-123");
 * assert.equal(address.type, "order");
 * assert.match(subjectsOf("shop").event(address), /^aether\.ev\.shop\.\d+\.order\.123$/);
 * ```
 *
 * @module
 */
export * from "./actor_id.ts";
export * from "./clock.ts";
export * from "./codec.ts";
export * from "./commit.ts";
export * from "./durable_name.ts";
export * from "./effects.ts";
export * from "./errors.ts";
export * from "./event.ts";
export * from "./headers.ts";
export * from "./ids.ts";
export * from "./json.ts";
export * from "./late_events.ts";
export * from "./namespace.ts";
export * from "./pattern.ts";
export * from "./shard.ts";
export * from "./subjects.ts";
export * from "./token.ts";
