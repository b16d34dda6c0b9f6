/** Chance from one seed. */
import { dice } from "../../event/_property.ts";

/** Draws the same for the same seed. */
export class Chance {
  /** A number from 0 to just below a limit. */
  readonly below: (limit: number) => number;

  constructor(seed: number) {
    this.below = dice(seed);
  }

  isLikely(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }
}
