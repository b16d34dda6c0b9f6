/**
 * Who should own which shard: a pure function, so that whoever leads a cluster
 * next plans the same.
 *
 * A node's fair share is 256 × its weight ÷ the weight of all. The plan gives
 * each node its fair share rounded down or up, and of all maps that do so it
 * makes one that differs from the present map in the fewest shards:
 *
 * 1. A shard whose owner is gone or draining is free. A node that holds more
 *    than its share rounded up frees what is too much.
 * 2. Each free shard is a place for the node that is furthest below its share.
 * 3. While a node is still below its share rounded down, it gets a place from
 *    the one furthest above its own.
 *
 * That settles how many. Which ones a node frees, and who of those with places
 * takes which, is what a {@link ConsistentHashRing} prefers. All nodes stand on
 * it with the same weight: the shares see to the load.
 */
import { InvalidArgumentError, SHARDS } from "../event/mod.ts";
import { hashText } from "./_hash.ts";
import { checkNodeId, checkWeight, ConsistentHashRing } from "./ring.ts";

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
 * - Every shard has one owner, one of `nodes`, and none that is draining. Only if
 *   all are draining, each keeps what it has, and shares in what is free.
 * - A node's load is its fair share rounded down or up. With more nodes than
 *   shards, or for a weight too small, that may be none.
 * - The fewest shards move that can: as many as are free or too much, or as many
 *   as the others lack, whichever is more. Planning the outcome moves nothing.
 * - If all weights are equal and the present map is a plan's outcome, a node that
 *   joins as the n-th, or leaves as one of n, moves at most ⌈256 ÷ n⌉ shards: to
 *   the newcomer only, or from the one that left only.
 * - With weights, it is the node's fair share rounded up, and beyond that at most
 *   k − 1, where k other nodes' share, rounded up (join) or down (leave), is
 *   another one now. What moves between others is among these; seldom any does.
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
  return planOf(current, place(seats, byId, free, seed));
}

/** A node, what it has and how many it should have. */
interface Seat {
  readonly nodeId: string;
  readonly fair: number;
  readonly held: number[];
  load: number;
}

// In an order that depends on the seed, as the first in it gets the odd shard.
function seatsOf(nodes: readonly PlannedNode[], seed: string): Seat[] {
  const ordered = nodes
    .map(({ nodeId, weight = 1 }) => ({
      nodeId,
      weight,
      order: hashText(`${seed}/${nodeId}`),
    }))
    .sort((a, b) => a.order - b.order || (a.nodeId < b.nodeId ? -1 : 1));
  // Relative to the largest: weights as large as numbers get have no sum.
  const largest = Math.max(...ordered.map(({ weight }) => weight));
  const sum = ordered.reduce((sum, { weight }) => sum + weight / largest, 0);
  return ordered.map(({ nodeId, weight }) => {
    const exact = SHARDS * (weight / largest) / sum;
    const whole = Math.round(exact);
    const fair = Math.abs(exact - whole) < ROUNDING ? whole : exact;
    return { nodeId, fair, held: [], load: 0 };
  });
}

/** Settles how many shards each node should have. */
function share(seats: readonly Seat[], free: number, rebalance: boolean): void {
  if (seats.length === 0) return;
  let places = free;
  for (const seat of seats) {
    seat.load = seat.held.length;
    const most = Math.ceil(seat.fair);
    if (!rebalance || seat.load <= most) continue;
    places += seat.load - most;
    seat.load = most;
  }
  for (; places > 0; places--) furthest(seats, -1).load++;
  if (!rebalance) return;
  for (const seat of seats) {
    for (; seat.load < Math.floor(seat.fair); seat.load++) {
      furthest(seats, 1).load--;
    }
  }
}

/** Who is furthest above (1) or below (-1) its fair share; the first of several. */
function furthest(seats: readonly Seat[], side: 1 | -1): Seat {
  let [found, distance] = [seats[0]!, -Infinity];
  for (const seat of seats) {
    const own = side * (seat.load - seat.fair);
    if (own > distance) [found, distance] = [seat, own];
  }
  return found;
}

/** Finds which shards go where, given how many. */
function place(
  seats: readonly Seat[],
  byId: ReadonlyMap<string, Seat>,
  free: number[],
  seed: string,
): (string | undefined)[] {
  const owners = new Array<string | undefined>(SHARDS).fill(undefined);
  const lacking = new Map<string, number>();
  for (const { nodeId, load, held } of seats) {
    for (const shard of held) owners[shard] = nodeId;
    if (load > held.length) lacking.set(nodeId, load - held.length);
  }
  if (lacking.size === 0) return owners;

  const ring = ringOf([...byId.keys()].sort());
  const preference = (shard: number) => ring.preference(`${seed}/${shard}`);
  const freed = [...free];
  for (const { nodeId, load, held } of seats) {
    if (load >= held.length) continue;
    const gains = held.map((shard) => {
      const order = preference(shard);
      const taker = order.findIndex((node) => lacking.has(node));
      return { shard, gain: order.indexOf(nodeId) - taker };
    });
    gains.sort((a, b) => b.gain - a.gain || a.shard - b.shard);
    gains.length = held.length - load;
    freed.push(...gains.map(({ shard }) => shard));
  }
  for (const shard of freed.sort((a, b) => a - b)) {
    const taker = preference(shard).find((node) => lacking.has(node))!;
    owners[shard] = taker;
    const left = lacking.get(taker)! - 1;
    if (left === 0) lacking.delete(taker);
    else lacking.set(taker, left);
  }
  return owners;
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

// Who leads a cluster plans for each type anew, mostly with the same nodes.
function ringOf(nodeIds: readonly string[]): ConsistentHashRing {
  const name = JSON.stringify(nodeIds);
  let ring = rings.get(name);
  if (ring === undefined) {
    ring = new ConsistentHashRing({ virtualNodes: VIRTUAL_NODES });
    for (const nodeId of nodeIds) ring.addNode(nodeId);
  }
  rings.delete(name);
  rings.set(name, ring);
  if (rings.size > RINGS) rings.delete(rings.keys().next().value!);
  return ring;
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

/** What floating point may be off: 256 × 0.1 ÷ 0.4 is meant to be 64. */
const ROUNDING = 1e-9;
/** The ring only has to mix, as the shares see to the load. */
const VIRTUAL_NODES = 32;
const RINGS = 8;
const rings = new Map<string, ConsistentHashRing>();
