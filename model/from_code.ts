/**
 * Reads a model off code.
 *
 * | what                                             | where it comes from                                             |
 * | ------------------------------------------------ | --------------------------------------------------------------- |
 * | aggregates, their events, commands and queries   | derived: the names in the definitions                           |
 * | what triggers a policy, what feeds a read model  | derived: the names of their handlers                            |
 * | which command leads to which event, or is refused | observed: by running it; or told                                |
 * | fields of events and commands                    | observed: from their data; or told. Types do not exist at run time |
 * | what a command or a policy sends                 | observed; declared by the policy (`sends`); or told            |
 * | people, systems, contexts, prose, hotspots, …    | told                                                            |
 *
 * What is observed is what was seen, not all there can be: a command that was
 * run in one way only shows one of its events.
 */
import { InvalidArgumentError } from "../event/mod.ts";
import {
  type ActorLike,
  type DefinitionLike,
  eventsIn,
  noteName,
  sortDefinitions,
} from "./definitions.ts";
import { checkModel } from "./define.ts";
import type { Fields } from "./field.ts";
import { own } from "./_own.ts";
import {
  fieldsOfExamples,
  type Observation,
  type PolicyObservation,
} from "./observe.ts";
import type { Aggregate, Command, Model, Policy, ReadModel } from "./words.ts";

/**
 * Reads a model off definitions of actors, policies and projections, and adds
 * what it is told and what was observed.
 *
 * @param told The model's name, and whatever code does not say. It may have
 * notes that no definition stands for; of a definition that is there it may not
 * name events, commands or queries that the definition does not have.
 * @param observed What commands and policies did when they ran, as `observe` and
 * `observePolicies` of `@flowmade/aether/testing` return it.
 * @throws {InvalidArgumentError} `invalid_argument`: it is told otherwise than
 * the code is, or as {@link checkModel}.
 * @example The model of an account
 * ```ts
 * import { defineActor } from "@flowmade/aether";
 * import { modelOf } from "@flowmade/aether/model";
 * import assert from "node:assert/strict";
 *
 * const Account = defineActor("account", {
 *   state: () => 0,
 *   events: { Deposited: (s: number, e: { amount: number }) => s + e.amount },
 * }).commands({ deposit: (_s, c: { amount: number }) => ({ type: "Deposited", data: c }) });
 *
 * const model = modelOf([Account], {
 *   name: "bank",
 *   aggregates: { account: { commands: { deposit: { emits: ["Deposited"] } } } },
 * });
 * assert.deepEqual(model.aggregates?.account?.events, { Deposited: {} });
 * ```
 */
export function modelOf(
  definitions: readonly DefinitionLike[],
  told: Model,
  observed: readonly (Observation | PolicyObservation)[] = [],
): Model {
  const ran = observed.filter((one) => "of" in one);
  const reacted = observed.filter((one) => "policy" in one);
  const { actors, policies, projections } = sortDefinitions(definitions);
  const problems: string[] = [];
  const aggregates: Record<string, Aggregate> = { ...told.aggregates };
  for (const actor of actors) {
    aggregates[actor.type] = aggregateOf(
      actor,
      own(told.aggregates, actor.type) ?? {},
      ran.filter(({ of }) => of === actor.type),
      problems,
    );
  }
  const heard = [...policies, ...projections].flatMap(({ on }) => eventsIn(on));
  const known = new Set(actors.map(({ type }) => type));
  const sent = [
    ...policies.flatMap(({ sends = [] }) => sends),
    ...observed.flatMap(({ sends = [] }) => sends.map(({ to }) => to)),
  ];
  for (const ref of heard) {
    addElsewhere(aggregates, known, "events", ref, problems);
  }
  for (const ref of sent) {
    addElsewhere(aggregates, known, "commands", ref, problems);
  }
  const model: Model = {
    ...told,
    aggregates,
    policies: {
      ...told.policies,
      ...Object.fromEntries(policies.map((policy) => {
        const { on = [], sends = [], ...rest } =
          own(told.policies, policy.name) ?? {};
        const triggers = eventsIn(policy.on);
        checkTold(`policy ${policy.name}`, on, triggers, problems);
        const seen = reacted
          .filter(({ policy: name }) => noteName(name) === policy.name)
          .flatMap((one) => one.sends.map(({ to }) => to));
        const sent = union(policy.sends ?? [], sends, seen);
        const spec: Policy = {
          ...textOf(policy),
          ...rest,
          on: triggers,
          ...(sent.length > 0 ? { sends: sent } : {}),
        };
        return [policy.name, spec];
      })),
    },
    readModels: {
      ...told.readModels,
      ...Object.fromEntries(projections.map((projection) => {
        const { from = [], ...rest } = own(told.readModels, projection.name) ??
          {};
        const sources = eventsIn(projection.on);
        checkTold(`read model ${projection.name}`, from, sources, problems);
        const spec: ReadModel = {
          ...textOf(projection),
          ...rest,
          from: sources,
        };
        return [projection.name, spec];
      })),
    },
  };
  if (problems.length > 0) {
    throw new InvalidArgumentError(
      `Cannot read "${told.name}" off the code as it is told otherwise than the code is: ${
        problems.join("; ")
      }`,
      { details: { problems } },
    );
  }
  return checkModel(model);
}

function textOf(
  { text }: { readonly text?: string },
): { readonly text?: string } {
  return text === undefined ? {} : { text };
}

function aggregateOf(
  actor: ActorLike,
  told: Aggregate,
  observed: readonly Observation[],
  problems: string[],
): Aggregate {
  const { type } = actor;
  const parts = [
    ["event", told.events, actor.eventHandlers],
    ["command", told.commands, actor.commandHandlers],
    ["query", told.queries, actor.queryHandlers],
  ] as const;
  for (const [what, said, handlers] of parts) {
    checkTold(`${what} of ${type}`, Object.keys(said ?? {}), [
      ...handlers.keys(),
    ], problems);
  }
  const happened = observed.flatMap(({ given = [], events }) => [
    ...given,
    ...events,
  ]);
  const events = fromNames(actor.eventHandlers, (name) => ({
    ...fieldsFrom(happened.filter(({ type }) => type === name)),
    ...own(told.events, name),
  }));
  const commands = fromNames(actor.commandHandlers, (name): Command => {
    const seen = observed.filter(({ when }) => when.type === name);
    const spec = own(told.commands, name) ?? {};
    const emits = union(
      spec.emits ?? [],
      seen.flatMap(({ events }) => events.map(({ type }) => type)),
    );
    const sends = union(
      spec.sends ?? [],
      seen.flatMap((one) => (one.sends ?? []).map(({ to }) => to)),
    );
    const rejects = union(
      spec.rejects ?? [],
      seen.flatMap(({ rejected }) => rejected ?? []),
    );
    return {
      ...fieldsFrom(seen.map(({ when }) => when)),
      ...spec,
      ...(emits.length > 0 ? { emits } : {}),
      ...(sends.length > 0 ? { sends } : {}),
      ...(rejects.length > 0 ? { rejects } : {}),
    };
  });
  const queries = fromNames(
    actor.queryHandlers,
    (name) => ({ ...own(told.queries, name) }),
  );
  return { ...told, events, commands, queries };
}

/** An aggregate that is known only by what others react to or send. */
function addElsewhere(
  aggregates: Record<string, Aggregate>,
  known: ReadonlySet<string>,
  part: "events" | "commands",
  ref: string,
  problems: string[],
): void {
  const [type, name] = split(ref);
  const aggregate = own(aggregates, type) ?? {};
  if (Object.hasOwn(aggregate[part] ?? {}, name)) return;
  if (known.has(type)) {
    problems.push(
      part === "events"
        ? `"${type}" has no event "${name}", which is reacted to`
        : `"${type}" has no command "${name}", which is sent`,
    );
    return;
  }
  aggregates[type] = {
    ...aggregate,
    [part]: { ...aggregate[part], [name]: {} },
  };
}

function checkTold(
  place: string,
  said: readonly string[],
  real: readonly string[],
  problems: string[],
): void {
  for (const name of said) {
    if (real.includes(name)) continue;
    problems.push(`${place}: the code has no ${JSON.stringify(name)}`);
  }
}

function fieldsFrom(
  examples: readonly { readonly data?: unknown }[],
): { fields?: Fields } {
  const data = examples.map(({ data }) => data);
  const fields = fieldsOfExamples(data);
  return fields === undefined ? {} : { fields };
}

function fromNames<T>(
  handlers: ReadonlyMap<string, unknown>,
  make: (name: string) => T,
): Record<string, T> {
  return Object.fromEntries(
    [...handlers.keys()].map((name) => [name, make(name)]),
  );
}

function union(...lists: readonly (readonly string[])[]): string[] {
  return [...new Set(lists.flat())];
}

function split(ref: string): [string, string] {
  const dot = ref.indexOf(".");
  return [ref.slice(0, dot), ref.slice(dot + 1)];
}
