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
// once. (The library's own monotonic factory writes it for each id.)
let lastTime = -1;
let timePart = "";
let randomPart = "";

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
    randomPart = id.slice(10);
    return id;
  }
  randomPart = incrementBase32(randomPart);
  return timePart + randomPart;
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
  if (typeof id !== "string" || !/^[\x21-\x7e]{1,128}$/.test(id)) {
    throw new InvalidArgumentError(
      `Cannot use a ${what} that is not 1 to 128 visible ASCII characters: got ${
        show(id)
      }`,
    );
  }
  return id;
}

// The library's own check lets through a time above 2^48 - 1, which its
// decodeTime then refuses, and whatever becomes a digit in upper case, as "ß".
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/i;
