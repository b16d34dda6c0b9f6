/**
 * What a node reaches the world by, in a form that can be cut: behind the cut
 * nothing goes out, and no answer comes in, not even that of a call that was done
 * before. So whatever of the node's code is still under way waits forever, as if
 * its process were gone.
 */
import type { CancelTimer, Clock } from "../event/mod.ts";

/** Says whether it was cut. */
export interface Cut {
  /** Whether it was. */
  readonly isOver: boolean;
}

/** What never comes. */
export const NEVER: Promise<never> & AsyncIterable<never> = Object.assign(
  new Promise<never>(() => {}),
  { [Symbol.asyncIterator]: () => ({ next: () => NEVER }) },
);

/** An object whose methods go nowhere behind the cut; `own` has some of its own. */
export function severable<T extends object>(
  target: T,
  cut: Cut,
  own: Partial<T> = {},
): T {
  return new Proxy(target, {
    get(_, name) {
      if (name in own) return Reflect.get(own, name);
      const value = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (cut.isOver) return NEVER;
        const answer = value.apply(target, args);
        if (answer instanceof Promise) return unlessCut(answer, cut);
        return isIterable(answer) ? severedItems(answer, cut) : answer;
      };
    },
  });
}

/** A promise that is not kept any more behind the cut. */
export function unlessCut<T>(promise: Promise<T>, cut: Cut): Promise<T> {
  return new Promise((resolve, reject) => {
    promise.then(
      (value) => cut.isOver || resolve(value),
      (error) => cut.isOver || reject(error),
    );
  });
}

async function* severedItems<T>(
  items: AsyncIterable<T>,
  cut: Cut,
): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await unlessCut(iterator.next(), cut);
      if (done) return;
      yield value;
    }
  } finally {
    await iterator.return?.();
  }
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null &&
    Symbol.asyncIterator in value;
}

/** A node's share of a clock: its timers end with it. */
export class SeverableClock implements Clock {
  readonly #clock: Clock;
  readonly #cancels = new Set<CancelTimer>();
  #isCut = false;

  /** Tells the time of another clock. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  timer(ms: number, run: () => void): CancelTimer {
    if (this.#isCut) return () => {};
    const cancel = this.#clock.timer(ms, () => {
      this.#cancels.delete(cancel);
      run();
    });
    this.#cancels.add(cancel);
    return () => {
      this.#cancels.delete(cancel);
      cancel();
    };
  }

  /** No timer of it fires any more. */
  cut(): void {
    this.#isCut = true;
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
  }
}
