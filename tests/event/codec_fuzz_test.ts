/** Stored bytes that were changed are refused as such, or are a valid event. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import {
  cloudEventsCodec,
  CorruptLogError,
  decodeWith,
  type EncodedCommit,
  type Event,
} from "../../event/mod.ts";
import { event as anyEvent } from "./_arbitraries.ts";
import { cases, dice, LONG, NIGHTLY, seed } from "./_property.ts";

const CASES = NIGHTLY ? 1_000_000 : cases(20_000);

describe("cloudEventsCodec.decode()", () => {
  it(`survives ${CASES} changed bodies`, LONG, () => {
    const from = seed();
    const roll = dice(from);
    const commits = fc.sample(
      fc.array(anyEvent, { minLength: 1, maxLength: 3 }),
      { numRuns: 200, seed: from },
    ).map((events) => cloudEventsCodec.encode("shop", events));
    const counts = { valid: 0, corrupt: 0 };
    for (let i = 0; i < CASES; i++) {
      const commit = commits[roll(commits.length)]!;
      const body = changed(commit.body, commits, roll);
      try {
        counts[outcome({ ...commit, body })]++;
      } catch (cause) {
        throw new Error(
          `Case ${i} of SEED=${from}: ${
            Buffer.from(body).toString("base64")
          } as ${commit.contentType}`,
          { cause },
        );
      }
    }
    // Both ends are reached, else nothing was shown.
    assert.ok(counts.valid > CASES / 100, JSON.stringify(counts));
    assert.ok(counts.corrupt > CASES / 100, JSON.stringify(counts));
  });
});

function outcome({ contentType, body }: EncodedCommit): "valid" | "corrupt" {
  let events: Event[];
  try {
    events = cloudEventsCodec.decode(contentType, body);
  } catch (error) {
    if (error instanceof CorruptLogError) return "corrupt";
    throw error;
  }
  // As text it is the same.
  const text = strictUtf8.decode(body);
  assert.deepStrictEqual(
    decodeWith(cloudEventsCodec, contentType, { data: NONE, text }),
    events,
  );
  // Valid is what could be stored: it is taken, and comes back as it is.
  const again = cloudEventsCodec.encode("shop", events);
  assert.deepStrictEqual(
    cloudEventsCodec.decode(again.contentType, again.body),
    events,
  );
  return "valid";
}

const NONE = new Uint8Array(0);
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

// What tears JSON and what no payload may hold.
const SNIPPETS = [
  '"',
  "\\",
  "\\u0000",
  "\\ud800",
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "-0",
  "-",
  "1e999",
  "null",
  "true",
  "{}",
  "[[]]",
  '"__proto__":1,',
  '"constructor":{},',
  '"data_base64":"AAAA",',
  '"actormetadata":"[1]",',
  '"time":"2024-02-30T00:00:00.000Z",',
  "\ufeff",
  "\u0000",
  "\ufffe",
].map((snippet) => Buffer.from(snippet));

function changed(
  body: Uint8Array,
  commits: readonly EncodedCommit[],
  roll: (limit: number) => number,
): Uint8Array {
  let bytes = Buffer.from(body);
  for (let changes = 1 + roll(3); changes > 0 && bytes.length > 0; changes--) {
    const at = roll(bytes.length);
    const length = 1 + roll(8);
    switch (roll(6)) {
      case 0:
        bytes[at] = roll(256);
        break;
      case 1:
        bytes[at]! ^= 1 << roll(8);
        break;
      case 2:
        bytes = splice(bytes, at, length, []);
        break;
      case 3:
        bytes = splice(bytes, at, 0, SNIPPETS[roll(SNIPPETS.length)]!);
        break;
      case 4:
        bytes = splice(bytes, at, length, SNIPPETS[roll(SNIPPETS.length)]!);
        break;
      default: {
        const other = commits[roll(commits.length)]!.body;
        const start = roll(other.length);
        const piece = other.subarray(start, start + 1 + roll(60));
        bytes = splice(bytes, at, roll(60), piece);
      }
    }
  }
  return bytes;
}

function splice(
  bytes: Buffer,
  at: number,
  length: number,
  piece: Uint8Array | number[],
) {
  return Buffer.concat([
    bytes.subarray(0, at),
    Uint8Array.from(piece),
    bytes.subarray(at + length),
  ]);
}
