/**
 * Clusters of nodes in this process, each on a connection of its own, and what
 * can be seen of them from outside.
 *
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import {
  type ClusterChange,
  ClusterManager,
  type ClusterManagerOptions,
  type ClusterPorts,
  connectCluster,
  type ControlLog,
  type ControlWrite,
  type NatsClusterOptions,
  type ShardedType,
  type ShardMap,
} from "../../cluster/mod.ts";
import { connect, type Connection } from "../../nats/mod.ts";
import { eventually, testServer, uniqueNamespace } from "../support/mod.ts";

/** Whether the long versions are wanted. */
export const nightly: boolean = process.env.AETHER_NIGHTLY === "1";

/** What a cluster was told in its log. */
export type LogEntry = Parameters<
  NonNullable<ClusterManagerOptions["log"]>
>[0];

/** How a node is started. */
export interface NodeOptions extends ClusterManagerOptions {
  /** Where it connects; the cluster's server by default. */
  readonly url?: string;
  /** Settings of its connection. */
  readonly connection?: Readonly<Record<string, unknown>>;
  /** Puts something between the node and its world. */
  readonly between?: (ports: ClusterPorts) => ClusterPorts;
}

/** A node of a cluster in this process. */
export class TestNode implements AsyncDisposable {
  /** Everything it said. */
  readonly log: LogEntry[] = [];
  readonly manager: ClusterManager;
  readonly nc: Connection;
  readonly #ports: AsyncDisposable | undefined;

  private constructor(
    /** What it hosts, where it hosts anything. */
    readonly type: ShardedType,
    name: string,
    nc: Connection,
    world: Connection | (ClusterPorts & Partial<AsyncDisposable>),
    options: ClusterManagerOptions,
  ) {
    this.nc = nc;
    this.#ports = "control" in world ? world as AsyncDisposable : undefined;
    this.manager = new ClusterManager(world, name, {
      hosts: [type],
      ...options,
      log: (entry) => void this.log.push(entry),
    });
  }

  /** Opens a connection and makes a node on it, not yet started. */
  static async open(
    cluster: string,
    name: string,
    { between, connection, url, ...options }: NodeOptions,
  ): Promise<TestNode> {
    const servers = url ?? (await testServer()).url;
    const nc = await connect({
      servers,
      ignoreClusterUpdates: true,
      ...connection,
    });
    let world: Connection | ClusterPorts = nc;
    if (between !== undefined) {
      const ports = await connectCluster(nc, { ...options, cluster });
      world = {
        ...between(ports),
        [Symbol.asyncDispose]: () => ports[Symbol.asyncDispose](),
      } as ClusterPorts;
    }
    const type = { namespace: cluster, type: "job" };
    return new TestNode(type, name, nc, world, { cluster, ...options });
  }

  /** Its name. */
  get name(): string {
    return this.manager.nodeId;
  }

  /** Who has which shard, as far as it knows. */
  get map(): ShardMap {
    return this.manager.shardMap(this.type.type, this.type.namespace);
  }

  /** The shards that it would answer for right now. */
  held(): number[] {
    const held: number[] = [];
    for (let shard = 0; shard < 256; shard++) {
      if (this.manager.held(this.type, shard) !== undefined) held.push(shard);
    }
    return held;
  }

  /** How often it has said this. */
  said(message: string): number {
    return this.log.filter((entry) => entry.message === message).length;
  }

  /** Is gone without a word, as a process that was killed. */
  async kill(): Promise<void> {
    await this.nc.close();
  }

  /** Leaves, and closes what it has opened. */
  async stop(): Promise<void> {
    await this.manager.stop();
    await this.#ports?.[Symbol.asyncDispose]();
    await this.nc.close();
  }

  /** As {@link TestNode.stop}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Nodes that belong together. */
export class TestCluster implements AsyncDisposable {
  /** Its name, which no other test has. */
  readonly name: string = uniqueNamespace("cluster");
  readonly nodes: TestNode[] = [];
  readonly #options: NodeOptions;

  /** Options for all its nodes. */
  constructor(options: NodeOptions = {}) {
    this.#options = options;
  }

  /** Makes a node that is not yet started. */
  async make(name: string, options: NodeOptions = {}): Promise<TestNode> {
    const node = await TestNode.open(this.name, name, {
      ...this.#options,
      ...options,
    });
    this.nodes.push(node);
    return node;
  }

  /** Starts a node. */
  async start(name: string, options: NodeOptions = {}): Promise<TestNode> {
    const node = await this.make(name, options);
    await node.manager.start();
    return node;
  }

  /** Starts several nodes at once, and waits until they have shared the shards. */
  async startAll(
    ...names: readonly (string | readonly [string, NodeOptions])[]
  ): Promise<TestNode[]> {
    const nodes = await Promise.all(
      names.map((name) =>
        typeof name === "string" ? this.start(name) : this.start(...name)
      ),
    );
    await shared(nodes);
    return nodes;
  }

  /** Ends all its nodes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }
}

let turn: Promise<unknown> = Promise.resolve();

/** Starts clusters one after another, as all at once is more than a machine has. */
export function inTurn<T>(start: () => Promise<T>): Promise<T> {
  const started = turn.then(start);
  turn = started.catch(() => {});
  return started;
}

/** Opens the world of a cluster, as one node sees it. */
export async function openPorts(
  options: NatsClusterOptions & {
    readonly url?: string | readonly string[];
    readonly connection?: Readonly<Record<string, unknown>>;
  },
): Promise<ClusterPorts & AsyncDisposable & { readonly nc: Connection }> {
  const { connection, url, ...rest } = options;
  const servers = url ?? (await testServer()).url;
  const nc = await connect({
    servers,
    ignoreClusterUpdates: true,
    ...connection,
  });
  try {
    const ports = await connectCluster(nc, rest);
    return {
      ...ports,
      nc,
      async [Symbol.asyncDispose]() {
        await ports[Symbol.asyncDispose]();
        await nc.close();
      },
    };
  } catch (error) {
    await nc.close();
    throw error;
  }
}

/**
 * Waits until these nodes, and no others, hold all shards, each exactly one of
 * them, as near to equal shares as can be, and all know the same map.
 */
export async function shared(
  nodes: readonly TestNode[],
  timeout = 10_000,
): Promise<void> {
  await eventually(() => {
    const counts = nodes.map((node) => node.held().length);
    const all = new Set(nodes.flatMap((node) => node.held()));
    const what = nodes.map(({ name }, i) => `${name}: ${counts[i]}`).join();
    assert.equal(all.size, 256, `not all shards are held: ${what}`);
    assert.equal(counts.reduce((sum, n) => sum + n, 0), 256, what);
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, what);
    for (const { map } of nodes) {
      assert.equal(map.revision, nodes[0]!.map.revision);
    }
    return true;
  }, { timeout, interval: 5 });
}

/** Waits for a change after which something is so. */
export async function changed(
  node: TestNode,
  isSo: () => boolean,
  timeout = 15_000,
): Promise<void> {
  if (isSo()) return;
  const { promise, resolve } = Promise.withResolvers<ClusterChange>();
  const stop = node.manager.onChange((change) => {
    if (isSo()) resolve(change);
  });
  const timer = setTimeout(
    () => resolve({ kind: "leader", leader: undefined }),
    timeout,
  );
  await promise;
  clearTimeout(timer);
  stop();
  assert.ok(isSo(), `did not come about within ${timeout} ms: ${isSo}`);
}

/** A node's control log, with something before each write. */
export function beforeWrites(
  { control }: ClusterPorts,
  run: (write: ControlWrite) => Promise<void> | void,
): ControlLog {
  return {
    last: (...args) => control.last(...args),
    next: (...args) => control.next(...args),
    watch: (...args) => control.watch(...args),
    publish: async (write, timeout) => {
      await run(write);
      return await control.publish(write, timeout);
    },
  };
}

/** Watches that no two nodes ever answer for one shard, until it is stopped. */
export function watchHolders(nodes: () => readonly TestNode[]) {
  let looks = 0;
  const doubled: string[] = [];
  const timer = setInterval(() => {
    looks++;
    const holders = new Map<number, string>();
    for (const node of nodes()) {
      for (const shard of node.held()) {
        const other = holders.get(shard);
        if (other !== undefined) {
          doubled.push(`${shard} by ${other} and ${node.name}`);
        }
        holders.set(shard, node.name);
      }
    }
  }, 2);
  return {
    /** Ends it; throws where two held the same. */
    stop(): void {
      clearInterval(timer);
      assert.ok(looks > 0, "nobody ever looked");
      assert.deepEqual(doubled, [], "two nodes held the same shard at once");
    },
  };
}

/** The node that leads, once all agree on it. */
export async function leaderAmong(
  nodes: readonly TestNode[],
  timeout = 10_000,
): Promise<TestNode> {
  return await eventually(() => {
    const leading = nodes.filter(({ manager }) => manager.isLeader());
    assert.equal(leading.length, 1, `${leading.length} nodes lead`);
    const epoch = leading[0]!.manager.leader()!.epoch;
    for (const { manager } of nodes) {
      assert.equal(manager.leader()?.epoch, epoch);
    }
    return leading[0]!;
  }, { timeout });
}

/** Lives of nodes, as told apart by their runs. */
export function runsOf(nodes: readonly TestNode[]): string[] {
  return nodes.map(({ manager }) => manager.run);
}

/** The shards that a node knows to have been seized. */
export function seizedOf({ map }: TestNode): number[] {
  const shards = Array.from({ length: 256 }, (_, shard) => shard);
  return shards.filter((shard) => {
    const { fence, generation } = map.at(shard);
    return fence === generation;
  });
}
