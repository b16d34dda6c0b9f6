/**
 * Commands that are made again under the same id, as by a caller who was not
 * told, or forgot. One that is done has to be answered as it was the first time,
 * whoever owns the actor by then; one of which nobody knew may turn out either way,
 * and once. The checker holds them against each other.
 */
import type { Random } from "../../../support/mod.ts";
import type { CommandCall, Journal, Told } from "./journal.ts";

/** How many are kept to be repeated. */
const KEPT = 2_000;

interface Kept {
  readonly call: number;
  readonly made: CommandCall;
  readonly told: Told;
}

/** Repeats commands, by chance. */
export class Repeats {
  readonly #journal: Journal;
  readonly #random: Random;
  readonly #done: Kept[] = [];
  readonly #unknown: Kept[] = [];

  constructor(journal: Journal, random: Random) {
    this.#journal = journal;
    this.#random = random;
  }

  /** Makes a command, and keeps it. */
  async make(made: CommandCall): Promise<Told> {
    const told = await this.#journal.command(made);
    if (told.outcome === "done") {
      const kept = { call: told.call, made, told };
      if (this.#done.length < KEPT) this.#done.push(kept);
      else this.#done[this.#random.int(KEPT)] = kept;
    } else if (told.outcome === "unknown") {
      this.#unknown.push({ call: told.call, made, told });
    }
    return told;
  }

  /** Repeats a command; undefined where there is none yet. */
  repeat(): Promise<void> | undefined {
    const kept = this.#unknown.pop() ??
      (this.#done.length > 0 ? this.#random.pick(this.#done) : undefined);
    return kept === undefined ? undefined : this.#again(kept);
  }

  async #again({ call, made, told }: Kept): Promise<void> {
    const kind = told.outcome === "done" ? "repeat" : "repeat of an unknown";
    const now = await this.#journal.command({ ...made, kind, again: call });
    if (now.outcome === "unknown" && told.outcome === "unknown") {
      this.#unknown.push({ call, made, told });
    }
  }
}
