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
 * | a version it read      | nothing acknowledged before the read is newer            |
 *
 * And of the log alone: per actor versions 1..n without gap or repeat, a commit
 * at one place, no event that nobody wrote. And of both: what was acknowledged
 * before a call began has a smaller version than what the call stored.
 *
 * @module
 */

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
  }
  /** It is done: the version each part's actor has now. */
  | {
    readonly type: "ok";
    readonly call: number;
    readonly commitId: string;
    readonly versions: readonly number[];
  }
  /** It is surely not done. */
  | { readonly type: "failed"; readonly call: number; readonly code: string }
  /** Nobody knows. */
  | { readonly type: "unknown"; readonly call: number }
  /** A read of an actor's version begins. */
  | { readonly type: "read"; readonly call: number; readonly actorId: string }
  /** It has brought this version. */
  | { readonly type: "saw"; readonly call: number; readonly version: number };

/** An event as it lies in the log. */
export interface LoggedEvent {
  readonly id: string;
  readonly actorId: string;
  readonly version: number;
  readonly sequence: number;
  readonly commitId: string;
}

/** A read that brought less than had been acknowledged before it began. */
export interface StaleRead {
  /** Where in the journal it was told. */
  readonly entry: number;
  /** What was read. */
  readonly problem: string;
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
  const tellStale = onStaleRead ??
    (({ problem }: StaleRead) => void problems.push(problem));
  const { byId, latest } = checkLog(log, problems);
  const written = new Set<string>();
  const acknowledged = new Map<string, number>();
  const open = new Map<number, Open>();
  const versionsBehind = (actors: readonly string[]) =>
    actors.map((actorId) => acknowledged.get(actorId) ?? 0);

  for (const [index, entry] of journal.entries()) {
    const { call } = entry;
    if (entry.type === "append" || entry.type === "read") {
      const parts = entry.type === "append"
        ? entry.parts
        : [{ actorId: entry.actorId, eventIds: [] }];
      const floors = versionsBehind(parts.map(({ actorId }) => actorId));
      open.set(call, { parts, floors });
      for (const { eventIds } of parts) {
        for (const id of eventIds) written.add(id);
      }
      continue;
    }
    const begun = open.get(call);
    if (begun === undefined) {
      problems.push(`call ${call} ends twice, or never began`);
      continue;
    }
    open.delete(call);
    const found = begun.parts.map(({ eventIds }) =>
      eventIds.map((id) => byId.get(id))
    );
    switch (entry.type) {
      case "ok":
        problems.push(...wrongPlaces(entry, begun, found));
        for (const [i, { actorId }] of begun.parts.entries()) {
          const before = acknowledged.get(actorId) ?? 0;
          acknowledged.set(actorId, Math.max(before, entry.versions[i]!));
        }
        break;
      case "failed":
        for (const event of found.flat()) {
          if (event === undefined) continue;
          problems.push(
            `call ${call} failed (${entry.code}), yet ${
              at(event)
            } is in the log`,
          );
        }
        break;
      case "unknown": {
        const events = found.flat();
        const stored = events.filter((event) => event !== undefined);
        if (stored.length === 0) break;
        if (stored.length < events.length) {
          problems.push(
            `call ${call} is in the log by ${stored.length} of ${events.length} events`,
          );
          break;
        }
        const [{ commitId }] = stored as [LoggedEvent];
        const versions = found.map((part) => part.at(-1)!.version);
        problems.push(
          ...wrongPlaces({ call, commitId, versions }, begun, found),
        );
        break;
      }
      case "saw": {
        const { actorId } = begun.parts[0]!;
        const [floor] = begun.floors;
        if (entry.version < floor!) {
          tellStale({
            entry: index,
            problem:
              `call ${call} read version ${entry.version} of ${actorId} after ${floor} was acknowledged`,
          });
        }
        if (entry.version > (latest.get(actorId) ?? 0)) {
          problems.push(
            `call ${call} read version ${entry.version} of ${actorId}, which the log does not have`,
          );
        }
      }
    }
  }
  for (const call of open.keys()) problems.push(`call ${call} never ended`);
  for (const event of log) {
    if (!written.has(event.id)) problems.push(`nobody wrote ${at(event)}`);
  }
  return problems;
}

interface Open {
  readonly parts: readonly Part[];
  /** What was acknowledged of each part's actor when the call began. */
  readonly floors: readonly number[];
}

function checkLog(log: readonly LoggedEvent[], problems: string[]) {
  const byId = new Map<string, LoggedEvent>();
  const latest = new Map<string, number>();
  const commits = new Map<string, number>();
  const owners = new Map<number, string>();
  let last = 0;
  for (const event of log) {
    const { actorId, commitId, id, sequence, version } = event;
    const before = latest.get(actorId) ?? 0;
    if (version !== before + 1) {
      problems.push(`${at(event)} follows version ${before}`);
    }
    latest.set(actorId, version);
    if (byId.has(id)) problems.push(`${at(event)} is there twice`);
    byId.set(id, event);
    if (sequence < last) {
      problems.push(`${at(event)} stands behind sequence ${last}`);
    }
    last = sequence;
    const commit = `${actorId} ${commitId}`;
    if ((commits.get(commit) ?? sequence) !== sequence) {
      problems.push(`commit ${commitId} of ${at(event)} is at two places`);
    }
    commits.set(commit, sequence);
    if ((owners.get(sequence) ?? commit) !== commit) {
      problems.push(`${at(event)} shares its sequence with another commit`);
    }
    owners.set(sequence, commit);
  }
  return { byId, latest };
}

function wrongPlaces(
  told: {
    readonly call: number;
    readonly commitId: string;
    readonly versions: readonly number[];
  },
  { parts, floors }: Open,
  found: readonly (readonly (LoggedEvent | undefined)[])[],
): string[] {
  const { call, commitId, versions } = told;
  const problems: string[] = [];
  for (const [i, { actorId, eventIds }] of parts.entries()) {
    const first = versions[i]! - eventIds.length + 1;
    for (const [j, event] of found[i]!.entries()) {
      const place = `${actorId}@${first + j}`;
      if (event === undefined) {
        problems.push(`call ${call} stored ${place}, and it is lost`);
      } else if (event.actorId !== actorId || event.version !== first + j) {
        problems.push(
          `call ${call} stored ${place}, and the log has it as ${at(event)}`,
        );
      } else if (event.commitId !== commitId) {
        problems.push(
          `call ${call} stored ${place} by ${commitId}, not by ${event.commitId}`,
        );
      }
    }
    if (first <= floors[i]!) {
      problems.push(
        `call ${call} stored ${actorId}@${first} after ${
          floors[i]
        } was acknowledged`,
      );
    }
  }
  return problems;
}

function at({ actorId, id, sequence, version }: LoggedEvent): string {
  return `${actorId}@${version} (event ${id}, sequence ${sequence})`;
}
