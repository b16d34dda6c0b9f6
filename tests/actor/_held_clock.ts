import type { CancelTimer, Clock } from "@flowmade/aether/event";

/** A clock that moves only when it is told to. */
export class HeldClock implements Clock {
  #at = 0;
  #timers = new Set<{ due: number; run: () => void }>();

  now(): number {
    return Date.UTC(2026, 0, 1) + this.#at;
  }

  monotonic(): number {
    return this.#at;
  }

  timer(ms: number, run: () => void): CancelTimer {
    const timer = { due: this.#at + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** Moves time on; what falls due runs in order, at its time. */
  advance(ms: number): void {
    const until = this.#at + ms;
    for (;;) {
      const due = [...this.#timers]
        .filter((timer) => timer.due <= until)
        .sort((a, b) => a.due - b.due)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#at = Math.max(this.#at, due.due);
      due.run();
    }
    this.#at = until;
  }
}
