/**
 * Who should own which shard: a pure function, so that whoever leads a cluster
 * next plans the same.
 *
 * A node's fair share is 256 × its weight ÷ the weight of all. The plan gives
 * each node its fair share rounded down or up, and of all maps that do so it
 * makes one that differs from the present map in the fewest shards. How many go
 * from and to whom is settled first (`_share.ts`), by the present map alone; then
 * which, by what a {@link ConsistentHashRing} prefers (`_place.ts`). The present
 * map is all the memory there is.
 */
import { InvalidArgumentError, SHARDS } from "../event/mod.ts";
import { place } from "./_place.ts";
import { seatsOf, share } from "./_share.ts";
import { checkNodeId, checkWeight } from "./ring.ts";

/** The owner of each shard by its number; undefined, or missing, where there is none. */
export type ShardAssignment = readonly (string | undefined)[];

/** A node that can own shards. */
export interface PlannedNode {
  /** Its name. */
  readonly nodeId: string;
  /** Its share of the shards relative to the other nodes' weights; 1 unless given. */
  readonly weight?: number;
  /** Whether it is to lose all it has and get nothing, as long as there is another. */
  readonly draining?: boolean;
}

/** What else {@link planShards} looks at. */
export interface PlanOptions {
  /**
   * What the map is for, such as the type of actors. Maps with different seeds
   * give the odd shards, and those that a newcomer gets, to different nodes.
   */
  readonly seed?: string;
}

/** A shard that changes its owner. */
export interface ShardMove {
  /** The shard, 0 to 255. */
  readonly shard: number;
  /** Who owns it in the present map, whether or not that node is still there. */
  readonly from: string | undefined;
  /** Who is to own it; undefined if there is no node. */
  readonly to: string | undefined;
}

/** What {@link planShards} finds. */
export interface ShardPlan {
  /** The owner each shard should have: 256 entries. */
  readonly assignment: ShardAssignment;
  /** Where that differs from the present map, by shard. */
  readonly moves: readonly ShardMove[];
}

/**
 * Plans who should own which shard, and keeps what it can.
 *
 * - Every shard has one owner, one of `nodes` and none that is draining.
 * - A node's load is its fair share rounded down or up. With more nodes than
 *   shards, or with too small a weight, that may be none.
 * - The fewest shards move that can: as many as are free or too much, or as many
 *   as others lack, whichever is more. Planning the outcome again moves nothing.
 * - One node comes to, or goes from, a planned map, and all n (with it) weigh the
 *   same: at most ⌈256 ÷ n⌉ shards move, all of them to it, or from it.
 * - With weights: at most its own fair share rounded up, and up to k − 1 more where
 *   the share of k others, rounded up (it comes) or down (it goes), has changed
 *   too. Some may move between those others: with weights of 1 to 4, hardly ever.
 * - If all nodes are draining, each keeps what it has, and they share what is free.
 * - The order of `nodes` makes no difference.
 *
 * @param current The present map; `[]` if there is none yet.
 * @param nodes The nodes that can own these shards.
 * @returns The map that should be, and its differences from the present one.
 * @throws {InvalidArgumentError} `invalid_argument`: a node has an empty name or is
 * there twice, a weight is not a number above 0, or the map has more than 256 entries.
 * @example A node joins: shards move to it only
 * ```ts
 * import { planShards } from "@flowmade/aether/cluster";
 * import assert from "node:assert/strict";
 *
 * const two = planShards([], [{ nodeId: "a" }, { nodeId: "b" }]);
 * const three = planShards(two.assignment, [
 *   { nodeId: "a" },
 *   { nodeId: "b" },
 *   { nodeId: "c" },
 * ]);
 * assert.equal(three.moves.length, 85);
 * assert.ok(three.moves.every(({ to }) => to === "c"));
 * ```
 */
export function planShards(
  current: ShardAssignment,
  nodes: readonly PlannedNode[],
  options: PlanOptions = {},
): ShardPlan {
  checkAssignment(current);
  checkNodes(nodes);
  const { seed = "" } = options;
  const staying = nodes.filter(({ draining }) => draining !== true);
  const all = staying.length > 0 ? staying : nodes;
  const seats = seatsOf(all, seed);
  const byId = new Map(seats.map((seat) => [seat.nodeId, seat]));
  const free: number[] = [];
  for (let shard = 0; shard < SHARDS; shard++) {
    const seat = byId.get(current[shard] ?? "");
    if (seat === undefined) free.push(shard);
    else seat.held.push(shard);
  }
  share(seats, free.length, staying.length > 0);
  return planOf(current, place(seats, free, seed));
}

function planOf(
  current: ShardAssignment,
  assignment: ShardAssignment,
): ShardPlan {
  const moves: ShardMove[] = [];
  for (const [shard, to] of assignment.entries()) {
    const from = current[shard];
    if (from !== to) moves.push({ shard, from, to });
  }
  return { assignment, moves };
}

function checkAssignment(current: ShardAssignment): void {
  if (Array.isArray(current) && current.length <= SHARDS) return;
  throw new InvalidArgumentError(
    `Cannot plan from a map that is not a list of at most ${SHARDS} owners: got ${
      Array.isArray(current) ? `${current.length} entries` : String(current)
    }`,
  );
}

function checkNodes(nodes: readonly PlannedNode[]): void {
  const seen = new Set<string>();
  for (const { nodeId, weight = 1 } of nodes) {
    checkNodeId(nodeId);
    checkWeight(nodeId, weight);
    if (seen.has(nodeId)) {
      throw new InvalidArgumentError(
        `Cannot plan with a node that is there twice: got ${
          JSON.stringify(nodeId)
        }`,
      );
    }
    seen.add(nodeId);
  }
}
