/** Finds in a record what can be made wrong. */
import type {
  Entry,
  RecordedEffect,
  RecordedEvent,
  RunRecord,
} from "../checker/mod.ts";

import { applied, type State } from "./meaning.ts";

/** A number below a limit. */
export type Below = (limit: number) => number;

/** An entry of one type. */
export type Of<Type extends Entry["type"]> = Extract<
  Entry,
  { readonly type: Type }
>;

export function some<T>(values: readonly T[], below: Below): T | undefined {
  return values[below(values.length)];
}

export function of<Type extends Entry["type"]>(
  { journal }: RunRecord,
  type: Type,
): Of<Type>[] {
  return journal.filter((entry): entry is Of<Type> => entry.type === type);
}

export function acknowledged(record: RunRecord): Of<"ok">[] {
  return of(record, "ok");
}

/** What a call wanted: its actor, and the name of its first event. */
export function begunBy(
  { journal }: RunRecord,
  { call }: Entry,
): { readonly actorId: string; readonly id?: string } | undefined {
  const begun = journal.find((entry) => entry.call === call);
  if (begun?.type === "read") return { actorId: begun.actorId };
  if (begun?.type !== "append") return undefined;
  const { actorId, eventIds } = begun.parts[0]!;
  return { actorId, id: eventIds[0]! };
}

/** The highest version of a read's actor that was acknowledged before it began. */
export function acknowledgedBefore(record: RunRecord, saw: Of<"saw">): number {
  const begun = record.journal.findIndex(({ call }) => call === saw.call);
  const { actorId } = begunBy(record, saw)!;
  const versions = record.journal.slice(0, begun).flatMap((entry) => {
    if (entry.type !== "ok") return [];
    const append = record.journal.find(({ call, type }) =>
      call === entry.call && type === "append"
    ) as Of<"append">;
    const part = append.parts.findIndex((part) => part.actorId === actorId);
    return part < 0 ? [] : [entry.versions[part]!];
  });
  return Math.max(0, ...versions);
}

/** The state of an actor at a version. */
export function stateAt(
  { log }: RunRecord,
  actorId: string,
  version: number,
): State {
  const events = log.filter((event) =>
    event.actorId === actorId && event.version <= version
  );
  return events.reduce<State>(
    (state, { data, type }) => applied(state, type, data),
    { version: 0, sum: 0 },
  );
}

export function eventOf(
  { log }: RunRecord,
  ok: Of<"ok"> | undefined,
): RecordedEvent | undefined {
  return log.find(({ commitId }) => commitId === ok?.commitId);
}

export function commanded({ log }: RunRecord): RecordedEvent[] {
  return log.filter(({ commandId }) => commandId !== undefined);
}

export function notes({ log }: RunRecord): RecordedEvent[] {
  return log.filter(({ type }) => type === "Noted");
}

/** The event that a note is about. */
export function sourceOf(
  { log }: RunRecord,
  { data }: RecordedEvent,
): RecordedEvent | undefined {
  const { source, version } = data as { source?: string; version?: number };
  return log.find((event) =>
    event.actorId === source && event.version === version
  );
}

/** Events that are not the last ones of their actors. */
export function notLast({ log }: RunRecord): RecordedEvent[] {
  const last = new Map(log.map((event) => [event.actorId, event]));
  return log.filter((event) => last.get(event.actorId) !== event);
}

export function previous(
  { log }: RunRecord,
  { actorId, version }: RecordedEvent,
): RecordedEvent | undefined {
  return log.find((event) =>
    event.actorId === actorId && event.version === version - 1
  );
}

export function sends(
  record: RunRecord,
  fate: "done" | "rejected",
): RecordedEffect[] {
  const outcomes = new Map(
    record.outcomes!.map((outcome) => [outcome.commandId, outcome]),
  );
  return record.effects.filter(({ id, kind }) => {
    const outcome = outcomes.get(id);
    return kind === "send" && outcome !== undefined &&
      (outcome.rejected !== undefined) === (fate === "rejected");
  });
}

/** Timers that have fired, or that were ended before they could. */
export function timers(record: RunRecord, fired: boolean): RecordedEffect[] {
  return record.effects.filter((effect) =>
    effect.kind === "schedule" &&
    (effectOf(record, effect) !== undefined) === fired &&
    (fired || record.effects.some(({ from, kind, name, sequence }) =>
      kind !== "send" && from === effect.from && name === effect.name &&
      sequence > effect.sequence
    ))
  );
}

export function effectOf(
  { log }: RunRecord,
  effect: RecordedEffect | undefined,
): RecordedEvent | undefined {
  return log.find(({ commandId }) =>
    effect !== undefined && commandId === effect.id
  );
}
