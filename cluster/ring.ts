import { InvalidArgumentError } from "../event/mod.ts";
import { hashSeries, hashText } from "./_hash.ts";

/** What a {@link ConsistentHashRing} takes. */
export interface RingOptions {
  /**
   * Points on the ring for a node of weight 1, a whole number from 1 to 65,536;
   * 128 unless given. More of them share keys out more evenly, and take as much
   * longer to build: see the table at {@link ConsistentHashRing}.
   */
  readonly virtualNodes?: number;
}

/**
 * Says which node a key belongs to, so that few keys move when nodes come or go.
 *
 * Each node stands at many points of a circle of 2³² positions, in proportion to
 * its weight. A key belongs to the node at the first point from its own position
 * on; who comes next takes over when that one goes. So a node that joins takes
 * keys, and takes them for itself only, and a node that leaves gives away its own
 * keys only. What a ring answers depends on names, weights and `virtualNodes`
 * alone: not on the order in which nodes came, nor on runtime or release. Point i
 * of a node is the hash of `i#name`: FNV-1a (32 bit) over UTF-8, with the finish
 * of MurmurHash3. Source: {@link https://www.rfc-editor.org/rfc/rfc9923 | RFC 9923}.
 *
 * How evenly, measured by `bench/ring.ts`: keys of the quietest and the busiest of
 * some equal nodes, relative to the mean, on average over ten rings.
 *
 * | virtual nodes |    3 nodes |   10 nodes |   50 nodes |
 * | ------------: | ---------: | ---------: | ---------: |
 * |             1 | 22 … 193 % |  5 … 300 % |  2 … 470 % |
 * |             8 | 66 … 127 % | 46 … 159 % | 37 … 185 % |
 * |            32 | 87 … 114 % | 71 … 125 % | 65 … 143 % |
 * |            64 | 90 … 110 % | 86 … 116 % | 75 … 129 % |
 * |           128 | 93 … 107 % | 87 … 113 % | 80 … 119 % |
 * |           256 | 96 … 104 % | 91 … 110 % | 85 … 117 % |
 * |           512 | 97 … 103 % | 94 … 106 % | 90 … 112 % |
 *
 * @example Only the newcomer gains
 * ```ts
 * import { ConsistentHashRing } from "@flowmade/aether/cluster";
 * import assert from "node:assert/strict";
 *
 * const ring = new ConsistentHashRing();
 * ring.addNode("a");
 * ring.addNode("b");
 * const before = ring.getNode("order-123");
 *
 * ring.addNode("c", 2);
 * assert.ok([before, "c"].includes(ring.getNode("order-123")));
 * assert.equal(ring.preference("order-123").length, 3);
 * ```
 */
export class ConsistentHashRing {
  readonly #virtualNodes: number;
  readonly #nodes = new Map<string, RingNode>();
  #table: Table | undefined;

  /**
   * Makes a ring without nodes.
   *
   * @throws {InvalidArgumentError} `invalid_argument`: `virtualNodes` is not a
   * whole number from 1 to 65,536.
   */
  constructor(options: RingOptions = {}) {
    const { virtualNodes = VIRTUAL_NODES } = options;
    if (
      !Number.isInteger(virtualNodes) || virtualNodes < 1 ||
      virtualNodes > MOST_POINTS
    ) {
      throw new InvalidArgumentError(
        `Cannot make a ring whose virtualNodes are not a whole number from 1 to ${MOST_POINTS}: got ${
          String(virtualNodes)
        }`,
      );
    }
    this.#virtualNodes = virtualNodes;
  }

  /**
   * Adds a node, or gives it another weight. Keys move to or from this node only.
   *
   * @param nodeId Its name: any text but the empty one.
   * @param weight Its share relative to others; kept to 1/`virtualNodes`, and at
   * least that. Weight times `virtualNodes` is at most 65,536.
   * @throws {InvalidArgumentError} `invalid_argument`: the name is empty, or the
   * weight is not a number above 0 or is too large.
   */
  addNode(nodeId: string, weight: number = 1): void {
    checkNodeId(nodeId);
    checkWeight(nodeId, weight);
    const count = Math.max(1, Math.round(weight * this.#virtualNodes));
    if (count > MOST_POINTS) {
      throw new InvalidArgumentError(
        `Cannot give node ${
          JSON.stringify(nodeId)
        } a weight that makes more than ${MOST_POINTS} points of ${this.#virtualNodes} for each 1: got ${weight}`,
      );
    }
    const known = this.#nodes.get(nodeId);
    if (known?.points.length === count) return;
    this.#nodes.set(nodeId, { nodeId, points: hashSeries(nodeId, count) });
    this.#table = undefined;
  }

  /**
   * Takes a node out. Only keys that were its own move.
   *
   * @returns Whether it was there.
   */
  removeNode(nodeId: string): boolean {
    const found = this.#nodes.delete(nodeId);
    if (found) this.#table = undefined;
    return found;
  }

  /** The names of all nodes, in order of their UTF-16 code units. */
  getNodes(): string[] {
    return [...this.#nodes.keys()].sort();
  }

  /** Whether no node is left. */
  isEmpty(): boolean {
    return this.#nodes.size === 0;
  }

  /**
   * The node a key belongs to.
   *
   * @param key Any text; a number, such as a shard's, is its decimal digits.
   * @param accepts Which nodes may be chosen, such as those with room; any unless
   * given. Asked at each point from the key's on, until it says yes: that is the
   * first of {@link preference} that it accepts.
   * @returns The node, or undefined if there is none.
   */
  getNode(
    key: string | number,
    accepts: (nodeId: string) => boolean = () => true,
  ): string | undefined {
    const { positions, owners, nodeIds } = this.#built();
    const start = firstFrom(positions, hashText(String(key)));
    for (let i = 0; i < owners.length; i++) {
      const nodeId = nodeIds[owners[(start + i) % owners.length]!]!;
      if (accepts(nodeId)) return nodeId;
    }
    return undefined;
  }

  /**
   * The nodes in the order in which they would own a key: each is the owner once
   * those before it are gone.
   *
   * @param key Any text; a number, such as a shard's, is its decimal digits.
   * @param limit How many nodes at most; all unless given.
   * @returns Different nodes, none twice.
   */
  preference(key: string | number, limit: number = Infinity): string[] {
    const { positions, owners, nodeIds } = this.#built();
    const wanted = Math.min(limit, nodeIds.length);
    const found: string[] = [];
    const seen = new Uint8Array(nodeIds.length);
    let at = firstFrom(positions, hashText(String(key)));
    while (found.length < wanted) {
      if (at === owners.length) at = 0;
      const owner = owners[at++]!;
      if (seen[owner] === 1) continue;
      seen[owner] = 1;
      found.push(nodeIds[owner]!);
    }
    return found;
  }

  #built(): Table {
    return this.#table ??= tableOf(this.#nodes.values());
  }
}

/** Refuses a name that is no name. */
export function checkNodeId(nodeId: string): void {
  if (typeof nodeId === "string" && nodeId !== "") return;
  throw new InvalidArgumentError(
    `Cannot use a node whose name is not a text of at least one character: got ${
      nodeId === "" ? '""' : String(nodeId)
    }`,
  );
}

/** Refuses a weight that is no weight. */
export function checkWeight(nodeId: string, weight: number): void {
  if (Number.isFinite(weight) && weight > 0) return;
  throw new InvalidArgumentError(
    `Cannot give node ${
      JSON.stringify(nodeId)
    } a weight that is not a number above 0: got ${String(weight)}`,
  );
}

interface RingNode {
  readonly nodeId: string;
  readonly points: Uint32Array;
}

/** All points by position, and whose they are: an index into `nodeIds`. */
interface Table {
  readonly nodeIds: readonly string[];
  readonly positions: Uint32Array;
  readonly owners: Uint32Array;
}

function tableOf(nodes: Iterable<RingNode>): Table {
  const ordered = [...nodes].sort((a, b) => a.nodeId < b.nodeId ? -1 : 1);
  const total = ordered.reduce((sum, { points }) => sum + points.length, 0);
  // Position and owner in one number each, as these sort without a comparison
  // of our own; where two nodes share a position, the first by name has it.
  const packed = new Float64Array(total);
  let filled = 0;
  for (const [index, { points }] of ordered.entries()) {
    for (const point of points) packed[filled++] = point * OWNERS + index;
  }
  packed.sort();
  const positions = new Uint32Array(total);
  const owners = new Uint32Array(total);
  for (let i = 0; i < total; i++) {
    const position = Math.floor(packed[i]! / OWNERS);
    positions[i] = position;
    owners[i] = packed[i]! - position * OWNERS;
  }
  return { nodeIds: ordered.map(({ nodeId }) => nodeId), positions, owners };
}

function firstFrom(positions: Uint32Array, position: number): number {
  let [low, high] = [0, positions.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (positions[middle]! < position) low = middle + 1;
    else high = middle;
  }
  return low;
}

const VIRTUAL_NODES = 128;
const MOST_POINTS = 65_536;
const OWNERS = 2 ** 21;
