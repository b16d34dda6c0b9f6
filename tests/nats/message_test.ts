import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { RawHeaders, Received } from "../../nats/mod.ts";
import { holds, LONG } from "../event/_property.ts";

const utf8 = new TextEncoder();
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const WRITTEN = "NATS/1.0\r\nNats-Expected-Last-Subject-Sequence: 6\r\n" +
  "Aether-Commit: 01ARZ3\r\ncontent-type: application/cloudevents+json\r\n";
const TRAIL = "Aether-Trail: BgE\r\n";

describe("RawHeaders", () => {
  it("reads a commit as the server republishes it", () => {
    for (const between of ["", TRAIL, `${TRAIL}Nats-Batch-Id: b\r\n`]) {
      const headers = new RawHeaders(`${WRITTEN}${between}${added(7)}\r\n`);
      assert.equal(headers.get("Aether-Commit"), "01ARZ3");
      assert.equal(
        headers.get("content-type"),
        "application/cloudevents+json",
      );
      assert.equal(headers.get("Aether-Trail"), between === "" ? "" : "BgE");
      assert.equal(headers.added("Nats-Stream"), "AETHER=EV=n");
      assert.equal(headers.added("Nats-Sequence"), "7");
      assert.equal(headers.added("Nats-Last-Sequence"), "6");
      assert.equal(headers.added("Nats-Num-Pending"), "");
    }
  });

  it("reads a commit as a direct get answers it", () => {
    const headers = new RawHeaders(
      `${WRITTEN}${added(7, "Nats-Num-Pending: 12\r\n")}\r\n`,
    );
    assert.equal(headers.added("Nats-Num-Pending"), "12");
    assert.equal(headers.added("Nats-Subject"), "aether.ev.n.82.order.1");
  });

  it("believes nothing that stands before what the server has added", () => {
    const forgeries = [
      "Nats-Stream: FORGED\r\nNats-Sequence: 99\r\n",
      added(99),
      `Aether-X: 1\r\n${added(99)}`,
      `${added(99)}Aether-X: 1\r\n`,
      `${added(99)}X: ${added(98)}`,
    ];
    for (const forged of forgeries) {
      for (const text of [`${WRITTEN}${forged}`, `NATS/1.0\r\n${forged}`]) {
        const headers = new RawHeaders(`${text}${added(7)}\r\n`);
        assert.equal(headers.added("Nats-Stream"), "AETHER=EV=n", text);
        assert.equal(headers.added("Nats-Sequence"), "7", text);
      }
    }
  });

  it("takes the first of what a writer wrote twice", () => {
    const twice = "Aether-Commit: other\r\ncontent-type: text/plain\r\n";
    for (const end of [added(7), ""]) {
      const behind = new RawHeaders(`${WRITTEN}${twice}${end}\r\n`);
      assert.equal(behind.get("Aether-Commit"), "01ARZ3");
      const before = new RawHeaders(
        WRITTEN.replace("NATS/1.0\r\n", `NATS/1.0\r\n${twice}`) +
          `${end}\r\n`,
      );
      assert.equal(before.get("Aether-Commit"), "other");
      assert.equal(before.get("content-type"), "text/plain");
    }
  });

  it("has nothing of the server's where there is none", () => {
    for (const text of [`${WRITTEN}\r\n`, "NATS/1.0\r\nA: 1\r\n\r\n", ""]) {
      assert.equal(new RawHeaders(text).added("Nats-Sequence"), "");
    }
  });

  it("reads values of any form", () => {
    const headers = new RawHeaders(
      "NATS/1.0\r\nA:  two words \r\nB:\r\nC:x\r\nD: a\rb\r\n\r\n",
    );
    assert.equal(headers.get("A"), "two words");
    assert.equal(headers.get("B"), "");
    assert.equal(headers.get("C"), "x");
    assert.equal(headers.get("D"), "a\rb");
    assert.equal(headers.get("a"), "");
  });

  it("believes the server where a writer's last line has no end", () => {
    const forged = "NATS/1.0\r\nNats-Stream: FORGED\r\nNats-Sequence: 99\r\n";
    for (
      const block of [`${forged}xx`, "xx", "", "NATS/1.0", "NATS/1.0\r\nA: b"]
    ) {
      // The server takes two bytes from the end, whatever they are, and goes on.
      const headers = new RawHeaders(`${block.slice(0, -2)}${added(7)}\r\n`);
      assert.equal(headers.added("Nats-Stream"), "AETHER=EV=n", block);
      assert.equal(headers.added("Nats-Sequence"), "7", block);
      assert.ok(headers.isStored);
      assert.equal(headers.status, 0);
    }
  });

  it("knows what lies in a stream from what only looks like a status", () => {
    const stored = new RawHeaders(`NATS/1.0 503\r\n${added(7)}\r\n`);
    assert.deepEqual([stored.status, stored.isStored], [503, true]);
    const said = new RawHeaders("NATS/1.0 503\r\nNats-Subject: a.b\r\n\r\n");
    assert.deepEqual([said.status, said.isStored], [503, false]);
  });

  it("reads a status", () => {
    assert.equal(
      new RawHeaders("NATS/1.0 404 Message Not Found\r\n\r\n").status,
      404,
    );
    assert.equal(new RawHeaders("NATS/1.0\r\nA: 1\r\n\r\n").status, 0);
    assert.equal(new RawHeaders("").status, 0);
  });
});

describe("Received", () => {
  it("gives headers and body as text", () => {
    const received = message(`${WRITTEN}\r\n`, "a plain body");
    assert.equal(received.headers.get("Aether-Commit"), "01ARZ3");
    assert.equal(received.text, "a plain body");
    assert.deepEqual(received.data, utf8.encode("a plain body"));
    assert.equal(received.size, WRITTEN.length + 2 + 12);
  });

  it("gives no text where there are no headers", () => {
    const received = message(undefined, "body");
    assert.equal(received.headers.get("Aether-Commit"), "");
    assert.equal(received.text, undefined);
    assert.deepEqual(received.data, utf8.encode("body"));
  });

  // What is text has to be what the bytes say, whatever stands before it.
  it("splits any headers from any body where the bytes do", LONG, () => {
    const piece = fc.oneof(
      fc.string(),
      fc.string({ unit: "binary" }),
      fc.constantFrom("\r\n\r\n", "\r\n", "\ufeff", "ü", "😀", "\ufffd", "\0"),
    );
    const bytes = fc.oneof(
      fc.array(piece, { maxLength: 4 }).map((p) => utf8.encode(p.join(""))),
      fc.uint8Array({ maxLength: 12 }),
    );
    holds(
      fc.tuple(bytes, fc.boolean(), bytes),
      ([head, ends, body]) => {
        const block = joined(
          utf8.encode("NATS/1.0\r\n"),
          head,
          utf8.encode(ends ? "\r\n\r\n" : ""),
        );
        const received = message(block, body);
        assert.equal(received.headers.text, lenient.decode(block));
        assert.deepEqual(received.data, body);
        if (received.text !== undefined) {
          assert.equal(received.text, strict.decode(body));
        }
      },
    );
  });

  it("gives text for what is not ASCII too", () => {
    assert.equal(message(`${WRITTEN}\r\n`, "für 😀").text, "für 😀");
  });

  it("reads no headers where the client refuses to", () => {
    const msg = {
      subject: "s",
      data: new Uint8Array(0),
      get headers(): never {
        throw new Error("' ' is not a valid character in a header name");
      },
    };
    const received = new Received(
      msg as unknown as ConstructorParameters<typeof Received>[0],
    );
    assert.equal(received.headers.get("Aether-Commit"), "");
  });

  it("reads a client's message that keeps its bytes elsewhere", () => {
    const headers = { code: 0, description: "" } as Record<string, unknown>;
    Object.assign(headers, {
      *[Symbol.iterator]() {
        yield ["Aether-Commit", ["01ARZ3", "other"]];
      },
    });
    const msg = { subject: "s", data: utf8.encode("body"), headers };
    const received = new Received(
      msg as unknown as ConstructorParameters<typeof Received>[0],
    );
    assert.equal(received.subject, "s");
    assert.equal(received.headers.get("Aether-Commit"), "01ARZ3");
    assert.equal(received.text, undefined);
    assert.deepEqual(received.data, utf8.encode("body"));
    assert.ok(received.size >= 4);
  });
});

function added(sequence: number, pending = ""): string {
  return "Nats-Stream: AETHER=EV=n\r\nNats-Subject: aether.ev.n.82.order.1\r\n" +
    `Nats-Sequence: ${sequence}\r\n` +
    `Nats-Time-Stamp: 2026-01-02T03:04:05.006Z\r\n${pending}` +
    `Nats-Last-Sequence: ${sequence - 1}\r\n`;
}

/** A message as nats.js 3.4 keeps it. */
function message(
  block: string | Uint8Array | undefined,
  body: string | Uint8Array,
): Received {
  const head = bytesOf(block ?? "");
  const data = bytesOf(body);
  const msg = {
    subject: "s",
    data,
    _msg: { hdr: block === undefined ? -1 : head.length },
    _rdata: joined(head, data),
  };
  return new Received(
    msg as unknown as ConstructorParameters<typeof Received>[0],
  );
}

function bytesOf(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? utf8.encode(value) : value;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
