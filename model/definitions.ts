/**
 * What the model has to know of code: the shapes of definitions, so that this
 * room depends on none of those that run them. Actors of `defineActor` have the
 * first shape; policies and projections are what has a name and handlers of
 * events by actor type.
 */

/** An actor's definition, as far as a model can read it. */
export interface ActorLike {
  /** The actor type. */
  readonly type: string;
  /** Handlers of events, by name. */
  readonly eventHandlers: ReadonlyMap<string, unknown>;
  /** Handlers of commands, by name. */
  readonly commandHandlers: ReadonlyMap<string, unknown>;
  /** Handlers of queries, by name. */
  readonly queryHandlers: ReadonlyMap<string, unknown>;
}

/** Handlers of events by actor type and event name. */
export type HandlersLike = Readonly<
  Record<string, Readonly<Record<string, unknown>>>
>;

/** A policy's definition, as far as a model can read it. */
export interface PolicyLike {
  /** Its name. */
  readonly name: string;
  /** What it does, by actor type and event. */
  readonly on: HandlersLike;
  /** The commands it sends, such as `account.deposit`, where it declares them. */
  readonly sends?: readonly string[];
  /** What its note says, where its name is a sentence. */
  readonly text?: string;
}

/** A projection's definition, as far as a model can read it. */
export interface ProjectionLike {
  /** Its name. */
  readonly name: string;
  /** How it changes, by actor type and event. */
  readonly on: HandlersLike;
  /** What it starts from; what tells it from a policy. */
  readonly initial: unknown;
  /** What its note says, where its name is a sentence. */
  readonly text?: string;
}

/** Anything a model is read from. */
export type DefinitionLike = ActorLike | PolicyLike | ProjectionLike;

/** Definitions by kind. */
export interface Sorted {
  /** Actors. */
  readonly actors: readonly ActorLike[];
  /** Policies. */
  readonly policies: readonly PolicyLike[];
  /** Projections. */
  readonly projections: readonly ProjectionLike[];
}

/** Sorts definitions by what they are. */
export function sortDefinitions(
  definitions: readonly DefinitionLike[],
): Sorted {
  const actors: ActorLike[] = [];
  const policies: PolicyLike[] = [];
  const projections: ProjectionLike[] = [];
  for (const definition of definitions) {
    if ("eventHandlers" in definition) actors.push(definition);
    else if ("initial" in definition) projections.push(named(definition));
    else policies.push(named(definition));
  }
  return { actors, policies, projections };
}

/** The events that handlers are for, such as `account.Withdrawn`. */
export function eventsIn(handlers: HandlersLike): string[] {
  return Object.entries(handlers).flatMap(([type, byEvent]) =>
    Object.keys(byEvent).map((event) => `${type}.${event}`)
  );
}

/**
 * What a note of a policy or a projection is named: its own name where that is a
 * word, and else its words run together, as `WhenMoneyWasWithdrawn`.
 */
export function noteName(name: string): string {
  if (/^[A-Za-z][A-Za-z0-9_-]{0,127}$/.test(name)) return name;
  const words = name.match(/[A-Za-z0-9]+/g) ?? [];
  const joined = words.map((word) => word[0]!.toUpperCase() + word.slice(1))
    .join("");
  return (/^[A-Za-z]/.test(joined) ? joined : `P${joined}`).slice(0, 128);
}

/** A definition under its note's name; a name that is a sentence becomes its text. */
function named<Definition extends { readonly name: string }>(
  definition: Definition,
): Definition & { readonly text?: string } {
  const name = noteName(definition.name);
  return name === definition.name
    ? definition
    : { ...definition, name, text: definition.name };
}
