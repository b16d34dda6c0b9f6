/** A promise for "something has changed", made anew each time it is used up. */
export class Signal {
  #raised = false;
  #waiting: (() => void) | undefined;
  #promise: Promise<void> | undefined;

  /** Lets whoever waits go on, now or when it next waits. */
  raise(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) {
      this.#raised = true;
      return;
    }
    this.#waiting = undefined;
    this.#promise = undefined;
    waiting();
  }

  /** Resolves when it is raised; at once if it was, since the last time. */
  wait(): Promise<void> {
    if (this.#raised) {
      this.#raised = false;
      return Promise.resolve();
    }
    this.#promise ??= new Promise((resolve) => this.#waiting = resolve);
    return this.#promise;
  }
}
