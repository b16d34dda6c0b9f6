/**
 * How a commit's events become the body of one message: a CloudEvents 1.0 JSON
 * event, or a CloudEvents JSON batch for several or none, so that any CloudEvents
 * consumer reads the stream as it is. What CloudEvents has no attribute for
 * travels in extensions: `actorversion correlationid causationid commandid
 * traceparent`, and `actormetadata` for the metadata's other keys.
 *
 * Sources: {@link https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md | CloudEvents}
 * and its {@link https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md | JSON format}.
 */
import { CorruptLogError, InvalidArgumentError } from "./errors.ts";
import type { Event, EventMetadata } from "./event.ts";
import { assertJson, parseJson } from "./json.ts";

/** The body of a message and what it is. */
export interface EncodedCommit {
  /** For the `content-type` header. */
  readonly contentType: string;
  /** UTF-8 JSON. */
  readonly body: Uint8Array;
}

/** Turns the events of one commit into a message body and back: a port. */
export interface EventCodec {
  /**
   * Encodes the events of one commit, all of one actor, in order.
   *
   * @throws {InvalidArgumentError} `invalid_argument`: JSON would change the data.
   */
  encode(namespace: string, events: readonly Event[]): EncodedCommit;
  /**
   * Decodes a body.
   *
   * @param contentType What the message says it is.
   * @throws {CorruptLogError} `corrupt_log`: not what `encode` makes.
   */
  decode(contentType: string, body: Uint8Array): Event[];
}

/** `content-type` of a commit with one event. */
export const ONE_EVENT = "application/cloudevents+json";
/** `content-type` of a commit with several events, or none. */
export const EVENT_BATCH = "application/cloudevents-batch+json";

/**
 * The codec of the stored format.
 *
 * @example What is stored is CloudEvents JSON
 * ```ts
 * import { cloudEventsCodec, ulid } from "@flowmade/aether/event";
 * import assert from "node:assert/strict";
 * const event = {
 *   id: ulid(),
 *   eventType: "Deposited",
 *   actorId: "account-ada",
 *   version: 1,
 *   data: { amount: 100 },
 *   timestamp: new Date(),
 * };
 * const { contentType, body } = cloudEventsCodec.encode("bank", [event]);
 * assert.equal(contentType, "application/cloudevents+json");
 * assert.equal(JSON.parse(new TextDecoder().decode(body)).source, "/aether/bank");
 * assert.deepEqual(cloudEventsCodec.decode(contentType, body), [event]);
 * ```
 */
export const cloudEventsCodec: EventCodec = {
  encode(namespace, events) {
    if (events.length === 1) {
      return {
        contentType: ONE_EVENT,
        body: utf8.encode(encodeEvent(namespace, events[0]!)),
      };
    }
    const parts = events.map((event) => encodeEvent(namespace, event));
    return {
      contentType: EVENT_BATCH,
      body: utf8.encode(`[${parts.join(",")}]`),
    };
  },
  decode(contentType, body) {
    if (contentType !== ONE_EVENT && contentType !== EVENT_BATCH) {
      throw corrupt(`its content-type is ${JSON.stringify(contentType)}`);
    }
    let parsed: unknown;
    try {
      parsed = parseJson(strictUtf8.decode(body));
    } catch (cause) {
      throw corrupt(
        `its body cannot be parsed (${(cause as Error).message})`,
        cause,
      );
    }
    if (contentType === ONE_EVENT) return [decodeEvent(parsed)];
    if (!Array.isArray(parsed)) throw corrupt("its batch is not an array");
    return parsed.map(decodeEvent);
  },
};

/**
 * Checks an event before it is stored.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: naming the field, the rule
 * and the value.
 */
export function checkEvent(event: Event): void {
  const action = `Cannot append to ${JSON.stringify(event.actorId)}`;
  checkText(event.id, "id", action);
  checkText(event.eventType, "eventType", action);
  if (
    !Number.isSafeInteger(event.version) || event.version < 1 ||
    event.version > MAX_VERSION
  ) {
    throw new InvalidArgumentError(
      `${action} as a version is a whole number from 1 to ${MAX_VERSION}: got ${event.version}`,
    );
  }
  const time = event.timestamp instanceof Date
    ? event.timestamp.getTime()
    : NaN;
  if (!(time >= MIN_TIME && time <= MAX_TIME)) {
    throw new InvalidArgumentError(
      `${action} as a timestamp is a Date in the years 0 to 9999: got ${
        String(event.timestamp)
      }`,
    );
  }
  if (event.commandId !== undefined) {
    checkText(event.commandId, "commandId", action);
  }
  if (event.metadata !== undefined) checkMetadata(event.metadata, action);
  if (event.data !== undefined) assertJson(event.data, "data", action);
}

// CloudEvents' Integer is 32 bits, signed.
const MAX_VERSION = 2_147_483_647;
const MIN_TIME = -62_167_219_200_000;
const MAX_TIME = 253_402_300_799_999;
const MAX_TEXT = 1024;

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function encodeEvent(namespace: string, event: Event): string {
  checkEvent(event);
  let json = `{"specversion":"1.0","id":${JSON.stringify(event.id)},"type":${
    JSON.stringify(event.eventType)
  },"source":"/aether/${namespace}","subject":${
    JSON.stringify(event.actorId)
  },"time":"${event.timestamp.toISOString()}","actorversion":${event.version}`;
  if (event.commandId !== undefined) {
    json += `,"commandid":${JSON.stringify(event.commandId)}`;
  }
  if (event.metadata !== undefined) json += encodeMetadata(event.metadata);
  if (event.data !== undefined) {
    json += `,"datacontenttype":"application/json","data":${
      JSON.stringify(event.data)
    }`;
  }
  return json + "}";
}

function encodeMetadata(metadata: EventMetadata): string {
  let json = "";
  let others: Record<string, string> | undefined;
  for (const [key, value] of Object.entries(metadata)) {
    if (value === undefined) continue;
    const extension = EXTENSIONS.get(key);
    if (extension === undefined) (others ??= {})[key] = value;
    else json += `,"${extension}":${JSON.stringify(value)}`;
  }
  // CloudEvents allows no objects as extensions, hence JSON in a string.
  return others === undefined
    ? json
    : `${json},"actormetadata":${JSON.stringify(JSON.stringify(others))}`;
}

function decodeEvent(parsed: unknown): Event {
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw corrupt("an event is not an object");
  }
  const json = parsed as Record<string, unknown>;
  if (json["specversion"] !== "1.0") {
    throw corrupt("its specversion is not 1.0");
  }
  const version = json["actorversion"];
  if (!Number.isSafeInteger(version) || (version as number) < 1) {
    throw corrupt(`its actorversion is ${JSON.stringify(version)}`);
  }
  const timestamp = new Date(text(json, "time"));
  if (Number.isNaN(timestamp.getTime())) {
    throw corrupt(`its time is ${json["time"]}`);
  }
  const metadata = decodeMetadata(json);
  return {
    id: text(json, "id"),
    eventType: text(json, "type"),
    actorId: text(json, "subject"),
    version: version as number,
    data: json["data"],
    timestamp,
    ...(json["commandid"] === undefined
      ? {}
      : { commandId: text(json, "commandid") }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

function decodeMetadata(
  json: Record<string, unknown>,
): EventMetadata | undefined {
  let metadata: Record<string, string> | undefined;
  for (const [key, extension] of EXTENSIONS) {
    if (json[extension] !== undefined) {
      (metadata ??= {})[key] = text(json, extension);
    }
  }
  if (json["actormetadata"] === undefined) return metadata;
  let others: unknown;
  try {
    others = parseJson(text(json, "actormetadata"));
  } catch (cause) {
    throw corrupt("its actormetadata is not JSON", cause);
  }
  for (const [key, value] of Object.entries(others ?? {})) {
    if (typeof value !== "string") {
      throw corrupt("its actormetadata holds more than strings");
    }
    (metadata ??= {})[key] = value;
  }
  return metadata;
}

function checkMetadata(metadata: EventMetadata, action: string): void {
  assertJson(
    Object.fromEntries(
      Object.entries(metadata).filter(([, value]) => value !== undefined),
    ),
    "metadata",
    action,
  );
  for (const [key, value] of Object.entries(metadata)) {
    if (value !== undefined && typeof value !== "string") {
      throw new InvalidArgumentError(
        `${action} as metadata holds strings only: "${key}" is a ${typeof value}`,
      );
    }
  }
}

function checkText(value: string, field: string, action: string): void {
  if (
    typeof value !== "string" || value.length === 0 ||
    value.length > MAX_TEXT ||
    !value.isWellFormed()
  ) {
    throw new InvalidArgumentError(
      `${action} as ${field} is 1 to ${MAX_TEXT} characters without lone surrogates: got ${
        typeof value === "string"
          ? JSON.stringify(value.slice(0, 200))
          : String(value)
      }`,
    );
  }
}

function text(json: Record<string, unknown>, attribute: string): string {
  const value = json[attribute];
  if (typeof value !== "string" || value.length === 0) {
    throw corrupt(
      `its ${attribute} is ${JSON.stringify(value)?.slice(0, 100)}`,
    );
  }
  return value;
}

function corrupt(reason: string, cause?: unknown): CorruptLogError {
  return new CorruptLogError(
    `Cannot decode a stored commit: ${reason}`,
    cause === undefined ? {} : { cause },
  );
}

/** Metadata keys with a CloudEvents extension of their own. */
const EXTENSIONS: ReadonlyMap<string, string> = new Map([
  ["correlationId", "correlationid"],
  ["causationId", "causationid"],
  ["traceparent", "traceparent"],
]);
