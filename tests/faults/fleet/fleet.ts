/** Servers, and nodes in processes of their own, Deno and Bun in turn. */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Aether } from "../../../mod.ts";
import { findBun } from "../../../tools/bun_binary.ts";
import {
  type NatsServers,
  startNatsServer,
} from "../../../tools/nats_server.ts";
import { which } from "../../../tools/process.ts";

/** How a fleet is made up. */
export interface FleetOptions {
  /** How many nodes; 3 by default. */
  readonly nodes?: number;
  /** How many nats-servers, and copies of each stream; 1 by default. */
  readonly replicas?: 1 | 3;
  /** What the nodes run on; both in turn by default. */
  readonly runtime?: "deno" | "bun" | "mixed";
}

/** A node's process. */
export interface FleetNode {
  readonly name: string;
  readonly runtime: string;
  readonly pid: number;
  /** Its log, as it came. */
  readonly log: readonly Record<string, unknown>[];
  /** Resolves with its exit code or signal. */
  readonly ended: Promise<string>;
  /** Sends it a signal. */
  signal(name: "SIGKILL" | "SIGSTOP" | "SIGCONT" | "SIGTERM"): void;
}

/** Servers, nodes and a client. */
export class Fleet implements AsyncDisposable {
  /** The nodes that run, by name. */
  readonly nodes = new Map<string, FleetNode>();
  readonly namespace = "fleet";

  private constructor(
    readonly servers: NatsServers,
    readonly client: Aether,
    readonly options: Required<FleetOptions>,
    readonly programs: readonly (readonly string[])[],
  ) {}

  /** Starts servers and nodes, and waits until the shards are shared out. */
  static async start(options: FleetOptions = {}): Promise<Fleet> {
    const { nodes = 3, replicas = 1, runtime = "mixed" } = options;
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
      { nodes, replicas, runtime },
      programs,
    );
    await Promise.all(
      Array.from({ length: nodes }, (_, i) => fleet.startNode(`n${i + 1}`)),
    );
    await fleet.settled();
    return fleet;
  }

  /** Starts a node; one of that name must not run. */
  async startNode(name: string): Promise<FleetNode> {
    const number = Number(name.slice(1));
    const [program, ...args] = this
      .programs[(number - 1) % this.programs.length]!;
    const script = fileURLToPath(new URL("./node.ts", import.meta.url));
    const child = spawn(program!, [
      ...args,
      script,
      this.servers.urls.join(","),
      this.namespace,
      name,
      String(this.options.replicas),
    ], { stdio: ["pipe", "pipe", "inherit"] });
    const node = nodeOf(name, program!, child);
    await node.ready;
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

async function programsOf(
  runtime: string,
): Promise<readonly (readonly string[])[]> {
  const programs: string[][] = [];
  if (runtime !== "bun") {
    const deno = "Deno" in globalThis ? process.execPath : which("deno");
    if (deno === undefined) throw new Error("there is no deno on PATH");
    programs.push([deno, "run", "-A", "--no-check"]);
  }
  if (runtime !== "deno") programs.push([await findBun()]);
  return programs;
}

function nodeOf(
  name: string,
  program: string,
  child: ChildProcess,
): FleetNode & { readonly ready: Promise<void> } {
  const log: Record<string, unknown>[] = [];
  const ready = Promise.withResolvers<void>();
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(signal ?? String(code)));
  });
  ended.then((how) => ready.reject(new Error(`node ${name} ended: ${how}`)));
  ready.promise.catch(() => {});
  createInterface({ input: child.stdout! }).on("line", (line) => {
    if (line === "ready") return ready.resolve();
    try {
      log.push(JSON.parse(line));
    } catch { /* not ours */ }
  });
  child.stdin!.on("error", () => {});
  let isOver = false;
  ended.then(() => isOver = true);
  return {
    name,
    runtime: /bun[^/]*$/.test(program) ? "bun" : "deno",
    pid: child.pid!,
    log,
    ended,
    ready: ready.promise,
    // ChildProcess.kill() of Deno sends one signal and no second one.
    signal(signal) {
      if (!isOver) process.kill(child.pid!, signal);
    },
  };
}
