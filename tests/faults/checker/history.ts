/**
 * Holds what callers were told against what the log says.
 *
 * The journal is written by one process: the order of its entries is the order
 * in which things happened. The log is the witness of everything else, so no
 * search is needed: the check is one pass over each, O(n).
 *
 * | what a caller was told | what must be so                                          |
 * | ---------------------- | -------------------------------------------------------- |
 * | done                   | its events are in the log, at the versions it was told   |
 * | not done               | none of its events is in the log                         |
 * | unknown                | all of its events are, once, or none is                  |
 * | a version it read      | nothing acknowledged or read before it began is newer    |
 *
 * A command that comes again under its id is answered as it was before, if it was
 * done: at its old place, whatever was acknowledged since. Otherwise it may turn out
 * either way; a failure that is no rejection tells of that attempt alone.
 *
 * And of the log alone: per actor versions 1..n without gap or repeat, a commit
 * at one place, no event that nobody wrote. And of both: what was acknowledged
 * or read before a call began has a smaller version than what the call stored.
 *
 * @module
 */
import { at } from "./_place.ts";
import { checkLog, type LoggedEvent, type Report } from "./log.ts";
import type { InvariantId } from "./verdict.ts";

export type { LoggedEvent } from "./log.ts";

/** What one call wants to store for one actor. */
export interface Part {
  /** Whose events. */
  readonly actorId: string;
  /** Their ids, in order. */
  readonly eventIds: readonly string[];
}

/** Something a caller did or was told. */
export type Entry =
  /** An append begins. */
  | {
    readonly type: "append";
    readonly call: number;
    readonly parts: readonly Part[];
    /** The call whose command it repeats, under the same id. */
    readonly again?: number | undefined;
  }
  /** It is done: the version each part's actor has now. */
  | {
    readonly type: "ok";
    readonly call: number;
    readonly commitId: string;
    readonly versions: readonly number[];
  }
  /**
   * It is surely not done; a code of Aether's errors, or `nothing` where it was done
   * and came to no event. With what else the error said.
   */
  | {
    readonly type: "failed";
    readonly call: number;
    readonly code: string;
    readonly retryable?: boolean | undefined;
    readonly ambiguous?: boolean | undefined;
  }
  /** Nobody knows; the code of the error that said so. */
  | {
    readonly type: "unknown";
    readonly call: number;
    readonly code?: string | undefined;
  }
  /**
   * A read of an actor begins; by default it must see all that was acknowledged. Of
   * one that a late owner may answer, for as long as its lease, nobody promises that.
   */
  | {
    readonly type: "read";
    readonly call: number;
    readonly actorId: string;
    readonly mayBeStale?: boolean | undefined;
  }
  /** It has brought this version, and perhaps the state. */
  | {
    readonly type: "saw";
    readonly call: number;
    readonly version: number;
    readonly state?: unknown;
  };

/** A read that brought less than had been told before it began. */
export interface StaleRead {
  /** Where in the journal it was told. */
  readonly entry: number;
  /** What was read. */
  readonly problem: string;
  /** Whether the read was one that may be stale. */
  readonly isAllowed: boolean;
}

/** How a history is examined. */
export interface Examination {
  readonly report: Report;
  /** Told how many things were looked at. */
  readonly looked?: (invariant: InvariantId, count?: number) => void;
  /** Told of stale reads instead, whether or not they may be. */
  readonly onStaleRead?: ((read: StaleRead) => void) | undefined;
  /** Whether an event that no call names has another origin. */
  readonly isExpected?: (id: string) => boolean;
}

/**
 * Everything that is wrong, one sentence each; empty when all is right.
 *
 * @param onStaleRead Told of stale reads instead, where some are to be expected.
 */
export function checkHistory(
  journal: readonly Entry[],
  log: readonly LoggedEvent[],
  onStaleRead?: (read: StaleRead) => void,
): string[] {
  const problems: string[] = [];
  const report: Report = (_invariant, what) => void problems.push(what);
  examineHistory(journal, log, { report, onStaleRead });
  return problems;
}

/** The same, telling which invariant each problem breaks. */
export function examineHistory(
  journal: readonly Entry[],
  log: readonly LoggedEvent[],
  examination: Examination,
): void {
  const { isExpected = () => false, looked = () => {}, report } = examination;
  const {
    onStaleRead = ({ isAllowed, problem }) => {
      if (!isAllowed) report("I3", problem);
    },
  } = examination;
  const { byId, latest } = checkLog(log, report);
  looked("I2", log.length);
  const written = new Set<string>();
  // The highest version of each actor that somebody was told.
  const known = new Map<string, number>();
  const open = new Map<number, Open>();
  const done = new Map<number, Told>();
  const versionsBehind = (actors: readonly string[]) =>
    actors.map((actorId) => known.get(actorId) ?? 0);

  for (const [index, entry] of journal.entries()) {
    const { call } = entry;
    if (entry.type === "append" || entry.type === "read") {
      const parts = entry.type === "append"
        ? entry.parts
        : [{ actorId: entry.actorId, eventIds: [] }];
      const again = entry.type === "append" ? entry.again : undefined;
      const floors = again === undefined
        ? versionsBehind(parts.map(({ actorId }) => actorId))
        : parts.map(() => 0);
      const mayBeStale = entry.type === "read" && entry.mayBeStale === true;
      open.set(call, { parts, floors, again, mayBeStale });
      for (const { eventIds } of parts) {
        for (const id of eventIds) written.add(id);
      }
      continue;
    }
    const begun = open.get(call);
    if (begun === undefined) {
      report("I13", `call ${call} ends twice, or never began`);
      continue;
    }
    open.delete(call);
    const found = begun.parts.map(({ eventIds }) =>
      eventIds.map((id) => byId.get(id))
    );
    const events = found.flat();
    const stored = events.filter((event) => event !== undefined);
    if (entry.type === "ok") done.set(call, entry);
    const first = done.get(begun.again ?? NaN);
    if (first !== undefined) checkAgain(entry, first, report);
    switch (entry.type) {
      case "ok":
        checkPlaces(entry, begun, found, "I1", report);
        for (const [i, { actorId }] of begun.parts.entries()) {
          const before = known.get(actorId) ?? 0;
          known.set(actorId, Math.max(before, entry.versions[i]!));
        }
        looked("I1", events.length);
        looked("I3");
        break;
      case "failed":
        if (begun.again !== undefined && !isFinal(entry.code)) break;
        for (const event of stored) {
          report(
            "I15",
            `call ${call} failed (${entry.code}), yet ${
              at(event)
            } is in the log`,
          );
        }
        if (events.length > 0) looked("I15");
        break;
      case "unknown": {
        if (stored.length === 0 || stored.length < events.length) break;
        const [{ commitId }] = stored as [LoggedEvent];
        const versions = found.map((part) => part.at(-1)!.version);
        checkPlaces({ call, commitId, versions }, begun, found, "I14", report);
        looked("I3");
        break;
      }
      case "saw": {
        const { actorId } = begun.parts[0]!;
        const [floor] = begun.floors;
        const what = `call ${call} read version ${entry.version} of ${actorId}`;
        if (entry.version < floor!) {
          onStaleRead({
            entry: index,
            problem: `${what} after ${floor} was acknowledged or read`,
            isAllowed: begun.mayBeStale,
          });
        }
        if (entry.version > (latest.get(actorId) ?? 0)) {
          report("I3", `${what}, which the log does not have`);
        } else {
          // What one has seen the next may not miss.
          const before = known.get(actorId) ?? 0;
          known.set(actorId, Math.max(before, entry.version));
        }
        looked("I3");
      }
    }
    if (entry.type === "ok" || entry.type === "unknown") {
      if (stored.length > 0 && stored.length < events.length) {
        report(
          "I14",
          `call ${call} is in the log by ${stored.length} of ${events.length} events`,
        );
      }
      looked("I14");
    }
  }
  for (const call of open.keys()) report("I13", `call ${call} never ended`);
  for (const event of log) {
    if (!written.has(event.id) && !isExpected(event.id)) {
      report("I4", `nobody wrote ${at(event)}`);
    }
  }
}

interface Open {
  readonly parts: readonly Part[];
  /** What was known of each part's actor when the call began. */
  readonly floors: readonly number[];
  readonly mayBeStale: boolean;
  /** The call whose command it repeats. */
  readonly again: number | undefined;
}

/** That a call is done. */
interface Told {
  readonly call: number;
  readonly commitId: string;
  readonly versions: readonly number[];
}

/** Whether a failure is the command's outcome, and not that of one attempt alone. */
function isFinal(code: string): boolean {
  return code === "rejected" || code === "nothing";
}

/** Holds the answer to a command that came again against the one before. */
function checkAgain(entry: Entry, first: Told, report: Report): void {
  const { call } = entry;
  const as = `call ${call} was answered otherwise than call ${first.call}, ` +
    "whose command it repeats";
  if (entry.type === "failed" && isFinal(entry.code)) {
    report("I4", `${as}: "${entry.code}"`);
  } else if (
    entry.type === "ok" &&
    (entry.commitId !== first.commitId ||
      entry.versions.join() !== first.versions.join())
  ) {
    report("I4", `${as}: version ${entry.versions} by ${entry.commitId}`);
  }
}

function checkPlaces(
  told: Told,
  { parts, floors }: Open,
  found: readonly (readonly (LoggedEvent | undefined)[])[],
  broken: InvariantId,
  report: Report,
): void {
  const { call, commitId, versions } = told;
  for (const [i, { actorId, eventIds }] of parts.entries()) {
    const first = versions[i]! - eventIds.length + 1;
    for (const [j, event] of found[i]!.entries()) {
      const stored = `call ${call} stored ${actorId}@${first + j}`;
      if (event === undefined) {
        report(broken, `${stored}, and it is lost`);
      } else if (event.actorId !== actorId || event.version !== first + j) {
        report(broken, `${stored}, and the log has it as ${at(event)}`);
      } else if (event.commitId !== commitId) {
        report(broken, `${stored} by ${commitId}, not by ${event.commitId}`);
      }
    }
    if (first <= floors[i]!) {
      report(
        "I3",
        `call ${call} stored ${actorId}@${first} after ${
          floors[i]
        } was acknowledged or read`,
      );
    }
  }
}
