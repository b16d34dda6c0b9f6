/**
 * From what a command's handler returned or threw to an outcome: events and the
 * state behind them, or a refusal.
 *
 * An outcome without events is kept in the log only if it is that of an attempt
 * after the first, or of a durable command: then an earlier attempt may still be
 * under way somewhere, and what is told has to hold against it.
 */
import {
  type AetherError,
  assertJson,
  CommandFailedError,
  type CommandRecord,
  CycleError,
  type Effect,
  effectBytes,
  MAX_EFFECT_BYTES,
  type NewEvent,
  Rejected,
  type Timer,
} from "../event/mod.ts";
import { checkDecision, handlerFailed } from "./_decision.ts";
import type { AnyActor } from "./definition.ts";
import { headerBytesOf, type Outcome } from "./_group.ts";
import type { Job } from "./_job.ts";
import type { Replayed } from "./_replay.ts";

/** The outcome of a handler that returned. */
export function outcomeOf(
  definition: AnyActor,
  job: Job,
  { state, version }: Replayed,
  returned: unknown,
  now: Date,
  promised: readonly Effect[],
): Outcome {
  const { address, commandId, input, name } = job.call;
  try {
    const decided = checkDecision(definition, state, returned, {
      actorId: address.id,
      command: name,
      input,
      version,
      stamp: stampOf(job, now),
    });
    const effects = withTimer(job, promised);
    assertEffects(job, effects);
    const events = decided.events.length;
    if (effects.length > 0) {
      return { ...decided, effects, record: { id: commandId, events } };
    }
    return events > 0 || isDurable(job)
      ? { ...decided, record: { id: commandId, events } }
      : decided;
  } catch (error) {
    // What it returned may even throw when it is looked at.
    const told = error instanceof CommandFailedError
      ? error
      : failureOf(job, error);
    return { events: NONE, state, error: told };
  }
}

/** The outcome of a handler that threw. */
export function refusalOf(job: Job, state: unknown, error: unknown): Outcome {
  if (!(error instanceof Rejected)) {
    return { events: NONE, state, error: failureOf(job, error) };
  }
  const { commandId, name } = job.call;
  const { reason, message, details } = error;
  const rejected = { reason, message, details };
  const record = { id: commandId, events: 0, rejected };
  try {
    assertText(reason, "reason");
    assertText(message, "message");
    assertJson(rejected, "rejected", `Cannot reject "${name}"`);
    assertSize(job, record);
  } catch (cause) {
    const failed = cause instanceof CommandFailedError;
    return {
      events: NONE,
      state,
      error: failed ? cause : failureOf(job, cause),
    };
  }
  if (!isDurable(job)) return { events: NONE, state, error };
  const effects = withTimer(job, NO_EFFECTS);
  const kept = { events: NONE, state, error: rejectedBy(record), record };
  return effects.length === 0 ? kept : { ...kept, effects };
}

/** Whether the timer that fired a command is still the one that is live. */
export function isDue(
  { call: { timer } }: Job,
  timers: ReadonlyMap<string, Timer> | undefined,
): boolean {
  return timer === undefined || timers?.get(timer.name)?.id === timer.id;
}

/** The outcome of a command whose timer was cancelled, replaced, or has fired. */
export function notDue(state: unknown): Outcome {
  return { events: NONE, state };
}

/** Whether what it comes to has to be in the log before it is told. */
export function isDurable({ call }: Job): boolean {
  return call.attempt > 1 || call.durable === true;
}

/** Makes the rejection that was kept. */
export function rejectedBy(record: CommandRecord): Rejected {
  const { reason, message, details } = record.rejected!;
  return new Rejected(reason, message, details);
}

function failureOf({ call }: Job, error: unknown): AetherError {
  // A cycle names its whole chain: nothing is gained by wrapping it.
  if (error instanceof CycleError) return error;
  return handlerFailed("command", call.address.id, call.name, error);
}

function assertText(value: unknown, what: string): void {
  if (typeof value !== "string") {
    throw new TypeError(`the ${what} of a rejection is a text`);
  }
}

function assertSize({ call }: Job, record: CommandRecord): void {
  const bytes = headerBytesOf(record);
  if (bytes <= MOST_REJECTION_BYTES) return;
  throw new CommandFailedError(
    `Cannot reject "${call.name}" of "${call.address.id}" with more than ${MOST_REJECTION_BYTES} bytes of reason, message and details: got ${bytes}`,
    { details: { actorId: call.address.id, command: call.name, bytes } },
  );
}

// With the command of a timer its entry goes.
function withTimer(
  { call: { timer } }: Job,
  effects: readonly Effect[],
): readonly Effect[] {
  if (timer === undefined) return effects;
  return [{ kind: "fired", timer: timer.name }, ...effects];
}

function assertEffects({ call }: Job, effects: readonly Effect[]): void {
  let bytes = 2;
  for (const effect of effects) bytes += effectBytes(effect);
  if (bytes <= MAX_EFFECT_BYTES) return;
  throw new CommandFailedError(
    `Cannot do "${call.name}" of "${call.address.id}" as what it sends and schedules takes more than ${MAX_EFFECT_BYTES} bytes: got ${bytes}`,
    { details: { actorId: call.address.id, command: call.name, bytes } },
  );
}

function stampOf(
  { call }: Job,
  timestamp: Date,
): Omit<NewEvent, "eventType" | "data"> {
  const { commandId, correlationId, causationId, traceparent } = call;
  if (
    correlationId === undefined && causationId === undefined &&
    traceparent === undefined
  ) return { commandId, timestamp };
  return {
    commandId,
    timestamp,
    metadata: {
      ...(correlationId === undefined ? {} : { correlationId }),
      ...(causationId === undefined ? {} : { causationId }),
      ...(traceparent === undefined ? {} : { traceparent }),
    },
  };
}

const NO_EFFECTS: readonly Effect[] = Object.freeze([]);
const NONE: readonly NewEvent[] = Object.freeze([]);
/** A rejection travels in a header when it is kept. */
const MOST_REJECTION_BYTES = 16 * 1024;
