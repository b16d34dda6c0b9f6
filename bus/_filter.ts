/** Which events a subscription wants: what the server can sort out, and the rest. */
import {
  type ActorAddress,
  type AetherError,
  arrivalSubjects,
  checkActorType,
  CommandFailedError,
  InvalidArgumentError,
  parseActorId,
  RAW_TYPE,
  subjectsOf,
} from "../event/mod.ts";
import type { BusEvent, EventFilter } from "./types.ts";

/** A filter made ready. */
export interface Filter {
  /** Whether the server leaves some events out, so that sequences have holes. */
  readonly isNarrow: boolean;
  /** Subjects on which a pattern's stored events, or notices, arrive. */
  arrivals(kind: "bus" | "note", pattern: string): string[];
  /** The one subject of a namespace's stream that covers all that is wanted. */
  stored(namespace: string): string;
  /**
   * Whether an event is wanted.
   *
   * @param onError Told what the caller's predicate threw; the event is then left out.
   */
  wants(event: BusEvent, onError: (error: AetherError) => void): boolean;
}

/**
 * Makes a filter ready.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: a part of it breaks a rule.
 */
export function compileFilter(options: EventFilter): Filter {
  const { where } = options;
  const types = eventTypesOf(options.eventTypes);
  const actors = options.actorId === undefined
    ? undefined
    : actorsOf(options.actorId);
  const type = typeOf(options.actorType) ?? actors?.type;
  if (where !== undefined && typeof where !== "function") {
    throw new InvalidArgumentError(
      `Cannot subscribe as "where" is not a function: got ${typeof where}`,
    );
  }
  const one = actors?.one;
  if (
    one !== undefined && type !== undefined && one.type !== type
  ) {
    throw new InvalidArgumentError(
      `Cannot subscribe as "${one.id}" is not an actor of type "${type}"`,
    );
  }
  const only = {
    ...(type === undefined ? {} : { type }),
    ...(one === undefined ? {} : { keyToken: one.keyToken }),
  };
  return {
    isNarrow: type !== undefined,
    arrivals: (kind, pattern) => arrivalSubjects(kind, pattern, only),
    stored(namespace) {
      const subjects = subjectsOf(namespace);
      if (one !== undefined) return subjects.event(one);
      return type === undefined
        ? subjects.allEvents
        : subjects.eventsOfType(type);
    },
    wants(event, onError) {
      if (types !== undefined && !types.has(event.eventType)) return false;
      if (type !== undefined && parseActorId(event.actorId).type !== type) {
        return false;
      }
      if (actors !== undefined && !actors.matches(event.actorId)) return false;
      if (where === undefined) return true;
      try {
        return where(event);
      } catch (cause) {
        onError(
          new CommandFailedError(
            `Cannot tell whether event "${event.id}" of "${event.actorId}" is wanted as the ` +
              `predicate threw: ${messageOf(cause)}`,
            {
              cause,
              details: {
                actorId: event.actorId,
                version: event.version,
                sequence: event.sequence ?? null,
              },
            },
          ),
        );
        return false;
      }
    },
  };
}

/** What was thrown, in words. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

interface Actors {
  /** The type all of them have, where the pattern says so. */
  readonly type: string | undefined;
  /** The only one, where there is no `*`. */
  readonly one: ActorAddress | undefined;
  matches(actorId: string): boolean;
}

function actorsOf(pattern: string): Actors {
  if (typeof pattern !== "string" || pattern === "") {
    throw new InvalidArgumentError(
      `Cannot subscribe to an actor id that is not a non-empty string: got ${
        String(pattern)
      }`,
    );
  }
  if (!pattern.includes("*")) {
    const one = parseActorId(pattern);
    return { type: one.type, one, matches: (id) => id === one.id };
  }
  const parts = pattern.normalize("NFC").split("*");
  const typed = /^([A-Za-z][A-Za-z0-9_]*)-/.exec(parts[0]!);
  return {
    type: typed?.[1],
    one: undefined,
    matches: (id) => matchesParts(parts, id),
  };
}

/** Whether text is the parts in order, with anything between them. */
function matchesParts(parts: readonly string[], text: string): boolean {
  const last = parts.length - 1;
  const [first, end] = [parts[0]!, parts[last]!];
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (let i = 1; i < last; i++) {
    const found = text.indexOf(parts[i]!, at);
    if (found < 0) return false;
    at = found + parts[i]!.length;
  }
  return text.length - end.length >= at && text.endsWith(end);
}

function typeOf(type: string | undefined): string | undefined {
  return type === undefined || type === RAW_TYPE ? type : checkActorType(type);
}

function eventTypesOf(
  types: readonly string[] | undefined,
): ReadonlySet<string> | undefined {
  if (types === undefined) return undefined;
  if (
    !Array.isArray(types) || types.length === 0 ||
    types.some((type) => typeof type !== "string" || type === "")
  ) {
    throw new InvalidArgumentError(
      "Cannot subscribe to event types that are not a list of at least one name: got " +
        JSON.stringify(types ?? null),
    );
  }
  return new Set(types);
}
