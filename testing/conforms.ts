/** Holds a model against code while it is compiled. */
import type { ActorDefinition, AnyActor } from "../actor/mod.ts";
import type {
  AggregateName,
  CommandData,
  CommandName,
  EventData,
  EventName,
  QueryName,
} from "../model/mod.ts";

/**
 * Whether an actor's definition is what a model says: `true`, or a sentence for
 * each difference, which the compiler then shows. Names of events, commands and
 * queries are compared both ways, and the types of data and inputs wherever the
 * model names fields.
 *
 * @example The model types the code
 * ```ts
 * import { defineActor } from "@flowmade/aether";
 * import { defineModel } from "@flowmade/aether/model";
 * import type { Conforms } from "@flowmade/aether/testing";
 * import assert from "node:assert/strict";
 *
 * const model = defineModel({
 *   name: "bank",
 *   aggregates: {
 *     account: {
 *       events: { Deposited: { fields: { amount: "number" } } },
 *       commands: { deposit: { fields: { amount: "number" }, emits: ["Deposited"] } },
 *     },
 *   },
 * });
 * const Account = defineActor("account", {
 *   state: () => 0,
 *   events: { Deposited: (s: number, e: { amount: number }) => s + e.amount },
 * }).commands({ deposit: (_s, c: { amount: number }) => ({ type: "Deposited", data: c }) });
 *
 * const conforms: Conforms<typeof model, typeof Account> = true;
 * assert(conforms);
 * ```
 */
export type Conforms<M, Definition extends AnyActor> = Definition extends
  ActorDefinition<infer Shape>
  ? Shape["type"] extends AggregateName<M> ? TrueOr<
      DifferencesOf<
        M,
        Shape["type"],
        Shape["events"],
        Shape["commands"],
        Shape["queries"]
      >
    >
  : `the model has no aggregate ${Shape["type"]}`
  : "the types of the definition are erased";

/** `true` where there is nothing to say. */
export type TrueOr<Sentences> = [Sentences] extends [never] ? true : Sentences;

/** A sentence for each difference between an aggregate and an actor type. */
export type DifferencesOf<
  M,
  Of extends AggregateName<M>,
  Events,
  Commands,
  Queries,
> =
  | MissingOf<"event", Of, EventName<M, Of>, keyof Events & string>
  | MissingOf<"command", Of, CommandName<M, Of>, keyof Commands & string>
  | MissingOf<"query", Of, QueryName<M, Of>, keyof Queries & string>
  | {
    [N in EventName<M, Of> & keyof Events]: MisfitOf<
      `data of event ${Of}.${N}`,
      EventData<M, Of, N>,
      Events[N]
    >;
  }[EventName<M, Of> & keyof Events]
  | {
    [N in CommandName<M, Of> & keyof Commands]: MisfitOf<
      `input of command ${Of}.${N}`,
      CommandData<M, Of, N>,
      Commands[N]
    >;
  }[CommandName<M, Of> & keyof Commands];

/** A sentence for each name that only one of two has. */
export type MissingOf<
  What extends string,
  Of extends string,
  InModel extends string,
  InCode extends string,
> =
  | (Exclude<InModel, InCode> extends infer N extends string
    ? N extends string ? `the code has no ${What} ${Of}.${N}` : never
    : never)
  | (Exclude<InCode, InModel> extends infer N extends string
    ? N extends string ? `the model has no ${What} ${Of}.${N}` : never
    : never);

/** A sentence where two types of data do not fit each other; not where the model names no fields. */
export type MisfitOf<What extends string, Modelled, Coded> = [Modelled] extends
  [undefined] ? never
  : [Modelled] extends [Coded] ? [Coded] extends [Modelled] ? never
    : `the ${What} can be more in code than in the model`
  : `the ${What} is not what the model says`;
