/**
 * Every error Aether throws: one root, one string code each, and two flags that
 * say what a caller may do next. The code, not the class, crosses the wire.
 *
 * | what the flags say            | meaning                                      |
 * | ----------------------------- | -------------------------------------------- |
 * | `retryable`                   | nothing was done; the same call may succeed  |
 * | `ambiguous`                   | it may or may not have been done: look first |
 * | code `version_conflict`       | nothing was done; reload and decide again    |
 * | neither                       | fatal: the same call will fail again         |
 */

/** The string codes of Aether's errors, the same on the wire and in code. */
export type ErrorCode =
  | "invalid_argument"
  | "rejected"
  | "command_failed"
  | "version_conflict"
  | "overloaded"
  | "moved"
  | "deadline_exceeded"
  | "outcome_unknown"
  | "cycle"
  | "quarantined"
  | "payload_too_large"
  | "reply_too_large"
  | "store_unavailable"
  | "unsupported_server"
  | "permission_denied"
  | "misconfigured"
  | "corrupt_log"
  | "closed";

/** What an error says beyond its message: plain JSON values only. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** What every Aether error takes besides its message. */
export interface AetherErrorOptions {
  /** The error underneath, such as one of the NATS client. */
  readonly cause?: unknown;
  /** Facts a program can act on; plain JSON values. */
  readonly details?: ErrorDetails;
}

/** Root of every error Aether throws. */
export abstract class AetherError extends Error {
  /** What went wrong, as a stable string. */
  abstract readonly code: ErrorCode;
  /** Nothing was done, and the same call may succeed later. */
  readonly retryable: boolean = false;
  /** The call may or may not have taken effect: look before repeating it. */
  readonly ambiguous: boolean = false;
  /** Facts a program can act on; plain JSON values. */
  readonly details: ErrorDetails;

  /** Makes an error from a message that names the action, the rule and the value. */
  constructor(message: string, options: AetherErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.details = options.details ?? {};
  }
}

/** An argument breaks a rule; nothing was sent. */
export class InvalidArgumentError extends AetherError {
  /** Class name, kept when code is minified. */
  override readonly name = "InvalidArgumentError";
  /** Always `invalid_argument`. */
  readonly code = "invalid_argument";
}

/** Says why {@link VersionConflictError} was raised. */
export interface VersionConflictOptions extends AetherErrorOptions {
  /** The actor both writers wanted. */
  readonly actorId: string;
  /** What the caller expected: a version or a word such as `no_stream`. */
  readonly expectedVersion: number | string;
  /** The version the log really has. */
  readonly actualVersion: number;
  /** The events that the caller had not seen, oldest first; at most 256. */
  readonly newerEvents?: readonly unknown[];
}

/** Another writer appended first; reload, decide again, append again. */
export class VersionConflictError extends AetherError {
  /** Class name, kept when code is minified. */
  override readonly name = "VersionConflictError";
  /** Always `version_conflict`. */
  readonly code = "version_conflict";
  /** Always true, after a reload. */
  override readonly retryable = true;
  /** The actor both writers wanted. */
  readonly actorId: string;
  /** What the caller expected: a version or a word such as `no_stream`. */
  readonly expectedVersion: number | string;
  /** The version the log really has. */
  readonly actualVersion: number;
  /**
   * The events after the expected version, oldest first, at most 256; empty
   * where the expectation was beyond the log. Typed loosely here: the store
   * fills in stored events.
   */
  readonly newerEvents: readonly unknown[];

  /** Makes a conflict that carries what the caller needs to decide again. */
  constructor(message: string, options: VersionConflictOptions) {
    super(message, {
      ...("cause" in options ? { cause: options.cause } : {}),
      details: {
        ...options.details,
        actorId: options.actorId,
        expectedVersion: options.expectedVersion,
        actualVersion: options.actualVersion,
      },
    });
    this.actorId = options.actorId;
    this.expectedVersion = options.expectedVersion;
    this.actualVersion = options.actualVersion;
    this.newerEvents = options.newerEvents ?? [];
  }
}

/**
 * A command handler's "no": part of the business, not a failure. Throw it from
 * a handler; the caller catches the same code and message.
 *
 * @example A rejection carries a reason a program can read
 * ```ts
 * import { Rejected } from "@flowmade/aether/event";
 * import assert from "node:assert/strict";
 * const no = new Rejected("insufficient_funds", "balance is 3");
 * assert.equal(no.reason, "insufficient_funds");
 * ```
 */
export class Rejected extends AetherError {
  /** Class name, kept when code is minified. */
  override readonly name = "Rejected";
  /** Always `rejected`. */
  readonly code = "rejected";
  /** The business reason, such as `insufficient_funds`. */
  readonly reason: string;

  /** Makes a rejection from a reason for programs and a message for people. */
  constructor(
    reason: string,
    message: string = reason,
    details: ErrorDetails = {},
  ) {
    super(message, { details: { ...details, reason } });
    this.reason = reason;
  }
}

/** A handler threw something other than {@link Rejected}; the state is untouched. */
export class CommandFailedError extends AetherError {
  /** Class name, kept when code is minified. */
  override readonly name = "CommandFailedError";
  /** Always `command_failed`. */
  readonly code = "command_failed";
}

/** A bounded queue is full; nothing was started. */
export class OverloadedError extends AetherError {
  /** Class name, kept when code is minified. */
  override readonly name = "OverloadedError";
  /** Always `overloaded`. */
  readonly code = "overloaded";
  /** Always true. */
  override readonly retryable = true;
}

/** The actor lives on another node now; nothing was started here. */
export class MovedError extends AetherError {
  /** Class name, kept when code is minified. */
  override readonly name = "MovedError";
  /** Always `moved`. */
  readonly code = "moved";
  /** Always true. */
  override readonly retryable = true;
}

/** The deadline passed before anything was started; nothing was done. */
export class DeadlineExceededError extends AetherError {
  /** Class name, kept when code is minified. */
  override readonly name = "DeadlineExceededError";
  /** Always `deadline_exceeded`. */
  readonly code = "deadline_exceeded";
  /** Always true: with more time the same call may succeed. */
  override readonly retryable = true;
}

/**
 * The call was sent and could not be settled by looking: it may or may not have
 * taken effect. `details` name what to look for (`commitId` or `commandId`).
 */
export class OutcomeUnknownError extends AetherError {
  /** Class name, kept when code is minified. */
  override readonly name = "OutcomeUnknownError";
  /** Always `outcome_unknown`. */
  readonly code = "outcome_unknown";
  /** Always true. */
  override readonly ambiguous = true;
}

/** A call chain came back to an actor that waits for it; the message names the chain. */
export class CycleError extends AetherError {
  /** Class name, kept when code is minified. */
  override readonly name = "CycleError";
  /** Always `cycle`. */
  readonly code = "cycle";
}

/** This one actor cannot be replayed; every other actor is unharmed. */
export class QuarantinedError extends AetherError {
  /** Class name, kept when code is minified. */
  override readonly name = "QuarantinedError";
  /** Always `quarantined`. */
  readonly code = "quarantined";
}

/** What was to be sent is larger than the server or the format allows; nothing was sent. */
export class PayloadTooLargeError extends AetherError {
  /** Class name, kept when code is minified. */
  override readonly name = "PayloadTooLargeError";
  /** Always `payload_too_large`. */
  readonly code = "payload_too_large";
}

/** The command was done, but its answer is too large for one message. */
export class ReplyTooLargeError extends AetherError {
  /** Class name, kept when code is minified. */
  override readonly name = "ReplyTooLargeError";
  /** Always `reply_too_large`. */
  readonly code = "reply_too_large";
}

/** The store could not be reached, or refused for now; nothing was done. */
export class StoreUnavailableError extends AetherError {
  /** Class name, kept when code is minified. */
  override readonly name = "StoreUnavailableError";
  /** Always `store_unavailable`. */
  readonly code = "store_unavailable";
  /** Always true. */
  override readonly retryable = true;
}

/** The nats-server is too old or lacks JetStream; the message says what is needed. */
export class UnsupportedServerError extends AetherError {
  /** Class name, kept when code is minified. */
  override readonly name = "UnsupportedServerError";
  /** Always `unsupported_server`. */
  readonly code = "unsupported_server";
}

/** The NATS user may not do this; the message names the subject to allow. */
export class PermissionDeniedError extends AetherError {
  /** Class name, kept when code is minified. */
  override readonly name = "PermissionDeniedError";
  /** Always `permission_denied`. */
  readonly code = "permission_denied";
}

/** A stream exists, but its configuration breaks a promise; the message names the field. */
export class MisconfiguredError extends AetherError {
  /** Class name, kept when code is minified. */
  override readonly name = "MisconfiguredError";
  /** Always `misconfigured`. */
  readonly code = "misconfigured";
}

/** A stored message is missing, unknown or broken; reading stops here, loudly. */
export class CorruptLogError extends AetherError {
  /** Class name, kept when code is minified. */
  override readonly name = "CorruptLogError";
  /** Always `corrupt_log`. */
  readonly code = "corrupt_log";
}

/** The store, the connection or the system was closed; nothing was started. */
export class ClosedError extends AetherError {
  /** Class name, kept when code is minified. */
  override readonly name = "ClosedError";
  /** Always `closed`. */
  readonly code = "closed";
}

/** An error as it travels: the body behind an `Aether-Error` header. */
export interface WireError {
  /** The error's code. */
  readonly code: ErrorCode;
  /** The error's message. */
  readonly message: string;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** Facts a program can act on. */
  readonly details: ErrorDetails;
}

/**
 * Turns an error into what travels to a caller.
 *
 * @param error An Aether error, as it is.
 * @returns Plain JSON; the cause and the stack stay at home.
 */
export function errorToWire(error: AetherError): WireError {
  return {
    code: error.code,
    message: error.message,
    retryable: error.retryable,
    details: error.details,
  };
}

/**
 * Makes the error a caller catches out of what travelled. An unknown code, as
 * of a newer release, becomes a {@link CommandFailedError} that keeps it in
 * `details`. What is missing or of another type than it should be, as from a
 * foreign node, is filled in: this never throws.
 *
 * @param wire What {@link errorToWire} made, perhaps in another release.
 * @returns An instance of the class that belongs to the code.
 */
export function errorFromWire(wire: WireError): AetherError {
  const { code, message: said, details: facts }: Record<string, unknown> =
    isRecord(wire) ? wire : {};
  const message = textOr(said, "the error came without a message");
  const details = isRecord(facts) ? facts : {};
  if (code === "version_conflict") {
    return new VersionConflictError(message, {
      details,
      actorId: textOr(details["actorId"], ""),
      expectedVersion: numberOr(
        details["expectedVersion"],
        textOr(details["expectedVersion"], "unknown"),
      ),
      actualVersion: numberOr(details["actualVersion"], 0),
    });
  }
  if (code === "rejected") {
    return new Rejected(
      textOr(details["reason"], "rejected"),
      message,
      details,
    );
  }
  const known = CLASSES.get(code);
  if (known !== undefined) return new known(message, { details });
  return new CommandFailedError(message, { details: { ...details, code } });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

function numberOr<T>(value: unknown, otherwise: T): number | T {
  return typeof value === "number" ? value : otherwise;
}

const CLASSES = new Map<
  unknown,
  new (message: string, options: AetherErrorOptions) => AetherError
>([
  ["invalid_argument", InvalidArgumentError],
  ["command_failed", CommandFailedError],
  ["overloaded", OverloadedError],
  ["moved", MovedError],
  ["deadline_exceeded", DeadlineExceededError],
  ["outcome_unknown", OutcomeUnknownError],
  ["cycle", CycleError],
  ["quarantined", QuarantinedError],
  ["payload_too_large", PayloadTooLargeError],
  ["reply_too_large", ReplyTooLargeError],
  ["store_unavailable", StoreUnavailableError],
  ["unsupported_server", UnsupportedServerError],
  ["permission_denied", PermissionDeniedError],
  ["misconfigured", MisconfiguredError],
  ["corrupt_log", CorruptLogError],
  ["closed", ClosedError],
]);
