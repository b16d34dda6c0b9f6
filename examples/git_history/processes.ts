/** The processes of the demo: workers, and the one that proves the run. */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { DemoError } from "./errors.ts";
import type { Runtime, RuntimeCommand } from "./runtimes.ts";
import type { Verdict } from "./proof.ts";

/** A worker that is ready. */
export interface Worker {
  readonly name: string;
  readonly runtime: Runtime;
  readonly pid: number;
  /** Resolves with its exit code or signal when it has ended. */
  readonly ended: Promise<string>;
  /** SIGKILL: it has no chance to say goodbye. */
  kill(): void;
  /** Asks it to leave in good order, and waits until it has. */
  leave(): Promise<void>;
}

/** Starts a worker and waits until it serves. */
export async function startWorker(
  command: RuntimeCommand,
  url: string,
  namespace: string,
  name: string,
): Promise<Worker> {
  const child = start(command, "worker.ts", [url, namespace, name]);
  const ended = endOf(child);
  const lines = createInterface({ input: child.stdout! });
  const ready = new Promise<boolean>((resolve) => {
    lines.once("line", (line) => resolve(line === "ready"));
    lines.once("close", () => resolve(false));
  });
  if (!await ready) {
    throw new DemoError(
      `Worker ${name} did not start: it ended with ${await ended}`,
    );
  }
  return {
    name,
    runtime: command.runtime,
    pid: child.pid!,
    ended,
    kill: () => void child.kill("SIGKILL"),
    async leave() {
      child.stdin!.end();
      await ended;
    },
  };
}

/** Lets a fresh process prove the run. */
export async function proveApart(
  command: RuntimeCommand,
  args: readonly string[],
): Promise<{ verdict: Verdict; pid: number }> {
  const child = start(command, "prove.ts", args);
  child.stdin!.end();
  child.stdout!.setEncoding("utf8");
  let output = "";
  for await (const text of child.stdout!) output += text;
  const end = await endOf(child);
  if (end !== "0") {
    throw new DemoError(`The proof did not run: it ended with ${end}`);
  }
  return { verdict: JSON.parse(output), pid: child.pid! };
}

function start(
  { program, args }: RuntimeCommand,
  script: string,
  rest: readonly string[],
): ChildProcess {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(program, [...args, path, ...rest], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.stdin!.on("error", () => {});
  // A child whose end was not awaited yet would keep its exit code for itself.
  ends.set(
    child,
    new Promise((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("close", (code, signal) => resolve(signal ?? String(code)));
    }),
  );
  process.once("exit", () => child.kill("SIGKILL"));
  return child;
}

const ends = new WeakMap<ChildProcess, Promise<string>>();

function endOf(child: ChildProcess): Promise<string> {
  return ends.get(child)!;
}
