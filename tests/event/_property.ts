/**
 * Runs properties: 1,000 cases, with AETHER_NIGHTLY=1 a hundred times as many,
 * and a tenth with AETHER_BRIEF=1, for who runs them a thousand times. A failure
 * names its seed, and SEED=n starts there again.
 */
import process from "node:process";
import fc from "fast-check";

/** Whether the long runs were asked for. */
export const NIGHTLY: boolean = process.env["AETHER_NIGHTLY"] === "1";

/** How many cases to run where usually there are so many. */
export function cases(usually: number): number {
  if (NIGHTLY) return usually * 100;
  return process.env["AETHER_BRIEF"] === "1"
    ? Math.ceil(usually / 10)
    : usually;
}

/** For `it()`: Bun gives a test five seconds otherwise. */
export const LONG: { readonly timeout: number } = {
  timeout: NIGHTLY ? 3_600_000 : 120_000,
};

/** Asserts that something holds for every value an arbitrary makes. */
export function holds<T>(
  arbitrary: fc.Arbitrary<T>,
  assertion: (value: T) => void,
  runs: number = 1_000,
): void {
  const outcome = fc.check(fc.property(arbitrary, assertion), {
    numRuns: cases(runs),
    seed: seed(),
  });
  if (outcome.failed) {
    throw new Error(
      `${
        fc.defaultReportMessage(outcome)
      }\nTo repeat: SEED=${outcome.seed} and the same number of runs`,
      { cause: outcome.errorInstance },
    );
  }
}

/** The seed of this run: SEED, or a new one. */
export function seed(): number {
  const given = Number(process.env["SEED"] ?? NaN);
  return Number.isInteger(given) ? given | 0 : Math.random() * 2 ** 32 | 0;
}

/** Numbers from 0 to just below `limit`, the same for the same seed (mulberry32). */
export function dice(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor(((t ^ (t >>> 14)) >>> 0) / 2 ** 32 * limit);
  };
}
