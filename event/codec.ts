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
import {
  findFault,
  isSound,
  isSoundGiven,
  notPlainObject,
  placeOf,
} from "./_json_fault.ts";
import { show } from "./_show.ts";
import { isAttributeText } from "./_text.ts";
import { parseTime } from "./_time.ts";
import { CorruptLogError, InvalidArgumentError } from "./errors.ts";
import type { Event, EventMetadata } from "./event.ts";
import { assertJson, MAX_KEYS } from "./json.ts";
import { checkNamespace } from "./namespace.ts";

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
   * @throws {InvalidArgumentError} `invalid_argument`: not a namespace, JSON would
   * change the data, or another rule of {@link checkEvent}.
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
    checkNamespace(namespace);
    if (events.length === 1) {
      const event = events[0]!;
      const subject = attribute(event, "actorId");
      return {
        contentType: ONE_EVENT,
        body: utf8.encode(encodeEvent(namespace, subject, event)),
      };
    }
    let json = "[";
    let actorId: string | undefined;
    let subject = "";
    for (let i = 0; i < events.length; i++) {
      const event = events[i]!;
      if (event.actorId !== actorId) {
        subject = attribute(event, "actorId");
        actorId = event.actorId;
      }
      json += `${i > 0 ? "," : ""}${encodeEvent(namespace, subject, event)}`;
    }
    return { contentType: EVENT_BATCH, body: utf8.encode(json + "]") };
  },
  decode(contentType, body) {
    return decodeBody(contentType, body);
  },
};

/**
 * Decodes a message's body: what is text already is not decoded to it again.
 *
 * @param codec One of the user's own is given the bytes.
 * @throws {CorruptLogError} `corrupt_log`: as {@link EventCodec.decode}.
 */
export function decodeWith(
  codec: EventCodec,
  contentType: string,
  body: { readonly data: Uint8Array; readonly text?: string | undefined },
): Event[] {
  const { text } = body;
  return text !== undefined && codec === cloudEventsCodec
    ? decodeBody(contentType, text)
    : codec.decode(contentType, body.data);
}

/**
 * Checks an event before it is stored.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: naming the field, the rule
 * and the value.
 */
export function checkEvent(event: Event): void {
  checkText(event, "actorId");
  checkText(event, "id");
  checkText(event, "eventType");
  checkPlace(event);
  if (event.commandId !== undefined) checkText(event, "commandId");
  checkContent(event);
}

function checkPlace(event: Event): void {
  if (!isVersion(event.version)) {
    const rule = `a version is a whole number from 1 to ${MAX_VERSION}`;
    throw refuse(event, rule, show(event.version));
  }
  const time = event.timestamp instanceof Date
    ? event.timestamp.getTime()
    : NaN;
  if (!(time >= MIN_TIME && time <= MAX_TIME)) {
    const rule = "a timestamp is a Date in the years 0 to 9999";
    throw refuse(event, rule, Number.isNaN(time) ? "no such Date" : show(time));
  }
}

function checkContent(event: Event): void {
  if (event.metadata !== undefined) checkMetadata(event);
  // The error is worded only where there is one: this runs for every event.
  if (event.data !== undefined && !isSoundGiven(event.data)) {
    assertJson(event.data, "data", action(event));
  }
}

// CloudEvents' Integer is 32 bits, signed.
const MAX_VERSION = 2_147_483_647;
const MIN_TIME = -62_167_219_200_000;
const MAX_TIME = 253_402_300_799_999;
const MAX_TEXT = 1024;

const utf8 = new TextEncoder();
const lenientUtf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

// Under Deno a strict decoder takes several times as long; a lenient one writes
// U+FFFD for what is broken, and only then is it asked.
function textOf(body: Uint8Array): string {
  const text = lenientUtf8.decode(body);
  return text.includes("\ufffd") ? strictUtf8.decode(body) : text;
}

// Each check stands where its part is written: most text is looked at once.
function encodeEvent(
  namespace: string,
  subject: string,
  event: Event,
): string {
  const id = attribute(event, "id");
  const type = attribute(event, "eventType");
  checkPlace(event);
  let json =
    `{"specversion":"1.0","id":${id},"type":${type},"source":"/aether/${namespace}","subject":${subject},"time":"${
      isoTime(event.timestamp)
    }","actorversion":${event.version}`;
  if (event.commandId !== undefined) {
    json += `,"commandid":${attribute(event, "commandId")}`;
  }
  checkContent(event);
  if (event.metadata !== undefined) json += encodeMetadata(event.metadata);
  if (event.data !== undefined) {
    json += `,"datacontenttype":"application/json","data":${
      JSON.stringify(event.data)
    }`;
  }
  return json + "}";
}

/** Checks a text and writes it: plain text as it is, for less than JSON.stringify. */
function attribute(event: Event, field: TextField): string {
  const text = event[field];
  if (
    typeof text === "string" && text.length <= MAX_TEXT && SIMPLE.test(text)
  ) return `"${text}"`;
  checkText(event, field);
  return JSON.stringify(text);
}

/** Printable ASCII but the quote and the backslash, and at least some. */
const SIMPLE = /^[ !#-[\]-~]+$/;

type TextField = "actorId" | "id" | "eventType" | "commandId";

function encodeMetadata(metadata: EventMetadata): string {
  let json = "";
  let others: Record<string, string> | undefined;
  for (const key of Object.keys(metadata)) {
    const value = metadata[key];
    if (value === undefined) continue;
    const extension = EXTENSIONS.get(key);
    if (extension === undefined) (others ??= {})[key] = value;
    else json += `,"${extension}":${JSON.stringify(value)}`;
  }
  // CloudEvents allows no objects as extensions, hence JSON in a string.
  return others === undefined
    ? json
    : `${json},"actormetadata":${JSON.stringify(attributeJson(others))}`;
}

/** JSON without the characters that a CloudEvents string may not hold. */
function attributeJson(value: unknown): string {
  const json = JSON.stringify(value);
  if (isAttributeText(json)) return json;
  return json.replace(
    /[\p{Cc}\p{Noncharacter_Code_Point}]/gu,
    (found) => found.split("").map(escapeUnit).join(""),
  );
}

function escapeUnit(unit: string): string {
  return "\\u" + unit.charCodeAt(0).toString(16).padStart(4, "0");
}

// The events of one commit mostly share a millisecond, and under Deno this is
// a seventh of what it takes to encode one.
let lastTime = NaN;
let lastIso = "";

function isoTime(timestamp: Date): string {
  const time = timestamp.getTime();
  if (time !== lastTime) {
    lastIso = timestamp.toISOString();
    lastTime = time;
  }
  return lastIso;
}

function decodeBody(contentType: string, body: Uint8Array | string): Event[] {
  if (contentType !== ONE_EVENT && contentType !== EVENT_BATCH) {
    throw corrupt(`its content-type is ${show(contentType)}`);
  }
  let parsed: unknown;
  let wellFormed: boolean;
  try {
    const text = typeof body === "string" ? body : textOf(body);
    parsed = JSON.parse(text);
    // UTF-8 has no lone surrogates: only an escape can bring one in.
    wellFormed = !text.includes("\\") || !text.includes("\\u");
  } catch (cause) {
    // The engine's message quotes the body, which no log should: see the cause.
    throw corrupt("its body is not JSON in UTF-8", cause);
  }
  if (contentType === ONE_EVENT) return [decodeEvent(parsed, wellFormed)];
  if (!Array.isArray(parsed)) throw corrupt("its batch is not an array");
  return parsed.map((event) => decodeEvent(event, wellFormed));
}

function decodeEvent(parsed: unknown, wellFormed: boolean): Event {
  if (!isRecord(parsed)) throw corrupt("an event is not an object");
  if (parsed["specversion"] !== "1.0") {
    throw corrupt("its specversion is not 1.0");
  }
  const version = parsed["actorversion"];
  if (!isVersion(version)) {
    throw corrupt(`its actorversion is ${show(version)}`);
  }
  // What a codec cannot hand on it must not drop.
  if (parsed["data_base64"] !== undefined) throw corrupt("its data is binary");
  const data = parsed["data"];
  if (data !== undefined) checkParsed(data, "data", wellFormed);
  const commandId = parsed["commandid"];
  const metadata = decodeMetadata(parsed);
  const event: { -readonly [Key in keyof Event]: Event[Key] } = {
    id: text(parsed, "id"),
    eventType: text(parsed, "type"),
    actorId: text(parsed, "subject"),
    version,
    data,
    timestamp: decodeTime(parsed["time"]),
  };
  if (commandId !== undefined) event.commandId = text(parsed, "commandid");
  if (metadata !== undefined) event.metadata = metadata;
  return event;
}

function decodeTime(time: unknown): Date {
  if (typeof time === "string") {
    const date = new Date(parseTime(time));
    if (!Number.isNaN(date.getTime())) return date;
  }
  throw corrupt(`its time is ${show(time)}`);
}

function decodeMetadata(
  json: Record<string, unknown>,
): EventMetadata | undefined {
  const { correlationid, causationid, traceparent, actormetadata } = json;
  if (
    correlationid === undefined && causationid === undefined &&
    traceparent === undefined && actormetadata === undefined
  ) return undefined;
  let metadata: Record<string, string> | undefined;
  for (const [key, extension] of EXTENSIONS) {
    const value = json[extension];
    if (value === undefined) continue;
    if (typeof value !== "string" || !isAttributeText(value)) {
      throw corrupt(`its ${extension} is not such text`);
    }
    (metadata ??= {})[key] = value;
  }
  if (actormetadata === undefined) return metadata;
  let others: unknown;
  try {
    others = JSON.parse(String(actormetadata));
  } catch (cause) {
    throw corrupt("its actormetadata is not JSON", cause);
  }
  if (!isRecord(others)) throw corrupt("its actormetadata is not an object");
  checkParsed(others, "actormetadata", false);
  for (const [key, value] of Object.entries(others)) {
    if (typeof value !== "string" || EXTENSIONS.has(key)) {
      throw corrupt("its actormetadata holds what does not belong there");
    }
    (metadata ??= {})[key] = value;
  }
  return metadata;
}

function checkParsed(
  value: unknown,
  attribute: string,
  wellFormed: boolean,
): void {
  if (isSound(value, 0, wellFormed)) return;
  const fault = findFault(value, 0, true);
  if (fault !== undefined) {
    throw corrupt(`at ${placeOf(fault, attribute)}, ${fault.rule}`);
  }
}

function checkMetadata(event: Event): void {
  const metadata: unknown = event.metadata;
  if (!isRecord(metadata)) {
    throw refuse(event, "metadata is an object", show(metadata));
  }
  const fault = notPlainObject(metadata);
  if (fault !== undefined) {
    throw refuse(event, "metadata is a plain object", fault.rule);
  }
  const keys = Object.keys(metadata);
  if (keys.length > MAX_KEYS) {
    throw refuse(
      event,
      `metadata has up to ${MAX_KEYS} keys`,
      show(keys.length),
    );
  }
  for (const key of keys) {
    const value = metadata[key];
    if (value === undefined) continue;
    if (typeof value !== "string") {
      throw refuse(event, `metadata.${key} is a string`, show(value));
    }
    if (EXTENSIONS.has(key)) {
      if (isAttributeText(value)) continue;
      const rule = `metadata.${key} is text without control characters`;
      throw refuse(event, rule, show(value));
    }
    const found = findFault({ [key]: value }, 0, true);
    if (found !== undefined) {
      const place = placeOf(found, "metadata");
      throw refuse(event, `JSON has to give back ${place}`, found.rule);
    }
  }
}

function checkText(event: Event, field: TextField): void {
  if (!isText(event[field])) {
    const rule =
      `${field} is 1 to ${MAX_TEXT} characters without control characters or lone surrogates`;
    throw refuse(event, rule, show(event[field]));
  }
}

function refuse(event: Event, rule: string, found: string) {
  return new InvalidArgumentError(`${action(event)} as ${rule}: got ${found}`);
}

function action(event: Event): string {
  return `Cannot append to ${show(event.actorId)}`;
}

function text(json: Record<string, unknown>, attribute: string): string {
  const value = json[attribute];
  if (!isText(value)) throw corrupt(`its ${attribute} is ${show(value)}`);
  return value;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 &&
    value.length <= MAX_TEXT && isAttributeText(value);
}

function isVersion(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 &&
    (value as number) <= MAX_VERSION;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
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
