/** From values to places on paper: linear and logarithmic scales, and their ticks. */

/** Turns values into places between two ends. */
export interface Scale {
  /** Values that are marked, ascending. */
  readonly ticks: readonly number[];
  /** Where a value lies. */
  at(value: number): number;
}

/** What a scale has to hold. */
export interface ScaleOptions {
  /** All values on it; for a logarithmic one above 0. */
  readonly values: readonly number[];
  /** The places of its lower and its upper end. */
  readonly ends: readonly [number, number];
  /** Whether equal ratios are equally far apart. */
  readonly log?: boolean;
}

/** Makes a scale from 0, or a logarithmic one, that ends at round values. */
export function scaleOf({ ends, log, values }: ScaleOptions): Scale {
  if (!log) return between(linearTicks(values), ends);
  const steps = logSteps(values);
  // 1, 2 and 5 of each power of ten; the powers alone where that is too many.
  const ticks = steps.length <= 8
    ? steps
    : steps.filter((step) => step === tidy(10 ** Math.round(Math.log10(step))));
  return { ...between(steps, ends, true), ticks };
}

/** Makes a scale that ends at its values, each of which is marked. */
export function scaleOver({ ends, log, values }: ScaleOptions): Scale {
  const ticks = [...new Set(values)].sort((a, b) => a - b);
  return between(ticks, ends, log);
}

/** A number as an axis shows it: `250`, `10 k`, `1 M`, `0.05`. */
export function shortly(value: number): string {
  if (Math.abs(value) >= 1e6) return `${plain(value / 1e6)} M`;
  if (Math.abs(value) >= 1e4) return `${plain(value / 1e3)} k`;
  return plain(value);
}

/** A number as a bar shows it: three figures of it, or all of those before the point. */
export function figures(value: number): string {
  if (value >= 10_000) return shortly(value);
  if (value >= 100) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : 2);
}

function between(
  ticks: readonly number[],
  [from, to]: readonly [number, number],
  log?: boolean,
): Scale {
  const [low, high] = [ticks[0]!, ticks.at(-1)!];
  const measure = log ? Math.log : (value: number) => value;
  const span = measure(high) - measure(low);
  return {
    ticks,
    at: (value) =>
      span === 0
        ? (from + to) / 2
        : from + (to - from) * (measure(value) - measure(low)) / span,
  };
}

function linearTicks(values: readonly number[]): number[] {
  const most = Math.max(0, ...values) || 1;
  const rough = most / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((n) => n * power >= rough * 0.999)! * power;
  const count = Math.ceil(most / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => tidy(i * step));
}

/** 1, 2 and 5 of each power of ten, from the last below all values to the first above. */
function logSteps(values: readonly number[]): number[] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (!(least > 0)) {
    throw new Error(`Cannot draw ${least} on a logarithmic scale`);
  }
  const first = Math.floor(Math.log10(least));
  const last = Math.ceil(Math.log10(most));
  const all = Array.from({ length: last - first + 1 }, (_, i) => i + first)
    .flatMap((power) => [1, 2, 5].map((factor) => tidy(factor * 10 ** power)));
  const from = all.findLastIndex((step) => step <= least * 1.001);
  const to = all.findIndex((step) => step >= most * 0.999);
  return all.slice(from, Math.max(to, from + 1) + 1);
}

function tidy(value: number): number {
  return Number(value.toPrecision(12));
}

function plain(value: number): string {
  return String(Number(value.toPrecision(3)));
}
