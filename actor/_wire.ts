/**
 * What travels between callers and nodes.
 *
 * A request is a JSON body, `{ id, name, input, correlationId, causationId }`,
 * and headers for the rest. A reply is `{"ok":{version,events}}` for a command
 * or `{"ok":{value}}` for a query, or else it has a header `Aether-Error` with
 * the code, and a body `{ code, message, retryable, details }`.
 */
import {
  type ActorAddress,
  AetherError,
  assertJson,
  CallHeader,
  checkId,
  type Clock,
  CommandFailedError,
  errorFromWire,
  errorToWire,
  InvalidArgumentError,
  OutcomeUnknownError,
  parseActorId,
  parseJson,
  ReplyTooLargeError,
  ulid,
  type WireError,
} from "../event/mod.ts";
import { encodeHeaders, RawHeaders } from "../nats/mod.ts";
import { type Call, DEFAULT_TIMEOUT, isLinear, MAX_TIMEOUT } from "./_call.ts";
import { freezeDeep } from "./_json.ts";

/** A message as it leaves: its body and, where it has any, its headers. */
export interface Outgoing {
  /** UTF-8 JSON. */
  readonly body: Uint8Array;
  /** A header block. */
  readonly headers?: Uint8Array;
}

/** A message as it came in. */
export type Incoming = Parameters<typeof RawHeaders.of>[0];

/**
 * Names the node a request is meant for; whoever is not meant stays silent. A
 * generation has one owner, so this matters only where maps were lost and
 * generations begin anew.
 */
export const OWNER_HEADER = "Aether-Owner";

/** Writes the request of a call to `owner` that may take `left` more milliseconds. */
export function encodeCall(
  call: Call,
  owner: { readonly node: string; readonly generation: number },
  left: number,
): Outgoing {
  const { address, name, input, correlationId, causationId, chain } = call;
  return {
    body: utf8.encode(JSON.stringify({
      id: address.id,
      name,
      input,
      correlationId,
      causationId,
    })),
    headers: encodeHeaders({
      [CallHeader.commandId]: call.commandId,
      [CallHeader.newId]: call.hasNewId ? "1" : undefined,
      [CallHeader.attempt]: String(call.attempt),
      [CallHeader.deadline]: String(Math.max(1, Math.ceil(left))),
      [CallHeader.chain]: chain.length === 0 ? undefined : toAscii(chain),
      [CallHeader.consistency]: call.linear ? "linear" : undefined,
      [CallHeader.generation]: String(owner.generation),
      [OWNER_HEADER]: owner.node,
      [CallHeader.traceparent]: call.traceparent,
    }),
  };
}

/** Writes the request of a call on `aether.ask…`, whose body is the input alone. */
export function encodeAsk(call: Call, left: number): Outgoing {
  const { chain, input } = call;
  return {
    body: utf8.encode(input === undefined ? "" : JSON.stringify(input)),
    headers: encodeHeaders({
      [CallHeader.commandId]: call.commandId,
      [CallHeader.newId]: call.hasNewId ? "1" : undefined,
      [CallHeader.attempt]: String(call.attempt),
      [CallHeader.deadline]: String(Math.max(1, Math.ceil(left))),
      [CallHeader.chain]: chain.length === 0 ? undefined : toAscii(chain),
      [CallHeader.consistency]: call.linear ? "linear" : undefined,
      [CallHeader.traceparent]: call.traceparent,
    }),
  };
}

/**
 * Reads a request to the owner of a shard.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: not what {@link encodeCall} makes.
 */
export function decodeCall(
  msg: Incoming,
  headers: RawHeaders,
  clock: Clock,
): Call {
  const body = parse(msg) as Record<string, unknown> | null;
  if (typeof body?.["id"] !== "string" || typeof body["name"] !== "string") {
    throw new InvalidArgumentError(
      'Cannot take a request whose body is not { "id", "name", "input" }',
    );
  }
  return {
    ...readHeaders(headers, clock),
    address: parseActorId(body["id"]),
    name: body["name"],
    input: readInput(body["input"]),
    correlationId: textOf(body, "correlationId"),
    causationId: textOf(body, "causationId"),
  };
}

/**
 * Reads a request of a plain NATS client, whose body is the input alone.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: the input is not JSON, or a
 * header breaks its rule.
 */
export function decodeAsk(
  msg: Incoming,
  address: ActorAddress,
  name: string,
  clock: Clock,
): Call {
  const input = msg.data.length === 0 ? undefined : parse(msg);
  return {
    ...readHeaders(RawHeaders.of(msg), clock),
    address,
    name,
    input: readInput(input),
  };
}

/** Writes what a call was answered, if it fits into `limit` bytes. */
export function encodeAnswer(
  kind: "command" | "query",
  answer: unknown,
  limit: number,
): Outgoing {
  const ok = kind === "command" ? answer : { value: answer };
  const body = utf8.encode(JSON.stringify({ ok }));
  if (body.length <= limit) return { body };
  const { version } = (ok ?? {}) as { version?: number };
  return encodeError(
    new ReplyTooLargeError(
      `The ${kind} was done, but its answer of ${body.length} bytes is larger than the server takes (${limit})`,
      {
        details: {
          bytes: body.length,
          limit,
          ...(version === undefined ? {} : { version }),
        },
      },
    ),
    limit,
  );
}

/** Writes why a call has no answer. */
export function encodeError(error: unknown, limit: number): Outgoing {
  const known = error instanceof AetherError ? error : new CommandFailedError(
    error instanceof Error ? error.message : String(error),
  );
  const headers = encodeHeaders({ [CallHeader.error]: known.code });
  const { message, details, ...wire } = errorToWire(known);
  let body = utf8.encode(JSON.stringify({ ...wire, message, details }));
  if (body.length + headers.length > limit) {
    const short = message.slice(0, 1_000);
    body = utf8.encode(JSON.stringify({ ...wire, message: short }));
  }
  return { body, headers };
}

/**
 * Reads a reply.
 *
 * @returns The answer: a command's result or a query's value.
 * @throws What the other side threw.
 * @throws {OutcomeUnknownError} `outcome_unknown`: it is no reply that a node writes.
 */
export function decodeReply(msg: Incoming): unknown {
  let reply: unknown;
  try {
    reply = parse(msg);
  } catch (cause) {
    throw notAReply(cause);
  }
  if (RawHeaders.of(msg).get(CallHeader.error) !== "") {
    throw errorFromWire(reply as WireError);
  }
  const { ok } = (reply ?? {}) as { ok?: unknown };
  if (typeof ok !== "object" || ok === null) throw notAReply();
  if (!("events" in ok)) return (ok as { value?: unknown }).value;
  if (!Array.isArray(ok.events)) throw notAReply();
  for (const event of ok.events) {
    const time: unknown = event?.timestamp;
    const timestamp = new Date(typeof time === "string" ? time : NaN);
    if (Number.isNaN(timestamp.getTime())) throw notAReply();
    (event as { timestamp: Date }).timestamp = timestamp;
  }
  return ok;
}

// Whatever it is that answers there: it may have done what it was asked for.
function notAReply(cause?: unknown): OutcomeUnknownError {
  return new OutcomeUnknownError(
    'Cannot read a reply that is not { "ok" }: whether the call was done is not known',
    cause === undefined ? {} : { cause },
  );
}

/** Answers under this many bytes fit, whatever headers they have. */
export function replyLimit(maxPayload: number): number {
  return maxPayload - 256;
}

function readHeaders(
  headers: RawHeaders,
  clock: Clock,
): Omit<Call, "address" | "name" | "input"> {
  const commandId = headers.get(CallHeader.commandId);
  const timeout = numberOf(headers, CallHeader.deadline, DEFAULT_TIMEOUT);
  const traceparent = traceOf(headers.get(CallHeader.traceparent));
  const consistency = headers.get(CallHeader.consistency);
  const linear = isLinear(consistency || undefined, "Cannot take a request");
  const since = clock.monotonic();
  return {
    commandId: commandId === "" ? ulid() : checkId(commandId, "command id"),
    hasNewId: commandId === "" || headers.get(CallHeader.newId) === "1",
    attempt: numberOf(headers, CallHeader.attempt, 1),
    since,
    deadline: since + Math.min(timeout, MAX_TIMEOUT),
    chain: chainOf(headers.get(CallHeader.chain)),
    ...(traceparent === "" ? {} : { traceparent }),
    ...(linear ? { linear } : {}),
  };
}

function numberOf(headers: RawHeaders, name: string, absent: number): number {
  const text = headers.get(name);
  if (text === "") return absent;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(
    `Cannot take a request whose ${name} is not a whole number above 0: got ${
      JSON.stringify(text)
    }`,
  );
}

// It is passed on in headers and kept with what is stored: it must fit into both.
function traceOf(text: string): string {
  if (/^[ -~]{0,512}$/.test(text)) return text;
  throw new InvalidArgumentError(
    `Cannot take a request whose ${CallHeader.traceparent} is not up to 512 visible ASCII characters: got ${
      JSON.stringify(text.slice(0, 512))
    }`,
  );
}

function chainOf(text: string): readonly string[] {
  if (text === "") return [];
  try {
    const chain = parseJson(text);
    if (
      Array.isArray(chain) && chain.every((id) => typeof id === "string")
    ) return chain;
  } catch { /* said below */ }
  throw new InvalidArgumentError(
    `Cannot take a request whose ${CallHeader.chain} is not a JSON array of actor ids`,
  );
}

function readInput(input: unknown): unknown {
  if (input === undefined) return undefined;
  assertJson(input, "input", "Cannot take a request");
  return freezeDeep(input);
}

function textOf(
  body: Record<string, unknown>,
  key: string,
): string | undefined {
  const value = body[key];
  return typeof value === "string" ? value : undefined;
}

function parse(msg: Incoming): unknown {
  try {
    return parseJson(strictUtf8.decode(msg.data));
  } catch (cause) {
    throw new InvalidArgumentError(
      `Cannot read a message that is not JSON: ${(cause as Error).message}`,
      { cause },
    );
  }
}

// Header values travel as bytes, but not every tool reads them as UTF-8.
function toAscii(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true });
