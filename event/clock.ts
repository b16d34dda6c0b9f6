/** Cancels a timer; calling it twice is harmless. */
export type CancelTimer = () => void;

/**
 * Where time comes from. Everything that waits or measures takes a clock, so
 * that a test can hold it.
 *
 * @example A clock that always says noon
 * ```ts
 * import { type Clock, systemClock } from "@flowmade/aether/event";
 * import assert from "node:assert/strict";
 * const noon: Clock = { ...systemClock, now: () => Date.UTC(2026, 0, 1, 12) };
 * assert.equal(new Date(noon.now()).getUTCHours(), 12);
 * ```
 */
export interface Clock {
  /** Wall-clock time, milliseconds since 1970; may jump, so only for stamps. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. For every deadline. */
  monotonic(): number;
  /** Calls `run` once after `ms` milliseconds, however many. */
  timer(ms: number, run: () => void): CancelTimer;
}

/** The clock of this process. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  timer: (ms, run) => {
    let id: ReturnType<typeof setTimeout>;
    const wait = (left: number) => {
      id = left > LONGEST
        ? setTimeout(() => wait(left - LONGEST), LONGEST)
        : setTimeout(run, left);
    };
    wait(ms);
    return () => clearTimeout(id);
  },
};

// A timeout above 2^31 - 1 ms does not fit into the runtimes' timers, which then
// fire at once.
const LONGEST = 2_147_483_647;
