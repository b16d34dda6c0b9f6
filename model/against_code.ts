/** Holds a model against the code it is a model of. */
import { InvalidArgumentError } from "../event/mod.ts";
import {
  type DefinitionLike,
  eventsIn,
  sortDefinitions,
} from "./definitions.ts";
import { own } from "./_own.ts";
import type { Model } from "./words.ts";

/** Something that only one of model and code has. */
export interface Difference {
  /** Which note, such as `account.Deposited` or `policy:remind`. */
  readonly at: string;
  /** Who has it. */
  readonly only: "model" | "code";
  /** In words. */
  readonly message: string;
}

/** How model and code are compared. */
export interface AgainstCodeOptions {
  /**
   * Whether the definitions are a part of what the model tells of: then notes
   * that no definition stands for are no difference. `false` by default.
   */
  readonly partial?: boolean;
}

/**
 * Compares a model with definitions: aggregates, events, commands and queries by
 * name, what triggers policies and what they declare to send, what feeds read
 * models. Fields are not compared, as code has no types when it runs:
 * `Conforms` of `@flowmade/aether/testing` compares them at compile time, and
 * `checkStream` with what is stored.
 */
export function differencesFrom(
  model: Model,
  definitions: readonly DefinitionLike[],
  { partial = false }: AgainstCodeOptions = {},
): Difference[] {
  const found: Difference[] = [];
  const compare = (
    what: string,
    at: (name: string) => string,
    inModel: readonly string[],
    inCode: readonly string[],
  ) => {
    for (const name of inModel) {
      if (inCode.includes(name)) continue;
      found.push({
        at: at(name),
        only: "model",
        message: `the code has no ${what} "${name}"`,
      });
    }
    for (const name of inCode) {
      if (inModel.includes(name)) continue;
      found.push({
        at: at(name),
        only: "code",
        message: `the model has no ${what} "${name}"`,
      });
    }
  };
  const { actors, policies, projections } = sortDefinitions(definitions);
  const groups = [
    ["aggregate", "", model.aggregates, actors.map(({ type }) => type)],
    ["policy", "policy:", model.policies, policies.map(({ name }) => name)],
    [
      "read model",
      "readModel:",
      model.readModels,
      projections.map(({ name }) => name),
    ],
  ] as const;
  for (const [what, prefix, notes, inCode] of groups) {
    const inModel = Object.keys(notes ?? {});
    compare(
      what,
      (name) => prefix + name,
      partial ? inModel.filter((name) => inCode.includes(name)) : inModel,
      inCode,
    );
  }
  for (const actor of actors) {
    const spec = own(model.aggregates, actor.type);
    if (spec === undefined) continue;
    const parts = [
      ["event", spec.events, actor.eventHandlers],
      ["command", spec.commands, actor.commandHandlers],
      ["query", spec.queries, actor.queryHandlers],
    ] as const;
    for (const [what, notes, handlers] of parts) {
      compare(
        `${what} of ${actor.type}`,
        (name) => `${actor.type}.${name}`,
        Object.keys(notes ?? {}),
        [...handlers.keys()],
      );
    }
  }
  for (const { name, on, sends } of policies) {
    const spec = own(model.policies, name);
    if (spec === undefined) continue;
    const at = () => `policy:${name}`;
    compare(`trigger of ${name}`, at, spec.on ?? [], eventsIn(on));
    if (sends === undefined) continue;
    compare(`command sent by ${name}`, at, spec.sends ?? [], sends);
  }
  for (const { name, on } of projections) {
    const spec = own(model.readModels, name);
    if (spec === undefined) continue;
    const at = () => `readModel:${name}`;
    compare(`source of ${name}`, at, spec.from ?? [], eventsIn(on));
  }
  return found;
}

/**
 * Asserts that a model and code have the same names.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: they differ; all
 * differences are told, and stand in `details.differences`.
 * @example A command was forgotten on the board
 * ```ts
 * import { defineActor } from "@flowmade/aether";
 * import { assertModel } from "@flowmade/aether/model";
 * import assert from "node:assert/strict";
 *
 * const Door = defineActor("door", { state: () => 0, events: {} })
 *   .commands({ open: () => [] });
 * assert.throws(
 *   () => assertModel({ name: "house", aggregates: { door: {} } }, [Door]),
 *   /the model has no command of door "open"/,
 * );
 * ```
 */
export function assertModel(
  model: Model,
  definitions: readonly DefinitionLike[],
  options: AgainstCodeOptions = {},
): void {
  const differences = differencesFrom(model, definitions, options);
  if (differences.length === 0) return;
  throw new InvalidArgumentError(
    `Cannot take "${model.name}" as the model of this code as they differ: ${
      differences.map(({ message }) => message).join("; ")
    }`,
    { details: { differences } },
  );
}
