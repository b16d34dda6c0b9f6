/**
 * Holds the log against itself: per actor versions 1..n without gap or repeat (I2),
 * each commit at one place, each event there once (I4).
 */
import { at } from "./_place.ts";
import type { InvariantId } from "./verdict.ts";

/** An event as it lies in the log. */
export interface LoggedEvent {
  readonly id: string;
  readonly actorId: string;
  readonly version: number;
  readonly sequence: number;
  readonly commitId: string;
}

/** Takes what is wrong. */
export type Report = (invariant: InvariantId, what: string) => void;

/** What a log holds. */
export interface Contents {
  readonly byId: ReadonlyMap<string, LoggedEvent>;
  /** The last version of each actor. */
  readonly latest: ReadonlyMap<string, number>;
}

/** Checks a log, in the order in which it was read. */
export function checkLog(
  log: readonly LoggedEvent[],
  report: Report,
): Contents {
  const byId = new Map<string, LoggedEvent>();
  const latest = new Map<string, number>();
  const commits = new Map<string, number>();
  const owners = new Map<number, string>();
  let last = 0;
  for (const event of log) {
    const { actorId, commitId, id, sequence, version } = event;
    const before = latest.get(actorId) ?? 0;
    if (version !== before + 1) {
      report("I2", `${at(event)} follows version ${before}`);
    }
    latest.set(actorId, version);
    if (byId.has(id)) report("I4", `${at(event)} is there twice`);
    byId.set(id, event);
    if (sequence < last) {
      report("I2", `${at(event)} stands behind sequence ${last}`);
    }
    last = sequence;
    const commit = `${actorId} ${commitId}`;
    if ((commits.get(commit) ?? sequence) !== sequence) {
      report("I4", `commit ${commitId} of ${at(event)} is at two places`);
    }
    commits.set(commit, sequence);
    if ((owners.get(sequence) ?? commit) !== commit) {
      report("I2", `${at(event)} shares its sequence with another commit`);
    }
    owners.set(sequence, commit);
  }
  return { byId, latest };
}
