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

/** What the journal can be held against. */
export interface Witness {
  readonly log: readonly LoggedEvent[];
  /** Whether something else than a call led to this event. */
  readonly isExpected: (id: string) => boolean;
  /** Whether a call led to this event, as the journal names it. */
  readonly isCalled: (event: RecordedEvent) => boolean;
}

/** Renames the events of a log to what the journal calls them. */
export function witnessOf(record: RunRecord, rules: Rules): Witness {
  const { effects, journal, log } = record;
  const names = new Set<string>();
  for (const entry of journal) {
    if (entry.type !== "append") continue;
    for (const { eventIds } of entry.parts) {
      for (const id of eventIds) names.add(id);
    }
  }
  const led = new Set<string>();
  for (const { id, kind, rejectionId } of effects) {
    if (kind !== "cancel") led.add(id);
    if (rejectionId !== undefined) led.add(rejectionId);
  }
  const { policies = [] } = rules;
  const expected = new Set<string>();
  const counts = new Map<string, number>();
  const renamed = log.map((event) => {
    const { actorId, commandId, commitId, id, sequence, version } = event;
    const place = { actorId, commitId, sequence, version };
    if (names.has(id)) return { ...place, id };
    if (commandId !== undefined && names.has(commandId)) {
      const nth = counts.get(commandId) ?? 0;
      counts.set(commandId, nth + 1);
      return { ...place, id: nth === 0 ? commandId : `${commandId}#${nth}` };
    }
    if (
      (commandId !== undefined && led.has(commandId)) ||
      policies.some((policy) => policy.source(event) !== undefined)
    ) expected.add(id);
    return { ...place, id };
  });
  return {
    log: renamed,
    isExpected: (id) => expected.has(id),
    isCalled: ({ commandId, id }) =>
      names.has(id) || (commandId !== undefined && names.has(commandId)),
  };
}
