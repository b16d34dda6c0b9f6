/**
 * The rules of arguments that every store keeps: what is refused before anything
 * is read or sent, and how a refusal or a conflict is worded. Pure.
 */
import {
  type ActorAddress,
  type ActorSnapshot,
  assertJson,
  checkActorType,
  checkId,
  type CommandRecord,
  InvalidArgumentError,
  parseActorId,
  PayloadTooLargeError,
  RAW_TYPE,
  type StoredEvent,
  TRAIL_LENGTH,
  VersionConflictError,
} from "../event/mod.ts";
import type {
  ActorPosition,
  CallOptions,
  ExpectedVersion,
  ListActorsOptions,
  LoadOptions,
  ReadOptions,
} from "./types.ts";

/** Milliseconds a call waits where nothing else is said. */
export const DEFAULT_TIMEOUT = 10_000;
/** Most milliseconds a call may be told to wait. */
export const MAX_TIMEOUT = 300_000;
/** Most newer events a conflict carries. */
export const MAX_NEWER = 256;
/** Most actors of one `appendAll`; the server's limit on a batch. */
export const MAX_ACTORS = 1_000;

/** Checks a timeout and fills in the default. */
export function checkTimeout(timeout: number = DEFAULT_TIMEOUT): number {
  if (
    typeof timeout !== "number" || !(timeout >= 1 && timeout <= MAX_TIMEOUT)
  ) {
    throw new InvalidArgumentError(
      `Cannot wait for a time that is not 1 to ${MAX_TIMEOUT} milliseconds: got ${
        said(timeout)
      }`,
    );
  }
  return timeout;
}

/**
 * Checks what every call takes.
 *
 * @returns The timeout, filled in.
 * @throws The signal's reason, where it is aborted already.
 */
export function checkCall(options: CallOptions = {}): number {
  const timeout = checkTimeout(options.timeout);
  options.signal?.throwIfAborted();
  return timeout;
}

/** Checks an expectation against the actor it is meant for. */
export function checkExpectation(
  expected: ExpectedVersion | undefined,
  address: ActorAddress,
): ExpectedVersion {
  switch (expected) {
    case undefined:
      return "any";
    case "any":
    case "no_stream":
    case "exists":
      return expected;
  }
  const action = `Cannot append to "${address.id}"`;
  if (typeof expected === "object" && expected !== null) {
    return checkPosition(expected, address, action);
  }
  if (!isCount(expected)) {
    throw new InvalidArgumentError(
      `${action} as an expected version is a whole number from 0, "any", "no_stream", ` +
        `"exists" or a position: got ${said(expected)}`,
    );
  }
  return expected;
}

/** Checks a position against the actor it is meant for. */
export function checkPosition(
  position: ActorPosition,
  address: ActorAddress,
  action: string,
): ActorPosition {
  const { actorId, version, trail } = position;
  const shaped = isCount(version) && Array.isArray(trail) &&
    trail.length <= TRAIL_LENGTH + 1 && (version === 0 || trail.length > 0) &&
    trail.every((seq, i) =>
      isCount(seq) && seq > 0 && (i === 0 || seq < trail[i - 1]!)
    );
  if (!shaped) {
    throw new InvalidArgumentError(
      `${action} as that is not a position a store returned: got ${
        said(position)
      }`,
    );
  }
  if (actorId !== address.id) {
    throw new InvalidArgumentError(
      `${action} as the position is of another actor: got that of ${
        said(actorId)
      }`,
    );
  }
  return position;
}

/** The version an expectation names, where it names one. */
export function expectedNumber(expected: ExpectedVersion): number | undefined {
  if (typeof expected === "number") return expected;
  if (typeof expected === "object") return expected.version;
  return expected === "no_stream" ? 0 : undefined;
}

/** Whether the end of an actor's log is what was expected. */
export function meets(expected: ExpectedVersion, tail: ActorPosition): boolean {
  if (typeof expected === "number") return tail.version === expected;
  switch (expected) {
    case "any":
      return true;
    case "no_stream":
      return tail.version === 0;
    case "exists":
      return tail.version > 0;
  }
  return (expected.trail[0] ?? 0) === (tail.trail[0] ?? 0);
}

/** What a conflict says was expected: a version or a word. */
export function describeExpectation(
  expected: ExpectedVersion,
): number | string {
  return typeof expected === "object" ? expected.version : expected;
}

/**
 * From which version on a conflict shows what the caller had not seen;
 * `undefined` where there is nothing to show.
 */
export function newerFrom(
  expected: ExpectedVersion,
  actualVersion: number,
): number | undefined {
  const seen = expectedNumber(expected);
  return seen === undefined || seen >= actualVersion ? undefined : seen + 1;
}

/**
 * Makes the error of an append that came too late.
 *
 * @param tail Where the log really ends.
 * @param newer The events from {@link newerFrom} on, oldest first, at most 256.
 */
export function conflict(
  expected: ExpectedVersion,
  tail: ActorPosition,
  newer: readonly StoredEvent[],
  cause?: unknown,
): VersionConflictError {
  const last = tail.trail[0];
  const end = last === undefined
    ? "has no commit"
    : `is at version ${tail.version} (sequence ${last})`;
  return new VersionConflictError(
    `Cannot append to "${tail.actorId}" as ${wanted(expected)}: the log ${end}`,
    {
      actorId: tail.actorId,
      expectedVersion: describeExpectation(expected),
      actualVersion: tail.version,
      newerEvents: newer.slice(0, MAX_NEWER),
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

/** Checks the commands a commit of so many events is to answer. */
export function checkCommands(
  commands: readonly CommandRecord[],
  events: number,
  action: string,
): readonly CommandRecord[] {
  let own = 0;
  const ids = new Set<string>();
  for (const command of commands) {
    checkId(command.id, "command id");
    if (ids.has(command.id)) {
      throw new InvalidArgumentError(
        `${action} as one commit answers a command once: got ${
          said(command.id)
        } twice`,
      );
    }
    ids.add(command.id);
    checkOutcome(command, action);
    own += command.events;
  }
  if (own > events) {
    throw new InvalidArgumentError(
      `${action} as its commands claim ${own} of ${events} events`,
    );
  }
  return commands;
}

/** Checks what is to be read and fills in the defaults. */
export function checkRead(options: ReadOptions = {}): ReadPlan {
  const { actorId, type, direction = "forward" } = options;
  if (actorId !== undefined && type !== undefined) {
    throw new InvalidArgumentError(
      `Cannot read one actor and a whole type at once: got ${
        said(actorId)
      } and ${said(type)}`,
    );
  }
  if (direction !== "forward" && direction !== "backward") {
    throw new InvalidArgumentError(
      `Cannot read in a direction other than "forward" or "backward": got ${
        said(direction)
      }`,
    );
  }
  return {
    ...(actorId === undefined ? {} : { address: parseActorId(actorId) }),
    ...(type === undefined ? {} : { type: checkType(type) }),
    from: checkCount(options.from ?? 0, "from"),
    to: checkBound(options.to, "to"),
    limit: checkBound(options.limit, "limit"),
    backward: direction === "backward",
    timeout: checkTimeout(options.timeout),
    signal: options.signal,
  };
}

/** What is to be read, with nothing left out. */
export interface ReadPlan {
  /** One actor's events; absent with `type` or for the whole namespace. */
  readonly address?: ActorAddress;
  /** The events of one type's actors. */
  readonly type?: string;
  /** Lowest version (with an address) or sequence; 0 for all. */
  readonly from: number;
  /** Highest version or sequence; infinite for the last at the time of the call. */
  readonly to: number;
  /** Most events; infinite for all. */
  readonly limit: number;
  /** Newest first. */
  readonly backward: boolean;
  /** Milliseconds each fetch may take. */
  readonly timeout: number;
  /** Ends the reading. */
  readonly signal: AbortSignal | undefined;
}

/** Checks the version `getEvents` starts at. */
export function checkFromVersion(fromVersion: number = 0): number {
  return checkCount(fromVersion, "fromVersion");
}

/** Checks which actors are to be listed. */
export function checkList(options: ListActorsOptions = {}): string | undefined {
  checkTimeout(options.timeout);
  return options.type === undefined ? undefined : checkType(options.type);
}

/** Checks how an actor is to be loaded. */
export function checkLoad(
  actorId: string,
  options: LoadOptions = {},
): LoadPlan {
  const address = parseActorId(actorId);
  const { after, schema } = options;
  const action = `Cannot load "${address.id}"`;
  return {
    address,
    schema: schema === false || after !== undefined
      ? undefined
      : checkSchema(schema, action),
    after: after === undefined
      ? undefined
      : checkPosition(after, address, action),
    timeout: checkTimeout(options.timeout),
    signal: options.signal,
  };
}

/** How an actor is to be loaded, with nothing left out. */
export interface LoadPlan {
  readonly address: ActorAddress;
  /** The schema of the snapshot that may be used; `undefined` for none at all. */
  readonly schema: number | undefined;
  /** Only what lies behind it. */
  readonly after: ActorPosition | undefined;
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** Checks the version of a state's shape; 1 by default. */
export function checkSchema(schema: number = 1, action: string): number {
  if (!isCount(schema)) {
    throw new InvalidArgumentError(
      `${action} as a snapshot's schema is a whole number from 0: got ${
        said(schema)
      }`,
    );
  }
  return schema;
}

/**
 * Checks a snapshot, all but its place in the log.
 *
 * @returns The address of its actor.
 */
export function checkSnapshot(snapshot: ActorSnapshot): ActorAddress {
  const address = parseActorId(snapshot.actorId);
  const {
    commandIdsSince,
    commands,
    commandsSince,
    commitId,
    schema,
    sequence,
    state,
    timestamp,
    version,
  } = snapshot;
  const action = `Cannot save a snapshot of "${address.id}"`;
  if (!isCount(version)) {
    throw new InvalidArgumentError(
      `${action} as its version is a whole number from 0: got ${said(version)}`,
    );
  }
  if (!(timestamp instanceof Date) || Number.isNaN(timestamp.getTime())) {
    throw new InvalidArgumentError(
      `${action} as its timestamp is a Date: got ${said(timestamp)}`,
    );
  }
  checkSchema(schema, action);
  if (sequence !== undefined && (!isCount(sequence) || sequence < 1)) {
    throw new InvalidArgumentError(
      `${action} as its sequence is a whole number from 1: got ${
        said(sequence)
      }`,
    );
  }
  if (commitId !== undefined) checkId(commitId, "commit id");
  for (const command of commands ?? []) {
    checkId(command.id, "command id");
    checkOutcome(command, action);
    if (!isCount(command.version) || !isCount(command.at)) {
      throw new InvalidArgumentError(
        `${action} as a remembered command has a version and a time: got ${
          said(command.version)
        } and ${said(command.at)}`,
      );
    }
  }
  for (
    const [name, since] of Object.entries({ commandsSince, commandIdsSince })
  ) {
    if (since === undefined || isCount(since)) continue;
    throw new InvalidArgumentError(
      `${action} as its ${name} is milliseconds since 1970, or 0: got ${
        said(since)
      }`,
    );
  }
  assertJson(state, "state", action);
  return address;
}

/** Refuses a message that the server would not take, before it is sent. */
export function checkSize(
  address: ActorAddress,
  bytes: number,
  maxPayload: number,
): void {
  if (bytes <= maxPayload) return;
  throw new PayloadTooLargeError(
    `Cannot append to "${address.id}" as the commit is larger than one message may be ` +
      `(${maxPayload} bytes): got ${bytes} bytes`,
    { details: { actorId: address.id, bytes, maxPayload } },
  );
}

/** A value as an error message shows it. */
export function said(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 200));
  if (typeof value === "object" && value !== null) {
    try {
      return JSON.stringify(value).slice(0, 200);
    } catch {
      return "an object";
    }
  }
  return String(value);
}

function checkOutcome(command: CommandRecord, action: string): void {
  const { events, id, rejected } = command;
  if (!isCount(events) || (rejected !== undefined && events > 0)) {
    throw new InvalidArgumentError(
      `${action} as command ${said(id)} ${
        rejected === undefined ? "has a whole number of" : "was rejected with"
      } events: got ${said(events)}`,
    );
  }
  if (rejected === undefined) return;
  if (
    typeof rejected.reason !== "string" || typeof rejected.message !== "string"
  ) {
    throw new InvalidArgumentError(
      `${action} as command ${
        said(id)
      } was rejected without a reason and a message: got ${said(rejected)}`,
    );
  }
  assertJson(rejected, `commands[${JSON.stringify(id)}].rejected`, action);
}

function wanted(expected: ExpectedVersion): string {
  if (typeof expected === "number") return `version ${expected} was expected`;
  if (typeof expected !== "object") return `"${expected}" was expected`;
  const last = expected.trail[0];
  return last === undefined
    ? "no commit was expected"
    : `version ${expected.version} at sequence ${last} was expected`;
}

function checkType(type: string): string {
  return type === RAW_TYPE ? type : checkActorType(type);
}

function checkBound(value: number | undefined, name: string): number {
  return value === undefined || value === Infinity
    ? Infinity
    : checkCount(value, name);
}

function checkCount(value: number, name: string): number {
  if (!isCount(value)) {
    throw new InvalidArgumentError(
      `Cannot read as "${name}" is a whole number from 0: got ${said(value)}`,
    );
  }
  return value;
}

/** Whether it is a whole number from 0. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
