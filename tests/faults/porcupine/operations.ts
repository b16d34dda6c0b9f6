/** A record's journal and log, as operations on append registers. */
import { namedLog, type RunRecord } from "../checker/mod.ts";

/** One operation, as `main.go` reads it. Times are places in the journal. */
export interface Operation {
  readonly actor: string;
  readonly kind: "append" | "read" | "log";
  readonly ids: readonly string[];
  /** What the caller was told; -1 if nothing. */
  readonly version: number;
  readonly call: number;
  readonly return: number;
}

/**
 * Turns what callers did and were told into operations.
 *
 * An append that failed is none, and neither is one that repeats an earlier command:
 * what that told is what counts. Reads of an owner, who may tell what was so a moment
 * ago, are left out. An append whose outcome is unknown has its response at
 * infinity, and so have those that no caller made: sends, timers and policies led
 * to them at some time. The log is read at the end, actor by actor.
 *
 * @param isWanted Which actors; all by default. Each is a history of its own.
 */
export function operationsOf(
  record: RunRecord,
  isWanted: (actorId: string) => boolean = () => true,
): Operation[] {
  const { journal } = record;
  const end = journal.length;
  const operations: Operation[] = [];
  const begun = new Map<number, number>();
  for (const [time, entry] of journal.entries()) {
    const { call } = entry;
    if (entry.type === "append" || entry.type === "read") {
      begun.set(call, time);
      continue;
    }
    const since = begun.get(call) ?? time;
    begun.delete(call);
    const first = journal[since]!;
    if (
      first.type === "read" && first.mayBeStale !== true &&
      entry.type === "saw"
    ) {
      const { version } = entry;
      operations.push({
        ...{ actor: first.actorId, kind: "read", ids: [], version },
        ...{ call: since, return: time },
      });
    }
    if (
      first.type !== "append" || first.again !== undefined ||
      entry.type === "failed"
    ) continue;
    for (
      const [part, { actorId: actor, eventIds: ids }] of first.parts.entries()
    ) {
      operations.push({
        ...{ actor, kind: "append", ids, call: since },
        ...entry.type === "ok"
          ? { version: entry.versions[part]!, return: time }
          : { version: -1, return: FOREVER },
      });
    }
  }
  const { called, log } = namedLog(record);
  const logs = new Map<string, string[]>();
  for (const [place, { actorId: actor, id }] of log.entries()) {
    const ids = logs.get(actor);
    if (ids === undefined) logs.set(actor, [id]);
    else ids.push(id);
    // What a call led to beyond what it told of is nobody's: there is no order for it.
    if (called.has(id) || called.has(record.log[place]!.commandId ?? "")) {
      continue;
    }
    operations.push({
      ...{ actor, kind: "append", ids: [id], version: -1 },
      ...{ call: -1, return: FOREVER },
    });
  }
  for (const { actor } of operations) {
    // Of an actor without events the log is empty, and read too.
    if (!logs.has(actor)) logs.set(actor, []);
  }
  for (const [actor, ids] of logs) {
    const read = { version: -1, call: end, return: end + 1 };
    operations.push({ actor, kind: "log", ids, ...read });
  }
  return operations.filter(({ actor }) => isWanted(actor));
}

/** Behind everything that is ever told. */
const FOREVER = Number.MAX_SAFE_INTEGER;
