/** How durable commands, and parked ones, become messages and back; JSON. */
import {
  type ActorAddress,
  checkId,
  decodeToken,
  encodeToken,
  InboxHeader,
  InvalidArgumentError,
  parseActorId,
  parseJson,
} from "../event/mod.ts";
import { encodeHeaders } from "../nats/mod.ts";
import type {
  DurableCommand,
  Mark,
  ParkedBecause,
  ParkedCommand,
  TimerRef,
} from "./inbox.ts";

/** A message as it is stored. */
export interface InboxMessage {
  /** A header block. */
  readonly headers: Uint8Array;
  /** UTF-8 JSON. */
  readonly body: Uint8Array;
}

/** Writes a durable command; `extra` are headers of the transport. */
export function encodeDurable(
  command: DurableCommand,
  extra: Readonly<Record<string, string | undefined>> = {},
): InboxMessage {
  const { commandId, timer } = command;
  return {
    headers: encodeHeaders({
      [InboxHeader.commandId]: checkId(commandId, "command id"),
      [InboxHeader.timer]: timer === undefined
        ? undefined
        : `${encodeToken(timer.name)}@${timer.id}`,
      ...extra,
    }),
    body: utf8.encode(JSON.stringify(bodyOf(command))),
  };
}

/**
 * Reads a durable command back.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: not what {@link encodeDurable}
 * makes.
 */
export function decodeDurable(
  { id: actorId }: ActorAddress,
  headers: { get(name: string): string },
  data: Uint8Array,
): DurableCommand {
  const commandId = checkId(headers.get(InboxHeader.commandId), "command id");
  const timer = readTimer(headers.get(InboxHeader.timer));
  const body = parse(data);
  return {
    commandId,
    actorId,
    ...readBody(body),
    ...(timer === undefined ? {} : { timer }),
  };
}

/** Writes a parked command. */
export function encodeParked(
  parked: ParkedCommand,
  extra: Readonly<Record<string, string | undefined>> = {},
): InboxMessage {
  const { at, attempts, because, code, command, order, reason } = parked;
  return {
    headers: encodeDurable(command, extra).headers,
    body: utf8.encode(JSON.stringify({
      ...bodyOf(command),
      because,
      failure: reason.slice(0, MOST_REASON),
      code,
      attempts,
      order,
      at: at.getTime(),
    })),
  };
}

/**
 * Reads a parked command back.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: not what {@link encodeParked}
 * makes.
 */
export function decodeParked(
  address: ActorAddress,
  headers: { get(name: string): string },
  data: Uint8Array,
): ParkedCommand {
  const { at, attempts, because, code = "", failure, order } = parse(data);
  if (
    !isBecause(because) || typeof failure !== "string" ||
    typeof code !== "string" || !Number.isSafeInteger(attempts) ||
    !Number.isFinite(order) || typeof at !== "number" ||
    !(Math.abs(at) <= LAST_DATE)
  ) {
    throw new InvalidArgumentError(
      "Cannot take a parked command that does not say why, when and in which order it was parked",
    );
  }
  return {
    command: decodeDurable(address, headers, data),
    because,
    reason: failure,
    code,
    attempts: attempts as number,
    at: new Date(at),
    order: order as number,
  };
}

/** Writes a mark. */
export function encodeMark({ covers, sequence }: Mark): Uint8Array {
  return utf8.encode(JSON.stringify({ sequence, covers }));
}

/** Reads a mark back; one that is broken counts from the beginning of the log. */
export function decodeMark(data: Uint8Array): Mark {
  try {
    const { covers, sequence } = parse(data);
    if (Number.isSafeInteger(sequence) && Array.isArray(covers)) {
      return { sequence: sequence as number, covers: covers.map(String) };
    }
  } catch { /* as below */ }
  return { sequence: 1, covers: [] };
}

function bodyOf(
  { commandId: _id, actorId: _actor, timer: _timer, ...body }: DurableCommand,
): Omit<DurableCommand, "commandId" | "actorId" | "timer"> {
  return body;
}

function readBody(
  body: Record<string, unknown>,
): Omit<DurableCommand, "commandId" | "actorId" | "timer"> {
  const text = (name: string) => {
    const value = body[name];
    return typeof value === "string" ? { [name]: value } : {};
  };
  const { command, input, parked, source } = body;
  if (typeof command !== "string" || typeof source !== "string") {
    throw new InvalidArgumentError(
      'Cannot take a durable command whose body is not { "command", "input", "source" }',
    );
  }
  return {
    command,
    source,
    ...(input === undefined ? {} : { input }),
    ...(parked === "replay" || parked === "drop" ? { parked } : {}),
    ...text("onRejected"),
    ...text("correlationId"),
    ...text("causationId"),
    ...text("traceparent"),
  };
}

function readTimer(text: string): TimerRef | undefined {
  if (text === "") return undefined;
  const at = text.indexOf("@");
  return {
    name: decodeToken(text.slice(0, Math.max(0, at))),
    id: checkId(text.slice(at + 1), "timer's id"),
  };
}

function parse(data: Uint8Array): Record<string, unknown> {
  let body: unknown;
  try {
    body = parseJson(strictUtf8.decode(data));
  } catch (cause) {
    throw new InvalidArgumentError(
      `Cannot take what is no JSON that may be stored: ${
        (cause as Error).message
      }`,
      { cause },
    );
  }
  return (body ?? {}) as Record<string, unknown>;
}

function isBecause(value: unknown): value is ParkedBecause {
  return value === "failed" || value === "behind" || value === "rejected";
}

/** Finds the actor that a subject's last tokens name, `skip` tokens from its end. */
export function addressBehind(subject: string, skip: number): ActorAddress {
  const tokens = subject.split(".");
  const key = tokens.at(-1 - skip)!;
  const type = tokens.at(-2 - skip)!;
  const name = decodeToken(key);
  return parseActorId(type === "_" ? name : `${type}-${name}`);
}

/** Milliseconds from 1970 to the last moment a Date can say. */
const LAST_DATE = 8.64e15;
/** Characters of a failure that are kept. */
const MOST_REASON = 2_000;
const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true });
