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
}

/** A projection's definition, as far as a model can read it. */
export interface ProjectionLike {
  /** Its name. */
  readonly name: string;
  /** How it changes, by actor type and event. */
  readonly on: HandlersLike;
  /** What it starts from; what tells it from a policy. */
  readonly initial: unknown;
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
    else if ("initial" in definition) projections.push(definition);
    else policies.push(definition);
  }
  return { actors, policies, projections };
}

/** The events that handlers are for, such as `account.Withdrawn`. */
export function eventsIn(handlers: HandlersLike): string[] {
  return Object.entries(handlers).flatMap(([type, byEvent]) =>
    Object.keys(byEvent).map((event) => `${type}.${event}`)
  );
}
