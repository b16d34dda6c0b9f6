/**
 * Where each command took effect, and what of it was remembered (I4, I14, I15).
 *
 * A command takes effect in one commit: by events that carry its id, by a
 * remembered outcome, or by both. Everything that is to happen once (sends, timers,
 * what policies do) is looked up here.
 */
import type { RecordedOutcome, RunRecord } from "./record.ts";
import type { Findings } from "./verdict.ts";

/** One commit in which a command took effect. */
export interface Effect {
  readonly actorId: string;
  readonly sequence: number;
  /** By the server's clock; undefined where nothing tells. */
  readonly storedAt: number | undefined;
  /** How many of its events are in the log. */
  readonly events: number;
  /** How often the commit remembers the command. */
  readonly remembered: number;
  /** How many events the commit says it has. */
  readonly told: number;
  /** Why it was rejected; undefined where it was not. */
  readonly rejected: string | undefined;
}

/** Finds by a command's id where it took effect. */
export type Effects = ReadonlyMap<string, readonly Effect[]>;

/** Gathers the effects of every command that the record names. */
export function effectsOf({ log, outcomes = [] }: RunRecord): Effects {
  const effects = new Map<string, Mutable<Effect>[]>();
  for (const event of log) {
    if (event.commandId === undefined) continue;
    placeOf(effects, event.commandId, event).events++;
  }
  for (const outcome of outcomes) {
    const effect = placeOf(effects, outcome.commandId, outcome);
    effect.remembered++;
    effect.told += outcome.events;
    effect.rejected ??= outcome.rejected;
  }
  return effects;
}

/** Whether there is no telling a command without events from a lost one. */
export function isBlind({ outcomes }: RunRecord): boolean {
  return outcomes === undefined;
}

/** Checks that no command took effect twice, or in part, or after it was rejected. */
export function checkCommands(
  record: RunRecord,
  effects: Effects,
  findings: Findings,
): void {
  for (const [id, places] of effects) {
    findings.looked("I4");
    if (places.length > 1) {
      findings.report("I4", `command ${id} took effect ${places.map(named)}`);
    }
    const rejected = places.find((place) => place.rejected !== undefined);
    if (rejected !== undefined) {
      findings.looked("I15");
      const late = places.find(({ events }) => events > 0);
      if (late !== undefined) {
        findings.report(
          "I15",
          `command ${id} was rejected ${named(rejected)}, yet took effect ${
            named(late)
          }`,
        );
      }
    }
    if (isBlind(record)) continue;
    for (const place of places) checkMemory(id, place, findings);
  }
}

function checkMemory(id: string, place: Effect, findings: Findings): void {
  const { events, remembered, told } = place;
  findings.looked("I14");
  if (remembered === 0) {
    findings.report(
      "I4",
      `command ${id} took effect ${named(place)}, and is not remembered there`,
    );
  } else if (remembered > 1) {
    findings.report(
      "I4",
      `command ${id} is remembered ${remembered} times ${named(place)}`,
    );
  } else if (told !== events) {
    findings.report(
      "I14",
      `command ${id} has ${events} of its ${told} events ${named(place)}`,
    );
  }
}

/**
 * Whether a command was rejected and nobody heard of it: one that nobody asked to be
 * told of is parked, unless an operator has given it up.
 */
export function isUnheard(
  id: string,
  { rejected }: Effect,
  parked: ReadonlySet<string>,
): boolean {
  return rejected !== undefined && rejected !== DROPPED && !parked.has(id);
}

/** An effect's place, as a sentence names it. */
export function named({ actorId, sequence }: Effect): string {
  return `in ${actorId} at sequence ${sequence}`;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

function placeOf(
  effects: Map<string, Mutable<Effect>[]>,
  commandId: string,
  { actorId, sequence, storedAt }: Pick<
    RecordedOutcome,
    "actorId" | "sequence" | "storedAt"
  >,
): Mutable<Effect> {
  let places = effects.get(commandId);
  if (places === undefined) effects.set(commandId, places = []);
  let place = places.find((place) =>
    place.sequence === sequence && place.actorId === actorId
  );
  if (place === undefined) {
    place = {
      ...{ actorId, sequence, storedAt },
      ...{ events: 0, remembered: 0, told: 0, rejected: undefined },
    };
    places.push(place);
  }
  place.storedAt ??= storedAt;
  return place;
}

/** Why a command that an operator gave up is rejected. */
const DROPPED = "dropped";
