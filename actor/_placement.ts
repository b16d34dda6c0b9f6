/**
 * Which node an actor lives on, as the actors need it: the cluster's maps of one
 * namespace, at hand for every call.
 *
 * A call is sent to the owner of a shard in a generation, so that it can never be
 * answered by an owner before or after. Where it finds nobody there, or no answer
 * comes, the owner is suspected (whether it is dead is for the cluster to find
 * out), the map is looked at again, and whoever waits is woken by the next change.
 */
import { type Clock, SHARDS } from "../event/mod.ts";
import { isFault, type Link, mayAnswer } from "../nats/mod.ts";
import type { ClusterManager, HeldShard, ShardOwner } from "../cluster/mod.ts";

/** What a placement is made of. */
export interface PlacementOptions {
  /** The node among others. */
  readonly manager: ClusterManager;
  /** For requests. */
  readonly link: Link;
  /** Whose maps. */
  readonly namespace: string;
  /** The types that this node hosts. */
  readonly types: readonly string[];
  /** Where time comes from. */
  readonly clock: Clock;
  /** Whether a call that was sent to this node is under way here. */
  hasCall(commandId: string): boolean;
}

/** Decides by hand who owns a shard, in tests; undefined leaves it to the map. */
export type PlacementOverride = (
  type: string,
  shard: number,
) => string | undefined;

/** Who owns what in one namespace. */
export class Placement {
  /** Called when who owns what may have changed. */
  onChange: () => void = () => {};
  /** Whether this life of this node is ready to answer for anything; asked each time. */
  isReady: () => boolean = () => true;
  /** Called with each shard that this node has no more, or in another generation. */
  onLost: (shard: HeldShard) => void = () => {};
  readonly #options: PlacementOptions;
  readonly #mine = new Map<string, (HeldShard | undefined)[]>();
  readonly #stops: (() => void)[] = [];
  #waiting: (() => void)[] = [];
  #override: PlacementOverride | undefined;

  /** Follows nothing yet. */
  constructor(options: PlacementOptions) {
    this.#options = options;
  }

  /** The nodes of the cluster, by name. */
  get nodes(): readonly string[] {
    return this.#options.manager.nodes().map(({ node }) => node);
  }

  /** Follows the maps, and answers whoever asks what is under way here. */
  start(): void {
    const { hasCall, link, manager } = this.#options;
    const { connection } = link;
    this.#stops.push(manager.onChange(() => this.#changed()));
    const subscription = connection.subscribe(
      this.#subject(`${manager.nodeId}.has`),
      {
        callback: (error, msg) => {
          if (error !== null || !mayAnswer(msg.reply)) return;
          try {
            msg.respond(JSON.stringify(hasCall(String(msg.json()))));
          } catch { /* not one of ours */ }
        },
      },
    );
    this.#stops.push(() => {
      if (!connection.isClosed()) subscription.unsubscribe();
    });
    this.#changed();
  }

  /** Follows nothing any more. */
  close(): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.#wake();
  }

  /** Who owns a shard; undefined where nobody does. */
  ownerOf(type: string, shard: number): ShardOwner | undefined {
    const { manager, namespace } = this.#options;
    const forced = this.#override?.(type, shard);
    if (forced !== undefined) return byHand(forced);
    return manager.isStarted
      ? manager.shardMap(type, namespace).owner(shard)
      : undefined;
  }

  /** The shard as this node may answer for it; undefined where it may not. */
  held(type: string, shard: number): HeldShard | undefined {
    const { manager, namespace } = this.#options;
    if (this.#override !== undefined) {
      return this.#override(type, shard) === manager.nodeId
        ? { namespace, type, shard, generation: 1, seized: false, fence: 0 }
        : undefined;
    }
    const mine = this.#mine.get(type)?.[shard];
    if (mine === undefined || !this.isReady()) return undefined;
    return manager.isServing ? mine : undefined;
  }

  /** The shards assigned to this node, whether or not it may answer just now. */
  *assigned(): Iterable<HeldShard> {
    const { types } = this.#options;
    if (this.#override !== undefined) {
      for (const type of types) {
        for (let shard = 0; shard < SHARDS; shard++) {
          const held = this.held(type, shard);
          if (held !== undefined) yield held;
        }
      }
      return;
    }
    for (const shards of this.#mine.values()) {
      for (const held of shards) if (held !== undefined) yield held;
    }
  }

  /** This node is about to release a shard: it answers for it no more. */
  releasing({ shard, type }: HeldShard): void {
    const mine = this.#mine.get(type);
    if (mine !== undefined) mine[shard] = undefined;
  }

  /** An owner was not to be found, or has not answered. */
  async missed({ node }: ShardOwner): Promise<void> {
    const { manager } = this.#options;
    manager.suspect(node);
    await manager.refresh().catch(() => {});
  }

  /** Waits for the next change, at most `ms`. */
  changed(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.timer(ms, resolve);
      this.#waiting.push(() => {
        cancel();
        resolve();
      });
    });
  }

  /**
   * Finds out what has become of a call that an owner was sent and has not
   * answered: it may have been lost on the way.
   *
   * @returns Whether to wait on: the node has it, or nobody can tell.
   */
  async has(owner: ShardOwner, commandId: string): Promise<boolean> {
    const subject = this.#subject(`${owner.node}.has`);
    try {
      const reply = await this.#options.link.request(
        subject,
        JSON.stringify(commandId),
        { timeout: PATIENCE },
      );
      return decoder.decode(reply.data) !== "false";
    } catch (error) {
      if (isFault(error, "no_responders", "timeout")) await this.missed(owner);
      return true;
    }
  }

  /** Places shards by hand, in tests. */
  override(override: PlacementOverride | undefined): void {
    this.#override = override;
    this.#changed();
  }

  #changed(): void {
    const { manager, namespace, types } = this.#options;
    for (const type of types) {
      const before = this.#mine.get(type);
      const now: (HeldShard | undefined)[] = [];
      for (let shard = 0; shard < SHARDS; shard++) {
        const was = before?.[shard];
        const is = manager.assigned({ namespace, type }, shard);
        now.push(was?.generation === is?.generation ? was : is);
        if (was !== undefined && was.generation !== is?.generation) {
          this.onLost(was);
        }
      }
      this.#mine.set(type, now);
    }
    this.onChange();
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #subject(what: string): string {
    return `aether.node.${this.#options.manager.cluster}.${what}`;
  }
}

function byHand(node: string): ShardOwner {
  return { node, run: "", generation: 1, seized: false, fence: 0 };
}

const decoder = new TextDecoder();
/** Milliseconds a node may take to say whether it has a call. */
const PATIENCE = 250;
