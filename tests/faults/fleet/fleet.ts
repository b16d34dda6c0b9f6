/** Servers, and nodes in processes of their own, Deno and Bun in turn. */
import { Aether } from "../../../mod.ts";
import {
  type NatsServers,
  startNatsServer,
} from "../../../tools/nats_server.ts";
import {
  type FleetNode,
  type ProcessOptions,
  programsOf,
  startNode,
} from "./process.ts";

export type { FleetNode } from "./process.ts";

/** How a fleet is made up. */
export interface FleetOptions {
  /** How many nodes; 3 by default. */
  readonly nodes?: number;
  /** How many nats-servers, and copies of each stream; 1 by default. */
  readonly replicas?: 1 | 3;
  /** What the nodes run on; both in turn by default. */
  readonly runtime?: "deno" | "bun" | "mixed";
  /** The script the nodes run; one with tallies alone by default. */
  readonly script?: URL;
}

/** How one node is started unlike the others. */
export interface NodeOptions extends ProcessOptions {
  /** Where it connects, instead of straight to the servers. */
  readonly urls?: readonly string[];
}

/** Servers, nodes and a client. */
export class Fleet implements AsyncDisposable {
  /** The nodes that run, by name. */
  readonly nodes = new Map<string, FleetNode>();
  readonly namespace = "fleet";

  private constructor(
    readonly servers: NatsServers,
    readonly client: Aether,
    readonly options: Required<Omit<FleetOptions, "script">> & FleetOptions,
    readonly programs: readonly (readonly string[])[],
  ) {}

  /** Starts servers and nodes, and waits until the shards are shared out. */
  static async start(options: FleetOptions = {}): Promise<Fleet> {
    const { nodes = 3, replicas = 1, runtime = "mixed", script } = options;
    const servers = await startNatsServer({ servers: replicas });
    const programs = await programsOf(runtime);
    const client = await Aether.start({
      servers: [...servers.urls],
      namespace: "fleet",
      nodeId: "client",
      actors: [],
      replicas,
    });
    const fleet = new Fleet(
      servers,
      client,
      { nodes, replicas, runtime, ...(script === undefined ? {} : { script }) },
      programs,
    );
    await Promise.all(
      Array.from({ length: nodes }, (_, i) => fleet.startNode(`n${i + 1}`)),
    );
    await fleet.settled();
    return fleet;
  }

  /** Starts a node; one of that name must not run. */
  async startNode(
    name: string,
    { urls = this.servers.urls, ...options }: NodeOptions = {},
  ): Promise<FleetNode> {
    const number = Number(name.slice(1));
    const { replicas, script } = this.options;
    const node = await startNode(
      name,
      this.programs[(number - 1) % this.programs.length]!,
      urls,
      this.namespace,
      replicas,
      { script, ...options },
    );
    this.nodes.set(name, node);
    node.ended.then(() => {
      if (this.nodes.get(name) === node) this.nodes.delete(name);
    });
    return node;
  }

  /** Who has an actor now, as the client knows. */
  ownerOf(key: string): string | undefined {
    return this.client.cluster!.ownerOf(`tally-${key}`)?.node;
  }

  /** How many shards each node has, as the client knows. */
  shares(): Record<string, number> {
    const shares: Record<string, number> = {};
    for (const node of this.client.cluster!.shardMap("tally").nodes) {
      if (node !== undefined) shares[node] = (shares[node] ?? 0) + 1;
    }
    return shares;
  }

  /** Waits until the nodes that run, and they alone, share the shards evenly. */
  async settled(timeout = 30_000): Promise<void> {
    const manager = this.client.cluster!;
    const until = performance.now() + timeout;
    while (!this.#isEven()) {
      const left = until - performance.now();
      if (left <= 0) {
        throw new Error(
          `the shards are not shared evenly: ${JSON.stringify(this.shares())}`,
        );
      }
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          stop();
          resolve();
        };
        const timer = setTimeout(done, Math.min(left, 250));
        const stop = manager.onChange(done);
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    for (const node of this.nodes.values()) {
      node.signal("SIGCONT");
      node.signal("SIGKILL");
    }
    await Promise.all([...this.nodes.values()].map(({ ended }) => ended));
    await this.servers.stop();
  }

  #isEven(): boolean {
    const shares = this.shares();
    const names = [...this.nodes.keys()].sort();
    const fair = 256 / names.length;
    return Object.keys(shares).sort().join() === names.join() &&
      Object.values(shares).every((share) => Math.abs(share - fair) <= 1);
  }
}
