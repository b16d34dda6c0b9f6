/**
 * Child processes of the tools: run one to its end, find one on PATH.
 *
 * Each child leads a process group of its own, so that ending it ends what it
 * started too (`npm` starts `node`, `deno test` starts servers). The price is
 * that Ctrl-C in a terminal no longer reaches it: a program that runs children
 * calls {@link endChildrenOnSignal}.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";

/** Environment variables by name. */
export type Env = Readonly<Record<string, string | undefined>>;

/** How a command is run. */
export interface RunOptions {
  /** Variables of the child; default: this process's own. */
  readonly env?: Env;
  /** Folder the child starts in; default: this process's own. */
  readonly cwd?: string;
  /** Milliseconds after which the child and its group are killed; default: never. */
  readonly timeout?: number;
  /** Called with each piece of output as it comes. */
  readonly onOutput?: (text: string) => void;
}

/** How a command ended. */
export interface RunResult {
  /** Exit code; -1 when it was ended by a signal or never started. */
  readonly code: number;
  /** Standard output and standard error, in the order they came. */
  readonly output: string;
  /** True when `timeout` ended it. */
  readonly timedOut: boolean;
}

const running = new Set<ChildProcess>();

/** Runs a command to its end; never throws: a command that cannot start has code -1. */
export function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { promise, resolve } = Promise.withResolvers<RunResult>();
  const child = spawn(command, [...args], {
    env: definedOnly(options.env ?? process.env),
    cwd: options.cwd ?? process.cwd(),
    stdio: ["ignore", "pipe", "pipe"],
    detached: process.platform !== "win32",
  });
  running.add(child);
  let output = "";
  let timedOut = false;
  const timer = options.timeout === undefined ? undefined : setTimeout(() => {
    timedOut = true;
    endGroup(child);
  }, options.timeout);
  for (const stream of [child.stdout, child.stderr]) {
    const decoder = new TextDecoder();
    stream.on("data", (chunk: Uint8Array) => {
      const text = decoder.decode(chunk, { stream: true });
      output += text;
      options.onOutput?.(text);
    });
  }
  const end = (code: number) => {
    clearTimeout(timer);
    running.delete(child);
    resolve({ code, output, timedOut });
  };
  child.on("error", (error: Error) => {
    output += `${error.message}\n`;
    end(-1);
  });
  child.on("close", (code: number | null) => end(code ?? -1));
  return promise;
}

/** Kills every command still running, with all that it started. */
export function endChildren(): void {
  for (const child of running) endGroup(child);
}

/**
 * Makes Ctrl-C and SIGTERM end the children too, then this process, with the
 * usual exit code (130, 143). For programs, not for libraries.
 */
export function endChildrenOnSignal(): void {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    process.on(signal, () => {
      endChildren();
      process.exit(code);
    });
  }
}

/** Path of a program on PATH, or undefined. */
export function which(
  program: string,
  env: Env = process.env,
): string | undefined {
  const windows = process.platform === "win32";
  const suffixes = windows ? (env.PATHEXT ?? ".EXE;.CMD").split(";") : [""];
  for (const folder of (env.PATH ?? env.Path ?? "").split(delimiter)) {
    if (folder === "") continue;
    for (const suffix of suffixes) {
      const path = join(folder, program + suffix);
      if (isExecutable(path)) return path;
    }
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === "win32") child.kill("SIGKILL");
    else process.kill(-child.pid, "SIGKILL");
  } catch {
    // It ended by itself between the check and the kill.
  }
}

function definedOnly(env: Env): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined) result[name] = value;
  }
  return result;
}
