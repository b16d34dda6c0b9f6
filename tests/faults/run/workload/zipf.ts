/** Some actors are far busier than others. */

/** Sums of the shares that Zipf's law gives to the first, the second, … */
export function zipf(count: number): readonly number[] {
  const weights = Array.from({ length: count }, (_, i) => 1 / (i + 1));
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  return weights.map((weight) => sum += weight / all);
}

/** Whose share a number from 0 to 1 falls into. */
export function drawn(sums: readonly number[], at: number): number {
  const found = sums.findIndex((sum) => at < sum);
  return found < 0 ? sums.length - 1 : found;
}
