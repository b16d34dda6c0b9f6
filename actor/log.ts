/** What a system tells whoever runs it: structured, and never a payload or a credential. */

/** One thing worth telling. */
export interface LogEntry {
  /** How much it matters. */
  readonly level: "debug" | "info" | "warn" | "error";
  /** What happened, in words that stay the same each time. */
  readonly message: string;
  /** The facts of this time: ids, codes, counts. */
  readonly [fact: string]: unknown;
}

/** Takes what there is to tell; it must not throw. */
export type Log = (entry: LogEntry) => void;
