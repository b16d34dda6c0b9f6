/**
 * What the workload of a run means: how its states follow from its events, which
 * policy answers which event, and where its money is. The checker knows nothing of
 * any workload but this.
 *
 * @module
 */
import type { RecordedEffect, RecordedEvent } from "./record.ts";

/** What the actors of one type do with their events. */
export interface ActorRule {
  /** The state of an actor without events. */
  initial(): unknown;
  /** The state behind an event. It must leave the one before as it is. */
  apply(state: unknown, event: RecordedEvent): unknown;
  /**
   * What no decision allows, such as a balance below zero: a sentence if a state
   * breaks it. It shows decisions that were made on an outdated state.
   */
  broken?(state: unknown): string | undefined;
}

/** "Whenever this happened, do that": exactly one event in the log for each. */
export interface PolicyRule {
  readonly name: string;
  /** Whether the policy is on this event. */
  on(event: RecordedEvent): boolean;
  /** Of an event that the policy has led to: which event it is about. */
  source(event: RecordedEvent): EventPlace | undefined;
  /**
   * Id of the command it sends for an event. With it, a command that is parked, or
   * came to no event, is not taken for a lost one.
   */
  commandId?(event: RecordedEvent): string;
}

/** Names an event by its place. */
export interface EventPlace {
  readonly actorId: string;
  readonly version: number;
}

/** How the documents of a projection follow from the log. */
export interface ProjectionRule {
  /** Key of the document that an event changes; undefined for none. */
  key(event: RecordedEvent): string | undefined;
  /** A document that no event has changed yet. */
  initial(): unknown;
  /** The document behind an event; undefined removes it. */
  apply(document: unknown, event: RecordedEvent): unknown;
}

/**
 * Where the money is. It comes from outside by events of callers, lies with actors,
 * and is under way from the commit that stores a send until the commit in which
 * that send, or the word of its rejection, takes effect.
 */
export interface MoneyRule {
  /** How much more an event gives its actor; below zero if it takes; 0 for nothing. */
  moved(event: RecordedEvent): number;
  /** How much a stored send carries; 0 for nothing. */
  carried(send: RecordedEffect): number;
  /**
   * Whether what an event takes leaves all actors for good. By default nothing does:
   * what is taken has to be carried by sends of the same commit.
   */
  paysOut?(event: RecordedEvent): boolean;
}

/** What a workload means. */
export interface Rules {
  /** By type of actor, such as `account`; an actor of no rule has no state to check. */
  readonly actors: Readonly<Record<string, ActorRule>>;
  readonly policies?: readonly PolicyRule[];
  /** By name. */
  readonly projections?: Readonly<Record<string, ProjectionRule>>;
  readonly money?: MoneyRule;
  /**
   * Milliseconds that a timer may fire before it is due; 1,000 by default. All
   * clocks of a run are those of one machine, and alarms are exact to 250 ms.
   */
  readonly earliness?: number;
}

/** The part of an actor's definition that a rule is made of. */
export interface Foldable {
  readonly initial: () => unknown;
  readonly eventHandlers: ReadonlyMap<
    string,
    (state: unknown, data: unknown, context: unknown) => unknown
  >;
}

/**
 * The rule of an actor's definition: a state is what its handlers make of the log.
 *
 * @param broken See {@link ActorRule.broken}.
 */
export function ruleOf<State>(
  definition: Foldable,
  broken?: (state: State) => string | undefined,
): ActorRule {
  return {
    initial: definition.initial,
    apply(state, { data, type }) {
      const handler = definition.eventHandlers.get(type);
      if (handler === undefined) throw new Error(`no handler for "${type}"`);
      return handler(state, data, undefined);
    },
    ...(broken === undefined
      ? {}
      : { broken: (state: unknown) => broken(state as State) }),
  };
}
