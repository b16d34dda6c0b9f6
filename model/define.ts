/** From what was written to a model: every name and every reference checked. */
import { InvalidArgumentError } from "../event/mod.ts";
import { problemsOf } from "./_check_model.ts";
import type { OnlyParts, References } from "./names.ts";
import type { Model } from "./words.ts";

/**
 * Defines a model. Names stay literal types, and a reference to a note that is
 * not there is a type error, so that a model can type the code.
 *
 * @returns The same value, frozen.
 * @throws {InvalidArgumentError} `invalid_argument`: as {@link checkModel}.
 * @example A bank on a board
 * ```ts
 * import { defineModel, lint } from "@flowmade/aether/model";
 * import assert from "node:assert/strict";
 *
 * const bank = defineModel({
 *   name: "bank",
 *   people: { customer: {} },
 *   aggregates: {
 *     account: {
 *       events: { Deposited: { fields: { amount: "number" } } },
 *       commands: {
 *         deposit: { fields: { amount: "number" }, emits: ["Deposited"], by: ["customer"] },
 *       },
 *       queries: { balance: { by: ["customer"] } },
 *     },
 *   },
 *   hotspots: [{ on: "account.deposit", text: "Who checks where the money is from?" }],
 * });
 * assert.deepEqual(lint(bank).map((finding) => finding.rule), ["open-hotspot"]);
 * ```
 */
export function defineModel<const M extends Model>(
  model: M & References<M> & OnlyParts<M>,
): M {
  return checkModel(model) as M;
}

/**
 * Checks a model that was read from somewhere and is not known to the compiler.
 *
 * @returns The same value, frozen all the way down.
 * @throws {InvalidArgumentError} `invalid_argument`: something stands where
 * nothing or something else belongs, a name breaks its rule, a field's type does
 * not exist, or a reference names no note; all of them are told.
 */
export function checkModel(model: Model): Model {
  const problems = problemsOf(model);
  if (problems.length > 0) {
    throw new InvalidArgumentError(
      `Cannot take ${JSON.stringify(model?.name)} as a model: ${
        problems.join("; ")
      }`,
      { details: { problems } },
    );
  }
  return freeze(model);
}

/** Freezes all the way down, but leaves what already is frozen. */
function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) {
    return value;
  }
  Object.freeze(value);
  for (const part of Object.values(value)) freeze(part);
  return value;
}
