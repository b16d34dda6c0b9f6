/**
 * How many shards each node should have: its fair share rounded down or up, so
 * that the fewest move.
 *
 * 1. A node that holds more than its share rounded up frees what is too much.
 * 2. Each free shard is a place for the node that is furthest below its share.
 * 3. While a node is still below its share rounded down, it gets a place from
 *    the one furthest above its own.
 *
 * In step 2 whoever is furthest below is below by something, as all shares
 * together are 256, so no node gets beyond its share rounded up. In step 3 that
 * holds for who is furthest above, so none falls below its own rounded down.
 */
import { SHARDS } from "../event/mod.ts";
import { hashText } from "./_hash.ts";

/** A node, what it has and how many it should have. */
export interface Seat {
  /** Its name. */
  readonly nodeId: string;
  /** Its fair share: 256 × its weight ÷ the weight of all, not rounded. */
  readonly fair: number;
  /** The shards it has. */
  readonly held: number[];
  /** How many it should have. */
  load: number;
}

/**
 * The seats of some nodes, still empty, in an order that depends on the seed and
 * not on that of the nodes: where several lack as much, the first gets the shard.
 */
export function seatsOf(
  nodes: readonly { readonly nodeId: string; readonly weight?: number }[],
  seed: string,
): Seat[] {
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

/**
 * Settles each node's load.
 *
 * @param free How many shards nobody has.
 * @param rebalance Whether a node may lose what it has; else there is only step 2.
 */
export function share(
  seats: readonly Seat[],
  free: number,
  rebalance: boolean,
): void {
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

/** What floating point may be off: 256 × 0.1 ÷ 0.4 is meant to be 64. */
const ROUNDING = 1e-9;
