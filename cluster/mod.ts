/**
 * The cluster: which nodes there are, and which of them owns which shard. It
 * knows nodes and shards, and nothing of actors.
 *
 * @example Who owns which shard, and what moves when a node comes
 * ```ts
 * import { ConsistentHashRing, planShards } from "@flowmade/aether/cluster";
 * import assert from "node:assert/strict";
 *
 * const ring = new ConsistentHashRing();
 * ring.addNode("node-1");
 * ring.addNode("node-2", 2); // twice the keys
 * const owner = ring.getNode("order-123");
 * assert.ok(owner === "node-1" || owner === "node-2");
 *
 * const first = planShards([], [{ nodeId: "node-1" }]);
 * const second = planShards(first.assignment, [
 *   { nodeId: "node-1" },
 *   { nodeId: "node-2" },
 * ]);
 * assert.equal(second.moves.length, 128);
 * assert.ok(second.moves.every(({ to }) => to === "node-2"));
 * ```
 *
 * @module
 */
export * from "./cluster_manager.ts";
export * from "./leader_election.ts";
export * from "./nats_cluster.ts";
export * from "./node_discovery.ts";
export * from "./plan.ts";
export * from "./ports.ts";
export { ConsistentHashRing, type RingOptions } from "./ring.ts";
export * from "./shard_manager.ts";
export {
  familyOf,
  isFirstGeneration,
  type ShardEntry,
  ShardMap,
} from "./shard_map.ts";
export * from "./types.ts";

// Words of event/ that the contract is made of.
export type * from "../event/mod.ts";
