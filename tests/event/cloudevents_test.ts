/**
 * What is stored is CloudEvents: by the words of the specification, and for the
 * SDK of its authors.
 *
 * Sources: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
 * and https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { CloudEvent, HTTP } from "cloudevents";
import fc from "fast-check";
import {
  cloudEventsCodec,
  type Event,
  EVENT_BATCH,
  ONE_EVENT,
} from "../../event/mod.ts";
import { event as anyEvent, isForbidden, namespace } from "./_arbitraries.ts";
import { holds, LONG } from "./_property.ts";

const fromUtf8 = new TextDecoder("utf-8", { fatal: true });

const full: Event = {
  id: "01ARZ3NDEKTSV4RRFFQ69G5FAV",
  eventType: "OrderPlaced",
  actorId: "order-123",
  version: 2_147_483_647,
  data: { total: 100, lines: [{ sku: "A" }] },
  timestamp: new Date("2026-01-02T03:04:05.006Z"),
  commandId: "c-1",
  metadata: {
    correlationId: "corr",
    causationId: "cause",
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    userId: "ada\u0085\uffff\u{1ffff}",
  },
};

describe("an encoded event, by the specification", () => {
  it("has attributes named and typed as CloudEvents allows", LONG, () => {
    holds(fc.tuple(namespace, anyEvent), ([ns, event]) => {
      const { data: _, ...attributes } = parse(ns, event);
      assert.equal(attributes["specversion"], "1.0");
      for (const [name, value] of Object.entries(attributes)) {
        // 3.1 Attribute naming: lower-case letters and digits, 20 at most.
        assert.match(name, /^[a-z0-9]{1,20}$/);
        // 3.2 Type system; of its types JSON has Boolean, Integer and String.
        if (typeof value === "number") {
          assert.ok(Number.isInteger(value));
          assert.ok(value >= -2_147_483_648 && value <= 2_147_483_647);
        } else {
          assert.equal(typeof value, "string", name);
          for (const char of value as string) {
            assert.ok(!isForbidden(char.codePointAt(0)!), name);
          }
        }
      }
      // 3.3 and 3.4: required and optional attributes that may not be empty.
      for (
        const name of ["id", "source", "type", "subject", "datacontenttype"]
      ) {
        const value = attributes[name];
        if (name === "datacontenttype" && value === undefined) continue;
        assert.ok(typeof value === "string" && value !== "", name);
      }
      // A URI-reference: an absolute path of unreserved characters.
      assert.match(String(attributes["source"]), /^\/aether\/[A-Za-z0-9._-]+$/);
      // RFC 3339.
      assert.match(
        String(attributes["time"]),
        /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/,
      );
      assert.equal(
        new Date(String(attributes["time"])).getTime(),
        event.timestamp.getTime(),
      );
    });
  });

  it("says that its data is JSON where it has data", () => {
    assert.equal(parse("n", full)["datacontenttype"], "application/json");
    const { data: _, ...none } = full;
    const parsed = parse("n", { ...none, data: undefined });
    assert.ok(!("datacontenttype" in parsed) && !("data" in parsed));
  });

  it("carries the metadata's other keys, whatever characters they hold", () => {
    const written = String(parse("n", full)["actormetadata"]);
    assert.deepEqual(JSON.parse(written), { userId: full.metadata!["userId"] });
  });
});

describe("an encoded event, for the SDK", () => {
  it("is a CloudEvent under strict validation, extensions included", () => {
    const event = new CloudEvent(parse("prod.eu", full));
    assert.equal(event.id, full.id);
    assert.equal(event.type, "OrderPlaced");
    assert.equal(event.source, "/aether/prod.eu");
    assert.equal(event.subject, "order-123");
    assert.equal(event.time, "2026-01-02T03:04:05.006Z");
    assert.equal(event["actorversion"], 2_147_483_647);
    assert.equal(event["correlationid"], "corr");
    assert.equal(event["causationid"], "cause");
    assert.equal(event["commandid"], "c-1");
    assert.equal(event["traceparent"], full.metadata!.traceparent);
    assert.deepEqual(event.data, full.data);
  });

  it("would be refused if it broke a rule", () => {
    const parsed = parse("n", full);
    for (
      const broken of [
        { type: "" },
        { source: "" },
        { time: "yesterday" },
        { subject: "" },
        { actorVersion: 1 },
      ]
    ) {
      assert.throws(
        () => new CloudEvent({ ...parsed, ...broken }),
        Object.keys(broken)[0],
      );
    }
  });

  it("is a CloudEvent whatever it says", LONG, () => {
    holds(fc.tuple(namespace, anyEvent), ([ns, event]) => {
      const parsed = parse(ns, event);
      const sdk = new CloudEvent(parsed);
      assert.ok(sdk.validate());
      assert.deepStrictEqual(JSON.parse(sdk.toString()), parsed);
    });
  });

  it("is read by its HTTP binding in structured mode", () => {
    const event = HTTP.toEvent({
      headers: { "content-type": ONE_EVENT },
      body: text("n", [full]),
    });
    assert.ok(event instanceof CloudEvent && event.validate());
    assert.equal(event.id, full.id);
    assert.deepEqual(event.data, full.data);
  });

  it("is read by its HTTP binding in a batch", () => {
    const events = HTTP.toEvent({
      headers: { "content-type": EVENT_BATCH },
      body: text("n", [full, { ...full, id: "second", version: 1 }]),
    });
    assert.ok(Array.isArray(events));
    assert.deepEqual(
      events.map((event) => [event.id, (event as CloudEvent).validate()]),
      [[full.id, true], ["second", true]],
    );
    const none = HTTP.toEvent({
      headers: { "content-type": EVENT_BATCH },
      body: text("n", []),
    });
    assert.deepEqual(none, []);
  });
});

function text(ns: string, events: readonly Event[]): string {
  return fromUtf8.decode(cloudEventsCodec.encode(ns, events).body);
}

function parse(ns: string, event: Event): Record<string, unknown> {
  return JSON.parse(text(ns, [event]));
}
