/** The world on NATS: a bucket for the control log, core NATS for messages. */
import {
  checkNamespace,
  type Clock,
  ClosedError,
  systemClock,
  ulid,
} from "../event/mod.ts";
import {
  type Connection,
  Deadline,
  faultToError,
  JetStreamApi,
  Link,
  refusalToError,
} from "../nats/mod.ts";
import { bucketOf, provisionBucket } from "./_bucket.ts";
import { NatsControlLog } from "./_nats_control.ts";
import { NatsMessenger } from "./_nats_messenger.ts";
import type { ClusterPorts } from "./ports.ts";

/** Where a cluster lives on NATS. */
export interface NatsClusterOptions {
  /** Which nodes belong together: 1 to 4 tokens joined by `.`; `default` by default. */
  readonly cluster?: string;
  /**
   * A second connection, best to another server: whoever hangs on two servers is
   * not taken for dead when one of them goes. It stays open.
   */
  readonly bulkConnection?: Connection;
  /** Copies of the bucket if it is created: 1 by default, 3 for a cluster of servers. */
  readonly replicas?: 1 | 3 | 5;
  /** `false` never creates the bucket. */
  readonly provision?: boolean;
  /** Where time comes from; the process by default. For tests. */
  readonly clock?: Clock;
}

/**
 * Opens the world of a cluster on NATS, and creates its bucket where it is
 * missing: a stream `KV_aether-<cluster>` that NATS tools read as a key-value
 * bucket.
 *
 * @param connection Stays open.
 * @returns Ports for {@link ClusterManager} and its parts; whoever opened them
 * closes them.
 * @throws {InvalidArgumentError} `invalid_argument`: not a cluster's name.
 * @throws {ClosedError} `closed`: a connection is closed.
 * @throws {StoreUnavailableError} `store_unavailable`: NATS cannot be reached.
 * @throws {PermissionDeniedError} `permission_denied`: the user may not use the bucket.
 * @throws {MisconfiguredError} `misconfigured`: the bucket would break a promise.
 * @example Parts of a cluster on their own
 * ```ts
 * import { connect } from "@flowmade/aether";
 * import { connectCluster, ShardManager } from "@flowmade/aether/cluster";
 *
 * export async function nodesOf(cluster: string): Promise<string[]> {
 *   const nc = await connect({ servers: "nats://localhost:4222" });
 *   await using ports = await connectCluster(nc, { cluster, provision: false });
 *   await using shards = new ShardManager(ports);
 *   await shards.start();
 *   return shards.nodes.map(({ node }) => node);
 * }
 * ```
 */
export async function connectCluster(
  connection: Connection,
  options: NatsClusterOptions = {},
): Promise<ClusterPorts & AsyncDisposable> {
  const { clock = systemClock, provision = true, replicas = 1 } = options;
  const cluster = checkNamespace(options.cluster ?? "default");
  const action = `Cannot join cluster "${cluster}"`;
  for (const nc of [connection, options.bulkConnection ?? connection]) {
    if (nc.isClosed() || nc.isDraining()) {
      throw new ClosedError(`${action} as the connection to NATS is closed`);
    }
  }
  const link = new Link(connection, { clock });
  const bulk = options.bulkConnection === undefined
    ? undefined
    : new Link(options.bulkConnection, { clock });
  const api = new JetStreamApi(link);
  const bucket = bucketOf(cluster);
  try {
    const deadline = new Deadline(clock, OPEN);
    await provisionBucket(
      api,
      bucket,
      { provision, replicas },
      deadline,
      action,
    );
  } catch (error) {
    await link.close();
    await bulk?.close();
    throw refusalToError(faultToError(error, action), action);
  }
  const control = new NatsControlLog(api, bucket, clock);
  const messenger = new NatsMessenger(link, cluster, bulk);
  return {
    clock,
    control,
    messenger,
    random: Math.random,
    newId: ulid,
    async [Symbol.asyncDispose]() {
      await link.close();
      await bulk?.close();
    },
  };
}

const OPEN = 10_000;
