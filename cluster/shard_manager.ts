/**
 * The nodes and the shard maps as the leader has written them, followed by every
 * node: what is stored is sent on by the server, and as a message may be lost,
 * the end of the log is looked at every five seconds, after a reconnect, and when
 * somebody has reason to think that the map has changed. Only what was read from
 * the log says up to where all is known: a notification may have come after one
 * that was lost.
 */
import type { CancelTimer } from "../event/mod.ts";
import { Control, type ControlEntry } from "./_control.ts";
import { nodeInfoOf } from "./_heard.ts";
import { type PlannedNode, planShards, type ShardPlan } from "./plan.ts";
import type { ClusterPorts } from "./ports.ts";
import { familyOf, ShardMap } from "./shard_map.ts";
import type { ShardAssignment } from "./plan.ts";
import type { NodeInfo, ShardedType, ShardOwner } from "./types.ts";

/** What has changed, for {@link ShardManager.onChange}. */
export type ShardChange =
  | { readonly kind: "nodes" }
  | { readonly kind: "shards"; readonly family: string };

/**
 * The nodes and the shard maps of a cluster.
 *
 * @example Where the shards of a type are, for whoever only looks on
 * ```ts
 * import { connect, shardOf } from "@flowmade/aether";
 * import { connectCluster, ShardManager } from "@flowmade/aether/cluster";
 *
 * export async function ownerOf(job: string): Promise<string | undefined> {
 *   const nc = await connect({ servers: "nats://localhost:4222" });
 *   await using ports = await connectCluster(nc, { cluster: "jobs" });
 *   await using shards = new ShardManager(ports);
 *   await shards.start();
 *   const type = { namespace: "jobs", type: "job" };
 *   return shards.owner(type, shardOf(job))?.node;
 * }
 * ```
 */
export class ShardManager implements AsyncDisposable {
  /** Called after each change. */
  onChange: (change: ShardChange) => void = () => {};
  readonly #ports: ClusterPorts;
  readonly #control: Control;
  readonly #maps = new Map<string, ShardMap>();
  readonly #stops: (() => void)[] = [];
  #nodes: { readonly list: readonly NodeInfo[]; readonly revision: number } = {
    list: [],
    revision: 0,
  };
  /** Up to where all is known. */
  #end = 0;
  #cancel: CancelTimer = () => {};
  #refreshing: Promise<void> | undefined;
  #closed = false;

  /** Knows nothing until started. */
  constructor(ports: ClusterPorts) {
    this.#ports = ports;
    this.#control = new Control(ports);
  }

  /**
   * Plans who should have which shard: {@link planShards}.
   *
   * @param current The present map; `[]` if there is none yet.
   * @param nodes The nodes that can have these shards.
   * @param seed What the map is for: the odd shards of maps with different seeds
   * go to different nodes.
   */
  static plan(
    current: ShardAssignment,
    nodes: readonly PlannedNode[],
    seed?: string,
  ): ShardPlan {
    return planShards(current, nodes, seed === undefined ? {} : { seed });
  }

  /** The nodes of the cluster, by name. */
  get nodes(): readonly NodeInfo[] {
    return this.#nodes.list;
  }

  /** The types that have a map, as `<namespace>.<type>`. */
  get families(): readonly string[] {
    return [...this.#maps.keys()];
  }

  /** Who has which shard of a type; nobody has any where there is no map. */
  map(type: ShardedType | string): ShardMap {
    const family = typeof type === "string" ? type : familyOf(type);
    return this.#maps.get(family) ?? ShardMap.empty(family);
  }

  /** Who has a shard. */
  owner(type: ShardedType | string, shard: number): ShardOwner | undefined {
    const family = typeof type === "string" ? type : familyOf(type);
    return this.#maps.get(family)?.owner(shard);
  }

  /**
   * Reads all there is, and follows it from now on.
   *
   * @throws {StoreUnavailableError} `store_unavailable`: the log cannot be reached.
   */
  async start(): Promise<void> {
    const { messenger } = this.#ports;
    this.#stops.push(
      this.#control.watch("ctl.>", (entry) => this.#apply(entry)),
      messenger.onChange(() => {
        if (messenger.connected) this.refresh().catch(() => {});
      }),
    );
    await this.#load();
    this.#plan();
  }

  /** Looks whether there is anything new; several callers share one look. */
  refresh(): Promise<void> {
    return this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
  }

  /** The last sequence below `ctl.` up to which nothing is missing here. */
  get revision(): number {
    return this.#end;
  }

  /**
   * Takes over what this node, as the leader, has just written: right behind
   * {@link ShardManager.revision}, or it would have been refused.
   */
  wrote(key: string, value: unknown, revision: number): void {
    this.#apply({ key, value, revision, write: "", epoch: 0 });
    this.#end = Math.max(this.#end, revision);
  }

  /** When the nodes were last written. */
  get nodesRevision(): number {
    return this.#nodes.revision;
  }

  /** Follows no more. */
  close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    for (const stop of this.#stops.splice(0)) stop();
    return Promise.resolve();
  }

  /** As {@link ShardManager.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #plan(): void {
    if (this.#closed) return;
    const { clock, random } = this.#ports;
    this.#cancel = clock.timer(LOOK + random() * 500, () => {
      this.refresh().catch(() => {}).finally(() => this.#plan());
    });
  }

  async #refresh(): Promise<void> {
    const last = await this.#control.last("ctl.>");
    if (last !== undefined && last.revision > this.#end) await this.#load();
  }

  async #load(): Promise<void> {
    for (const entry of await this.#control.list("ctl.>")) {
      this.#apply(entry);
      this.#end = Math.max(this.#end, entry.revision);
    }
  }

  #apply({ key, revision, value }: ControlEntry): void {
    if (this.#closed) return;
    if (key === NODES) {
      if (revision <= this.#nodes.revision || !Array.isArray(value)) return;
      const list: NodeInfo[] = [];
      for (const info of value.map(nodeInfoOf)) {
        if (info === undefined) return;
        list.push(info);
      }
      this.#nodes = { list, revision };
      this.onChange({ kind: "nodes" });
    } else if (key.startsWith(MAPS)) {
      const family = key.slice(MAPS.length);
      if (revision <= (this.#maps.get(family)?.revision ?? 0)) return;
      const map = ShardMap.from(family, value, revision);
      if (map === undefined) return;
      this.#maps.set(family, map);
      this.onChange({ kind: "shards", family });
    }
  }
}

/** Where the leader writes the nodes. */
export const NODES = "ctl.nodes";
/** Below which the leader writes the maps. */
export const MAPS = "ctl.shards.";

const LOOK = 5_000;
