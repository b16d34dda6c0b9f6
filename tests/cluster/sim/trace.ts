/**
 * What happened in a simulated world: the last of it in words, and all of it as
 * one number, so that two runs can be compared.
 */

/** Writes down what happens. */
export class Trace {
  readonly #lines: string[] = [];
  readonly #now: () => number;
  readonly #limit: number;
  #hash = 0x811c9dc5;

  /** Keeps the last `limit` lines. */
  constructor(now: () => number, limit: number) {
    this.#now = now;
    this.#limit = limit;
  }

  /** One number for everything that was written down so far. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  /** The last lines, each with its time. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Writes down what `who` did, or what happened to it. */
  add(who: string, what: string): void {
    const line = `${this.#now().toFixed(1).padStart(9)} ${
      who.padEnd(8)
    } ${what}`;
    let hash = this.#hash;
    for (let i = 0; i < line.length; i++) {
      hash = Math.imul(hash ^ line.charCodeAt(i), 0x01000193);
    }
    this.#hash = hash;
    this.#lines.push(line);
    if (this.#lines.length > 2 * this.#limit) {
      this.#lines.splice(0, this.#lines.length - this.#limit);
    }
  }
}
