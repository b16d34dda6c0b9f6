/** What this room says when it refuses something: action, rule and value, word for word. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  addressOfTokens,
  AetherError,
  arrivalNamespace,
  checkActorType,
  checkDurable,
  checkEvent,
  checkId,
  checkNamespace,
  checkPattern,
  cloudEventsCodec,
  decodeToken,
  encodeToken,
  errorFromWire,
  type Event,
  formatActorId,
  formatCommands,
  parseActorId,
  parseCommands,
  parseCommandSubject,
  parseEventSubject,
  subjectsOf,
  ulidTime,
  type WireError,
} from "../../event/mod.ts";

const EVENT: Event = {
  id: "e1",
  eventType: "Placed",
  actorId: "order-1",
  version: 3,
  data: {},
  timestamp: new Date("2026-01-02T03:04:05.678Z"),
};
const check = (change: object) => () =>
  checkEvent({ ...EVENT, ...change } as Event);

/** A stored event with some attributes changed, decoded. */
const decode = (
  change: object,
  contentType = "application/cloudevents+json",
) => {
  const { body } = cloudEventsCodec.encode("shop", [EVENT]);
  const json = JSON.parse(new TextDecoder().decode(body));
  const text = JSON.stringify({ ...json, ...change });
  return decodeText(contentType === BATCH ? `[${text}]` : text, contentType);
};
const decodeText = (
  text: string,
  contentType = "application/cloudevents+json",
) =>
() => cloudEventsCodec.decode(contentType, new TextEncoder().encode(text));
const BATCH = "application/cloudevents-batch+json";

const any = (value: unknown) => value as never;
const record = (change: object) => () =>
  formatCommands([{ id: "c1", events: 1, ...change }], 1);

const text = (field: string, got: string) =>
  `Cannot append to "order-1" as ${field} is 1 to 1024 characters without control characters or lone surrogates: got ${got}`;
const corrupt = (reason: string) => `Cannot decode a stored commit: ${reason}`;
const spelling = (got: string) =>
  `Cannot read a subject that is not the one spelling of an actor's: got ${got}`;

const REFUSALS: readonly [() => unknown, string][] = [
  [
    () => checkNamespace("a b"),
    'Cannot use a namespace that is not 1 to 4 tokens of 1 to 32 letters, digits, "_" or "-" joined by ".": got "a b"',
  ],
  [
    () => checkPattern(">.a"),
    'Cannot use a pattern that is not 1 to 4 tokens, each that of a namespace, "*" or, at the end, ">", joined by ".": got ">.a"',
  ],
  [
    () => checkDurable("a.b"),
    'Cannot use a durable\'s name that is not 1 to 32 letters, digits, "_" or "-": got "a.b"',
  ],
  [
    () => encodeToken("\ud800"),
    'Cannot encode text with a lone surrogate as a subject token: got "\\ud800"',
  ],
  [
    () => decodeToken("=2e"),
    'Cannot decode a subject token that the encoder would not write: got "=2e"',
  ],
  [
    () => checkActorType("1"),
    'Cannot use an actor type that is not a letter and up to 127 letters, digits or "_": got "1"',
  ],
  [
    () => parseActorId(""),
    'Cannot use an actor id that is not a non-empty string: got ""',
  ],
  [
    () => parseActorId(any(7)),
    "Cannot use an actor id that is not a non-empty string: got 7",
  ],
  [
    () => parseActorId("cart-"),
    'Cannot use an actor id that needs a key after the first "-": got "cart-"',
  ],
  [
    () => parseActorId(`a-${"é".repeat(22)}`),
    `Cannot use an actor id that may not be longer than 128 bytes a part once encoded (132): got "a-${
      "é".repeat(22)
    }"`,
  ],
  [
    () => parseActorId(`${"a".repeat(129)}-b`),
    `Cannot use an actor id that may not be longer than 128 bytes a part once encoded (129): got "${
      "a".repeat(129)
    }-b"`,
  ],
  [
    () => parseActorId("a-\u0000"),
    'Cannot use an actor id that holds a control character or noncharacter: got "a-\\u0000"',
  ],
  [
    () => parseActorId("a-\ud800"),
    'Cannot use an actor id that holds a lone surrogate: got "a-\\ud800"',
  ],
  [
    () => formatActorId("a", any([1])),
    "Cannot use an actor id that has a key that is no string: got an array",
  ],
  [
    () => formatActorId("_", "a-b"),
    'Cannot use an actor id that reads as an id of type "a", so it cannot be raw: got "a-b"',
  ],
  [
    () => checkId("a b", "command id"),
    'Cannot use a command id that is not 1 to 128 visible ASCII characters: got "a b"',
  ],
  [
    () => ulidTime("x"),
    'Cannot read the time of an id as it is not a ULID: got "x"',
  ],
  [
    () => ulidTime(any(() => 1)),
    "Cannot read the time of an id as it is not a ULID: got a function",
  ],
  [
    () => ulidTime("x".repeat(201)),
    `Cannot read the time of an id as it is not a ULID: got "${
      "x".repeat(200)
    }"… (201 characters)`,
  ],
  [
    () => ulidTime("x".repeat(200)),
    `Cannot read the time of an id as it is not a ULID: got "${
      "x".repeat(200)
    }"`,
  ],
  [
    () => ulidTime(any({})),
    "Cannot read the time of an id as it is not a ULID: got an object",
  ],
  [
    () => ulidTime(any(null)),
    "Cannot read the time of an id as it is not a ULID: got null",
  ],
  [() => parseEventSubject("aether.ev.a"), spelling('"aether.ev.a"')],
  [() => parseCommandSubject("aether.cmd.a"), spelling('"aether.cmd.a"')],
  [() => arrivalNamespace("aether.bus.a.b"), spelling('"aether.bus.a.b"')],
  [
    () => addressOfTokens("a", "=62"),
    'Cannot decode a subject token that the encoder would not write: got "=62"',
  ],
  [
    () => subjectsOf("shop").ask(parseActorId("a-b"), "a.b"),
    'Cannot ask with a command\'s name that is not 1 to 128 letters, digits, "_", "$" or "-": got "a.b"',
  ],
  [
    record({ events: -1 }),
    "Cannot record command c1 with a number of events that is none: got -1",
  ],
  [
    record({ events: 0, rejected: { reason: 1, message: "m" } }),
    "Cannot record command c1 as rejected without a reason, a message and details that are an object",
  ],
  [
    record({
      events: 0,
      rejected: { reason: "r", message: "m", details: { a: -0 } },
    }),
    'Cannot record command c1 as JSON would not give "rejected.details.a" back as it is: -0 becomes 0',
  ],
  [
    () => parseCommands("[1]", 1),
    'Cannot read a commit\'s commands: got "[1]"',
  ],
  [check({ id: "" }), text("id", '""')],
  [check({ eventType: 7 }), text("eventType", "7")],
  [check({ commandId: "\n" }), text("commandId", '"\\n"')],
  [
    check({ version: 0 }),
    'Cannot append to "order-1" as a version is a whole number from 1 to 2147483647: got 0',
  ],
  [
    check({ timestamp: 0 }),
    'Cannot append to "order-1" as a timestamp is a Date in the years 0 to 9999: got no such Date',
  ],
  [
    check({ timestamp: new Date(253_402_300_800_000) }),
    'Cannot append to "order-1" as a timestamp is a Date in the years 0 to 9999: got 253402300800000',
  ],
  [
    check({ metadata: "a" }),
    'Cannot append to "order-1" as metadata is an object: got "a"',
  ],
  [
    check({ metadata: { [Symbol("a")]: "b" } }),
    'Cannot append to "order-1" as metadata is a plain object: got keys that are symbols are dropped',
  ],
  [
    check({ metadata: { a: 1 } }),
    'Cannot append to "order-1" as metadata.a is a string: got 1',
  ],
  [
    check({ metadata: { traceparent: "\n" } }),
    'Cannot append to "order-1" as metadata.traceparent is text without control characters: got "\\n"',
  ],
  [
    check({ metadata: { a: "\ud800" } }),
    'Cannot append to "order-1" as JSON has to give back metadata.a: got it holds a lone surrogate',
  ],
  [
    check({ data: { at: new Date(0) } }),
    'Cannot append to "order-1" as JSON would not give "data.at" back as it is: an instance of Date is not a plain object',
  ],
  [decode({}, "text/plain"), corrupt('its content-type is "text/plain"')],
  [decodeText("{"), corrupt("its body is not JSON in UTF-8")],
  [decodeText("{}", BATCH), corrupt("its batch is not an array")],
  [decodeText("[]"), corrupt("an event is not an object")],
  [decode({ specversion: "0.3" }), corrupt("its specversion is not 1.0")],
  [decode({ actorversion: 0 }), corrupt("its actorversion is 0")],
  [decode({ data_base64: "" }, BATCH), corrupt("its data is binary")],
  [decode({ id: "" }), corrupt('its id is ""')],
  [decode({ type: 1 }), corrupt("its type is 1")],
  [decode({ subject: null }), corrupt("its subject is null")],
  [decode({ commandid: [] }), corrupt("its commandid is an array")],
  [decode({ time: "now" }), corrupt('its time is "now"')],
  [decode({ time: 5 }), corrupt("its time is 5")],
  [
    decode({ correlationid: 5 }),
    corrupt("its correlationid is not such text"),
  ],
  [decode({ actormetadata: "{" }), corrupt("its actormetadata is not JSON")],
  [
    decode({ actormetadata: "[]" }),
    corrupt("its actormetadata is not an object"),
  ],
  [
    decode({ actormetadata: '{"a":1}' }),
    corrupt("its actormetadata holds what does not belong there"),
  ],
  [
    decode({ actormetadata: '{"causationId":"a"}' }),
    corrupt("its actormetadata holds what does not belong there"),
  ],
  [
    decodeText(
      `{"specversion":"1.0","actorversion":1,"data":{"a":{"__proto__":1}}}`,
    ),
    corrupt("at data.a.__proto__, a key no payload may have: __proto__"),
  ],
];

describe("refusals", () => {
  for (const [i, [call, words]] of REFUSALS.entries()) {
    it(`${i}: ${words.slice(0, 120)}`, () => {
      assert.throws(call, (error) => {
        assert(error instanceof AetherError);
        assert.equal(error.message, words);
        return true;
      });
    });
  }

  it("keep the cause where there is one, and have none where there is not", () => {
    const causeOf = (call: () => unknown) => {
      try {
        call();
      } catch (error) {
        return "cause" in (error as Error) ? (error as Error).cause : "none";
      }
      return "nothing thrown";
    };
    assert(causeOf(() => decodeToken("=FF")) instanceof TypeError);
    assert.equal(causeOf(() => decodeToken("=2e")), "none");
    assert(causeOf(decodeText("{")) instanceof SyntaxError);
    assert(causeOf(decode({ actormetadata: "{" })) instanceof SyntaxError);
    assert.equal(causeOf(decode({ id: "" })), "none");
    assert(causeOf(() => parseCommands("[1]", 1)) instanceof Error);
  });

  it("come without a message, a reason or facts, and are something still", () => {
    const read = (wire: object) => {
      const { stack: _, ...fields } = errorFromWire(wire as WireError);
      return { ...fields, message: errorFromWire(wire as WireError).message };
    };
    const message = "the error came without a message";
    assert.equal(read({}).message, message);
    assert.equal(errorFromWire(any(null)).message, message);
    assert.deepEqual(read({ code: "version_conflict" }), {
      ...read({ code: "version_conflict", message, details: [] }),
      actorId: "",
      expectedVersion: "unknown",
      actualVersion: 0,
      message,
    });
    const rejected = read({ code: "rejected" }) as { reason?: string };
    assert.equal(rejected.reason, "rejected");
  });
});
