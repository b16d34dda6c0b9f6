/**
 * Upcasters: old events in the shape that today's handlers know. The log is never
 * changed; what was stored under an old name or in an old shape is changed each
 * time it is read into an actor's state.
 */
import type { EventMetadata } from "../event/mod.ts";

/** What is known of an event beside its data. */
export interface UpcastEvent {
  /** Its name, as it is stored. */
  readonly eventType: string;
  /** The actor's version it brought. */
  readonly version: number;
  /** When it was decided. */
  readonly timestamp: Date;
  /** Where it comes from. */
  readonly metadata?: EventMetadata | undefined;
}

/** What an upcaster makes of an event. */
export interface Upcasted {
  /** Its name today: another one is upcast in turn, where there is an upcaster for it. */
  readonly type: string;
  /** Its data today. */
  readonly data?: unknown;
}

/**
 * Makes today's event of a stored one: pure, by what the event holds. An upcaster
 * that keeps the name also gets events that have today's shape already, and has
 * to return those as they are.
 */
export type Upcaster = (data: never, event: UpcastEvent) => Upcasted;
