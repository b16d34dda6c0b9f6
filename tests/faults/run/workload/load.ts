/** Calls at a steady rate, whatever becomes of them, by as many callers as there are. */
import type { Random } from "../../../support/mod.ts";
import type { Commands } from "./commands.ts";
import type { Journal } from "./journal.ts";
import type { Repeats } from "./repeats.ts";

/** Makes calls until it is stopped. */
export class Load {
  readonly #commands: Commands;
  readonly #journal: Journal;
  readonly #repeats: Repeats;
  readonly #random: Random;
  readonly #rate: number;
  #waiting = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** As many calls a second. */
  constructor(
    commands: Commands,
    journal: Journal,
    repeats: Repeats,
    random: Random,
    rate: number,
  ) {
    this.#commands = commands;
    this.#journal = journal;
    this.#repeats = repeats;
    this.#random = random;
    this.#rate = rate;
  }

  /** Begins to call. */
  start(): void {
    const rate = this.#rate;
    const began = performance.now();
    let made = 0;
    this.#timer = setInterval(() => {
      const due = Math.floor((performance.now() - began) / 1_000 * rate);
      // Whoever was held up catches up, but not with a burst without end.
      for (made = Math.max(made, due - rate); made < due; made++) this.#call();
    }, 5);
  }

  /** Calls no more, and waits until what is under way has ended. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#journal.ended();
  }

  #call(): void {
    // Callers who wait for an answer call nobody else.
    if (this.#waiting >= CALLERS) return;
    const call = this.#made();
    this.#waiting++;
    call.finally(() => this.#waiting--);
  }

  #made(): Promise<unknown> {
    const kind = this.#random.next();
    if (kind < 0.6) return this.#repeats.make(this.#commands.tally());
    if (kind < 0.8) return this.#journal.read(this.#commands.read());
    if (kind < 0.9) return this.#repeats.make(this.#commands.transfer());
    if (kind < 0.95) return this.#repeats.make(this.#commands.timer());
    return this.#repeats.repeat() ??
      this.#repeats.make(this.#commands.tally());
  }
}

/** How many calls wait at most. */
const CALLERS = 200;
