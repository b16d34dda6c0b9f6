import type { Timer } from "./effects.ts";

/**
 * Where an event comes from and belongs to: plain strings. The named keys are
 * stored as CloudEvents extensions of their own, any other key beside them.
 */
export interface EventMetadata {
  /** Shared by all that one outside request set off. */
  readonly correlationId?: string;
  /** The id of the event or command that led to this one. */
  readonly causationId?: string;
  /** W3C trace context. Source: {@link https://www.w3.org/TR/trace-context/ | Trace Context}. */
  readonly traceparent?: string;
  /** Any other key, such as `userId`. */
  readonly [key: string]: string | undefined;
}

/**
 * A fact about one actor, as it is stored: the low level's one type.
 *
 * @example An order was placed
 * ```ts
 * import { type Event, ulid } from "@flowmade/aether/event";
 * import assert from "node:assert/strict";
 * const event: Event = {
 *   id: ulid(),
 *   eventType: "OrderPlaced",
 *   actorId: "order-123",
 *   version: 1,
 *   data: { total: 100 },
 *   timestamp: new Date(),
 * };
 * assert.equal(event.version, 1);
 * ```
 */
export interface Event<Type extends string = string, Data = unknown> {
  /** Unique; a ULID where Aether makes it. */
  readonly id: string;
  /** What happened, in the past tense, such as `OrderPlaced`. */
  readonly eventType: Type;
  /** Whom it happened to, such as `order-123`. */
  readonly actorId: string;
  /** 1 for an actor's first event, then one more for each. */
  readonly version: number;
  /** What is to be known of it; exactly what JSON can hold, or absent. */
  readonly data: Data;
  /** When it was decided, to the millisecond. */
  readonly timestamp: Date;
  /** The command that led to it, where there was one. */
  readonly commandId?: string;
  /** Where it comes from and belongs to. */
  readonly metadata?: EventMetadata;
  /**
   * Place of its commit in the namespace's log, on stored events only. All
   * events of one commit share it; it grows, with holes.
   */
  readonly sequence?: number;
}

/** An event read back from a store. */
export interface StoredEvent<Type extends string = string, Data = unknown>
  extends Event<Type, Data> {
  /** Place of its commit in the namespace's log; all events of a commit share it. */
  readonly sequence: number;
  /** ULID of the decision that stored it. */
  readonly commitId: string;
}

/** An event to be appended: the store assigns the version, and what else is left out. */
export interface NewEvent<Type extends string = string, Data = unknown> {
  /** What happened, in the past tense. */
  readonly eventType: Type;
  /** What is to be known of it; exactly what JSON can hold, or absent. */
  readonly data?: Data;
  /** Unique; a new ULID by default. */
  readonly id?: string;
  /** When it was decided; now by default. */
  readonly timestamp?: Date;
  /** The command that led to it. */
  readonly commandId?: string;
  /** Where it comes from and belongs to. */
  readonly metadata?: EventMetadata;
}

/** The outcome of a command, kept with the commit that answered it. */
export interface CommandRecord {
  /** The command's id. */
  readonly id: string;
  /** How many of the commit's events are its own, in order of the records. */
  readonly events: number;
  /** Why it was refused, where it was. */
  readonly rejected?: {
    /** The reason for programs. */
    readonly reason: string;
    /** The reason for people. */
    readonly message: string;
    /** Further facts. */
    readonly details?: Readonly<Record<string, unknown>>;
  };
}

/**
 * An actor's state as of one version: a cache of acknowledged events, checked
 * against the log when it is loaded and thrown away in doubt.
 */
export interface ActorSnapshot<State = unknown> {
  /** Whose state, such as `order-123`. */
  readonly actorId: string;
  /** The version it includes. */
  readonly version: number;
  /** The state; exactly what JSON can hold. */
  readonly state: State;
  /** When it was taken. */
  readonly timestamp: Date;
  /** Version of the state's shape; a snapshot of another is not used. 1 by default. */
  readonly schema?: number;
  /** Place of the commit it includes last; the store finds it where it is left out. */
  readonly sequence?: number;
  /** Id of that commit. */
  readonly commitId?: string;
  /** The commands remembered at that point, newest last. */
  readonly commands?: readonly RememberedCommand[];
  /**
   * None that was committed after this time is missing there, milliseconds since
   * 1970; 0 where none is missing at all. Absent where that is not known.
   */
  readonly commandsSince?: number;
  /**
   * None is missing there whose id was made after this time, milliseconds since
   * 1970; 0 where no id that tells its time is missing.
   */
  readonly commandIdsSince?: number;
  /** The timers that were live at that point; absent for none. */
  readonly timers?: readonly Timer[];
}

/** A command already answered: enough to answer it again. */
export interface RememberedCommand extends CommandRecord {
  /** The actor's version behind the command. */
  readonly version: number;
  /** When it was committed, milliseconds since 1970. */
  readonly at: number;
}
