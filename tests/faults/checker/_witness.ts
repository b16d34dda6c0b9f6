/**
 * The log as the journal names it.
 *
 * A caller of commands does not know the ids of events, so it names them by the
 * command's: `<id>`, `<id>#1`, and so on. And not every event is a caller's: some
 * are led to by sends, timers and policies, which are checked on their own.
 */
import type { LoggedEvent } from "./log.ts";
import type { RecordedEvent, RunRecord } from "./record.ts";
import type { Rules } from "./rules.ts";

/** The log, with the names that the journal gives to its events. */
export interface NamedLog {
  readonly log: readonly LoggedEvent[];
  /** All names in the journal. */
  readonly called: ReadonlySet<string>;
}

/** What the journal can be held against. */
export interface Witness {
  readonly log: readonly LoggedEvent[];
  /** Whether something else than a call led to this event. */
  readonly isExpected: (id: string) => boolean;
  /** Whether a call led to this event. */
  readonly isCalled: (event: RecordedEvent) => boolean;
}

/** Renames the events of a log to what the journal calls them. */
export function namedLog({ journal, log }: RunRecord): NamedLog {
  const called = new Set<string>();
  for (const entry of journal) {
    if (entry.type !== "append") continue;
    for (const { eventIds } of entry.parts) {
      for (const id of eventIds) called.add(id);
    }
  }
  const counts = new Map<string, number>();
  const named = log.map((event): LoggedEvent => {
    const { actorId, commandId, commitId, id, sequence, version } = event;
    const place = { actorId, commitId, sequence, version };
    if (called.has(id) || commandId === undefined || !called.has(commandId)) {
      return { ...place, id };
    }
    const nth = counts.get(commandId) ?? 0;
    counts.set(commandId, nth + 1);
    return { ...place, id: nth === 0 ? commandId : `${commandId}#${nth}` };
  });
  return { log: named, called };
}

/** Tells callers' events from those that something else led to. */
export function witnessOf(record: RunRecord, rules: Rules): Witness {
  const { called, log } = namedLog(record);
  const led = new Set<string>();
  for (const { id, kind, rejectionId } of record.effects) {
    if (kind !== "cancel") led.add(id);
    if (rejectionId !== undefined) led.add(rejectionId);
  }
  const { policies = [] } = rules;
  const isCalled = ({ commandId, id }: RecordedEvent) =>
    called.has(id) || (commandId !== undefined && called.has(commandId));
  const expected = new Set<string>();
  for (const event of record.log) {
    const { commandId, id } = event;
    const isLed = commandId !== undefined && led.has(commandId);
    if (
      !isCalled(event) &&
      (isLed || policies.some((policy) => policy.source(event) !== undefined))
    ) expected.add(id);
  }
  return { log, isExpected: (id) => expected.has(id), isCalled };
}
