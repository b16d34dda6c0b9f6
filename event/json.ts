/**
 * What may be stored: values that JSON gives back exactly as they were. Anything
 * else is refused before it is sent, with the path of the value, because a state
 * built from what was meant would differ from one replayed from what was stored.
 */
import {
  copyFrozen,
  copySound,
  findFault,
  placeOf,
  UNSOUND,
} from "./_json_fault.ts";
import { InvalidArgumentError } from "./errors.ts";

export { MAX_DEPTH, MAX_KEYS } from "./_json_fault.ts";

/**
 * Checks that a value survives JSON unchanged.
 *
 * @param value The value.
 * @param path How the error names the value's place, such as `data`.
 * @param action What is being done, as the error's first words.
 * @throws {InvalidArgumentError} `invalid_argument`: undefined, a function or
 * symbol, NaN, an infinity or -0, a bigint, anything but a plain object or a
 * dense array (Date, Map, class instances, whatever has a toJSON), a key
 * `__proto__`, `constructor` or `prototype`, a lone surrogate, more than 64
 * levels, more than 10,000 keys. A null prototype or one of another realm is
 * plain enough; a getter is asked as often as it is read.
 * @example A date would come back as a string
 * ```ts
 * import { assertJson } from "@flowmade/aether/event";
 * import assert from "node:assert/strict";
 * assertJson({ at: "2026-01-01" }, "data", "Cannot store");
 * assert.throws(() => assertJson({ at: new Date() }, "data", "Cannot store"), /data\.at/);
 * ```
 */
export function assertJson(value: unknown, path: string, action: string): void {
  const fault = findFault(value, 0, false);
  if (fault === undefined) return;
  const place = placeOf(fault, path);
  throw new InvalidArgumentError(
    `${action} as JSON would not give "${place}" back as it is: ${fault.rule}`,
    { details: { path: place } },
  );
}

/**
 * Copies a value that survives JSON unchanged, frozen all the way down: exactly
 * what the stored JSON will give back. A copy that is handed on is recognised,
 * and not looked through again when it is stored.
 *
 * @param value The value.
 * @param path As {@link assertJson}.
 * @param action As {@link assertJson}.
 * @throws {InvalidArgumentError} `invalid_argument`: as {@link assertJson}.
 */
export function frozenJson(
  value: unknown,
  path: string,
  action: string,
): unknown {
  const copy = copySound(value);
  if (copy !== UNSOUND) return copy;
  assertJson(value, path, action);
  return copyFrozen(value);
}

/**
 * Parses received JSON and refuses what {@link assertJson} would never have let
 * through, dangerous keys and bottomless nesting above all. Four levels more are
 * allowed than there, for what an envelope puts around a payload.
 *
 * @throws {SyntaxError} Not JSON, or JSON that no payload may hold.
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  // Behind the parse, not on the text: no escape or space can hide a key there,
  // and JSON.parse itself is harmless ("__proto__" becomes a key like any other).
  const fault = findFault(value, -ENVELOPE_DEPTH, true);
  if (fault !== undefined) {
    throw new SyntaxError(`At ${placeOf(fault, "$")}: ${fault.rule}`);
  }
  return value;
}

const ENVELOPE_DEPTH = 4;
