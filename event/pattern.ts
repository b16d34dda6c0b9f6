/**
 * Namespace patterns, with exactly the meaning NATS gives to subjects: `*` is
 * one token, whatever it is; `>`, only at the end, one or more. `prod.*` is
 * `prod.eu` but neither `prod` nor `prod.eu.west`; `prod.>` is both of the
 * longer ones; `>` is every namespace.
 * Source: {@link https://docs.nats.io/nats-concepts/subjects#wildcards | NATS subjects}.
 */
import { show } from "./_show.ts";
import { InvalidArgumentError } from "./errors.ts";
import { checkNamespace } from "./namespace.ts";

/**
 * Checks a namespace or a pattern of namespaces.
 *
 * @param pattern Such as `tenant-abc`, `prod.*`, `prod.>` or `>`.
 * @returns The pattern, unchanged.
 * @throws {InvalidArgumentError} `invalid_argument`: a token is neither that of a
 * namespace nor `*`, `>` is not the last one, or there are more than four, which
 * no namespace has.
 * @example Both a namespace and a pattern pass
 * ```ts
 * import { checkPattern } from "@flowmade/aether/event";
 * import assert from "node:assert/strict";
 * assert.equal(checkPattern("prod.*"), "prod.*");
 * assert.throws(() => checkPattern("prod.>.eu"));
 * ```
 */
export function checkPattern(pattern: string): string {
  if (typeof pattern === "string" && PATTERN.test(pattern)) return pattern;
  throw new InvalidArgumentError(
    `Cannot use a pattern that is not 1 to 4 tokens, each that of a namespace, "*" or, ` +
      `at the end, ">", joined by ".": got ${show(pattern)}`,
  );
}

/** Tells a pattern from a namespace: whether it holds `*` or `>`. */
export function isPattern(namespaceOrPattern: string): boolean {
  return /[*>]/.test(namespaceOrPattern);
}

/**
 * Tells whether a name matches a pattern, by the rules of NATS.
 *
 * @param pattern Tokens joined by `.`; those that are `*` or a last `>` are wild.
 * @param name Tokens joined by `.`; taken literally.
 * @example One token, and one or more
 * ```ts
 * import { matchesPattern } from "@flowmade/aether/event";
 * import assert from "node:assert/strict";
 * assert.equal(matchesPattern("prod.*", "prod.eu"), true);
 * assert.equal(matchesPattern("prod.*", "prod.eu.west"), false);
 * assert.equal(matchesPattern("prod.>", "prod.eu.west"), true);
 * assert.equal(matchesPattern("prod.>", "prod"), false);
 * ```
 */
export function matchesPattern(pattern: string, name: string): boolean {
  if (pattern === name) return true;
  const wanted = pattern.split(".");
  const tokens = name.split(".");
  const open = wanted.at(-1) === ">";
  if (open ? tokens.length < wanted.length : tokens.length !== wanted.length) {
    return false;
  }
  const fixed = open ? wanted.length - 1 : wanted.length;
  for (let i = 0; i < fixed; i++) {
    if (wanted[i] !== "*" && wanted[i] !== tokens[i]) return false;
  }
  return true;
}

/**
 * Turns a pattern into those that match the same namespaces and hold no `>`: in
 * a subject, more tokens follow behind the namespace, so `>` would match too much.
 *
 * @returns One pattern for each length a matching namespace can have.
 */
export function closedPatterns(pattern: string): string[] {
  const tokens = checkPattern(pattern).split(".");
  if (tokens.at(-1) !== ">") return [pattern];
  const fixed = tokens.slice(0, -1);
  const closed: string[] = [];
  for (let length = tokens.length; length <= MAX_TOKENS; length++) {
    const stars = Array.from({ length: length - fixed.length }, () => "*");
    closed.push([...fixed, ...stars].join("."));
  }
  return closed;
}

/**
 * Checks the name of a durable subscription: one token of a namespace.
 *
 * @returns The name, unchanged.
 * @throws {InvalidArgumentError} `invalid_argument`: the name breaks the rule.
 */
export function checkDurable(name: string): string {
  if (typeof name === "string" && !name.includes(".")) {
    try {
      return checkNamespace(name);
    } catch {
      // Said below, in the words of a durable's name.
    }
  }
  throw new InvalidArgumentError(
    `Cannot use a durable's name that is not 1 to 32 letters, digits, "_" or "-": got ${
      show(name)
    }`,
  );
}

const MAX_TOKENS = 4;
const TOKEN = "(?:[A-Za-z0-9_-]{1,32}|\\*)";
const PATTERN = new RegExp(
  `^(?:>|${TOKEN}(?:\\.${TOKEN}){0,2}\\.>|${TOKEN}(?:\\.${TOKEN}){0,3})$`,
);
