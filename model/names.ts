/**
 * Types that a model gives to code: which names there are, what an event
 * carries, what a command takes. They make a model check itself, too: a
 * reference to a note that is not there does not compile.
 */
import type { FieldType } from "./field.ts";
import type {
  BoundedContext,
  Command,
  ContextRelation,
  DomainEvent,
  ExternalSystem,
  GlossaryTerm,
  Hotspot,
  Model,
  Opportunity,
  Policy,
  Query,
  ReadModel,
  Specification,
} from "./words.ts";

/** What stands under a key of a type; nothing where there is no such key. */
export type Under<T, Key extends string> = T extends
  { readonly [K in Key]: infer Value } ? Value : Record<never, never>;

/** The names under a key of a model, such as `"people"`. */
export type NamesIn<M, Key extends string> = keyof Under<M, Key> & string;

/** The names of a model's aggregates. */
export type AggregateName<M> = NamesIn<M, "aggregates">;

/** The names of an aggregate's events. */
export type EventName<M, Of extends string> = NamesIn<
  Under<Under<M, "aggregates">, Of>,
  "events"
>;

/** The names of an aggregate's commands. */
export type CommandName<M, Of extends string> = NamesIn<
  Under<Under<M, "aggregates">, Of>,
  "commands"
>;

/** The names of an aggregate's queries. */
export type QueryName<M, Of extends string> = NamesIn<
  Under<Under<M, "aggregates">, Of>,
  "queries"
>;

/** References to a model's events, such as `account.Deposited`. */
export type EventRef<M> = {
  [A in AggregateName<M>]: `${A}.${EventName<M, A>}`;
}[AggregateName<M>];

/** References to a model's commands, such as `account.deposit`. */
export type CommandRef<M> = {
  [A in AggregateName<M>]: `${A}.${CommandName<M, A>}`;
}[AggregateName<M>];

/** References to any note of a model. */
export type NoteRef<M> =
  | AggregateName<M>
  | EventRef<M>
  | CommandRef<M>
  | {
    [A in AggregateName<M>]: `${A}.${QueryName<M, A>}`;
  }[AggregateName<M>]
  | `policy:${NamesIn<M, "policies">}`
  | `readModel:${NamesIn<M, "readModels">}`
  | `person:${NamesIn<M, "people">}`
  | `system:${NamesIn<M, "systems">}`;

/** What one value of a field is in TypeScript. */
export type ValueOf<Type> = Type extends "number" | "integer" ? number
  : Type extends "boolean" ? boolean
  : Type extends "string" | "date" | "datetime" | "uuid" ? string
  : Type extends "object" ? Readonly<Record<string, unknown>>
  : unknown;

/** What a field holds, without a word on whether it may be absent. */
export type HeldBy<F> = F extends `${infer Word}?` ? HeldBy<Word>
  : F extends `${infer Word}[]` ? readonly ValueOf<Word>[]
  : F extends FieldType ? ValueOf<F>
  : F extends { readonly list: true }
    ? readonly HeldBy<Omit<F, "list"> & { readonly list: false }>[]
  : F extends { readonly type: "object"; readonly fields: infer Parts }
    ? DataOf<Parts>
  : F extends { readonly type: infer Type } ? ValueOf<Type>
  : unknown;

/** The names of those fields that may be absent. */
export type OptionalNames<F> = {
  [N in keyof F]: F[N] extends `${string}?` | { readonly optional: true } ? N
    : never;
}[keyof F];

/** The data that fields describe. */
export type DataOf<F> =
  & { readonly [N in Exclude<keyof F, OptionalNames<F>>]: HeldBy<F[N]> }
  & { readonly [N in OptionalNames<F> & keyof F]?: HeldBy<F[N]> };

/** The data of something that has fields; `undefined` where it has none. */
export type FieldsData<T> = T extends { readonly fields: infer F } ? DataOf<F>
  : undefined;

/**
 * The data of an event of a model.
 *
 * @example A handler takes its data's type from the model
 * ```ts
 * import { defineModel, type EventData } from "@flowmade/aether/model";
 * import assert from "node:assert/strict";
 *
 * const bank = defineModel({
 *   name: "bank",
 *   aggregates: { account: { events: { Deposited: { fields: { amount: "number" } } } } },
 * });
 * const deposited = (balance: number, e: EventData<typeof bank, "account", "Deposited">) =>
 *   balance + e.amount;
 * assert.equal(deposited(1, { amount: 2 }), 3);
 * ```
 */
export type EventData<
  M,
  Of extends AggregateName<M>,
  Name extends EventName<M, Of>,
> = FieldsData<
  Under<Under<Under<Under<M, "aggregates">, Of>, "events">, Name>
>;

/** The input of a command of a model. */
export type CommandData<
  M,
  Of extends AggregateName<M>,
  Name extends CommandName<M, Of>,
> = FieldsData<
  Under<Under<Under<Under<M, "aggregates">, Of>, "commands">, Name>
>;

/** What a model has to be so that every reference in it names a note of it. */
export interface References<M> {
  /** Events, commands and queries refer to each other and to people. */
  readonly aggregates?: {
    readonly [A in AggregateName<M>]: {
      readonly events?: {
        readonly [E in EventName<M, A>]: DomainEvent<EventName<M, A>>;
      };
      readonly commands?: {
        readonly [C in CommandName<M, A>]: Command<
          EventName<M, A>,
          NamesIn<M, "people">,
          CommandRef<M>
        >;
      };
      readonly queries?: {
        readonly [Q in QueryName<M, A>]: Query<NamesIn<M, "people">>;
      };
    };
  };
  /** Policies refer to events, commands and systems. */
  readonly policies?: {
    readonly [P in NamesIn<M, "policies">]: Policy<
      EventRef<M>,
      CommandRef<M>,
      NamesIn<M, "systems">
    >;
  };
  /** Read models refer to events and people. */
  readonly readModels?: {
    readonly [R in NamesIn<M, "readModels">]: ReadModel<
      EventRef<M>,
      NamesIn<M, "people">
    >;
  };
  /** Systems refer to events and commands. */
  readonly systems?: {
    readonly [S in NamesIn<M, "systems">]: ExternalSystem<
      EventRef<M>,
      CommandRef<M>
    >;
  };
  /** Contexts refer to what is in them. */
  readonly contexts?: {
    readonly [C in NamesIn<M, "contexts">]: BoundedContext<
      AggregateName<M>,
      NamesIn<M, "policies">,
      NamesIn<M, "readModels">
    >;
  };
  /** Relations refer to contexts. */
  readonly relations?: readonly ContextRelation<NamesIn<M, "contexts">>[];
  /** Hotspots refer to notes. */
  readonly hotspots?: readonly Hotspot<NoteRef<M>>[];
  /** Opportunities refer to notes. */
  readonly opportunities?: readonly Opportunity<NoteRef<M>>[];
  /** Terms refer to contexts. */
  readonly glossary?: {
    readonly [T in NamesIn<M, "glossary">]:
      | string
      | GlossaryTerm<NamesIn<M, "contexts">>;
  };
  /** Lanes refer to aggregates. */
  readonly swimlanes?: {
    readonly [L in NamesIn<M, "swimlanes">]: readonly AggregateName<M>[];
  };
  /** The timeline refers to commands and policies. */
  readonly timeline?: readonly (
    | CommandRef<M>
    | `policy:${NamesIn<M, "policies">}`
  )[];
  /** Specifications refer to an aggregate, its events and its commands. */
  readonly specifications?: readonly {
    [A in AggregateName<M>]:
      & { readonly of: A }
      & Specification<
        EventName<M, A>,
        CommandName<M, A>
      >;
  }[AggregateName<M>][];
}

/** What makes a key that a model does not have an error. */
export type OnlyParts<M> = {
  readonly [K in Exclude<keyof M, keyof Model>]: never;
};
