/**
 * Does a series of readings grow? Told by two questions, both of which have to be
 * answered with yes: is there a trend that chance does not explain (Mann 1945,
 * Kendall 1975), and does its slope (Theil 1950, Sen 1968: the median of the slopes
 * between all pairs, which a few odd readings do not move) come to more than what
 * may be let pass?
 */

/** What a series does. */
export interface Trend {
  /** By how much it changes a minute: Sen's slope. */
  readonly perMinute: number;
  /** By how much it changed while it was looked at, by that slope. */
  readonly change: number;
  /** Standard deviations by which the trend exceeds chance; above 0 for growth. */
  readonly z: number;
  readonly median: number;
  readonly grows: boolean;
}

/** A reading. */
export interface Reading {
  /** When, in seconds. */
  readonly at: number;
  readonly value: number;
}

/** One chance in a thousand that growth is seen where there is none. */
const SURE = 3.09;

/**
 * Looks for growth.
 *
 * @param readings At least 10, in the order of time.
 * @param mayGrow By how much it may grow while it is looked at.
 */
export function trendOf(readings: readonly Reading[], mayGrow: number): Trend {
  const count = readings.length;
  if (count < 10) throw new RangeError(`10 readings are needed: ${count}`);
  const slopes: number[] = [];
  let sign = 0;
  for (const [i, one] of readings.entries()) {
    for (const other of readings.slice(i + 1)) {
      sign += Math.sign(other.value - one.value);
      slopes.push((other.value - one.value) / (other.at - one.at));
    }
  }
  const variance = (count * (count - 1) * (2 * count + 5) - ties(readings)) /
    18;
  const z = variance === 0 ? 0 : (sign - Math.sign(sign)) / Math.sqrt(variance);
  const slope = median(slopes);
  const change = slope * (readings.at(-1)!.at - readings[0]!.at);
  return {
    perMinute: slope * 60,
    change,
    z,
    median: median(readings.map(({ value }) => value)),
    grows: z > SURE && change > mayGrow,
  };
}

/** What equal readings take from the variance. */
function ties(readings: readonly Reading[]): number {
  const counts = new Map<number, number>();
  for (const { value } of readings) {
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  let sum = 0;
  for (const t of counts.values()) sum += t * (t - 1) * (2 * t + 5);
  return sum;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle]!
    : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
