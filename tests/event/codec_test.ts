import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  checkEvent,
  cloudEventsCodec,
  CorruptLogError,
  type Event,
  EVENT_BATCH,
  InvalidArgumentError,
  ONE_EVENT,
} from "../../event/mod.ts";
import { event as anyEvent, namespace, UNSAFE_KEYS } from "./_arbitraries.ts";
import { holds, LONG } from "./_property.ts";

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

const EVENT: Event = {
  id: "01ARZ3NDEKTSV4RRFFQ69G5FAV",
  eventType: "OrderPlaced",
  actorId: "order-123",
  version: 7,
  data: { total: 1.5, note: "für Ada" },
  timestamp: new Date("2026-01-02T03:04:05.006Z"),
  commandId: "c-1",
  metadata: {
    correlationId: "corr",
    causationId: "cause",
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    userId: "ada",
  },
};

// Part of the stored format: byte for byte.
const STORED = `{"specversion":"1.0","id":"01ARZ3NDEKTSV4RRFFQ69G5FAV",` +
  `"type":"OrderPlaced","source":"/aether/prod.eu","subject":"order-123",` +
  `"time":"2026-01-02T03:04:05.006Z","actorversion":7,"commandid":"c-1",` +
  `"correlationid":"corr","causationid":"cause",` +
  `"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",` +
  `"actormetadata":"{\\"userId\\":\\"ada\\"}",` +
  `"datacontenttype":"application/json","data":{"total":1.5,"note":"für Ada"}}`;

describe("cloudEventsCodec", () => {
  it("writes the stored format and reads it back", () => {
    const { contentType, body } = cloudEventsCodec.encode("prod.eu", [EVENT]);
    assert.equal(contentType, "application/cloudevents+json");
    assert.equal(fromUtf8.decode(body), STORED);
    assert.deepStrictEqual(cloudEventsCodec.decode(contentType, body), [EVENT]);
  });

  it("writes the least there can be, and a batch", () => {
    const least: Event = {
      id: "e",
      eventType: "T",
      actorId: "a",
      version: 1,
      data: undefined,
      timestamp: new Date(0),
    };
    const one =
      `{"specversion":"1.0","id":"e","type":"T","source":"/aether/n","subject":"a","time":"1970-01-01T00:00:00.000Z","actorversion":1}`;
    const batch = cloudEventsCodec.encode("n", [least, least]);
    assert.equal(batch.contentType, "application/cloudevents-batch+json");
    assert.equal(fromUtf8.decode(batch.body), `[${one},${one}]`);
    assert.deepStrictEqual(cloudEventsCodec.decode(EVENT_BATCH, batch.body), [
      least,
      least,
    ]);
  });

  it("writes no events as an empty batch", () => {
    const { contentType, body } = cloudEventsCodec.encode("n", []);
    assert.equal(contentType, EVENT_BATCH);
    assert.equal(fromUtf8.decode(body), "[]");
    assert.deepEqual(cloudEventsCodec.decode(contentType, body), []);
  });

  it("round trips any events", LONG, () => {
    const events = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.array(anyEvent, { minLength: 1, maxLength: 1 }),
      },
      { weight: 2, arbitrary: fc.array(anyEvent, { maxLength: 5 }) },
    );
    holds(fc.tuple(namespace, events), ([ns, given]) => {
      const { contentType, body } = cloudEventsCodec.encode(ns, given);
      assert.equal(contentType, given.length === 1 ? ONE_EVENT : EVENT_BATCH);
      const decoded = cloudEventsCodec.decode(contentType, body);
      assert.deepStrictEqual(decoded, given);
      // What was read is written the same again.
      assert.deepStrictEqual(cloudEventsCodec.encode(ns, decoded).body, body);
    });
  });

  it("tells null from no data", () => {
    for (const data of [null, undefined, false, 0, "", [], {}]) {
      assert.deepStrictEqual(roundTrip({ ...EVENT, data }).data, data);
    }
  });

  it("leaves out metadata that says nothing", () => {
    for (const metadata of [{}, { userId: undefined }, undefined]) {
      const given = { ...EVENT, metadata } as Event;
      const { metadata: _, ...wanted } = EVENT;
      assert.deepStrictEqual(roundTrip(given), wanted);
    }
  });

  it("reads an empty correlation id as it was written", () => {
    const metadata = { correlationId: "" };
    assert.deepStrictEqual(
      roundTrip({ ...EVENT, metadata }).metadata,
      metadata,
    );
  });

  it("leaves out where the event is stored", () => {
    const stored = { ...EVENT, sequence: 5, commitId: "01ARZ3" };
    assert.deepStrictEqual(roundTrip(stored), EVENT);
  });

  it("keeps the first and the last millisecond of its years", () => {
    for (
      const time of ["0000-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"]
    ) {
      const timestamp = new Date(time);
      assert.deepEqual(roundTrip({ ...EVENT, timestamp }).timestamp, timestamp);
    }
  });

  it("does not let one event's time into the next", () => {
    const times = [0, 1, 0, 5, 5].map((time) => new Date(time));
    const events = times.map((timestamp) => ({ ...EVENT, timestamp }));
    const { contentType, body } = cloudEventsCodec.encode("n", events);
    assert.deepEqual(
      cloudEventsCodec.decode(contentType, body).map((e) => e.timestamp),
      times,
    );
  });
});

describe("cloudEventsCodec.encode() and checkEvent()", () => {
  const bad: ReadonlyArray<readonly [string, Record<string, unknown>, RegExp]> =
    [
      ["no id", { id: undefined }, /\bid\b/],
      ["an empty id", { id: "" }, /\bid\b/],
      ["an id that is a number", { id: 1 }, /\bid\b/],
      ["an id that cannot be shown", { id: Object.create(null) }, /\bid\b/],
      ["an id too long", { id: "x".repeat(1025) }, /\bid\b.*1024/],
      ["an id with a lone surrogate", { id: "\ud800" }, /\bid\b/],
      ["an id with a control character", { id: "a\u0000" }, /\bid\b/],
      ["an id with a noncharacter", { id: "\ufdd0" }, /\bid\b/],
      ["no type", { eventType: "" }, /eventType/],
      ["a type of two lines", { eventType: "a\nb" }, /eventType/],
      ["no actor", { actorId: undefined }, /actorId/],
      ["an actor with a lone surrogate", { actorId: "o-\udc00" }, /actorId/],
      ["an empty command id", { commandId: "" }, /commandId/],
      ["a command id null", { commandId: null }, /commandId/],
      ["version 0", { version: 0 }, /version/],
      ["version -1", { version: -1 }, /version/],
      ["version 1.5", { version: 1.5 }, /version/],
      ["version NaN", { version: NaN }, /version/],
      ["a version in text", { version: "1" }, /version/],
      ["a version as bigint", { version: 1n }, /version/],
      [
        "a version beyond CloudEvents",
        { version: 2 ** 31 },
        /version.*2147483647/,
      ],
      ["no timestamp", { timestamp: undefined }, /timestamp/],
      ["a timestamp in text", { timestamp: "2026-01-01" }, /timestamp/],
      ["a timestamp in numbers", { timestamp: 0 }, /timestamp/],
      ["an invalid Date", { timestamp: new Date(NaN) }, /timestamp/],
      [
        "the year 10000",
        { timestamp: new Date(253_402_300_800_000) },
        /timestamp/,
      ],
      [
        "the year -1",
        { timestamp: new Date(-62_167_219_200_001) },
        /timestamp/,
      ],
      ["metadata null", { metadata: null }, /metadata/],
      ["metadata in text", { metadata: "a" }, /metadata/],
      ["metadata in an array", { metadata: ["a"] }, /metadata/],
      ["metadata in a Map", { metadata: new Map([["a", "b"]]) }, /metadata/],
      [
        "metadata with a symbol",
        { metadata: { [Symbol("a")]: "b" } },
        /metadata/,
      ],
      ["too many keys in metadata", {
        metadata: Object.fromEntries(
          Array.from({ length: 10_001 }, (_, i) => [`k${i}`, ""]),
        ),
      }, /metadata.*10000 keys/],
      ["a number in metadata", { metadata: { a: 1 } }, /metadata\.a\b/],
      ["null in metadata", { metadata: { a: null } }, /metadata\.a\b/],
      [
        "a lone surrogate in metadata",
        { metadata: { a: "\ud800" } },
        /metadata\.a\b/,
      ],
      [
        "a lone surrogate in a key of metadata",
        { metadata: { "\ud800": "a" } },
        /metadata/,
      ],
      [
        "a control character in an extension",
        { metadata: { correlationId: "a\n" } },
        /metadata\.correlationId/,
      ],
      ["a Date in data", { data: { at: new Date(0) } }, /data\.at/],
      ["NaN for data", { data: NaN }, /"data"/],
      ...UNSAFE_KEYS.map((key) =>
        [
          `a key ${key} in metadata`,
          { metadata: JSON.parse(`{"${key}":"a"}`) },
          new RegExp(key),
        ] as const
      ),
    ];
  for (const [what, change, message] of bad) {
    it(`refuse ${what}`, () => {
      const event = { ...EVENT, ...change } as Event;
      const refused = (error: unknown) => {
        assert.ok(error instanceof InvalidArgumentError, String(error));
        assert.match(error.message, message);
        assert.match(error.message, /^Cannot append to /);
        assert.ok(error.message.length < 600);
        return true;
      };
      assert.throws(() => checkEvent(event), refused);
      assert.throws(() => cloudEventsCodec.encode("n", [event]), refused);
      const batch = [EVENT, event];
      assert.throws(() => cloudEventsCodec.encode("n", batch), refused);
    });
  }

  it("refuse what is no namespace, also without an event", () => {
    for (const events of [[], [EVENT]]) {
      assert.throws(
        () => cloudEventsCodec.encode('n"', events),
        InvalidArgumentError,
      );
    }
  });
});

describe("cloudEventsCodec.decode()", () => {
  const bad: ReadonlyArray<readonly [string, Record<string, unknown>]> = [
    ["another specversion", { specversion: "0.3" }],
    ["no specversion", { specversion: undefined }],
    ["no id", { id: undefined }],
    ["an empty id", { id: "" }],
    ["an id that is a number", { id: 1 }],
    ["an id with a control character", { id: "a\u0007" }],
    ["an id too long", { id: "x".repeat(1025) }],
    ["a type null", { type: null }],
    ["no subject", { subject: undefined }],
    ["a subject that is an array", { subject: ["order-1"] }],
    ["no version", { actorversion: undefined }],
    ["version 0", { actorversion: 0 }],
    ["a version in text", { actorversion: "1" }],
    ["a version beyond CloudEvents", { actorversion: 2 ** 31 }],
    ["half a version", { actorversion: 1.5 }],
    ["no time", { time: undefined }],
    ["a time in numbers", { time: 0 }],
    ["a year alone", { time: "2024" }],
    ["a local time", { time: "2024-03-07T10:00:00.000" }],
    ["another zone", { time: "2024-03-07T10:00:00.000+01:00" }],
    ["a time in words", { time: "March 7, 2024 10:00" }],
    ["February 30", { time: "2024-02-30T00:00:00.000Z" }],
    ["February 29 of a common year", { time: "2023-02-29T00:00:00.000Z" }],
    ["24 o'clock", { time: "2024-01-01T24:00:00.000Z" }],
    ["a leap second", { time: "2016-12-31T23:59:60.000Z" }],
    ["month 13", { time: "2024-13-01T00:00:00.000Z" }],
    ["the year 10000", { time: "+010000-01-01T00:00:00.000Z" }],
    ["an empty command id", { commandid: "" }],
    ["a command id null", { commandid: null }],
    ["a correlation id null", { correlationid: null }],
    ["a correlation id of two lines", { correlationid: "a\nb" }],
    ["metadata that is no JSON", { actormetadata: "{" }],
    ["metadata that is empty", { actormetadata: "" }],
    ["metadata that is text", { actormetadata: '"abc"' }],
    ["metadata that is an array", { actormetadata: '["abc"]' }],
    ["metadata that is a number", { actormetadata: "5" }],
    ["metadata that is null", { actormetadata: "null" }],
    ["metadata beside its string", { actormetadata: { a: "b" } }],
    ["a number in metadata", { actormetadata: '{"a":1}' }],
    ["an extension in metadata", { actormetadata: '{"traceparent":"x"}' }],
    ["an unsafe key in metadata", { actormetadata: '{"__proto__":"x"}' }],
    ["binary data", { data: undefined, data_base64: "AAAA" }],
  ];
  for (const [what, change] of bad) {
    it(`refuses ${what}`, () => {
      corruptOne({ ...JSON.parse(STORED), ...change });
    });
  }

  const bodies: ReadonlyArray<readonly [string, string | Uint8Array]> = [
    ["nothing", ""],
    ["no JSON", "{"],
    ["null", "null"],
    ["text", '"a"'],
    ["an array for one event", "[]"],
    ["a byte order mark", "\ufeff" + STORED],
    ["half a character", utf8.encode(STORED.slice(0, -1) + "é").slice(0, -1)],
    ["Latin-1", Uint8Array.from(STORED, (char) => char.charCodeAt(0))],
    ["infinity", STORED.replace("1.5", "1e999")],
    ["-0", STORED.replace("1.5", "-0")],
    ["a lone surrogate", STORED.replace("für", "\\ud800")],
    ["an unsafe key", STORED.replace('"note"', '"__proto__"')],
    ["an unsafe key, escaped", STORED.replace('"note"', '"\\u005f_proto__"')],
    ["a payload too deep", STORED.replace("1.5", deep(64))],
    ["a bottomless payload", STORED.replace("1.5", deep(100_000))],
  ];
  for (const [what, body] of bodies) {
    it(`refuses ${what}`, () => corruptBody(ONE_EVENT, body));
  }

  it("takes a payload as deep as may be, in a batch too", () => {
    // The object around it is the first of the 64 levels.
    const body = STORED.replace("1.5", deep(63));
    assert.equal(
      cloudEventsCodec.decode(ONE_EVENT, utf8.encode(body)).length,
      1,
    );
    const batch = utf8.encode(`[${body},${body}]`);
    const decoded = cloudEventsCodec.decode(EVENT_BATCH, batch);
    assert.equal(decoded.length, 2);
    cloudEventsCodec.encode("n", decoded);
  });

  it("refuses a batch that is none, or holds what is no event", () => {
    for (const body of [STORED, "null", "[null]", "[[]]", `[${STORED},1]`]) {
      corruptBody(EVENT_BATCH, body);
    }
  });

  it("refuses another content type", () => {
    for (
      const type of [
        "",
        "application/json",
        "application/cloudevents+json; charset=utf-8",
        undefined,
      ]
    ) {
      assert.throws(
        () => cloudEventsCodec.decode(type as string, utf8.encode(STORED)),
        CorruptLogError,
      );
    }
  });

  it("ignores attributes it does not know", () => {
    const body = STORED.replace("{", '{"dataschema":"/v2","other":{"a":[]},');
    const decoded = cloudEventsCodec.decode(ONE_EVENT, utf8.encode(body));
    assert.deepStrictEqual(decoded, [EVENT]);
  });

  it("quotes no payload in its message", () => {
    const secret = "canary-4711";
    for (
      const body of [
        STORED.replace("für Ada", `${secret}"`),
        `${secret}${STORED}`,
        STORED.replace("für Ada", secret).replace("1.5", "1e999"),
      ]
    ) {
      assert.throws(
        () => cloudEventsCodec.decode(ONE_EVENT, utf8.encode(body)),
        (error: Error) =>
          error instanceof CorruptLogError && !error.message.includes(secret),
      );
    }
  });
});

function roundTrip(event: Event): Event {
  const { contentType, body } = cloudEventsCodec.encode("n", [event]);
  return cloudEventsCodec.decode(contentType, body)[0]!;
}

function corruptOne(event: Record<string, unknown>): void {
  corruptBody(ONE_EVENT, JSON.stringify(event));
  corruptBody(EVENT_BATCH, `[${STORED},${JSON.stringify(event)}]`);
}

function corruptBody(contentType: string, body: string | Uint8Array): void {
  const bytes = typeof body === "string" ? utf8.encode(body) : body;
  assert.throws(() => cloudEventsCodec.decode(contentType, bytes), {
    name: "CorruptLogError",
    code: "corrupt_log",
  });
}

function deep(levels: number): string {
  return "[".repeat(levels) + "]".repeat(levels);
}
