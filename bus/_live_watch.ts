/**
 * Whether a live subscription has seen all there was, told by sequences. Two
 * rules: of a whole namespace every sequence arrives, so a hole is a gap; of a
 * part of it, each message names the one before it on its own subject, and one
 * that was not seen is a gap, which begins behind what was last seen of that
 * subject: more than one may be missing there, and only the last is named. What
 * comes behind a gap that has covered it is late: it would break the order. The end
 * of the stream, asked of the server now and then, shows what is missing where
 * nothing comes any more; and where a connection broke, what lies between the last
 * message before and the first one after that is asked of the server, as on a
 * subject that falls silent nothing would ever tell.
 */

/** Sequences that may have been missed. */
export interface Missed {
  readonly from: number;
  readonly to: number;
}

/** What to do with a message that has arrived. */
export interface Verdict {
  readonly late: boolean;
  readonly missed?: Missed;
}

/** Watches the sequences of one namespace. */
export class LiveWatch {
  readonly #narrow: boolean;
  /** Last sequence seen or told as missed; absent before the first. */
  #last: number | undefined;
  /** Where the stream ended when the watch began. */
  #start: number | undefined;
  /** Sequences seen, the latest of them, and of which subject; only where the view is narrow. */
  readonly #seen = new Map<number, string>();
  /** The last of them of each subject. */
  readonly #lastOf = new Map<string, number>();
  /** Below this nobody remembers what was seen. */
  #floor = 0;
  #broken = false;
  /** Last sequence seen before the connection broke; absent where all is known. */
  #before: number | undefined;
  /** First sequence seen since it is back. */
  #after: number | undefined;

  constructor(narrow: boolean) {
    this.#narrow = narrow;
  }

  /** Says where the stream ended when the watch began. */
  startedAt(sequence: number): void {
    this.#start ??= sequence;
  }

  /**
   * Takes a message into account.
   *
   * @param previous The sequence before it on its own subject; 0 for none.
   * @param subject That subject; only looked at where the view is narrow.
   */
  arrived(sequence: number, previous: number, subject: string): Verdict {
    const last = this.#last;
    if (last !== undefined && sequence <= last) return LATE;
    this.#last = sequence;
    if (this.#before !== undefined && !this.#broken) this.#after ??= sequence;
    const missed = this.#narrow
      ? this.#missedOfSubject(previous, subject, sequence)
      : this.#missedBetween(last ?? this.#start, sequence);
    if (this.#narrow) this.#remember(sequence, subject);
    return missed === undefined ? FINE : { late: false, missed };
  }

  /** Says that the connection broke: from now on messages may be lost unseen. */
  broke(): void {
    if (!this.#narrow) return; // a hole tells
    this.#broken = true;
    this.#before ??= this.#last ?? this.#start;
    this.#after = undefined;
  }

  /** Says that the connection is back: what comes now comes without loss. */
  back(): void {
    this.#broken = false;
  }

  /**
   * Where messages may have been lost while the connection was broken. It ends where
   * something came again: until then it has no end, and is not over when that much
   * of it was looked at.
   */
  get doubt(): Missed | undefined {
    const before = this.#before;
    if (this.#broken || before === undefined) return undefined;
    if (this.#after !== undefined) {
      return { from: before + 1, to: this.#after - 1 };
    }
    const to = this.#last ?? 0;
    return to > before ? { from: before + 1, to } : undefined;
  }

  /** Says that all of a doubt was looked at; not where it has grown meanwhile. */
  settled({ from, to }: Missed): void {
    const { doubt } = this;
    if (doubt?.from !== from || doubt.to !== to) return;
    this.#before = this.#after === undefined ? to : undefined;
    this.#after = undefined;
  }

  /** Whether a message was seen, or told as missed; of a part, among the latest. */
  has(sequence: number): boolean {
    return sequence <= this.#floor || this.#seen.has(sequence);
  }

  /** Whether the stream, which ends at a sequence, has more than was seen. */
  isBehind(sequence: number): boolean {
    const last = this.#last ?? this.#start;
    return last === undefined || sequence > last;
  }

  /** Says that all up to a sequence had to be here by now; the one at it is of this view. */
  endedAt(sequence: number): Missed | undefined {
    const last = this.#last ?? this.#start;
    if (last === undefined) {
      this.#start = sequence;
      return undefined;
    }
    if (sequence <= last) return undefined;
    this.#last = sequence;
    this.#floor = sequence;
    return { from: last + 1, to: sequence };
  }

  #missedBetween(
    last: number | undefined,
    sequence: number,
  ): Missed | undefined {
    if (last === undefined || sequence <= last + 1) return undefined;
    return { from: last + 1, to: sequence - 1 };
  }

  #missedOfSubject(
    previous: number,
    subject: string,
    sequence: number,
  ): Missed | undefined {
    // Before the first message nothing is known of what was before it.
    this.#start ??= sequence - 1;
    const known = Math.max(this.#start, this.#floor);
    if (previous <= known || this.#seen.has(previous)) return undefined;
    const from = Math.max(known, this.#lastOf.get(subject) ?? 0) + 1;
    this.#remember(previous, subject);
    return { from, to: previous };
  }

  #remember(sequence: number, subject: string): void {
    this.#seen.set(sequence, subject);
    this.#lastOf.set(subject, sequence);
    if (this.#seen.size <= REMEMBERED) return;
    const [oldest, of] = this.#seen.entries().next().value!;
    this.#seen.delete(oldest);
    if (this.#lastOf.get(of) === oldest) this.#lastOf.delete(of);
    this.#floor = Math.max(this.#floor, oldest);
  }
}

const REMEMBERED = 16_384;
const LATE: Verdict = { late: true };
const FINE: Verdict = { late: false };
