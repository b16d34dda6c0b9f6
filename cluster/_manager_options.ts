/** How a node may take part in a cluster, and what is refused. */
import { checkNamespace, InvalidArgumentError } from "../event/mod.ts";
import type { NatsClusterOptions } from "./nats_cluster.ts";
import type { ClusterLog, HeldShard, ShardedType } from "./types.ts";

/** How a node takes part in a cluster. */
export interface ClusterManagerOptions extends NatsClusterOptions {
  /**
   * The types of which this node takes shards; none by default: it can lead, but
   * has no shards.
   */
  readonly hosts?: readonly ShardedType[];
  /** Its share of the shards, relative to that of others; 1 by default. */
  readonly weight?: number;
  /** Only looks on: makes itself known to nobody and does not stand for election. */
  readonly observes?: boolean;
  /**
   * Stops to take work for a shard and finishes what runs; when the promise is
   * fulfilled, or five seconds are over, another node takes the shard.
   */
  readonly release?: (shard: HeldShard) => Promise<void> | void;
  /** Milliseconds that leases last: 15,000 by default, 1,000 at least. */
  readonly ttl?: number;
  /** Milliseconds between two probes: 250 by default. */
  readonly probeEvery?: number;
  /** Milliseconds that `ClusterManager.stop` takes at most to hand over; 10,000 by default. */
  readonly grace?: number;
  /** Who is told. */
  readonly log?: ClusterLog;
}

/**
 * Checks a node's name, which is one token of a subject and of a key.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: it breaks the rule.
 */
export function checkNode(nodeId: string): string {
  if (typeof nodeId === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(nodeId)) {
    return nodeId;
  }
  throw new InvalidArgumentError(
    `Cannot start a node whose name is not 1 to 64 letters, digits, "_" or "-": got ${
      JSON.stringify(nodeId)
    }`,
  );
}

/**
 * Checks how a node is to take part.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: an option breaks its rule.
 */
export function checkOptions(
  nodeId: string,
  options: ClusterManagerOptions,
): ClusterManagerOptions {
  const { cluster, hosts = [], ttl, weight } = options;
  if (cluster !== undefined) checkNamespace(cluster);
  for (const { namespace } of hosts) checkNamespace(namespace);
  const refuse = (what: string, rule: string, value: unknown) => {
    throw new InvalidArgumentError(
      `Cannot start node "${nodeId}" as ${what} is ${rule}: got ${value}`,
    );
  };
  if (weight !== undefined && !(weight > 0 && Number.isFinite(weight))) {
    refuse("weight", "a number above 0", weight);
  }
  if (ttl !== undefined && !(ttl >= 1_000 && ttl <= 3_600_000)) {
    refuse("ttl", "1,000 to 3,600,000 ms", ttl);
  }
  return options;
}
