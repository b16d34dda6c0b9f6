/** A call on its way: the same whether it stays in this process or travels. */
import {
  type ActorAddress,
  checkId,
  type Clock,
  frozenJson,
  InvalidArgumentError,
  type Rejected,
  ulid,
} from "../event/mod.ts";
import type { TimerRef } from "../store/mod.ts";
import type { AskOptions } from "./reference.ts";

/** One command or query, addressed. */
export interface Call {
  /** To whom. */
  readonly address: ActorAddress;
  /** The command or query. */
  readonly name: string;
  /** Its input, frozen; undefined for none. */
  readonly input: unknown;
  /** The command's id, the same on every attempt; queries have one too, unused. */
  readonly commandId: string;
  /**
   * Whether that id was made for this very call. At its first attempt nothing can
   * be known of it then; one that was given may have been given before.
   */
  readonly hasNewId?: boolean;
  /** 1 for the first; more when an earlier attempt may have been delivered. */
  readonly attempt: number;
  /** When it was made, or came in, on the monotonic clock of this process. */
  readonly since: number;
  /** On the monotonic clock of this process. */
  readonly deadline: number;
  /** The actors that wait for this call, outermost first. */
  readonly chain: readonly string[];
  /** Given by the caller, or by the call it is part of. */
  readonly correlationId?: string | undefined;
  /** What led to it. */
  readonly causationId?: string | undefined;
  /** W3C trace context. */
  readonly traceparent?: string | undefined;
  /** Aborts when the caller gives up. */
  readonly signal?: AbortSignal | undefined;
  /** Whether it is known to be a query: then nothing it does is ever in doubt. */
  readonly query?: boolean;
  /** Whether what it comes to, also a rejection, has to be stored before it is told. */
  readonly durable?: boolean;
  /** Whether a query has to see all that was stored before it was asked. */
  readonly linear?: boolean;
  /** The timer that fired it: it counts only while that setting is live. */
  readonly timer?: TimerRef | undefined;
  /** Not to be carried out any more: it is rejected with this, unless it was done. */
  readonly refuse?: Rejected | undefined;
}

/** What a call takes over from the call it is part of. */
export interface CallOrigin {
  /** The latest deadline it may have, on the monotonic clock. */
  readonly deadline: number;
  /** The actors that wait for it, outermost first. */
  readonly chain: readonly string[];
  /** The id it has unless it is given one. */
  readonly commandId: string;
  /** The attempt of the call it is part of. */
  readonly attempt: number;
  /** As the call it is part of. */
  readonly correlationId: string;
  /** The command it is part of. */
  readonly causationId: string;
  /** As the call it is part of. */
  readonly traceparent: string | undefined;
  /** Aborts when the call it is part of has ended. */
  readonly signal: AbortSignal;
}

/** Milliseconds a call may take unless it says otherwise. */
export const DEFAULT_TIMEOUT = 10_000;
/** Milliseconds a call may take at most. */
export const MAX_TIMEOUT = 300_000;

/**
 * Makes a call of what a reference was given.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: the input is not JSON, or
 * an option breaks its rule.
 */
export function makeCall(
  clock: Clock,
  address: ActorAddress,
  name: string,
  input: unknown,
  options: AskOptions = {},
  origin?: CallOrigin,
): Call {
  const action = `Cannot call "${name}" of "${address.id}"`;
  const frozen = input === undefined
    ? undefined
    : frozenJson(input, "input", action);
  const { timeout = DEFAULT_TIMEOUT, signal = origin?.signal } = options;
  if (!(timeout >= 1 && timeout <= MAX_TIMEOUT)) {
    throw new InvalidArgumentError(
      `${action} as a timeout is 1 to ${MAX_TIMEOUT} ms: got ${timeout}`,
    );
  }
  const linear = isLinear(options.consistency, action);
  const since = clock.monotonic();
  const deadline = since + timeout;
  const given = options.commandId ?? origin?.commandId;
  return {
    address,
    name,
    input: frozen,
    commandId: given === undefined ? ulid() : checkId(given, "command id"),
    hasNewId: given === undefined,
    attempt: origin?.attempt ?? 1,
    since,
    deadline: origin === undefined
      ? deadline
      : Math.min(deadline, origin.deadline),
    chain: origin?.chain ?? NO_CHAIN,
    correlationId: options.correlationId ?? origin?.correlationId,
    causationId: options.causationId ?? origin?.causationId,
    traceparent: options.traceparent ?? origin?.traceparent,
    signal,
    ...(linear ? { linear } : {}),
  };
}

/**
 * Reads how current a query's answer has to be.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: no such word.
 */
export function isLinear(
  consistency: string | undefined,
  action: string,
): boolean {
  switch (consistency) {
    case undefined:
    case "owner":
      return false;
    case "linear":
      return true;
  }
  throw new InvalidArgumentError(
    `${action} as consistency is "owner" or "linear": got ${
      JSON.stringify(consistency)
    }`,
  );
}

const NO_CHAIN: readonly string[] = Object.freeze([]);
