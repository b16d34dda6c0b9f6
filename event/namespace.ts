import { show } from "./_show.ts";
import { InvalidArgumentError } from "./errors.ts";

/**
 * Checks a namespace: 1 to 4 tokens of `[A-Za-z0-9_-]{1,32}` joined by `.`, as
 * in `tenant-abc` or `prod.eu`. A namespace is a logical boundary, not tenancy:
 * tenants that must not see each other belong into NATS accounts of their own.
 *
 * @param namespace The name.
 * @returns The name, unchanged.
 * @throws {InvalidArgumentError} `invalid_argument`: the name breaks the rule.
 * @example A namespace of two tokens
 * ```ts
 * import { checkNamespace } from "@flowmade/aether/event";
 * import assert from "node:assert/strict";
 * assert.equal(checkNamespace("prod.eu"), "prod.eu");
 * assert.throws(() => checkNamespace("prod.*"));
 * ```
 */
export function checkNamespace(namespace: string): string {
  if (typeof namespace !== "string" || !NAMESPACE.test(namespace)) {
    throw new InvalidArgumentError(
      `Cannot use a namespace that is not 1 to 4 tokens of 1 to 32 letters, digits, "_" or "-" joined by ".": got ${
        show(namespace)
      }`,
    );
  }
  return namespace;
}

/** The streams of a namespace, by what they hold. */
export interface StreamNames {
  /** Commits of all actors: the source of truth. */
  readonly events: string;
  /** The last snapshot of each actor: a cache. */
  readonly snapshots: string;
  /** Durable commands that wait, timers, and what was parked. */
  readonly inbox: string;
  /** How far durable subscriptions got, and what they parked. */
  readonly subscriptions: string;
  /** What projections have made of the events. */
  readonly views: string;
}

/**
 * Names the streams of a namespace. `.` becomes `=`, which no namespace holds,
 * so two namespaces never share a stream.
 */
export function streamNames(namespace: string): StreamNames {
  const name = checkNamespace(namespace).replaceAll(".", "=");
  return {
    events: `AETHER=EV=${name}`,
    snapshots: `AETHER=SNAP=${name}`,
    inbox: `AETHER=INBOX=${name}`,
    subscriptions: `AETHER=SUB=${name}`,
    views: `AETHER=VIEW=${name}`,
  };
}

const NAMESPACE = /^[A-Za-z0-9_-]{1,32}(?:\.[A-Za-z0-9_-]{1,32}){0,3}$/;
