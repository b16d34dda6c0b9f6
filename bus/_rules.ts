/** The rules of a subscription's options, the same for every bus. */
import {
  AetherError,
  checkDurable,
  checkPattern,
  ClosedError,
  type Event,
  InvalidArgumentError,
  isPattern,
} from "../event/mod.ts";
import { compileFilter, type Filter } from "./_filter.ts";
import type { StartFrom, SubscribeOptions } from "./types.ts";

/** What a subscription is to do, with every default filled in. */
export interface SubscriptionPlan {
  readonly kind: "live" | "catch-up" | "single" | "competing";
  readonly pattern: string;
  readonly isPattern: boolean;
  readonly filter: Filter;
  readonly from: StartFrom;
  /** Empty for none. */
  readonly durable: string;
  readonly retry: Retry;
  readonly lease: number;
  readonly notices: boolean;
  readonly buffer: { readonly events: number; readonly bytes: number };
  readonly options: SubscribeOptions;
}

/** How often and how soon an event is tried again. */
export interface Retry {
  readonly limit: number;
  readonly delay: number;
  readonly maxDelay: number;
}

/**
 * Checks what a subscription is to be.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: naming the option and the value.
 */
export function planSubscription(
  pattern: string,
  options: SubscribeOptions = {},
): SubscriptionPlan {
  checkPattern(pattern);
  const { durable, from, mode } = options;
  const wild = isPattern(pattern);
  const kind = durable !== undefined
    ? mode ?? "single"
    : from === undefined || from === "now"
    ? "live"
    : "catch-up";
  if (wild && kind !== "live") {
    throw refuse(
      `"${pattern}" ${durable === undefined ? "from a point" : "durably"}`,
      "order is per namespace: subscribe to each one",
      pattern,
    );
  }
  if (durable === undefined && mode !== undefined) {
    throw refuse("in a mode", "only a durable has one", mode);
  }
  if (kind === "live" || kind === "catch-up") {
    for (const only of ["retry", "lease"] as const) {
      if (options[only] !== undefined) {
        throw refuse(
          `with "${only}"`,
          "only a durable takes it",
          options[only],
        );
      }
    }
  } else if (kind !== "single" && kind !== "competing") {
    throw refuse("in such a mode", 'it is "single" or "competing"', kind);
  }
  if (options.notices === true && kind !== "live") {
    throw refuse(
      "to notices",
      "they are not stored: only live gets them",
      kind,
    );
  }
  const { gaps } = options;
  if (gaps !== undefined && gaps !== "call" && gaps !== "yield") {
    throw refuse("with such gaps", 'it is "call" or "yield"', gaps);
  }
  return {
    kind,
    pattern,
    isPattern: wild,
    filter: compileFilter(options),
    from: checkStart(
      from === undefined ? durable === undefined ? "now" : "beginning" : from,
    ),
    durable: durable === undefined ? "" : checkDurable(durable),
    retry: {
      limit: count("retry.limit", options.retry?.limit, 5, 1, 1_000),
      delay: count("retry.delay", options.retry?.delay, 200, 0, 3_600_000),
      maxDelay: count(
        "retry.maxDelay",
        options.retry?.maxDelay,
        30_000,
        0,
        86_400_000,
      ),
    },
    lease: count(
      "lease",
      options.lease,
      kind === "competing" ? 30_000 : 5_000,
      1_000,
      60_000,
    ),
    notices: kind === "live" && options.notices !== false,
    buffer: {
      events: count("buffer.events", options.buffer?.events, 10_000, 1, 1e9),
      bytes: count("buffer.bytes", options.buffer?.bytes, 1 << 24, 1, 1e12),
    },
    options,
  };
}

/** Milliseconds to wait behind so many failed deliveries. */
export function backOff(retry: Retry, attempts: number): number {
  return Math.min(
    retry.maxDelay,
    retry.delay * 2 ** Math.min(attempts - 1, 40),
  );
}

/** What is thrown where a closed bus is used. */
export function closedBus(): ClosedError {
  return new ClosedError("Cannot use the bus as it is closed");
}

/** What went wrong as one of our errors, for `onError`. */
export function asAetherError(
  error: unknown,
  otherwise: (message: string, cause: unknown) => AetherError,
): AetherError {
  if (error instanceof AetherError) return error;
  return otherwise(
    error instanceof Error ? error.message : String(error),
    error,
  );
}

function checkStart(from: StartFrom): StartFrom {
  if (from === "now" || from === "beginning") return from;
  const start = (typeof from === "object" && from !== null ? from : {}) as {
    sequence?: number;
    time?: Date;
    after?: Event;
  };
  if (start.sequence !== undefined) {
    if (Number.isSafeInteger(start.sequence) && start.sequence >= 0) {
      return from;
    }
    throw refuse(
      "from a sequence",
      "it is a whole number from 0",
      start.sequence,
    );
  }
  if (start.time !== undefined) {
    if (start.time instanceof Date && !Number.isNaN(start.time.getTime())) {
      return from;
    }
    throw refuse("from a time", "it is a Date", start.time);
  }
  if (typeof start.after === "object" && start.after !== null) {
    const { sequence, version, actorId } = start.after;
    if (
      Number.isSafeInteger(sequence) && sequence! >= 1 &&
      Number.isSafeInteger(version) && typeof actorId === "string"
    ) return from;
    throw refuse(
      "after an event",
      "it has to be a stored one, with its sequence",
      sequence,
    );
  }
  throw refuse(
    "from there",
    'it is "now", "beginning", { sequence }, { time } or { after }',
    from,
  );
}

function count(
  name: string,
  value: number | undefined,
  otherwise: number,
  least: number,
  most: number,
): number {
  if (value === undefined) return otherwise;
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw refuse(
    `with such a "${name}"`,
    `it is a whole number from ${least} to ${most}`,
    value,
  );
}

function refuse(how: string, rule: string, value: unknown) {
  let found: string;
  try {
    found = JSON.stringify(value) ?? String(value);
  } catch {
    found = String(value);
  }
  return new InvalidArgumentError(
    `Cannot subscribe ${how} as ${rule}: got ${found}`,
  );
}
