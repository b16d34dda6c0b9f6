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
  /** Resolves with its exit code or signal. */
  readonly ended: Promise<string>;
  /** Sends it a signal. */
  signal(name: "SIGKILL" | "SIGSTOP" | "SIGCONT" | "SIGTERM"): void;
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
): Promise<FleetNode> {
  const script = fileURLToPath(new URL("./node.ts", import.meta.url));
  const [command, ...args] = program;
  const child = spawn(command!, [
    ...args,
    script,
    urls.join(","),
    namespace,
    name,
    String(replicas),
  ], { stdio: ["pipe", "pipe", "inherit"] });
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
  child.stdin!.on("error", () => {});
  let isOver = false;
  ended.then(() => isOver = true);
  return {
    name,
    runtime: /bun[^/]*$/.test(program.join(" ")) ? "bun" : "deno",
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
