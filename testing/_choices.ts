/**
 * Chance that remembers what it chose, so that the same inputs can be made again
 * and made smaller: a generator that is given smaller choices makes a smaller
 * input, and never one it would not have made by itself.
 */
import { type Chance, chance } from "./_random.ts";

/** Chance that writes down each choice. */
export interface RecordedChance extends Chance {
  /** What was chosen, in order. */
  readonly choices: readonly number[];
}

/** Chance from a seed. */
export function freshChance(seed: number): RecordedChance {
  const source = chance(seed);
  return recorded((below) => source.int(below));
}

/** Chance that repeats choices; where there are no more of them, the smallest. */
export function repeatedChance(choices: readonly number[]): RecordedChance {
  let next = 0;
  return recorded((below) => Math.min(choices[next++] ?? 0, below - 1));
}

function recorded(choose: (below: number) => number): RecordedChance {
  const choices: number[] = [];
  const int = (below: number) => {
    const chosen = below < 1 ? 0 : choose(below);
    choices.push(chosen);
    return chosen;
  };
  return { choices, int, pick: (values) => values[int(values.length)]! };
}

/** Smaller lists of choices, the smallest first. */
export function smallerChoices(choices: readonly number[]): number[][] {
  const smaller: number[][] = [];
  for (const [index, chosen] of choices.entries()) {
    // Zero, then ever closer to what it was: halving the distance.
    for (let away = chosen; away > 0; away = Math.floor(away / 2)) {
      smaller.push(choices.with(index, chosen - away));
    }
  }
  return smaller;
}
