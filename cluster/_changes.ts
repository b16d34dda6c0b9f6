/** What changes, told to whoever listens, by a callback or in a loop. */
export class Changes<Change> {
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #ends = new Set<() => void>();
  #ended = false;

  /** Calls back with each change; returns how to stop that. */
  listen(run: (change: Change) => void): () => void {
    this.#listeners.add(run);
    return () => this.#listeners.delete(run);
  }

  /** Tells all. */
  tell(change: Change): void {
    for (const run of [...this.#listeners]) run(change);
  }

  /** No more changes: loops end. */
  end(): void {
    this.#ended = true;
    this.#listeners.clear();
    for (const end of [...this.#ends]) end();
  }

  /**
   * Changes from now on. What nobody takes waits, the last {@link MOST} of it: who
   * is slower than that has missed something, and looks at what is so instead.
   */
  iterate(): AsyncIterableIterator<Change> {
    const waiting: Change[] = [];
    let wake: (() => void) | undefined;
    let over = this.#ended;
    const stop = this.listen((change) => {
      if (waiting.push(change) > MOST) waiting.shift();
      wake?.();
    });
    const end = () => {
      over = true;
      stop();
      this.#ends.delete(end);
      wake?.();
    };
    this.#ends.add(end);
    return {
      next: async () => {
        while (waiting.length === 0 && !over) {
          await new Promise<void>((resolve) => wake = resolve);
          wake = undefined;
        }
        const value = waiting.shift();
        return value === undefined
          ? { done: true, value: undefined }
          : { done: false, value };
      },
      return: () => {
        end();
        waiting.length = 0;
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}

/** Changes that wait for one listener at most. */
const MOST = 1_000;
