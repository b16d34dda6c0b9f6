/**
 * What may be stored: values that JSON gives back exactly as they were. Anything
 * else is refused before it is sent, with the path of the value, because a state
 * built from what was meant would differ from one replayed from what was stored.
 */
import { InvalidArgumentError } from "./errors.ts";

/** How deep objects and arrays may nest. */
export const MAX_DEPTH = 64;
/** How many keys one object may have. */
export const MAX_KEYS = 10_000;

/**
 * Checks that a value survives JSON unchanged.
 *
 * @param value The value.
 * @param path How the error names the value's place, such as `data`.
 * @param action What is being done, as the error's first words.
 * @throws {InvalidArgumentError} `invalid_argument`: undefined, a function or
 * symbol, NaN, an infinity or -0, a bigint, anything but a plain object or a
 * dense array (Date, Map, class instances), a key `__proto__`, `constructor` or
 * `prototype`, a lone surrogate, more than 64 levels, more than 10,000 keys.
 * @example A date would come back as a string
 * ```ts
 * import { assertJson } from "@flowmade/aether/event";
 * import assert from "node:assert/strict";
 * assertJson({ at: "2026-01-01" }, "data", "Cannot store");
 * assert.throws(() => assertJson({ at: new Date() }, "data", "Cannot store"), /data\.at/);
 * ```
 */
export function assertJson(value: unknown, path: string, action: string): void {
  const fault = findFault(value, 0);
  if (fault === undefined) return;
  const place = path + fault.path.reverse().join("");
  throw new InvalidArgumentError(
    `${action} as JSON would not give "${place}" back as it is: ${fault.rule}`,
    { details: { path: place } },
  );
}

interface Fault {
  /** Steps from the value up to the root. */
  readonly path: string[];
  readonly rule: string;
}

function findFault(value: unknown, depth: number): Fault | undefined {
  switch (typeof value) {
    case "string":
      return value.isWellFormed()
        ? undefined
        : fault("it holds a lone surrogate");
    case "number":
      if (!Number.isFinite(value)) return fault(`${value} has no JSON form`);
      return Object.is(value, -0) ? fault("-0 becomes 0") : undefined;
    case "boolean":
      return undefined;
    case "object":
      break;
    case "undefined":
      return fault("undefined is dropped; leave the key out or use null");
    default:
      return fault(`a ${typeof value} has no JSON form`);
  }
  if (value === null) return undefined;
  if (depth >= MAX_DEPTH) return fault(`more than ${MAX_DEPTH} levels deep`);
  return Array.isArray(value)
    ? findInArray(value, depth)
    : findInObject(value, depth);
}

function findInArray(
  array: readonly unknown[],
  depth: number,
): Fault | undefined {
  for (let i = 0; i < array.length; i++) {
    if (!(i in array)) {
      return fault("an array with holes comes back without", `[${i}]`);
    }
    const found = findFault(array[i], depth + 1);
    if (found !== undefined) {
      found.path.push(`[${i}]`);
      return found;
    }
  }
  return Object.keys(array).length === array.length
    ? undefined
    : fault("an array's own keys are dropped");
}

function findInObject(object: object, depth: number): Fault | undefined {
  const prototype = Object.getPrototypeOf(object);
  if (
    prototype !== Object.prototype && prototype !== null &&
    !isForeignPlain(prototype)
  ) {
    return fault(
      `a ${object.constructor?.name ?? "class instance"} is not a plain object`,
    );
  }
  const keys = Object.keys(object);
  if (keys.length > MAX_KEYS) return fault(`more than ${MAX_KEYS} keys`);
  for (const key of keys) {
    if (isUnsafeKey(key)) return fault("a key no payload may have", `.${key}`);
    if (!key.isWellFormed()) return fault("a key with a lone surrogate");
    const found = findFault(
      (object as Record<string, unknown>)[key],
      depth + 1,
    );
    if (found !== undefined) {
      found.path.push(
        IDENTIFIER.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`,
      );
      return found;
    }
  }
  return Object.getOwnPropertySymbols(object).length === 0
    ? undefined
    : fault("keys that are symbols are dropped");
}

/**
 * Parses stored or received JSON and refuses what {@link assertJson} would never
 * have let through: dangerous keys and bottomless nesting.
 *
 * @throws {SyntaxError} Not JSON, or JSON that must not be built into objects.
 */
export function parseJson(text: string): unknown {
  if (SUSPECT.test(text) || openers(text) > MAX_DEPTH) assertHarmless(text);
  return JSON.parse(text);
}

// A cheap look that is never wrong on the safe side: without these strings no
// key can be dangerous (an escape can only hide one behind `\u`).
const SUSPECT = /proto|constructor|\\u00/;
// An envelope and a batch around a payload add a few levels of their own.
const ENVELOPE_DEPTH = 4;

function openers(text: string): number {
  let count = 0;
  for (
    let i = text.indexOf("{");
    i >= 0 && count <= MAX_DEPTH;
    i = text.indexOf("{", i + 1)
  ) {
    count++;
  }
  for (
    let i = text.indexOf("[");
    i >= 0 && count <= MAX_DEPTH;
    i = text.indexOf("[", i + 1)
  ) {
    count++;
  }
  return count;
}

function assertHarmless(text: string): void {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x22) {
      const end = endOfString(text, i);
      if (isUnsafeString(text, i, end)) {
        throw new SyntaxError(
          `a key no payload may have: ${text.slice(i, end + 1)}`,
        );
      }
      i = end;
    } else if (c === 0x7b || c === 0x5b) {
      if (++depth > MAX_DEPTH + ENVELOPE_DEPTH) {
        throw new SyntaxError(`more than ${MAX_DEPTH} levels deep`);
      }
    } else if (c === 0x7d || c === 0x5d) depth--;
  }
}

function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text.charCodeAt(i) !== 0x22) {
    i += text.charCodeAt(i) === 0x5c ? 2 : 1;
  }
  return Math.min(i, text.length - 1);
}

function isUnsafeString(text: string, start: number, end: number): boolean {
  // "__proto__" is 11 characters; every character of "constructor" escaped, 68.
  if (end - start < 10 || end - start > 70) return false;
  let after = end + 1;
  while (/\s/.test(text[after] ?? "")) after++;
  if (text[after] !== ":") return false;
  try {
    return isUnsafeKey(JSON.parse(text.slice(start, end + 1)));
  } catch {
    return false; // not JSON at all: the real parse will say so
  }
}

function isUnsafeKey(key: unknown): boolean {
  return key === "__proto__" || key === "constructor" || key === "prototype";
}

function isForeignPlain(prototype: object): boolean {
  // A plain object of another realm: its prototype is a root and has that shape.
  return Object.getPrototypeOf(prototype) === null &&
    Object.hasOwn(prototype, "isPrototypeOf");
}

function fault(rule: string, step?: string): Fault {
  return { path: step === undefined ? [] : [step], rule };
}

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;
