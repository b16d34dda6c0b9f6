/** A node in a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { findBun } from "../../../tools/bun_binary.ts";
import { which } from "../../../tools/process.ts";

/** A node's process. */
export interface FleetNode {
  readonly name: string;
  readonly runtime: string;
  readonly pid: number;
  /** Its log, as it came. */
  readonly log: readonly Record<string, unknown>[];
  /** Rejections that nobody took, as it told them before it ended. */
  readonly unhandled: readonly string[];
  /** Resolves with its exit code or signal. */
  readonly ended: Promise<string>;
  /** Sends it a signal. */
  signal(name: "SIGKILL" | "SIGSTOP" | "SIGCONT" | "SIGTERM"): void;
}

/** What a node runs, and under which conditions. */
export interface ProcessOptions {
  /** The script; a node with tallies alone by default. */
  readonly script?: URL | undefined;
  /** MiB its heap may have. */
  readonly heap?: number | undefined;
  /** Added to its environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Starts a node.
 *
 * @param program What runs it, and the arguments before the script.
 */
export async function startNode(
  name: string,
  program: readonly string[],
  urls: readonly string[],
  namespace: string,
  replicas: number,
  options: ProcessOptions = {},
): Promise<FleetNode> {
  const { heap, script = new URL("./node.ts", import.meta.url) } = options;
  const limits = heap === undefined ? NO_LIMITS : limitsOf(program, heap);
  const [command, ...args] = program;
  const child = spawn(command!, [
    ...args,
    ...limits.args,
    fileURLToPath(script),
    urls.join(","),
    namespace,
    name,
    String(replicas),
  ], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...limits.env, ...options.env },
  });
  const node = nodeOf(name, program, child);
  await node.ready;
  return node;
}

/** How nodes are run, in turn. */
export async function programsOf(
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

interface Limits {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const NO_LIMITS: Limits = { args: [], env: {} };

/** V8 ends a process whose heap is full; JavaScriptCore collects the harder. */
function limitsOf(program: readonly string[], heap: number): Limits {
  return isBunRun(program)
    ? {
      args: ["--smol"],
      env: { BUN_JSC_forceRAMSize: String(heap * 2 ** 20) },
    }
    : { args: [`--v8-flags=--max-old-space-size=${heap}`], env: {} };
}

function isBunRun(program: readonly string[]): boolean {
  return /bun[^/]*$/.test(program.join(" "));
}

function nodeOf(
  name: string,
  program: readonly string[],
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
  const unhandled: string[] = [];
  createInterface({ input: child.stderr! }).on("line", (line) => {
    if (line.startsWith("UNHANDLED")) unhandled.push(line);
    console.error(`${name} | ${line}`);
  });
  child.stdin!.on("error", () => {});
  let isOver = false;
  ended.then(() => isOver = true);
  return {
    name,
    runtime: isBunRun(program) ? "bun" : "deno",
    pid: child.pid!,
    log,
    unhandled,
    ended,
    ready: ready.promise,
    // ChildProcess.kill() of Deno sends one signal and no second one.
    signal(signal) {
      if (!isOver) process.kill(child.pid!, signal);
    },
  };
}
