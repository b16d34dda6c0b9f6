/**
 * What this node holds: the shards that the map gives to this life of it, less
 * those it has been asked to release.
 *
 * To release is to stop taking, to finish what runs, and to say so: to the leader
 * at once, and again with the answer to each probe, as a message may be lost.
 * What was released stays so until the map names another generation.
 */
import type { ShardList } from "./_allocator.ts";
import type { ShardManager } from "./shard_manager.ts";
import { typeOf } from "./shard_map.ts";
import type { HeldShard } from "./types.ts";

/** What a custody works with. */
export interface CustodyOptions {
  /** The maps as they are. */
  readonly shards: ShardManager;
  /** Stops to take calls for a shard and finishes what runs. */
  release(shard: HeldShard): Promise<void> | void;
  /** Something was released: the leader wants to know. */
  onReleased(): void;
}

interface Held {
  readonly generation: number;
  readonly fence: number;
  readonly late: readonly string[] | undefined;
  /** Undefined as long as it is served. */
  state: "releasing" | "released" | undefined;
}

/** The shards of this node. */
export class Custody {
  readonly #options: CustodyOptions;
  readonly #held = new Map<string, Map<number, Held>>();
  #run = "";

  /** Holds nothing yet. */
  constructor(options: CustodyOptions) {
    this.#options = options;
  }

  /** From now on holds what the map gives to this run; what another held is gone. */
  become(run: string): void {
    this.#run = run;
    for (const family of this.#options.shards.families) this.follow(family);
  }

  /** Takes over what the map of a family says. */
  follow(family: string): void {
    const map = this.#options.shards.map(family);
    const before = this.#held.get(family);
    const held = new Map<number, Held>();
    for (let shard = 0; shard < 256; shard++) {
      const { fence, generation, late, node, run } = map.at(shard);
      if (node === undefined || run !== this.#run) continue;
      const same = before?.get(shard);
      held.set(
        shard,
        same?.generation === generation
          ? same
          : { generation, fence, late, state: undefined },
      );
    }
    this.#held.set(family, held);
  }

  /** What is served here of a shard; undefined where it is not, or not any more. */
  get(family: string, shard: number): HeldShard | undefined {
    const held = this.#held.get(family)?.get(shard);
    if (held === undefined || held.state !== undefined) return undefined;
    return heldShard(family, shard, held);
  }

  /** How many shards the map gives to this node. */
  get count(): number {
    let count = 0;
    for (const held of this.#held.values()) count += held.size;
    return count;
  }

  /** Releases what the leader asks for; what it has no more is passed over. */
  release(list: ShardList): void {
    for (const [family, shards] of Object.entries(list)) {
      for (const [shard, generation] of shards) {
        const held = this.#held.get(family)?.get(shard);
        if (held?.generation !== generation) continue;
        // Asked again, as by the next leader, it is said again.
        if (held.state === "released") this.#options.onReleased();
        if (held.state !== undefined) continue;
        held.state = "releasing";
        const done = () => {
          held.state = "released";
          this.#options.onReleased();
        };
        const releasing = heldShard(family, shard, held);
        // Whatever goes wrong, thrown at once or later, it is not served any more.
        (async () => await this.#options.release(releasing))()
          .then(done, done);
      }
    }
  }

  /** What was released and not yet given to anybody. */
  get released(): ShardList {
    const list: Record<string, [number, number][]> = {};
    for (const [family, shards] of this.#held) {
      for (const [shard, { generation, state }] of shards) {
        if (state !== "released") continue;
        (list[family] ??= []).push([shard, generation]);
      }
    }
    return list;
  }
}

function heldShard(
  family: string,
  shard: number,
  { fence, generation, late }: Held,
): HeldShard {
  const seized = fence > 0;
  const held = { ...typeOf(family), shard, generation, seized, fence };
  return late === undefined ? held : { ...held, late };
}
