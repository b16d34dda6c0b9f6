/**
 * What a decision does beside its events, kept in the commit's `Aether-Effects`
 * header: so the events and what they promise are one message, all or none.
 *
 * The header is an ASCII JSON array with one object for each effect, named by its
 * first key: `{"send": "account-bob", "command": …}`, `{"schedule": "timeout",
 * "at": …, "command": …}`, `{"cancel": "timeout"}`, `{"fired": "timeout"}`,
 * `{"publish": "Warned", …}`. The id of what an effect leads to is derived from the
 * commit's id and the effect's place in it ({@link effectId}), so that whoever
 * carries it out again, after a crash, does so under the same id.
 */
import { toAscii } from "./_ascii.ts";
import { show } from "./_show.ts";
import { isAttributeText } from "./_text.ts";
import { parseActorId } from "./actor_id.ts";
import { CorruptLogError, InvalidArgumentError } from "./errors.ts";
import { checkId, deriveId } from "./ids.ts";
import { assertJson, parseJson } from "./json.ts";

/** What led to an effect; passed on to what it leads to. */
export interface EffectOrigin {
  /** Shared by all that one outside request set off. */
  readonly correlationId?: string;
  /** The command whose decision it is part of. */
  readonly causationId?: string;
  /** W3C trace context. */
  readonly traceparent?: string;
}

/** A command for another actor. */
export interface SendEffect extends EffectOrigin {
  /** Always `send`. */
  readonly kind: "send";
  /** For whom, such as `account-bob`. */
  readonly to: string;
  /** Which command. */
  readonly command: string;
  /** Its input; absent for none. */
  readonly input?: unknown;
  /** The command of the sender that is told of a rejection. */
  readonly onRejected?: string;
}

/** A command of the same actor, for later. */
export interface ScheduleEffect extends EffectOrigin {
  /** Always `schedule`. */
  readonly kind: "schedule";
  /** The timer's name; one of each name is live at most. */
  readonly timer: string;
  /** When, milliseconds since 1970. */
  readonly at: number;
  /** Which command. */
  readonly command: string;
  /** Its input; absent for none. */
  readonly input?: unknown;
  /** Id of the timer of that name that it takes the place of. */
  readonly replaces?: string;
}

/** A timer that is not to fire any more. */
export interface CancelEffect {
  /** Always `cancel`. */
  readonly kind: "cancel";
  /** The timer's name. */
  readonly timer: string;
  /** Its id. */
  readonly id: string;
}

/** A timer has fired, and its command was carried out by this commit. */
export interface FiredEffect {
  /** Always `fired`. */
  readonly kind: "fired";
  /** The timer's name. */
  readonly timer: string;
}

/** A notice: sent on the bus, stored nowhere but here. */
export interface PublishEffect extends EffectOrigin {
  /** Always `publish`. */
  readonly kind: "publish";
  /** What it is called, as an event's type. */
  readonly eventType: string;
  /** What it says; absent for nothing. */
  readonly data?: unknown;
}

/** What a decision does beside its events. */
export type Effect =
  | SendEffect
  | ScheduleEffect
  | CancelEffect
  | FiredEffect
  | PublishEffect;

/** A live timer. */
export interface Timer {
  /** Its name. */
  readonly name: string;
  /** Which setting of that name it is. */
  readonly id: string;
  /** When it fires, milliseconds since 1970. */
  readonly at: number;
  /** Which command of the actor it fires. */
  readonly command: string;
}

/** Most bytes that the effects of one commit take in its header. */
export const MAX_EFFECT_BYTES = 40_960;

/**
 * Names what an effect leads to: the same however often it is carried out.
 *
 * @param commitId ULID of the decision.
 * @param index The effect's place among those of the commit, from 0.
 * @returns A ULID of the same time.
 */
export function effectId(commitId: string, index: number): string {
  return deriveId(commitId, `#${index}`);
}

/**
 * Writes effects for the header; empty for none.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: what {@link parseEffects}
 * would not read.
 */
export function formatEffects(effects: readonly Effect[]): string {
  if (effects.length === 0) return "";
  for (const effect of effects) checkEffect(effect);
  return toAscii(JSON.stringify(effects.map(writeEffect)));
}

/** Bytes that an effect takes in the header. */
export function effectBytes(effect: Effect): number {
  return toAscii(JSON.stringify(writeEffect(effect))).length + 1;
}

/**
 * Reads effects back.
 *
 * @param text The header; empty where there is none.
 * @throws {CorruptLogError} `corrupt_log`: not what {@link formatEffects} makes.
 */
export function parseEffects(text: string): readonly Effect[] {
  if (text === "") return NONE;
  try {
    return (parseJson(text) as unknown[]).map(readEffect);
  } catch (cause) {
    throw new CorruptLogError(
      `Cannot read a commit's effects: got ${show(text)}`,
      { cause },
    );
  }
}

/**
 * Follows the live timers of an actor over the effects of one commit.
 *
 * @param timers Those before it; undefined for none.
 * @param effects The commit's.
 * @param commitId ULID of the decision.
 * @param first The place of the first of these effects in the commit.
 * @returns Those behind it: the same object where nothing changed.
 */
export function timersBehind(
  timers: ReadonlyMap<string, Timer> | undefined,
  effects: readonly Effect[],
  commitId: string,
  first: number = 0,
): ReadonlyMap<string, Timer> | undefined {
  let next: Map<string, Timer> | undefined;
  const own = () => next ??= new Map(timers);
  for (const [i, effect] of effects.entries()) {
    if (effect.kind === "schedule") {
      const { at, command, timer: name } = effect;
      const id = effectId(commitId, first + i);
      own().set(name, { name, id, at, command });
    } else if (effect.kind === "cancel" || effect.kind === "fired") {
      own().delete(effect.timer);
    }
  }
  if (next === undefined) return timers;
  return next.size === 0 ? undefined : next;
}

/**
 * Checks a timer's name: 1 to 64 characters, none of them a control character.
 *
 * @returns The name, unchanged.
 * @throws {InvalidArgumentError} `invalid_argument`: it breaks the rule.
 */
export function checkTimerName(name: string): string {
  if (
    // deno-lint-ignore no-control-regex -- those are refused
    typeof name === "string" && /^[^\x00-\x1f\x7f]{1,64}$/.test(name) &&
    name.isWellFormed()
  ) return name;
  throw new InvalidArgumentError(
    `Cannot use a timer's name that is not 1 to 64 characters without control characters: got ${
      show(name)
    }`,
  );
}

function writeEffect(effect: Effect): Record<string, unknown> {
  switch (effect.kind) {
    case "send": {
      const { kind: _kind, to, ...rest } = effect;
      return { send: to, ...rest };
    }
    case "schedule": {
      const { kind: _kind, timer, ...rest } = effect;
      return { schedule: timer, ...rest };
    }
    case "cancel":
      return { cancel: effect.timer, id: effect.id };
    case "fired":
      return { fired: effect.timer };
    case "publish": {
      const { kind: _kind, eventType, ...rest } = effect;
      return { publish: eventType, ...rest };
    }
  }
}

// Field by field: nothing else that stands there may pass for one of them.
function readEffect(entry: unknown): Effect {
  const {
    at,
    cancel,
    causationId,
    command,
    correlationId,
    data,
    fired,
    id,
    input,
    onRejected,
    publish,
    replaces,
    schedule,
    send,
    traceparent,
  } = entry as Record<string, never>;
  const origin = { correlationId, causationId, traceparent };
  const effect: Record<string, unknown> = send !== undefined
    ? { kind: "send", to: send, command, input, onRejected, ...origin }
    : schedule !== undefined
    ? {
      kind: "schedule",
      timer: schedule,
      ...{ at, command, input, replaces, ...origin },
    }
    : cancel !== undefined
    ? { kind: "cancel", timer: cancel, id }
    : fired !== undefined
    ? { kind: "fired", timer: fired }
    : { kind: "publish", eventType: publish, data, ...origin };
  for (const key in effect) {
    if (effect[key] === undefined) delete effect[key];
  }
  checkEffect(effect as unknown as Effect);
  return effect as unknown as Effect;
}

function checkEffect(effect: Effect): void {
  const action = `Cannot keep an effect "${effect.kind}"`;
  const text = (value: unknown, what: string) => {
    if (typeof value === "string" && value !== "") return;
    throw new InvalidArgumentError(
      `${action} whose ${what} is no text: got ${show(value)}`,
    );
  };
  const { causationId, correlationId, traceparent } = effect as EffectOrigin;
  for (const value of [correlationId, causationId, traceparent]) {
    if (value === undefined) continue;
    if (typeof value === "string" && isAttributeText(value)) continue;
    throw new InvalidArgumentError(
      `${action} whose correlationId, causationId or traceparent is not text without control characters: got ${
        show(value)
      }`,
    );
  }
  switch (effect.kind) {
    case "send":
      parseActorId(effect.to);
      text(effect.command, "command");
      if (effect.onRejected !== undefined) {
        text(effect.onRejected, "onRejected");
      }
      if (effect.input !== undefined) assertJson(effect.input, "input", action);
      break;
    case "schedule":
      checkTimerName(effect.timer);
      text(effect.command, "command");
      if (
        !Number.isSafeInteger(effect.at) || Math.abs(effect.at) > LAST_DATE
      ) {
        throw new InvalidArgumentError(
          `${action} for a time that is no whole number of milliseconds: got ${
            show(effect.at)
          }`,
        );
      }
      if (effect.replaces !== undefined) checkId(effect.replaces, "timer's id");
      if (effect.input !== undefined) assertJson(effect.input, "input", action);
      break;
    case "cancel":
      checkTimerName(effect.timer);
      checkId(effect.id, "timer's id");
      break;
    case "fired":
      checkTimerName(effect.timer);
      break;
    case "publish":
      text(effect.eventType, "type");
      if (effect.data !== undefined) assertJson(effect.data, "data", action);
  }
}

const NONE: readonly Effect[] = Object.freeze([]);
/** Milliseconds from 1970 to the last moment a Date can say. */
const LAST_DATE = 8.64e15;
