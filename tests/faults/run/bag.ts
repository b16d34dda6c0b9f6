/** Which fault comes next: each once, in any order, and from then on by chance. */
import type { Random } from "../../support/mod.ts";
import type { Fault } from "./fault.ts";

/** Draws faults until time is over. */
export class Bag {
  readonly #faults: readonly Fault[];
  readonly #random: Random;
  readonly #left: Fault[];

  constructor(faults: readonly Fault[], random: Random) {
    this.#faults = faults;
    this.#random = random;
    this.#left = [...faults];
  }

  /** Whether each has been drawn. */
  get isEmpty(): boolean {
    return this.#left.length === 0;
  }

  /**
   * Draws one.
   *
   * @param ms How long it may take.
   * @returns Undefined where none is that short.
   */
  draw(ms: number): Fault | undefined {
    const fits = ({ takes }: Fault) => takes <= ms;
    const fresh = this.#left.filter(fits);
    const among = fresh.length > 0 ? fresh : this.#faults.filter(fits);
    if (among.length === 0) return undefined;
    const drawn = this.#random.pick(among);
    const at = this.#left.indexOf(drawn);
    if (at >= 0) this.#left.splice(at, 1);
    return drawn;
  }
}
