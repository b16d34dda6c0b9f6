/**
 * Proves the checker: a world that keeps every promise and leaves a right record
 * behind, and every kind of wrong that can be done to such a record.
 *
 * @example Any of them must be reported
 * ```ts
 * import { check } from "../checker/mod.ts";
 * import { MUTATIONS, rightRecord, RULES } from "./mod.ts";
 * import assert from "node:assert/strict";
 *
 * const { invariant, mutate } = MUTATIONS["a call hangs"]!;
 * const wrong = mutate(rightRecord(1), () => 0)!;
 * const { violations } = check(wrong, RULES);
 * assert.ok(violations.some((found) => found.invariant === invariant));
 * ```
 *
 * @module
 */
import type { Mutations } from "./mutation.ts";
import { CALLS } from "./wrong_calls.ts";
import { DELIVERIES } from "./wrong_deliveries.ts";
import { LOG } from "./wrong_log.ts";
import { PROMISES } from "./wrong_promises.ts";

export { RULES } from "./meaning.ts";
export type { Mutation, Mutations } from "./mutation.ts";
export { rightRecord } from "./world.ts";

/** Everything that can be wrong, by what it is. */
export const MUTATIONS: Mutations = {
  ...CALLS,
  ...LOG,
  ...DELIVERIES,
  ...PROMISES,
};
