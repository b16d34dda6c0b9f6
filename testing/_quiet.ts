/**
 * When a node has done all that it can do now. What waits for nothing but promises
 * is done when the runtime gets to its next task; a commit may take a task of its
 * own, and a handler may wait for something outside: those are waited for.
 */
import { AssertionError } from "node:assert";
import type { Life } from "./_life.ts";
import { turn } from "./_turn.ts";

/** How long is to be waited. */
export interface QuietOptions {
  /** Milliseconds of real time for handlers that wait for something outside. */
  readonly patience: number;
  /** Commits that may be stored meanwhile. */
  readonly mostCommits: number;
  /** Whether handlers are not waited for. */
  readonly leaveRunning: boolean;
}

/**
 * Waits until a life of a node is quiet, or over.
 *
 * @throws {AssertionError} It does not become quiet.
 */
export async function untilQuiet(
  life: Life | undefined,
  { leaveRunning, mostCommits, patience }: QuietOptions,
): Promise<void> {
  const before = life?.commits ?? 0;
  const until = performance.now() + patience;
  for (;;) {
    await turn();
    if (life === undefined || life.isOver) return;
    if (life.commits - before > mostCommits) {
      life.end();
      throw notQuiet(
        `${mostCommits} commits have followed each other without time moving on, the last of them to ${
          life.lastActors.join(", ")
        }: the node was stopped`,
      );
    }
    if (life.isAppending) continue;
    const { running } = life;
    if (leaveRunning || running.length === 0) return;
    const left = until - performance.now();
    if (left <= 0) {
      throw notQuiet(
        `${running.map(({ what }) => what).join(", ")} still ${
          running.length === 1 ? "runs" : "run"
        } after ${patience} ms of real time: { leaveRunning: true } goes on meanwhile`,
      );
    }
    await atMost(left, running.map(({ ended }) => ended));
  }
}

/** Waits for one of several, so many milliseconds of real time. */
async function atMost(
  ms: number,
  any: readonly Promise<unknown>[],
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const time = new Promise((resolve) => timer = setTimeout(resolve, ms));
  await Promise.race([...any, time]);
  clearTimeout(timer);
}

function notQuiet(why: string): AssertionError {
  return new AssertionError({
    message: `The system does not become quiet: ${why}`,
    operator: "settle",
  });
}
