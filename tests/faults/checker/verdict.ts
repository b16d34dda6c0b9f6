/** What the checker says in the end, and what it collects on the way. */

/** What is checked, and what it promises. */
export const INVARIANTS = {
  I1: "what was acknowledged is in the log, where the caller was told",
  I2: "an actor's versions are 1..n, and the log is in order",
  I3:
    "calls of one actor happen one after the other, in the order of real time",
  I4: "a command takes effect once at most, and is remembered",
  I5: "no owner writes behind a later one",
  I6: "a snapshot is the fold of the events it includes",
  I7: "a projection is the fold of the log at its checkpoint",
  I8: "subscribers are given nothing but what is in the log",
  I9: "subscribers are given all they are owed, in order",
  I12: "no process ends, and no promise is rejected, unasked",
  I13: "each call ends once, and by a documented answer",
  I14: "a decision is in the log whole or not at all",
  I15: "what a caller was told is not done never happens",
  effects: "what was sent takes effect once, or is parked",
  timers: "a timer fires once, not before its time, and not when it is over",
  policies: "an event is answered once, in order",
  money: "money is neither made nor lost, at any point of the log",
  copies: "all servers tell the same log",
} as const;

/** Names what is checked: a number of the invariants' list, or a word. */
export type InvariantId = keyof typeof INVARIANTS;

/** Something that must not be. */
export interface Violation {
  readonly invariant: InvariantId;
  /** One sentence that names the place. */
  readonly what: string;
}

/** What a record has come to. */
export interface Verdict {
  /** Empty when all is right. */
  readonly violations: readonly Violation[];
  /** Stale reads of those that may be: no violations, but worth a look. */
  readonly staleReads: readonly string[];
  /** How many things were looked at; 0 says that an invariant was not checked. */
  readonly checked: Readonly<Record<InvariantId, number>>;
}

/** Collects violations, and counts what was looked at. */
export class Findings {
  readonly #violations: Violation[] = [];
  readonly #staleReads: string[] = [];
  readonly #checked = Object.fromEntries(
    Object.keys(INVARIANTS).map((id) => [id, 0]),
  ) as Record<InvariantId, number>;

  /** Says that something is wrong. */
  report(invariant: InvariantId, what: string): void {
    this.#violations.push({ invariant, what });
  }

  /** Says that a read that may be stale was. */
  stale(what: string): void {
    this.#staleReads.push(what);
  }

  /** Says that so many things were looked at. */
  looked(invariant: InvariantId, count: number = 1): void {
    this.#checked[invariant] += count;
  }

  /** All of it. */
  verdict(): Verdict {
    return {
      violations: this.#violations,
      staleReads: this.#staleReads,
      checked: this.#checked,
    };
  }
}
