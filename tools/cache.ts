/**
 * The folder in which the tools keep programs they fetched, and the lock that
 * lets only one process at a time fill it.
 *
 * The lock is a folder, as `mkdir` either makes it or fails, on every file
 * system. Its owner touches it every two seconds; one that was not touched for
 * fifteen has lost its owner and is taken over. Should two processes ever take
 * over at once, both install, and the last rename wins: wasteful, not wrong.
 *
 * @module
 */
import { mkdirSync, renameSync, rmSync, statSync, utimesSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import type { Env } from "./process.ts";

const TOUCH_EVERY = 2_000;
const STALE_AFTER = 15_000;
const LOOK_EVERY = 100;

/** The cache folder of this user: XDG on Linux, the system's own on macOS and Windows. */
export function cacheFolder(
  env: Env = process.env,
  platform: string = process.platform,
): string {
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, "aether");
  if (platform === "win32" && env.LOCALAPPDATA) {
    return join(env.LOCALAPPDATA, "aether");
  }
  const home = env.HOME ?? homedir();
  return platform === "darwin"
    ? join(home, "Library", "Caches", "aether")
    : join(home, ".cache", "aether");
}

/** How {@link withLock} waits. */
export interface LockOptions {
  /** Asked again and again while another process holds the lock; a value ends the wait. */
  readonly alreadyDone: () => string | undefined;
  /** Called once when there is something to wait for. */
  readonly onWait: () => void;
}

/** Runs `work` while no other process does, or returns what the other one made. */
export async function withLock(
  path: string,
  work: () => Promise<string>,
  options: LockOptions,
): Promise<string> {
  mkdirSync(dirname(path), { recursive: true });
  for (let waited = false; !tryLock(path); waited = true) {
    const done = options.alreadyDone();
    if (done !== undefined) return done;
    if (!waited) options.onWait();
    await delay(LOOK_EVERY);
  }
  const touch = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(path, now, now);
    } catch {
      // Taken over after a long pause; see above.
    }
  }, TOUCH_EVERY);
  try {
    return options.alreadyDone() ?? await work();
  } finally {
    clearInterval(touch);
    rmSync(path, { recursive: true, force: true });
  }
}

function tryLock(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code !== "EEXIST") throw error;
  }
  try {
    if (Date.now() - statSync(path).mtimeMs < STALE_AFTER) return false;
    const aside = `${path}.stale-${process.pid}`;
    renameSync(path, aside);
    rmSync(aside, { recursive: true, force: true });
  } catch {
    // Released or taken over by another at this moment: try again.
  }
  return false;
}
