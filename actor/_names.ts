/**
 * Which names commands, queries and events may have. A reference's methods are
 * named after commands and queries, so a name that JavaScript itself calls on
 * objects (`then`, when a reference is awaited) would be called by surprise.
 */
import { InvalidArgumentError } from "../event/mod.ts";

const IDENTIFIER = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

const TAKEN: ReadonlySet<string> = new Set([
  ...Object.getOwnPropertyNames(Object.prototype),
  "then",
  "catch",
  "finally",
  "toJSON",
  "inspect",
  "prototype",
  "arguments",
  "caller",
]);

/** Tells whether a reference may have a method of that name. */
export function isCallName(name: string): boolean {
  return IDENTIFIER.test(name) && !TAKEN.has(name);
}

/**
 * Checks the name of a command, query or event.
 *
 * @param what Named in the error, such as `command`.
 * @throws {InvalidArgumentError} `invalid_argument`: not a letter and up to 63
 * letters, digits or "_", or a name every object has.
 */
export function checkName(type: string, what: string, name: string): string {
  if (isCallName(name)) return name;
  throw new InvalidArgumentError(
    IDENTIFIER.test(name)
      ? `Cannot define actor "${type}" as every object or promise has a "${name}" of its own: choose another ${what} name`
      : `Cannot define actor "${type}" as a ${what} is named by a letter and up to 63 letters, digits or "_": got ${
        JSON.stringify(name)
      }`,
  );
}
