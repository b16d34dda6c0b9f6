/** Time that stands still until a test moves it. */
import { AssertionError } from "node:assert";
import {
  type CancelTimer,
  type Clock,
  InvalidArgumentError,
} from "../event/mod.ts";
import { turn } from "./_turn.ts";

/** How time is to be moved. */
export interface AdvanceOptions {
  /**
   * Goes on while handlers run that wait for something outside, such as the test
   * itself: to let a call meet its deadline. By default they are waited for.
   */
  readonly leaveRunning?: boolean;
}

/** How a held clock is to be. */
export interface HeldClockOptions {
  /** The time at first; noon of 1 January 2026, UTC, by default. */
  readonly now?: Date;
  /**
   * Waits until all is done that was set off; what waits for nothing but promises
   * is done by default. Called before time moves, and behind each timer.
   */
  readonly settle?: (options: AdvanceOptions) => Promise<void>;
}

/** A timer that waits. */
interface Timer {
  readonly due: number;
  readonly run: () => void;
}

/**
 * A clock that moves only when it is told to, for a test that waits for no real
 * time: a year passes in the time it takes to do what falls due in it.
 *
 * Timers fire one by one, in the order in which they fall due, and of those that
 * fall due together the one that was set first fires first. Behind each, all that
 * it sets off is done before time moves on. So what happens is the same every
 * time, whatever the machine does besides.
 *
 * @example A timer fires when the test says so
 * ```ts
 * import { HeldClock } from "@flowmade/aether/testing";
 * import assert from "node:assert/strict";
 *
 * const clock = new HeldClock({ now: new Date("2026-12-31T23:00:00Z") });
 * let year = 0;
 * clock.timer(3_600_000, () => year = new Date(clock.now()).getUTCFullYear());
 *
 * await clock.advance(3_599_999);
 * assert.equal(year, 0);
 * await clock.advance(1);
 * assert.equal(year, 2027);
 * ```
 */
export class HeldClock implements Clock {
  readonly #start: number;
  readonly #settle: (options: AdvanceOptions) => Promise<void>;
  /** In the order in which they were set. */
  readonly #timers = new Set<Timer>();
  /** Milliseconds since the start. */
  #at = 0;
  #isMoving = false;

  /**
   * Holds time.
   *
   * @throws {InvalidArgumentError} `invalid_argument`: `now` is no date.
   */
  constructor(options: HeldClockOptions = {}) {
    this.#start = timeOf(options.now ?? NOON, "Cannot hold time at");
    this.#settle = options.settle ?? turn;
  }

  /** The time it is held at, milliseconds since 1970. */
  now(): number {
    return this.#start + this.#at;
  }

  /** Milliseconds that time was moved by so far. */
  monotonic(): number {
    return this.#at;
  }

  /** Calls `run` once when time was moved by `ms`. */
  timer(ms: number, run: () => void): CancelTimer {
    const timer = { due: this.#at + Math.max(0, ms), run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /**
   * Moves time on, and resolves when all is done that fell due meanwhile.
   *
   * @param ms How far, in milliseconds; 0 does what can be done now.
   * @throws {InvalidArgumentError} `invalid_argument`: time moves in whole
   * milliseconds and not back, and nobody else moves it just now.
   * @throws {AssertionError} It does not become quiet: time stays where that was
   * seen.
   */
  async advance(ms: number, options: AdvanceOptions = {}): Promise<void> {
    if (!Number.isSafeInteger(ms) || ms < 0) {
      throw new InvalidArgumentError(
        `Cannot advance time but by a whole number of milliseconds from 0: got ${ms}`,
      );
    }
    if (this.#isMoving) {
      throw new InvalidArgumentError(
        `Cannot advance time by ${ms} ms while it is being moved: wait for the call before`,
      );
    }
    this.#isMoving = true;
    try {
      await this.#moveTo(this.#at + ms, options);
    } finally {
      this.#isMoving = false;
    }
  }

  /**
   * Moves time on to a date, as {@link HeldClock.advance}.
   *
   * @throws {InvalidArgumentError} `invalid_argument`: no date, or one that is past.
   * @throws {AssertionError} It does not become quiet.
   */
  async advanceTo(date: Date, options: AdvanceOptions = {}): Promise<void> {
    const until = timeOf(date, "Cannot advance time to");
    if (until < this.now()) {
      throw new InvalidArgumentError(
        `Cannot advance time to a date that is past as it is ${
          new Date(this.now()).toISOString()
        }: got ${date.toISOString()}`,
      );
    }
    await this.advance(until - this.now(), options);
  }

  async #moveTo(until: number, options: AdvanceOptions): Promise<void> {
    // What was set off before has its say before time moves.
    await this.#settle(options);
    let fired = 0;
    for (
      let next = this.#next(until);
      next !== undefined;
      next = this.#next(until)
    ) {
      fired = next.due > this.#at ? 1 : fired + 1;
      if (fired > MOST_AT_ONCE) throw this.#standsStill();
      this.#at = Math.max(this.#at, next.due);
      this.#timers.delete(next);
      next.run();
      await this.#settle(options);
    }
    this.#at = until;
  }

  /** The first that falls due. */
  #next(until: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.due > until) continue;
      if (first === undefined || timer.due < first.due) first = timer;
    }
    return first;
  }

  #standsStill(): AssertionError {
    return new AssertionError({
      message: `Time does not get past ${
        new Date(this.now()).toISOString()
      }: ${MOST_AT_ONCE} timers have fired there, each setting the next one for at once`,
      operator: "advance",
    });
  }
}

function timeOf(date: Date, action: string): number {
  const time = date instanceof Date ? date.getTime() : NaN;
  if (Number.isSafeInteger(time)) return time;
  throw new InvalidArgumentError(
    `${action} anything but a date: got ${String(date)}`,
  );
}

const NOON = new Date(Date.UTC(2026, 0, 1, 12));
/** Timers that may fire without time moving on. */
const MOST_AT_ONCE = 10_000;
