/**
 * One timer for all deadlines of a process. Calls come and go by the ten
 * thousand a second and nearly none runs out of time, so a timer for each would
 * cost more than the calls: deadlines are kept in buckets of 50 ms, and the timer
 * runs only while there are any.
 */
import type { CancelTimer, Clock } from "../event/mod.ts";

/** Something that must be told when its time is over. */
export interface Timed {
  /** On the clock's monotonic time. */
  readonly deadline: number;
  /** Called once, unless removed first. */
  expire(): void;
}

/** The deadlines of a process. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #buckets = new Map<number, Set<Timed>>();
  #cancel: CancelTimer | undefined;
  #armedFor = Infinity;

  /** Takes the clock all deadlines are on. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Watches a deadline. */
  add(timed: Timed): void {
    const index = Math.floor(timed.deadline / BUCKET);
    const bucket = this.#buckets.get(index);
    if (bucket === undefined) this.#buckets.set(index, new Set([timed]));
    else bucket.add(timed);
    if (timed.deadline < this.#armedFor) this.#arm(timed.deadline);
  }

  /** Stops to watch; harmless when it expired. */
  remove(timed: Timed): void {
    this.#buckets.get(Math.floor(timed.deadline / BUCKET))?.delete(timed);
  }

  /** Stops the timer and forgets everything. */
  clear(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#armedFor = Infinity;
    this.#buckets.clear();
  }

  // It looks at least every bucket's length, so that it stops soon after the
  // last deadline was removed and keeps no idle process alive.
  #arm(at: number): void {
    const now = this.#clock.monotonic();
    const next = Math.min(Math.max(at, now), now + BUCKET);
    if (this.#cancel !== undefined && this.#armedFor <= next) return;
    this.#cancel?.();
    this.#armedFor = next;
    this.#cancel = this.#clock.timer(Math.ceil(next - now), () => this.#look());
  }

  #look(): void {
    this.#cancel = undefined;
    this.#armedFor = Infinity;
    const now = this.#clock.monotonic();
    let next = Infinity;
    for (const [index, bucket] of [...this.#buckets]) {
      if (index * BUCKET <= now) {
        for (const timed of [...bucket]) {
          if (timed.deadline > now) continue;
          bucket.delete(timed);
          timed.expire();
        }
        for (const { deadline } of bucket) next = Math.min(next, deadline);
      } else if (bucket.size > 0) next = Math.min(next, index * BUCKET);
      if (bucket.size === 0) this.#buckets.delete(index);
    }
    if (next < Infinity) this.#arm(next);
  }
}

const BUCKET = 50;
