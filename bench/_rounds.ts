/**
 * Running several contestants so that none has the better moments: in turns, in
 * one process, each twice a round, first in one order and then in the other, and
 * the next one first in the next round.
 */
import { collectGarbage } from "./_runtime.ts";
import { median, percentile } from "./_statistics.ts";

/** One way to do the work. */
export interface Contestant {
  /** Shown in the table. */
  readonly name: string;
  /** Does `operations` operations. */
  run(operations: number): Promise<Measured>;
}

/** What one run took. */
export interface Measured {
  /** Seconds from the first operation's start to the last one's end. */
  readonly seconds: number;
  /** Milliseconds of each operation. */
  readonly latencies: Float64Array;
}

/** What a contestant did over all rounds. */
export interface Result {
  readonly name: string;
  /** Operations a second, median over rounds. */
  readonly rate: number;
  /** The rates round by round. */
  readonly rates: readonly number[];
  /** Milliseconds, over all operations of all rounds. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** How many operations those are. */
  readonly operations: number;
}

/** How often and how long to run. */
export interface RoundOptions {
  readonly rounds: number;
  /** Milliseconds of a run, about; a contestant's warm-up sets the number of operations. */
  readonly slice: number;
  /** Operations of the warm-up. */
  readonly warmUp: number;
  /** Operations of a run at least; 1 by default. */
  readonly least?: number;
  /** Whether each does as many operations as fit its own time; the same number by default. */
  readonly ownCount?: boolean;
}

/** Runs all contestants for so many rounds. */
export async function inTurns(
  contestants: readonly Contestant[],
  options: RoundOptions,
): Promise<Result[]> {
  const { least = 1, rounds, slice, warmUp } = options;
  let operations: number[] = [];
  for (let pass = 0; pass < 2; pass++) {
    operations = [];
    for (const contestant of contestants) {
      const { seconds } = await contestant.run(warmUp);
      const fitting = Math.ceil(slice / 1000 * warmUp / seconds);
      operations.push(Math.max(least, fitting));
    }
  }
  if (!options.ownCount) operations.fill(Math.min(...operations));
  const rates = contestants.map((): number[] => []);
  const latencies = contestants.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    const order = contestants.map((_, i) => (i + round) % contestants.length);
    const seconds = contestants.map(() => 0);
    for (const i of [...order, ...order.toReversed()]) {
      collectGarbage();
      const run = await contestants[i]!.run(operations[i]!);
      seconds[i]! += run.seconds;
      for (const latency of run.latencies) latencies[i]!.push(latency);
    }
    seconds.forEach((took, i) => rates[i]!.push(2 * operations[i]! / took));
  }
  return contestants.map(({ name }, i) => ({
    name,
    rate: median(rates[i]!),
    rates: rates[i]!,
    p50: percentile(latencies[i]!, 0.5),
    p99: percentile(latencies[i]!, 0.99),
    p999: percentile(latencies[i]!, 0.999),
    operations: latencies[i]!.length,
  }));
}

/** How many times as fast one was as another: the median over rounds. */
export function ratio(one: Result, other: Result): number {
  return median(one.rates.map((rate, round) => rate / other.rates[round]!));
}

/**
 * Does operations, so many at once.
 *
 * @param operate Does one; `worker` is 0 to `inFlight` - 1.
 */
export async function drive(
  operations: number,
  inFlight: number,
  operate: (worker: number) => Promise<unknown>,
): Promise<Measured> {
  const latencies = new Float64Array(operations);
  let started = 0;
  let ended = 0;
  const work = async (worker: number) => {
    while (started < operations) {
      started++;
      const from = performance.now();
      await operate(worker);
      latencies[ended++] = performance.now() - from;
    }
  };
  const from = performance.now();
  await Promise.all(Array.from({ length: inFlight }, (_, w) => work(w)));
  return { seconds: (performance.now() - from) / 1000, latencies };
}
