/**
 * Which shards go where, given how many each node should have.
 *
 * A node that has too many frees those for which the ring prefers a node in want
 * to itself the most; each free shard goes to the node in want that the ring
 * prefers for it. As the ring does not forget, a node that was restarted gets
 * most of its shards back.
 */
import { SHARDS } from "../event/mod.ts";
import type { Seat } from "./_share.ts";
import { ConsistentHashRing } from "./ring.ts";

/**
 * Finds the owner of each shard.
 *
 * @param seats All nodes, with the loads they should have.
 * @param free The shards nobody has.
 */
export function place(
  seats: readonly Seat[],
  free: readonly number[],
  seed: string,
): (string | undefined)[] {
  const owners = new Array<string | undefined>(SHARDS).fill(undefined);
  const lacking = new Map<string, number>();
  for (const { nodeId, load, held } of seats) {
    for (const shard of held) owners[shard] = nodeId;
    if (load > held.length) lacking.set(nodeId, load - held.length);
  }
  if (lacking.size === 0) return owners;

  const ring = ringOf(seats);
  const key = (shard: number) => `${seed}/${shard}`;
  const freed = [...free];
  for (const { nodeId, load, held } of seats) {
    if (load >= held.length) continue;
    const gains = held.map((shard) => ({
      shard,
      gain: gainOf(ring, key(shard), nodeId, lacking),
    }));
    gains.sort((a, b) => b.gain - a.gain || a.shard - b.shard);
    gains.length = held.length - load;
    freed.push(...gains.map(({ shard }) => shard));
  }
  for (const shard of freed) {
    const taker = ring.getNode(key(shard), (node) => lacking.has(node))!;
    owners[shard] = taker;
    const left = lacking.get(taker)! - 1;
    if (left === 0) lacking.delete(taker);
    else lacking.set(taker, left);
  }
  return owners;
}

/** How much sooner on the ring than its owner a node in want comes, in points. */
function gainOf(
  ring: ConsistentHashRing,
  key: string,
  owner: string,
  lacking: ReadonlyMap<string, number>,
): number {
  let [passed, toOwner, toLacking] = [0, -1, -1];
  ring.getNode(key, (nodeId) => {
    if (toOwner < 0 && nodeId === owner) toOwner = passed;
    if (toLacking < 0 && lacking.has(nodeId)) toLacking = passed;
    passed++;
    return toOwner >= 0 && toLacking >= 0;
  });
  return toOwner - toLacking;
}

// Who leads a cluster plans for each type anew, mostly with the same nodes.
function ringOf(seats: readonly Seat[]): ConsistentHashRing {
  const points = seats.map(({ nodeId, fair }): [string, number] => {
    const count = Math.ceil(VIRTUAL_NODES * seats.length * fair / SHARDS);
    return [nodeId, Math.min(Math.max(count, 1), MOST_POINTS)];
  });
  points.sort(([a], [b]) => a < b ? -1 : 1);
  const name = JSON.stringify(points);
  let ring = rings.get(name);
  if (ring === undefined) {
    ring = new ConsistentHashRing({ virtualNodes: 1 });
    for (const [nodeId, count] of points) ring.addNode(nodeId, count);
  }
  rings.delete(name);
  rings.set(name, ring);
  if (rings.size > RINGS) rings.delete(rings.keys().next().value!);
  return ring;
}

/** For a node of average weight; few do, as the shares see to the load. */
const VIRTUAL_NODES = 16;
const MOST_POINTS = 4_096;
const RINGS = 8;
const rings = new Map<string, ConsistentHashRing>();
