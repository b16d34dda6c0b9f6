import { parseActorId } from "./actor_id.ts";

export { SHARDS } from "./_hash.ts";

/**
 * Finds the shard an actor lives in: the same on every node, in every release.
 *
 * FNV-1a (32 bit) over the encoded type and key tokens, modulo 256; part of the
 * stored format. nats-server's `{{partition(256,…)}}` over the same two tokens
 * computes the same. Source: {@link https://www.rfc-editor.org/rfc/rfc9923 | RFC 9923}.
 *
 * @param actorId An actor id such as `order-123`; brought to NFC first.
 * @returns Shard index, 0 to 255.
 * @throws {InvalidArgumentError} `invalid_argument`: the id is empty or too long.
 * @example The same id always lands in the same shard
 * ```ts
 * import { shardOf } from "@flowmade/aether/event";
 * import assert from "node:assert/strict";
 * assert.equal(shardOf("cart-42"), shardOf("cart-42"));
 * ```
 */
export function shardOf(actorId: string): number {
  return parseActorId(actorId).shard;
}
