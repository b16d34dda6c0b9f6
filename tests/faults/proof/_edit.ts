/** Records with one thing changed; the ones they are made of stay as they are. */
import type {
  Entry,
  RecordedEffect,
  RecordedEvent,
  RunRecord,
} from "../checker/mod.ts";

export function without<T>(values: readonly T[], gone: T): T[] {
  return values.filter((value) => value !== gone);
}

export function inserted<T>(values: readonly T[], old: T, ...others: T[]): T[] {
  return values.flatMap((value) => value === old ? others : [value]);
}

export function swapped<T>(values: readonly T[], place: number): T[] {
  const [one, other] = values.slice(place, place + 2);
  return [...values.slice(0, place), other!, one!, ...values.slice(place + 2)];
}

export function withEntry(
  record: RunRecord,
  old: Entry,
  ...entries: readonly Entry[]
): RunRecord {
  return { ...record, journal: inserted(record.journal, old, ...entries) };
}

export function withEvent(
  record: RunRecord,
  old: RecordedEvent,
  change: Partial<RecordedEvent>,
): RunRecord {
  const log = inserted(record.log, old, { ...old, ...change });
  return { ...record, log };
}

export function withEffect(
  record: RunRecord,
  old: RecordedEffect,
  change: Partial<RecordedEffect>,
): RunRecord {
  const effects = inserted(record.effects, old, { ...old, ...change });
  return { ...record, effects };
}

/** With one more commit at the end, as a system that stores it would leave it. */
export function withMore(record: RunRecord, event: RecordedEvent): RunRecord {
  const { actorId } = event;
  const last = record.log.findLast((event) => event.actorId === actorId);
  const sequence = record.end! + 1;
  const commitId = "more";
  const more: RecordedEvent = {
    ...event,
    ...{ sequence, commitId },
    version: (last?.version ?? 0) + 1,
    generation: last?.generation ?? 0,
  };
  const { commandId } = event;
  const outcome = { actorId, sequence, events: 1 };
  return {
    ...record,
    log: [...record.log, more],
    outcomes: commandId === undefined
      ? record.outcomes
      : [...record.outcomes!, { ...outcome, commandId }],
    copies: record.copies.map((copy) => [...copy, [sequence, commitId]]),
    end: sequence,
  };
}

/**
 * Without the commit at a sequence, as if it had never been stored: the versions of
 * what follows move up, and nobody has seen it.
 */
export function withoutCommit(
  record: RunRecord,
  sequence: number,
  actorId = record.log.find((event) => event.sequence === sequence)!.actorId,
): RunRecord {
  const gone = record.log.filter((event) => event.sequence === sequence);
  const moved = <T extends { actorId: string; version: number }>(event: T) =>
    event.actorId === actorId && event.version > gone[0]!.version
      ? { ...event, version: event.version - gone.length }
      : event;
  const isLeft = (place: { readonly sequence: number }) =>
    place.sequence !== sequence;
  return {
    ...record,
    log: record.log.filter(isLeft).map(moved),
    outcomes: record.outcomes!.filter(isLeft),
    effects: record.effects.filter(isLeft),
    copies: record.copies.map((copy) =>
      copy.filter(([place]) => place !== sequence)
    ),
    subscriptions: record.subscriptions.map((subscription) => ({
      ...subscription,
      deliveries: subscription.deliveries.filter(isLeft).map(moved),
    })),
  };
}

/** With the ids of two commands that took effect in each other's place. */
export function withIds(
  record: RunRecord,
  one: string,
  other: string,
): RunRecord {
  const exchanged = <T extends { commandId?: string | undefined }>(place: T) =>
    place.commandId === one
      ? { ...place, commandId: other }
      : place.commandId === other
      ? { ...place, commandId: one }
      : place;
  return {
    ...record,
    log: record.log.map(exchanged),
    outcomes: record.outcomes!.map(exchanged),
  };
}
