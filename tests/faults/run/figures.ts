/** Figures of many faults, laid together by what they say. */
import type { Observation } from "./fault.ts";

/** Some samples in short. */
export interface Figure {
  readonly what: string;
  readonly unit: Observation["unit"];
  readonly goal: number | undefined;
  readonly n: number;
  readonly sum: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Lays observations together. */
export function figuresOf(observations: readonly Observation[]): Figure[] {
  const together = new Map<string, { of: Observation; samples: number[] }>();
  for (const of of observations) {
    const found = together.get(of.what);
    if (found === undefined) {
      together.set(of.what, { of, samples: [...of.samples] });
    } else for (const sample of of.samples) found.samples.push(sample);
  }
  return [...together.values()].map(({ of, samples }) => {
    const sorted = samples.sort((a, b) => a - b);
    const at = (share: number) =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ??
        NaN;
    return {
      what: of.what,
      unit: of.unit,
      goal: of.goal,
      n: sorted.length,
      sum: sorted.reduce((sum, sample) => sum + sample, 0),
      p50: at(0.5),
      p99: at(0.99),
      max: sorted.at(-1) ?? NaN,
    };
  });
}
