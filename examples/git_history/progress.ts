/** Shows how far the run is: a bar on a terminal, a line now and then elsewhere. */
import process from "node:process";
import type { MeterFigures } from "./meter.ts";
import { describeRetries } from "./report.ts";

/** What is shown. */
export interface ProgressView {
  /** Commits read. */
  readonly commits: number;
  readonly figures: MeterFigures;
  /** How often commands went out again, by the code of the error. */
  readonly retries: ReadonlyMap<string, number>;
}

/** Looks at the run again and again until it is stopped. */
export class Progress implements Disposable {
  readonly #total: number;
  readonly #view: () => ProgressView;
  readonly #terminal = process.stdout.isTTY === true;
  readonly #timer: ReturnType<typeof setInterval> | undefined;

  /** Starts showing; `total` is the number of commits. */
  constructor(total: number, view: () => ProgressView, shown: boolean) {
    this.#total = total;
    this.#view = view;
    if (!shown) return;
    this.#timer = setInterval(() => this.#show(), this.#terminal ? 100 : 2_000);
  }

  /** Prints a line of text above the bar. */
  say(line: string): void {
    if (this.#timer === undefined) return;
    if (this.#terminal) process.stdout.write("\r\x1b[K");
    console.log(line);
  }

  /** Shows the end and stops. */
  stop(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#show();
    if (this.#terminal) process.stdout.write("\n");
  }

  /** As {@link Progress.stop}, without a last look. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #show(): void {
    const { commits, figures, retries } = this.#view();
    const share = this.#total === 0 ? 1 : commits / this.#total;
    const text = `${commits}/${this.#total} commits  ` +
      `${figures.commands} commands  ${Math.round(figures.perSecond)}/s  ` +
      `p50 ${figures.p50.toFixed(1)}  p99 ${figures.p99.toFixed(1)} ms` +
      (retries.size === 0 ? "" : `  again: ${describeRetries(retries)}`);
    if (!this.#terminal) return console.log(`  ${text}`);
    // One column stays free: a full line would make the terminal start another.
    const columns = (process.stdout.columns || 80) - 1;
    const width = Math.min(30, columns - text.length - 1);
    const full = Math.round(share * width);
    const bar = width < 5 ? "" : "█".repeat(full) + "░".repeat(width - full);
    process.stdout.write(
      `\r\x1b[K${`${bar} ${text}`.trimStart().slice(0, columns)}`,
    );
  }
}
