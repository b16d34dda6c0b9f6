/**
 * Projections: stored events folded into documents to read from, each event exactly
 * once, by one process at a time and by another one when that ends.
 *
 * @example How often each page was seen
 * ```ts
 * import { Aether, defineActor, defineProjection } from "@flowmade/aether";
 * import assert from "node:assert/strict";
 *
 * const Page = defineActor("page", {
 *   state: () => 0,
 *   events: { Seen: (s: number, e: { by: string }) => s + (e.by ? 1 : 0) },
 * }).commands({ see: (_s, by: string) => ({ type: "Seen", data: { by } }) });
 *
 * const Readers = defineProjection("readers", {
 *   initial: () => ({ pages: 0 }),
 *   key: (event) => event.data.by,
 *   on: [Page, { Seen: (reader) => ({ pages: reader.pages + 1 }) }],
 * });
 *
 * await using aether = await Aether.start({
 *   namespace: "press",
 *   actors: [Page],
 *   projections: [Readers],
 * });
 * await aether.actor(Page, "front").see("ada");
 * const receipt = await aether.actor(Page, "sport").see("ada");
 * const readers = aether.projection(Readers);
 * await readers.caughtUpTo(receipt);
 * assert.deepEqual(await readers.get("ada"), { pages: 2 });
 * ```
 *
 * @module
 */
export * from "./definition.ts";
export * from "./on.ts";
export * from "./projections.ts";
export type { Tell } from "./_runner.ts";
export * from "./types.ts";

// Words of other rooms that the definitions and options above are made of.
export type * from "../event/mod.ts";
export type * from "../bus/mod.ts";
