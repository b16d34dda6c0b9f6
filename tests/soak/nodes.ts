/** The nodes of a soak, as processes that can be looked into. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** What a process holds. */
export interface Held {
  /** Bytes of the heap in use, after a collection. */
  readonly heap: number;
  /** Actors in memory. */
  readonly activations: number;
  /** Bytes in memory, as the system counts them. */
  readonly rss: number;
  /** Open file descriptors. */
  readonly descriptors: number;
}

/** A node's process. */
export interface SoakNode {
  readonly name: string;
  /** `deno` or `bun`. */
  readonly runtime: string;
  /** What it holds now. */
  look(): Promise<Held>;
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
  kill(): void;
}

/** What a node is told. */
export interface NodeOptions {
  readonly url: string;
  readonly namespace: string;
  readonly maxActivations: number;
  /** Numbers that it does not let go of, each time it is looked into. */
  readonly leak?: number | undefined;
}

/** Starts a node and waits until it has joined. */
export async function startSoakNode(
  name: string,
  [command, ...args]: readonly string[],
  { leak, maxActivations, namespace, url }: NodeOptions,
): Promise<SoakNode> {
  const script = fileURLToPath(new URL("./node.ts", import.meta.url));
  const child = spawn(command!, [
    ...args,
    script,
    ...[url, namespace, name, String(maxActivations)],
    ...(leak === undefined ? [] : [String(leak)]),
  ], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.on("error", () => {});
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(signal ?? String(code)));
  });
  const waiting: ((line: string) => void)[] = [];
  const line = () =>
    Promise.race([
      new Promise<string>((resolve) => waiting.push(resolve)),
      ended.then((how) => {
        throw new Error(`node ${name} ended: ${how}`);
      }),
    ]);
  createInterface({ input: child.stdout }).on("line", (text) => {
    waiting.shift()?.(text);
  });
  const ready = await line();
  if (ready !== "ready") throw new Error(`node ${name} says: ${ready}`);
  return {
    name,
    runtime: /bun[^/]*$/.test(command!) ? "bun" : "deno",
    ended,
    async look() {
      child.stdin.write("\n");
      const told = JSON.parse(await line()) as Held;
      return { ...told, ...processOf(child.pid!) };
    },
    kill: () => void child.kill("SIGKILL"),
  };
}

/** What the system tells of a process; only Linux does. */
export function processOf(pid: number): Pick<Held, "rss" | "descriptors"> {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return {
    rss: 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
  };
}

/** What this process holds. */
export function ownProcess(): Pick<Held, "rss" | "descriptors"> {
  return processOf(process.pid);
}
