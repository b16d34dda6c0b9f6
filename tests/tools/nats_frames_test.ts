import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Frame, FrameParser } from "../support/nats_frames.ts";
import { seeded } from "../support/mod.ts";

const STREAM = [
  'INFO {"server_id":"x"}\r\n',
  "PING\r\n",
  "PUB a.b 5\r\nhello\r\n",
  "PUB a.b _INBOX.1 0\r\n\r\n",
  "HPUB a.c 23 30\r\nNATS/1.0\r\nHeader: X\r\n\r\npayload\r\n",
  "HPUB a.c _INBOX.2 23 23\r\nNATS/1.0\r\nHeader: X\r\n\r\n\r\n",
  "MSG a.b 9 11\r\nwith\r\nlines\r\n",
  "MSG a.b 9 _INBOX.3 2\r\n\r\n\r\n",
  "HMSG a.c 9 _INBOX.4 16 19\r\nNATS/1.0 503\r\n\r\né!\r\n",
  "+OK\r\n",
  "pub lower.case 1\r\nx\r\n",
];

function parse(bytes: Uint8Array, cuts: readonly number[]): Frame[] {
  const parser = new FrameParser();
  const ends = [...cuts, bytes.length];
  return ends.flatMap((end, index) =>
    parser.feed(bytes.slice(ends[index - 1] ?? 0, end))
  );
}

describe("FrameParser", () => {
  const text = (bytes: Uint8Array | undefined) =>
    new TextDecoder().decode(bytes);
  const bytes = new TextEncoder().encode(STREAM.join(""));

  it("reads subject, reply, headers and payload", () => {
    const messages = parse(bytes, []).map((frame) => frame.message);
    assert.equal(messages[0], undefined);
    assert.equal(messages[2]?.subject, "a.b");
    assert.equal(messages[2]?.reply, undefined);
    assert.equal(text(messages[2]?.payload), "hello");
    assert.equal(messages[3]?.reply, "_INBOX.1");
    assert.equal(messages[4]?.headers, "NATS/1.0\r\nHeader: X\r\n\r\n");
    assert.equal(text(messages[4]?.payload), "payload");
    assert.equal(messages[5]?.reply, "_INBOX.2");
    assert.equal(messages[5]?.payload.length, 0);
    assert.equal(text(messages[6]?.payload), "with\r\nlines");
    assert.equal(messages[7]?.reply, "_INBOX.3");
    assert.equal(messages[8]?.reply, "_INBOX.4");
    assert.equal(text(messages[8]?.payload), "é!");
    assert.equal(messages[10]?.subject, "lower.case");
  });

  it("yields the same frames however the stream is cut", () => {
    const random = seeded();
    for (let round = 0; round < 500; round++) {
      const cuts = Array.from(
        { length: random.int(40) },
        () => random.int(bytes.length + 1),
      );
      const frames = parse(bytes, cuts.sort((a, b) => a - b));
      assert.deepEqual(frames.map((frame) => text(frame.bytes)), STREAM);
    }
    const singles = Array.from({ length: bytes.length }, (_, index) => index);
    assert.deepEqual(
      parse(bytes, singles).map((frame) => text(frame.bytes)),
      STREAM,
    );
  });

  it("keeps a frame that is not whole yet", () => {
    const parser = new FrameParser();
    const encode = (part: string) => new TextEncoder().encode(part);
    assert.deepEqual(parser.feed(encode("PUB a 4\r\nab")), []);
    assert.deepEqual(parser.feed(encode("cd\r")), []);
    assert.equal(parser.feed(encode("\n")).length, 1);
  });
});
