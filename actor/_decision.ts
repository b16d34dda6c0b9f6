/** What a command handler returned, looked at before anything is stored. */
import {
  type AetherError,
  CommandFailedError,
  frozenJson,
  InvalidArgumentError,
  type NewEvent,
} from "../event/mod.ts";
import { applyEvent, ApplyFault } from "./_apply.ts";
import type { AnyActor } from "./definition.ts";
import { SchemaFault } from "./schema.ts";

/** The events of one decision, and the state they lead to. */
export interface Decided {
  /** In order; none where there is nothing to do. */
  readonly events: readonly NewEvent[];
  /** The state behind them. */
  readonly state: unknown;
}

/** Whose decision it is: for messages, and for what its events carry. */
export interface Decider {
  /** Such as `account-ada`. */
  readonly actorId: string;
  /** The command's name. */
  readonly command: string;
  /** Its input: JSON, and frozen. */
  readonly input: unknown;
  /** The actor's version before it. */
  readonly version: number;
  /** What every event carries beside its name and data. */
  readonly stamp: Omit<NewEvent, "eventType" | "data">;
}

/**
 * Checks what a handler returned and folds it into the state.
 *
 * The events are applied before they are stored, on frozen copies of their data
 * that equal what the log will give back: so live is replay, and an event that
 * its own handler cannot apply never enters the log, where it would make the
 * actor unreadable for ever.
 *
 * @throws {CommandFailedError} `command_failed`: saying what was wrong with it.
 */
export function checkDecision(
  definition: AnyActor,
  state: unknown,
  returned: unknown,
  decider: Decider,
): Decided {
  if (returned === undefined) return { events: NONE, state };
  const list = Array.isArray(returned) ? returned : [returned];
  if (list.length === 0) return { events: NONE, state };
  const events: NewEvent[] = [];
  let { version } = decider;
  let next = state;
  for (const entry of list) {
    const event = checkEvent(definition, entry, decider);
    next = apply(definition, next, event, ++version, decider);
    events.push(event);
  }
  return { events, state: next };
}

function checkEvent(
  definition: AnyActor,
  entry: unknown,
  { actorId, command, input, stamp }: Decider,
): NewEvent {
  const action = `Cannot store what command "${command}" of "${actorId}"`;
  if (typeof entry !== "object" || entry === null) {
    throw fail(
      `${action} returned as an event is { type, data }: got ${
        entry === null ? "null" : typeof entry
      }`,
      actorId,
      command,
    );
  }
  const { type, data } = entry as { type?: unknown; data?: unknown };
  if (typeof type !== "string" || !definition.eventHandlers.has(type)) {
    const known = [...definition.eventHandlers.keys()].join(", ");
    throw fail(
      `${action} returned as "${definition.type}" has no such event: got ${
        JSON.stringify(type)
      }, known: ${known}`,
      actorId,
      command,
    );
  }
  if (data === undefined) return { eventType: type, ...stamp };
  // What came in was checked and copied already.
  if (data === input) return { eventType: type, data, ...stamp };
  try {
    const copy = frozenJson(data, "data", `${action} decided ("${type}")`);
    return { eventType: type, data: copy, ...stamp };
  } catch (cause) {
    if (!(cause instanceof InvalidArgumentError)) throw cause;
    const { message, details } = cause;
    throw fail(message, actorId, command, cause, details);
  }
}

function apply(
  definition: AnyActor,
  state: unknown,
  event: NewEvent,
  version: number,
  { actorId, command, stamp }: Decider,
): unknown {
  const { data, eventType } = event;
  try {
    return applyEvent(definition, state, {
      eventType,
      data,
      version,
      timestamp: stamp.timestamp!,
      metadata: stamp.metadata,
    });
  } catch (cause) {
    const action = `Cannot store what command "${command}" of "${actorId}"`;
    if (cause instanceof SchemaFault) {
      throw fail(
        `${action} decided as it is not what the schema of "${eventType}" takes: ${cause.message}`,
        actorId,
        command,
        cause,
        { issues: cause.issues },
      );
    }
    throw fail(
      cause instanceof ApplyFault
        ? `${action} decided as its event ${cause.message}`
        : `${action} decided as its event handler "${eventType}" threw: ${
          textOf(cause)
        }`,
      actorId,
      command,
      cause,
    );
  }
}

/** Makes the error for a handler that threw something other than `Rejected`. */
export function handlerFailed(
  what: "command" | "query",
  actorId: string,
  name: string,
  cause: unknown,
): AetherError {
  if (cause instanceof SchemaFault) {
    return new InvalidArgumentError(
      `Cannot call "${name}" of "${actorId}" as its input is not what its schema takes: ${cause.message}`,
      { details: { actorId, [what]: name, issues: cause.issues } },
    );
  }
  return fail(
    `The ${what} "${name}" of "${actorId}" threw: ${textOf(cause)}`,
    actorId,
    name,
    cause,
  );
}

// Whatever was thrown: it may have no text, or throw when it is asked for one.
function textOf(cause: unknown): string {
  try {
    return cause instanceof Error
      ? `${cause.name}: ${cause.message}`
      : String(cause);
  } catch {
    return `something of type ${typeof cause} that has no text`;
  }
}

function fail(
  message: string,
  actorId: string,
  command: string,
  cause?: unknown,
  details: Readonly<Record<string, unknown>> = {},
): CommandFailedError {
  return new CommandFailedError(message, {
    ...(cause === undefined ? {} : { cause }),
    details: { ...details, actorId, command },
  });
}

const NONE: readonly NewEvent[] = Object.freeze([]);
