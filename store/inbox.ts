/**
 * What an inbox promises: durable commands to actors wait in it until whoever
 * owns the actor has carried them out; timers put their command there when they
 * fall due; and what could not be carried out is parked in it. Two implementations
 * stand behind it, one in memory and one on JetStream.
 *
 * An inbox delivers at least once: the same command may be put there again, by
 * whoever carries out effects after a crash, and may be read again by the next
 * owner. That it takes effect once is for the actor to see to, by its id.
 */
import type { CallOptions } from "./types.ts";

/** A command that is to reach its actor whatever dies on the way. */
export interface DurableCommand {
  /** The same however often it is put there. */
  readonly commandId: string;
  /** For whom, such as `account-bob`. */
  readonly actorId: string;
  /** Which command. */
  readonly command: string;
  /** Its input: JSON; absent for none. */
  readonly input?: unknown;
  /**
   * Where it comes from: an actor's id, or any other name. Commands of one source
   * to one actor stay in order, also where one is parked.
   */
  readonly source: string;
  /** The command of the source, an actor, that is told of a rejection. */
  readonly onRejected?: string;
  /** The timer that fires it. */
  readonly timer?: TimerRef;
  /** Not to be carried out as it is: what is to become of the parked command of this id. */
  readonly parked?: "replay" | "drop";
  /** Shared by all that one outside request set off. */
  readonly correlationId?: string;
  /** What led to it. */
  readonly causationId?: string;
  /** W3C trace context. */
  readonly traceparent?: string;
}

/** One setting of a timer. */
export interface TimerRef {
  /** The timer's name. */
  readonly name: string;
  /** Which setting of that name. */
  readonly id: string;
}

/** A durable command and its place in the inbox. */
export interface InboxCommand extends DurableCommand {
  /** Grows in the order in which they came. */
  readonly sequence: number;
}

/** What waits in a part of the inbox. */
export interface InboxPage {
  /** In the order in which they came. */
  readonly commands: readonly InboxCommand[];
  /** Messages that are no commands. */
  readonly broken: readonly {
    readonly sequence: number;
    readonly reason: string;
  }[];
  /** The highest sequence seen; 0 for none. */
  readonly last: number;
  /** Whether there may be more behind it. */
  readonly more: boolean;
}

/** A part of the inbox: what is for the actors of one type and shard. */
export interface InboxPlace {
  /** Such as `account`. */
  readonly type: string;
  /** 0 to 255. */
  readonly shard: number;
}

/** Why a command was parked. */
export type ParkedBecause =
  /** It has failed so often. */
  | "failed"
  /** It stands behind one of the same source that has. */
  | "behind"
  /** It was rejected, and its source had not asked to be told. */
  | "rejected";

/** A durable command that was not carried out. */
export interface ParkedCommand {
  /** The command. */
  readonly command: DurableCommand;
  /** Why. */
  readonly because: ParkedBecause;
  /** What the last failure said. */
  readonly reason: string;
  /** The last failure's code. */
  readonly code: string;
  /** How often it was tried. */
  readonly attempts: number;
  /** When it was parked. */
  readonly at: Date;
  /** Grows in the order in which parked commands came to the inbox. */
  readonly order: number;
}

/** A parked command and its place. */
export interface FoundParked extends ParkedCommand {
  /** For {@link Inbox.remove}. */
  readonly sequence: number;
}

/** How far a life of a node got with what its commits promise. */
export interface Mark {
  /** Below this sequence of the log all of it is carried out. */
  readonly sequence: number;
  /** Other lives, seized from, for which this mark stands as well. */
  readonly covers: readonly string[];
}

/** Durable commands, timers, and what was parked. */
export interface Inbox {
  /**
   * Puts a command there.
   *
   * @returns When it will not be lost any more.
   * @throws {StoreUnavailableError} `store_unavailable`: it may be there or not.
   */
  put(command: DurableCommand, options?: CallOptions): Promise<void>;
  /** Has a command put there at a time, milliseconds since 1970; named by its id. */
  setAlarm(
    command: DurableCommand,
    at: number,
    options?: CallOptions,
  ): Promise<void>;
  /** Takes that back, if it has not happened yet. */
  clearAlarm(actorId: string, id: string, options?: CallOptions): Promise<void>;
  /** Reads what waits in a part of the inbox, or for one actor of it, from a sequence on. */
  read(
    place: InboxPlace,
    from: number,
    options?: CallOptions & {
      readonly limit?: number;
      readonly actorId?: string;
    },
  ): Promise<InboxPage>;
  /** Removes a command, or a parked one, by its place: it is done with. */
  remove(sequence: number, options?: CallOptions): Promise<void>;
  /**
   * Finds out where commands wait.
   *
   * @param from The sequence to look from; 1 for the beginning.
   * @returns The places, and where to look on; undefined at the end.
   */
  places(
    from: number,
    options?: CallOptions,
  ): Promise<{
    readonly places: readonly InboxPlace[];
    readonly next: number | undefined;
  }>;
  /** Whether {@link Inbox.onArrival} never misses one, so that nobody has to look. */
  readonly tellsAll: boolean;
  /**
   * Calls back where a command has come, best effort.
   *
   * @returns Ends it.
   */
  onArrival(
    listener: (place: InboxPlace, sequence: number) => void,
  ): () => void;
  /** Parks a command; one parked already under its id is replaced. */
  park(parked: ParkedCommand, options?: CallOptions): Promise<void>;
  /** What is parked, in order; of one part, or all. */
  parked(
    place?: InboxPlace,
    options?: CallOptions,
  ): Promise<readonly FoundParked[]>;
  /** The parked command of an id. */
  findParked(
    actorId: string,
    commandId: string,
    options?: CallOptions,
  ): Promise<FoundParked | undefined>;
  /**
   * How far a life of a node got with what its commits promise; undefined where it
   * has left in peace, or never was.
   */
  mark(run: string, options?: CallOptions): Promise<Mark | undefined>;
  /** All marks, by life. */
  marks(options?: CallOptions): Promise<ReadonlyMap<string, Mark>>;
  /** Writes a mark; undefined removes it. */
  setMark(
    run: string,
    mark: Mark | undefined,
    options?: CallOptions,
  ): Promise<void>;
  /** Ends what runs. */
  close(): Promise<void>;
}
