/** The cluster as the demo tells of it: nodes, leader, shards, and a death. */
import { setTimeout as delay } from "node:timers/promises";
import type { ClusterManager } from "@flowmade/aether/cluster";

/** Watches a cluster, and times how long a killed node's shards are nobody's. */
export class ClusterWatch {
  /** Milliseconds from a kill until other nodes had all of its shards. */
  takeover: number | undefined;
  readonly #manager: ClusterManager;
  readonly #type: string;
  #since = performance.now();

  /** Watches who has the shards of a type. */
  constructor(manager: ClusterManager, type: string) {
    this.#manager = manager;
    this.#type = type;
  }

  /** Such as `3 nodes; w1 leads in epoch 2; shards: w1 86, w2 85, w3 85`. */
  describe(): string {
    const leader = this.#manager.leader();
    const shares = [...this.#shares()].sort()
      .map(([node, count]) => `${node} ${count}`);
    return [
      `${shares.length} nodes`,
      leader === undefined
        ? "nobody leads"
        : `${leader.node} leads in epoch ${leader.epoch}`,
      `shards: ${shares.join(", ")}`,
    ].join("; ");
  }

  /** Waits until the shards are shared evenly by these nodes. */
  async shared(nodes: readonly string[]): Promise<void> {
    const fair = Math.floor(256 / nodes.length);
    const isShared = () => {
      const shares = this.#shares();
      return nodes.every((node) => (shares.get(node) ?? 0) >= fair);
    };
    if (!isShared()) {
      for await (const _ of this.#manager.changes()) if (isShared()) break;
    }
    this.#since = performance.now();
  }

  /** Waits until the nodes have been there for long enough to judge each other. */
  async settled(): Promise<void> {
    const left = this.#since + SETTLED - performance.now();
    if (left > 0) await delay(left);
  }

  /** A node is killed in this moment. */
  kills(node: string): void {
    const began = performance.now();
    const stop = this.#manager.onChange(() => {
      if (this.#shares().has(node)) return;
      this.takeover ??= performance.now() - began;
      stop();
    });
  }

  #shares(): Map<string, number> {
    const shares = new Map<string, number>();
    for (const node of this.#manager.shardMap(this.#type).nodes) {
      if (node !== undefined) shares.set(node, (shares.get(node) ?? 0) + 1);
    }
    return shares;
  }
}

/** Milliseconds; a node that joined less than two seconds ago condemns nobody. */
const SETTLED = 3_000;
