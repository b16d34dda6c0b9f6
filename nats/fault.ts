/**
 * What can go wrong on a connection, told apart by kind. The NATS client's own
 * errors are recognised here, by `name` and `code` and never by message text or
 * `instanceof`, and nowhere else.
 */
import {
  type AetherError,
  ClosedError,
  PayloadTooLargeError,
  PermissionDeniedError,
  StoreUnavailableError,
} from "../event/mod.ts";

/** The kinds of fault. */
export type FaultKind =
  /** No answer in time: it may have arrived all the same. */
  | "timeout"
  /** Nobody listens on that subject: it went nowhere. */
  | "no_responders"
  /** The connection broke while waiting, or is down: it may have arrived. */
  | "disconnected"
  /** The user may not publish there, or not receive the answer. */
  | "permission"
  /** The connection was closed for good. */
  | "closed"
  /** Larger than the server takes. */
  | "too_large";

/** A request that got no answer. Internal: rooms turn it into an Aether error. */
export class Fault extends Error {
  /** Class name, kept when code is minified. */
  override readonly name = "Fault";

  /** Makes a fault of a kind, about a subject; `sent` if it may have left this process. */
  constructor(
    readonly kind: FaultKind,
    readonly subject: string,
    readonly sent: boolean,
    options: ErrorOptions = {},
  ) {
    super(`${kind} on ${subject}`, options);
  }
}

/** Tells whether an error is a fault, of one of the given kinds where any are given. */
export function isFault(
  error: unknown,
  ...kinds: readonly FaultKind[]
): error is Fault {
  return error instanceof Fault &&
    (kinds.length === 0 || kinds.includes(error.kind));
}

/**
 * Turns a fault into the error a user catches, for calls that change nothing:
 * an ambiguous write is settled by whoever made it.
 *
 * @param error What was caught; anything but a fault comes back as it is.
 * @param action The message's first words, such as `Cannot read "order-1"`.
 */
export function faultToError(error: unknown, action: string): unknown {
  if (!isFault(error)) return error;
  const options = { cause: error };
  switch (error.kind) {
    case "timeout":
      return new StoreUnavailableError(
        `${action} as no answer came in time`,
        options,
      );
    case "no_responders":
      return new StoreUnavailableError(
        `${action} as nobody answers on ${error.subject}: JetStream has no leader just now, ` +
          "or the stream does not exist",
        options,
      );
    case "disconnected":
      return new StoreUnavailableError(
        `${action} as the connection to NATS is down`,
        options,
      );
    case "permission":
      return new PermissionDeniedError(
        error.subject.endsWith(".*")
          ? `${action} as this NATS user may not receive answers on ${error.subject}: ` +
            "allow it to subscribe there, or give connect() the inboxPrefix it may use"
          : `${action} as this NATS user may not use ${error.subject}: ` +
            "allow it in the server's configuration",
        options,
      );
    case "closed":
      return new ClosedError(
        `${action} as the connection to NATS is closed`,
        options,
      );
    case "too_large":
      return tooLarge(action, options);
  }
}

/** An error answer of the JetStream API. */
export interface ApiError {
  /** HTTP-like status. */
  readonly code: number;
  /** The server's own number, such as 10071. */
  readonly err_code: number;
  /** For people. */
  readonly description: string;
}

/** The numbers of the JetStream API that Aether acts on. */
export const ApiCode = {
  /** Expected sequence is not the last one: a real conflict. */
  wrongLastSequence: 10071,
  /** The same while another write of that subject is in flight: send again unchanged. */
  wrongLastSequenceInFlight: 10164,
  /** A message with that id is being stored: send again unchanged. */
  duplicateInFlight: 10158,
  /** No message found. */
  noMessage: 10037,
  /** No message of that sequence to be deleted. */
  noSuchSequence: 10043,
  /** A message was not deleted. */
  messageNotDeleted: 10057,
  /** No such stream. */
  streamNotFound: 10059,
  /** A stream of that name exists with another configuration. */
  streamNameInUse: 10058,
  /** The server could not make the stream, as while it still removes another one. */
  streamNotCreated: 10049,
  /** Too few servers are seen to be up for the copies that are wanted. */
  noSuitablePeers: 10005,
  /** Its subjects overlap those of another stream. */
  subjectOverlap: 10065,
  /** JetStream is off for this account. */
  notEnabledForAccount: 10039,
  /** JetStream is off on this server. */
  notEnabled: 10076,
  /** The stream's limit for a message, or for itself, is reached. */
  messageTooLarge: 10054,
  /** The stream is full. */
  storeFailed: 10077,
  /** The server ran out of storage or memory. */
  insufficientResources: 10023,
  /** Too many atomic batches are open: try again. */
  batchTooManyOpen: 10210,
  /** The batch was given up or lost a message: try again with a new id. */
  batchIncomplete: 10176,
} as const;

/** Reads the `error` of an API answer, where it has one. */
export function apiErrorOf(answer: unknown): ApiError | undefined {
  const error = (answer as { error?: Partial<ApiError> } | null)?.error;
  if (error === undefined || error === null) return undefined;
  return {
    code: error.code ?? 0,
    err_code: error.err_code ?? 0,
    description: error.description ?? "",
  };
}

function tooLarge(action: string, options: { cause: unknown }): AetherError {
  return new PayloadTooLargeError(
    `${action} as it is larger than the server takes`,
    options,
  );
}
