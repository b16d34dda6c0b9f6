import { decodeTime, isValid, monotonicFactory } from "ulid";
import { InvalidArgumentError } from "./errors.ts";

const next = monotonicFactory();

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
  return next();
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
      `Cannot read the time of an id as it is not a ULID: got ${
        JSON.stringify(id)
      }`,
    );
  }
  return decodeTime(id);
}

/** Tells whether a string is a ULID. */
export function isUlid(id: string): boolean {
  return isValid(id);
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
        JSON.stringify(id)
      }`,
    );
  }
  return id;
}
