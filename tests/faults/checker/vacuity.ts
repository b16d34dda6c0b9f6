/**
 * Whether a run has shown anything: faults that hurt nobody prove nothing, however
 * clean the record is.
 */

/** What a run has to have seen at least once. */
export interface RunCounts {
  /** Writes of a late owner that the log refused. */
  readonly staleWritesRefused: number;
  /** Appends that another writer was ahead of. */
  readonly conflicts: number;
  /** Calls that were tried again. */
  readonly retries: number;
}

/** What a run has not seen, in words; empty for one that counts. */
export function missingIn(counts: RunCounts): string[] {
  const missing: string[] = [];
  // Not above 0 rather than 0: a figure that was never taken is none.
  if (!(counts.staleWritesRefused > 0)) {
    missing.push("no stale write was refused");
  }
  if (!(counts.conflicts > 0)) missing.push("no append met a conflict");
  if (!(counts.retries > 0)) missing.push("no call was tried again");
  return missing;
}

/** Whether a run proves nothing, and fails for that. */
export function isVacuous(counts: RunCounts): boolean {
  return missingIn(counts).length > 0;
}
