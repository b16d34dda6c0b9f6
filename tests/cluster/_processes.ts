/**
 * Nodes in processes of their own, Deno and Bun mixed, and what a test sees of
 * them: what they say of themselves, and the map.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { findBun } from "../../tools/bun_binary.ts";
import { eventually, isDeno } from "../support/mod.ts";
import type { ProcessOptions, ProcessState } from "./_node.ts";
import { inTurn, TestCluster, type TestNode } from "./_nodes.ts";

const SCRIPT = fileURLToPath(new URL("./_node.ts", import.meta.url));

/** A node in a process of its own. */
export class NodeProcess {
  /** All that it has said. */
  readonly states: ProcessState[] = [];
  /** When each was heard, by this process's clock. */
  readonly heard: number[] = [];
  readonly #child: ChildProcess;

  private constructor(readonly name: string, child: ChildProcess) {
    this.#child = child;
    createInterface({ input: child.stdout! }).on("line", (line) => {
      if (!line.startsWith("{")) return;
      this.states.push(JSON.parse(line));
      this.heard.push(performance.now());
    });
  }

  /** Starts a node under a runtime. */
  static async start(
    runtime: "deno" | "bun",
    options: ProcessOptions,
  ): Promise<NodeProcess> {
    const [program, args] = runtime === "bun"
      ? [await findBun(), []]
      : [isDeno ? process.execPath : "deno", ["run", "-A", "--no-check"]];
    const child = spawn(program, [...args, SCRIPT, JSON.stringify(options)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    return new NodeProcess(options.name, child);
  }

  /** What it said last. */
  get state(): ProcessState | undefined {
    return this.states.at(-1);
  }

  /** Tells it something to do. */
  tell(command: string): void {
    this.#child.stdin!.write(`${command}\n`);
  }

  // ChildProcess.kill() of Deno sends one signal and no second one.
  signal(name: NodeJS.Signals): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      process.kill(this.#child.pid!, name);
    }
  }

  /** Ends it, whatever state it is in. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      return;
    }
    const exited = new Promise((resolve) => this.#child.once("exit", resolve));
    this.signal("SIGCONT");
    this.signal("SIGKILL");
    await exited;
  }
}

/** Three nodes in processes of their own, and one in this that only looks on. */
export interface ProcessScene {
  readonly nodes: readonly NodeProcess[];
  readonly observer: TestNode;
  /** Names of the nodes that have shards, each with how many. */
  shares(): ReadonlyMap<string, number>;
  /** The node that leads, as the observer sees it. */
  leader(): NodeProcess;
  /** Milliseconds until exactly these nodes have all shards, by the map. */
  untilOwnedBy(names: readonly string[], timeout: number): Promise<number>;
}

/** Starts three nodes, waits until they have been there for a while, and plays. */
export async function withProcesses(
  url: string,
  options: { readonly ttl?: number },
  play: (scene: ProcessScene) => Promise<void>,
): Promise<void> {
  await using cluster = new TestCluster({ url });
  const observer = await cluster.start("observer", { observes: true });
  const runtimes = ["deno", "bun", "deno"] as const;
  const nodes: NodeProcess[] = [];
  const shares = () => {
    const counts = new Map<string, number>();
    for (const owner of observer.map.nodes) {
      counts.set(owner ?? "", (counts.get(owner ?? "") ?? 0) + 1);
    }
    return counts;
  };
  const untilOwnedBy = async (names: readonly string[], timeout: number) => {
    const began = performance.now();
    await eventually(() => {
      assert.deepEqual([...shares().keys()].sort(), [...names].sort());
      const counts = [...shares().values()];
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
      return true;
    }, { timeout, interval: 5 });
    return performance.now() - began;
  };
  const leader = () => {
    const name = observer.manager.leader()?.node;
    const found = nodes.find((node) => node.name === name);
    assert.ok(found !== undefined, `the leader is ${name}`);
    return found;
  };
  try {
    await inTurn(async () => {
      for (const [i, runtime] of runtimes.entries()) {
        const name = `${runtime}-${i}`;
        const rest = { url, cluster: cluster.name, ...options };
        nodes.push(await NodeProcess.start(runtime, { name, ...rest }));
      }
      await untilOwnedBy(nodes.map(({ name }) => name), 20_000);
      await eventually(() => nodes.every(({ state }) => state!.held >= 85));
    });
    // The word of each counts once it has been connected for two seconds.
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    await play({ nodes, observer, shares, leader, untilOwnedBy });
  } finally {
    await Promise.all(nodes.map((node) => node.end()));
  }
}
