/**
 * Who has which shard of one type: one entry of the control log.
 *
 * `{ n: [[node, run], …], l: [run, …], s: [[index into n or -1, generation, fence,
 * …indexes into l], …] }` with 256 entries in `s`: small enough to be written whole
 * with each change, and thereby never half. `l` names the lives of nodes from whom
 * shards were seized, and is left out where there are none.
 */
import { SHARDS } from "../event/mod.ts";
import { isCount, isRecord, isToken } from "./_heard.ts";
import type { ShardedType, ShardOwner } from "./types.ts";

/** One shard as a map has it. */
export interface ShardEntry {
  /** Its owner's name; undefined where it has none. */
  readonly node: string | undefined;
  /** Which life of it; empty where it has none. */
  readonly run: string;
  /** How often it has changed hands. */
  readonly generation: number;
  /**
   * The generation in which it was last seized: an owner before that may not know
   * that it has lost the shard. 0 where it never was.
   */
  readonly fence: number;
  /**
   * The lives of nodes from whom it was seized since it was last released, the
   * latest last: what they have left undone is for its owner to do. Absent for none.
   */
  readonly late?: readonly string[];
}

/**
 * Who has which shard of one type; never changed, only replaced.
 *
 * @example A shard changes hands
 * ```ts
 * import { ShardMap } from "@flowmade/aether/cluster";
 * import assert from "node:assert/strict";
 *
 * const nobody = ShardMap.empty("bank.account");
 * assert.equal(nobody.owner(7), undefined);
 * const entry = { node: "node-1", run: "a", generation: 1, fence: 0 };
 * const map = nobody.with(new Map([[7, entry]]));
 * assert.equal(map.owner(7)?.node, "node-1");
 * assert.equal(nobody.owner(7), undefined);
 * ```
 */
export class ShardMap {
  readonly #entries: readonly ShardEntry[];

  /** Takes 256 entries. */
  constructor(
    /** As `<namespace>.<type>`. */
    readonly family: string,
    entries: readonly ShardEntry[],
    /** Its place in the control log; 0 where it was never written. */
    readonly revision: number = 0,
  ) {
    this.#entries = entries;
  }

  /** A map in which nobody has ever had a shard. */
  static empty(family: string): ShardMap {
    return new ShardMap(
      family,
      Array.from({ length: SHARDS }, () => NOBODY),
    );
  }

  /** The entry of a shard. */
  at(shard: number): ShardEntry {
    return this.#entries[shard]!;
  }

  /** Who has a shard; undefined where nobody has. */
  owner(shard: number): ShardOwner | undefined {
    const { fence, generation, node, run } = this.at(shard);
    if (node === undefined) return undefined;
    return { node, run, generation, seized: fence > 0, fence };
  }

  /** The owner's name of each shard. */
  get nodes(): readonly (string | undefined)[] {
    return this.#entries.map(({ node }) => node);
  }

  /** The lives of nodes that have a shard. */
  get runs(): ReadonlyMap<string, string> {
    const runs = new Map<string, string>();
    for (const { node, run } of this.#entries) {
      if (node !== undefined) runs.set(run, node);
    }
    return runs;
  }

  /** The same map with some entries replaced. */
  with(changes: ReadonlyMap<number, ShardEntry>): ShardMap {
    const entries = this.#entries.map((entry, shard) =>
      changes.get(shard) ?? entry
    );
    return new ShardMap(this.family, entries, this.revision);
  }

  /** What is written to the control log. */
  toJSON(): unknown {
    const n: [string, string][] = [];
    const index = new Map<string, number>();
    const l: string[] = [];
    const lateIndex = new Map<string, number>();
    const lateOf = (run: string) => {
      const at = lateIndex.get(run) ?? l.push(run) - 1;
      lateIndex.set(run, at);
      return at;
    };
    const s = this.#entries.map(({ fence, generation, late, node, run }) => {
      let at = -1;
      if (node !== undefined) {
        at = index.get(run) ?? n.push([node, run]) - 1;
        index.set(run, at);
      }
      return [at, generation, fence, ...(late ?? []).map(lateOf)];
    });
    return l.length === 0 ? { n, s } : { n, l, s };
  }

  /** Reads what {@link ShardMap.toJSON} wrote; undefined where it is nothing of that kind. */
  static from(
    family: string,
    value: unknown,
    revision: number,
  ): ShardMap | undefined {
    if (!isWritten(value)) return undefined;
    const { l = [], n, s } = value;
    const entries = s.map(([at, generation, fence, ...rest]): ShardEntry => {
      const [node, run = ""] = n[at] ?? [];
      const late = rest.flatMap((i) => l[i] ?? []);
      const entry = { node, run, generation, fence };
      return late.length === 0 ? entry : { ...entry, late };
    });
    return new ShardMap(family, entries, revision);
  }
}

/** A type in its namespace as one word; the type is its last token. */
export function familyOf({ namespace, type }: ShardedType): string {
  return `${namespace}.${type}`;
}

/** The type of a word that {@link familyOf} made. */
export function typeOf(family: string): ShardedType {
  const dot = family.lastIndexOf(".");
  return { namespace: family.slice(0, dot), type: family.slice(dot + 1) };
}

/**
 * Where the generations of a map begin in which nobody ever had a shard: behind all
 * that any map before it can have come to. A bucket may be lost, or left behind
 * where a log is restored from a backup, and the log keeps the generations in which
 * it was written: begun at 1 again, an owner would take them for those of a later one.
 *
 * @param now Milliseconds since 1970. A shard does not change hands a hundred times
 * in each of them.
 */
export function generationsFrom(now: number): number {
  return Math.floor(now) * PER_MILLISECOND;
}

/** Whether a generation is the first one of a map, or may be. */
export function isFirstGeneration(generation: number): boolean {
  return generation % PER_MILLISECOND === 1;
}

const PER_MILLISECOND = 100;

/** A map as it is written. */
interface Written {
  readonly n: readonly (readonly [node: string, run: string])[];
  readonly l?: readonly string[];
  readonly s: readonly (readonly [
    at: number,
    generation: number,
    fence: number,
    ...late: number[],
  ])[];
}

function isWritten(value: unknown): value is Written {
  if (!isRecord(value)) return false;
  const { l = [], n, s } = value;
  return Array.isArray(n) && n.every(isNode) &&
    Array.isArray(l) && l.every(isToken) &&
    Array.isArray(s) && s.length === SHARDS &&
    s.every((entry) => isEntry(entry, n.length, l.length));
}

function isNode(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && value.every(isToken);
}

function isEntry(entry: unknown, nodes: number, late: number): boolean {
  if (!Array.isArray(entry)) return false;
  const [at, generation, fence, ...rest] = entry;
  return (at === -1 || (isCount(at) && at < nodes)) &&
    isCount(generation) && isCount(fence) &&
    rest.every((i) => isCount(i) && i < late);
}

const NOBODY: ShardEntry = Object.freeze({
  node: undefined,
  run: "",
  generation: 0,
  fence: 0,
});
