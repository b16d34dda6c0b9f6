import { decodeTime, incrementBase32, ulid as freshUlid } from "ulid";
import { show } from "./_show.ts";
import { InvalidArgumentError } from "./errors.ts";

// The library asks for one random byte at a time, sixteen for the first id of a
// millisecond: 5 µs under Deno, half of one out of a pool.
const pool = new Uint8Array(1024);
let used = pool.length;

function random(): number {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  return pool[used++]! / 256;
}

// Within a millisecond only the random part changes, by one: the time is written
// once (the library's own monotonic factory writes it for each id), and the
// library counts only where the last two digits overflow.
let lastTime = -1;
let timePart = "";
let randomPart = "";
let digits = 0;

/**
 * Makes a ULID: 26 characters that sort by the time they were made. Within one
 * process they strictly grow, also within a millisecond and when the wall clock
 * is set back. Source: {@link https://github.com/ulid/spec | ULID}.
 *
 * @returns 26 characters of Crockford's base 32.
 * @example Later ids sort behind earlier ones
 * ```ts
 * import { ulid } from "@flowmade/aether/event";
 * import assert from "node:assert/strict";
 * assert.ok(ulid() < ulid());
 * ```
 */
export function ulid(): string {
  const now = Date.now();
  if (now > lastTime) {
    const id = freshUlid(now, random);
    lastTime = now;
    timePart = id.slice(0, 10);
    randomPart = id.slice(10, 24);
    digits = PAIRS.indexOf(id.slice(24));
  } else if (++digits === PAIRS.length) {
    randomPart = incrementBase32(randomPart);
    digits = 0;
  }
  return timePart + randomPart + PAIRS[digits]!;
}

/**
 * Reads the time out of a ULID.
 *
 * @param id A ULID.
 * @returns Milliseconds since 1970.
 * @throws {InvalidArgumentError} `invalid_argument`: not a ULID.
 */
export function ulidTime(id: string): number {
  if (!isUlid(id)) {
    throw new InvalidArgumentError(
      `Cannot read the time of an id as it is not a ULID: got ${show(id)}`,
    );
  }
  return decodeTime(id);
}

/** Tells whether a string is a ULID, in upper or lower case. */
export function isUlid(id: string): boolean {
  return typeof id === "string" && ULID.test(id);
}

/**
 * Checks an id given by a caller, such as a command id: 1 to 128 visible ASCII
 * characters, so that it can travel in a header.
 *
 * @param id The id.
 * @param what Named in the error, such as `command id`.
 * @returns The id, unchanged.
 * @throws {InvalidArgumentError} `invalid_argument`: the id breaks the rule.
 */
export function checkId(id: string, what: string): string {
  if (!isId(id)) {
    throw new InvalidArgumentError(
      `Cannot use a ${what} that is not 1 to 128 visible ASCII characters: got ${
        show(id)
      }`,
    );
  }
  return id;
}

/** Tells whether it is what {@link checkId} lets pass. */
export function isId(id: unknown): id is string {
  return typeof id === "string" && ID.test(id);
}

/**
 * Makes an id out of another one, always the same: for what follows from
 * something that may be done more than once, as after a crash.
 *
 * @param id Where it comes from. Of a ULID, the derived id is one of the same time.
 * @param what Tells apart what comes from the same id.
 * @returns 26 characters of Crockford's base 32; the last 16 are a hash of both.
 * @example What follows from one decision
 * ```ts
 * import { deriveId, isUlid, ulid, ulidTime } from "@flowmade/aether/event";
 * import assert from "node:assert/strict";
 * const commit = ulid();
 * const first = deriveId(commit, "#0");
 * assert.equal(first, deriveId(commit, "#0"));
 * assert.notEqual(first, deriveId(commit, "#1"));
 * assert.ok(isUlid(first) && ulidTime(first) === ulidTime(commit));
 * ```
 */
export function deriveId(id: string, what: string): string {
  const text = `${id}${what}`;
  const time = isUlid(id) ? id.slice(0, 10).toUpperCase() : "0000000000";
  // Four lanes of 32 bits (cyrb128), of which 80 bits are used: nobody chooses
  // the ids that go in, so chance is the only enemy.
  let [a, b, c, d] = [1779033703, 3144134277, 1013904242, 2773480762];
  for (let i = 0; i < text.length; i++) {
    const k = text.charCodeAt(i);
    a = b ^ Math.imul(a ^ k, 597399067);
    b = c ^ Math.imul(b ^ k, 2869860233);
    c = d ^ Math.imul(c ^ k, 951274213);
    d = a ^ Math.imul(d ^ k, 2716044179);
  }
  a = Math.imul(c ^ (a >>> 18), 597399067);
  b = Math.imul(d ^ (b >>> 22), 2869860233);
  c = Math.imul(a ^ (c >>> 17), 951274213);
  d = Math.imul(b ^ (d >>> 19), 2716044179);
  a ^= b ^ c ^ d;
  b ^= a;
  c ^= a;
  let random = "";
  for (const [lane, digits] of [[a, 6], [b, 5], [c, 5]] as const) {
    for (let i = 0; i < digits; i++) {
      random += CROCKFORD[(lane >>> (5 * i)) & 31];
    }
  }
  return time + random;
}

const ID = /^[\x21-\x7e]{1,128}$/;
const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/** All that two digits may be, in order. */
const PAIRS = Array.from(
  { length: 1024 },
  (_, i) => CROCKFORD[i >>> 5]! + CROCKFORD[i & 31]!,
);

// The library's own check lets through a time above 2^48 - 1, which its
// decodeTime then refuses, and whatever becomes a digit in upper case, as "ß".
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/i;
