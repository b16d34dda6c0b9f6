/** What the run felt like from outside: latencies, throughput, pauses. */

/** Figures of a run; times in milliseconds. */
export interface MeterFigures {
  readonly commands: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly longestPause: number;
  /** The longest pause that began or went on after {@link Meter.mark}. */
  readonly longestPauseAfterMark: number;
  /** The longest latency of a command that was answered after the mark. */
  readonly maxAfterMark: number;
}

/**
 * Counts commands by latency in buckets 2 % apart, and watches for pauses: times
 * in which commands were under way and none was acknowledged.
 */
export class Meter {
  readonly #buckets: number[] = [];
  readonly #started = performance.now();
  #ended: number | undefined;
  #count = 0;
  #max = 0;
  #underWay = 0;
  #quietSince = 0;
  #longest = 0;
  #marked = false;
  #longestAfterMark = 0;
  #maxAfterMark = 0;

  /** A command goes out; the number is for {@link Meter.acknowledged}. */
  sent(): number {
    const now = performance.now();
    if (this.#underWay++ === 0) this.#quietSince = now;
    return now;
  }

  /** A command that {@link Meter.sent} announced was acknowledged. */
  acknowledged(sentAt: number): void {
    const now = performance.now();
    this.#pause(now);
    this.#quietSince = now;
    this.#underWay--;
    this.#count++;
    const latency = now - sentAt;
    this.#max = Math.max(this.#max, latency);
    if (this.#marked) {
      this.#maxAfterMark = Math.max(this.#maxAfterMark, latency);
    }
    const bucket = Math.max(0, Math.ceil(Math.log(latency / LEAST) / STEP));
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
  }

  /** A command was given up. */
  failed(): void {
    this.#underWay--;
  }

  /** From here on pauses count as behind the mark, too. */
  mark(): void {
    this.#marked = true;
  }

  /** The run is over: time no longer counts. */
  end(): void {
    this.#ended = performance.now();
  }

  /** All figures up to now. */
  figures(): MeterFigures {
    const seconds = ((this.#ended ?? performance.now()) - this.#started) /
      1_000;
    return {
      commands: this.#count,
      seconds,
      perSecond: this.#count / seconds,
      p50: this.#percentile(0.5),
      p99: this.#percentile(0.99),
      max: this.#max,
      longestPause: this.#longest,
      longestPauseAfterMark: this.#longestAfterMark,
      maxAfterMark: this.#maxAfterMark,
    };
  }

  #pause(now: number): void {
    const pause = now - this.#quietSince;
    this.#longest = Math.max(this.#longest, pause);
    if (this.#marked) {
      this.#longestAfterMark = Math.max(this.#longestAfterMark, pause);
    }
  }

  #percentile(share: number): number {
    let left = Math.ceil(this.#count * share);
    for (const [bucket, count] of this.#buckets.entries()) {
      left -= count ?? 0;
      if (left <= 0) {
        return Math.min(this.#max, LEAST * Math.exp(bucket * STEP));
      }
    }
    return this.#max;
  }
}

const LEAST = 0.01;
const STEP = Math.log(1.02);
