/** Calls at a steady rate, whatever becomes of them. */
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
    const kind = this.#random.next();
    if (kind < 0.6) void this.#repeats.make(this.#commands.tally());
    else if (kind < 0.8) void this.#journal.read(this.#commands.read());
    else if (kind < 0.9) void this.#repeats.make(this.#commands.transfer());
    else if (kind < 0.95) void this.#repeats.make(this.#commands.timer());
    else if (!this.#repeats.repeat()) {
      void this.#repeats.make(this.#commands.tally());
    }
  }
}
