/**
 * Virtual time: whatever happens in a simulated world is an event at a moment,
 * and the events run one by one. Between two of them the promises that the first
 * one settled run to their end, as they would on an idle machine.
 *
 * Promises are waited for with `process.nextTick`, which comes when no microtask is
 * left, in both runtimes: 1 to 2 µs, a third of what `setImmediate` takes. An event
 * that says it was *calm* (a timer that only set itself again) does without, and
 * what it may have left runs with the next one.
 */
import process from "node:process";

/** Numbers that are the same for the same seed. */
export interface Dice {
  /** From 0 up to, but not, 1. */
  next(): number;
  /** From `low` up to, but not, `high`. */
  between(low: number, high: number): number;
  /** A whole number from 0 up to, but not, `below`. */
  int(below: number): number;
  /** One of several values. */
  pick<T>(values: readonly T[]): T;
  /** Whether something of this probability happens. */
  chance(probability: number): boolean;
}

/** Makes dice from a seed (mulberry32). */
export function diceOf(seed: number): Dice {
  let state = seed | 0;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (below: number) => Math.floor(next() * below);
  return {
    next,
    int,
    between: (low, high) => low + next() * (high - low),
    pick: (values) => values[int(values.length)]!,
    chance: (probability) => probability > 0 && next() < probability,
  };
}

interface Event {
  readonly due: number;
  readonly order: number;
  readonly run: () => void;
}

/** The events of a world, in the order of their time. */
export class Scheduler {
  /** Milliseconds since the world began. */
  now = 0;
  /** Set by an event that has settled no promise. */
  calm = false;
  /** How many events have run. */
  count = 0;
  readonly #heap: Event[] = [];
  #order = 0;

  /** Runs something later; of what is due at the same moment, what came first. */
  after(ms: number, run: () => void): void {
    this.#push({ due: this.now + Math.max(0, ms), order: this.#order++, run });
  }

  /** Moves time on, until it is later than `until` or `isOver`. */
  async run(until: number, isOver: () => boolean = () => false): Promise<void> {
    while (!isOver()) {
      const event = this.#heap[0];
      if (event === undefined || event.due > until) {
        this.now = Math.max(this.now, until);
        await settled();
        return;
      }
      this.#pop();
      this.now = event.due;
      this.count++;
      this.calm = false;
      event.run();
      if (!this.calm) await settled();
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (
        child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)
      ) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.due < other.due ||
    (one.due === other.due && one.order < other.order);
}

/** Waits until every promise that can run has run. */
function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
