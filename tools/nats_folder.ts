/**
 * The temporary folder of started servers, and what makes it vanish with us.
 *
 * A small shell process holds the reading end of a pipe whose writing end only
 * this process has. However this process ends (return, Ctrl-C, an uncaught
 * error, `kill -9`), the system closes the pipe; the shell then kills the
 * servers recorded in the folder and removes it. No signal handler is needed,
 * so none changes what a signal does to the program that uses us.
 *
 * Where there is no `sh` (Windows), an `exit` handler does what it can, and
 * each start sweeps what owners that are no longer there left behind.
 *
 * @module
 */
import { execFileSync, spawn } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const PREFIX = "aether-nats-";
const WINDOWS = process.platform === "win32";

/** Ends servers and removes their folder once its standard input is closed. */
const WATCHDOG = `
trap '' INT TERM HUP
while read -r line; do :; done
for file in "$1"/*/pid; do
  [ -f "$file" ] || continue
  pid=$(cat "$file")
  args=$(tr '\\0' ' ' < "/proc/$pid/cmdline" 2>/dev/null || ps -o args= -p "$pid" 2>/dev/null)
  case "$args" in *"$1"*) kill -9 "$pid" ;; esac
done
rm -rf "$1" 2>/dev/null || { sleep 1; rm -rf "$1"; }
`;

/** A temporary folder that does not outlive this process. */
export interface ServerFolder {
  /** Where it is. */
  readonly path: string;
  /** Records the process of a server, so that it does not outlive us either. */
  record(name: string, pid: number): void;
  /** Removes the folder; its servers have ended. */
  remove(): void;
}

/** Pipes to the watchdogs; held here so that they close only with this process. */
const pipes = new Set<unknown>();

/** Makes a folder for servers, after sweeping those of owners that are gone. */
export function createServerFolder(): ServerFolder {
  sweep();
  const path = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
  const release = WINDOWS ? cleanAtExit(path) : watch(path);
  return {
    path,
    record: (name, pid) => writeFileSync(join(path, name, "pid"), String(pid)),
    remove() {
      // A server killed a moment ago may still be closing its files.
      rmSync(path, {
        recursive: true,
        force: true,
        maxRetries: 10,
        retryDelay: 50,
      });
      release();
    },
  };
}

/** Ends and removes what owners that are no longer alive left in `parent`. */
export function sweep(parent: string = tmpdir()): void {
  for (const name of readdirSync(parent)) {
    const owner = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (owner === undefined || isAlive(Number(owner))) continue;
    try {
      clean(join(parent, name));
    } catch {
      // Another user's, or another process is sweeping it at this moment.
    }
  }
}

function watch(path: string): () => void {
  const child = spawn("sh", ["-c", WATCHDOG, "aether-nats-watchdog", path], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    cwd: "/",
  });
  child.on("error", () => cleanAtExit(path));
  child.stdin.on("error", () => {});
  child.unref();
  pipes.add(child);
  return () => {
    child.stdin.end();
    pipes.delete(child);
  };
}

function cleanAtExit(path: string): () => void {
  const atExit = () => clean(path);
  process.on("exit", atExit);
  return () => process.off("exit", atExit);
}

function clean(path: string): void {
  for (const name of readdirSync(path)) {
    const file = join(path, name, "pid");
    if (!existsSync(file)) continue;
    const pid = Number(readFileSync(file, "utf8"));
    if (commandLine(pid).includes(path)) process.kill(pid, "SIGKILL");
  }
  rmSync(path, {
    recursive: true,
    force: true,
    maxRetries: 10,
    retryDelay: 50,
  });
}

function commandLine(pid: number): string {
  const [program, args] = WINDOWS
    ? ["powershell", [
      "-NoProfile",
      "-Command",
      `(Get-CimInstance Win32_Process -Filter "ProcessId=${pid}").CommandLine`,
    ]]
    : ["ps", ["-o", "args=", "-p", String(pid)]];
  try {
    if (existsSync(`/proc/${pid}/cmdline`)) {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8");
    }
    return execFileSync(program, args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    return "";
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}
