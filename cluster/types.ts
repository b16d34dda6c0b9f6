/** What a cluster is made of, as its users see it. */

/** A type of actor, or of anything else that is sharded, in its namespace. */
export interface ShardedType {
  /** Such as `bank`. */
  readonly namespace: string;
  /** Such as `account`. */
  readonly type: string;
}

/** `up` takes shards; `draining` gives them away; `leaving` goes when it has none. */
export type NodeState = "up" | "draining" | "leaving";

/** A node of the cluster. */
export interface NodeInfo {
  /** Its name. */
  readonly node: string;
  /** Unlike that of any other life of a node of this name. */
  readonly run: string;
  /** What it hosts, as `<namespace>.<type>`. */
  readonly hosts: readonly string[];
  /** Its share of the shards, relative to that of others. */
  readonly weight: number;
  /** What it is about to do. */
  readonly state: NodeState;
  /** The servers it is connected to. */
  readonly servers: readonly string[];
}

/** Who leads the cluster. */
export interface LeaderInfo {
  /** Its name. */
  readonly node: string;
  /** Which life of it. */
  readonly run: string;
  /** Grows with every election. */
  readonly epoch: number;
}

/** Who has a shard. */
export interface ShardOwner {
  /** Its name. */
  readonly node: string;
  /** Which life of it. */
  readonly run: string;
  /** Grows each time the shard changes hands. */
  readonly generation: number;
  /**
   * Whether one before may not know that it has lost the shard: then its writes
   * have to be fenced off before this one answers anything. It stays so when the
   * shard is handed over, as whoever seized it may not have touched everything in it.
   */
  readonly seized: boolean;
  /**
   * The generation in which it was last seized, 0 for never: what was written to
   * in that generation or a later one is fenced already.
   */
  readonly fence: number;
}

/** A shard that this node has. */
export interface HeldShard extends ShardedType {
  /** Which one, 0 to 255. */
  readonly shard: number;
  /** Grows each time the shard changes hands. */
  readonly generation: number;
  /** As {@link ShardOwner.seized}. */
  readonly seized: boolean;
  /** As {@link ShardOwner.fence}. */
  readonly fence: number;
  /**
   * The lives of nodes from whom it was seized since it was last released, the
   * latest last: what they have left undone is for this node to do. Absent for none.
   */
  readonly late?: readonly string[];
}

/** Something that has changed. */
export type ClusterChange =
  | { readonly kind: "leader"; readonly leader: LeaderInfo | undefined }
  | { readonly kind: "nodes"; readonly nodes: readonly NodeInfo[] }
  | { readonly kind: "shards"; readonly shards: ShardedType };

/** Tells whoever runs the cluster what it does: structured, never a credential. */
export type ClusterLog = (
  entry: {
    /** How much it matters. */
    readonly level: "debug" | "info" | "warn" | "error";
    /** What happened, in words that stay the same each time. */
    readonly message: string;
    /** The facts of this time. */
    readonly [fact: string]: unknown;
  },
) => void;
