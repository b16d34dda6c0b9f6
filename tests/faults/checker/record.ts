/**
 * What a run of faults leaves behind, for the checker.
 *
 * It is taken when the run has come to rest: faults healed, callers done, inbox
 * empty, subscribers and projections caught up. What is optional is looked at where
 * it is there; the counts of the verdict say how much that was.
 *
 * A caller that appends knows the ids of its events. One that calls a command does
 * not, and names them in its journal by the command's id: `<id>` the first event of
 * the decision, `<id>#1` the second, and so on. Every call is in the journal, those
 * that set the scene too.
 *
 * @module
 */
import type { Entry } from "./history.ts";

/** An event as it lies in the log, with all the checker looks at. */
export interface RecordedEvent {
  readonly id: string;
  readonly actorId: string;
  readonly version: number;
  /** Of the message it lies in, in the stream. */
  readonly sequence: number;
  readonly commitId: string;
  readonly type: string;
  readonly data: unknown;
  /** The command whose decision it is. */
  readonly commandId?: string | undefined;
  /** What led to that command, such as the event or command that sent it. */
  readonly causationId?: string | undefined;
  /** Generation of the shard whose owner wrote it; 0 for none. */
  readonly generation: number;
  /** Milliseconds since 1970, by the server's clock. */
  readonly storedAt: number;
}

/** A command that was stored with an event, or a timer that was set by it. */
export interface RecordedEffect {
  readonly kind: "send" | "schedule" | "cancel";
  /** Id under which it takes effect at its target; of a cancel, of nothing. */
  readonly id: string;
  /** Whose decision it is. */
  readonly from: string;
  /** Where it takes effect. */
  readonly to: string;
  /** Where its commit lies. */
  readonly sequence: number;
  /** Of a timer. */
  readonly name?: string | undefined;
  /** When a timer is due: milliseconds since 1970. */
  readonly due?: number | undefined;
  /** What a sent command is given. */
  readonly input?: unknown;
  /**
   * Id of the command that tells the sender of a rejection; absent where the sender
   * did not ask (`onRejected`), and a rejection is parked.
   */
  readonly rejectionId?: string | undefined;
}

/** A command and what it came to, as the commit that answers it remembers it. */
export interface RecordedOutcome {
  readonly commandId: string;
  /** Whose commit it is. */
  readonly actorId: string;
  /** Where that lies. */
  readonly sequence: number;
  /** How many of its events are the command's. */
  readonly events: number;
  /** Why it was rejected; absent where it was not. */
  readonly rejected?: string | undefined;
  /** Generation of the shard whose owner wrote it; 0 for none. */
  readonly generation?: number | undefined;
  /** Milliseconds since 1970, by the server's clock. */
  readonly storedAt?: number | undefined;
}

/** What one subscriber was given, in its order. */
export interface RecordedSubscription {
  readonly name: string;
  /**
   * `ordered` gets each event once and in the order of the stream; `durable` at
   * least once, in order per actor; `live` may miss what it was told it missed.
   */
  readonly kind: "ordered" | "durable" | "live";
  /** Only events of this type of actor. */
  readonly type: string;
  /** It is owed what lies behind this sequence. */
  readonly from: number;
  readonly deliveries: readonly {
    readonly id: string;
    readonly actorId: string;
    readonly version: number;
    readonly sequence: number;
  }[];
  /** Sequences it was told it missed: the first and the last of each gap. */
  readonly gaps: readonly (readonly [number, number])[];
}

/** A read model as it was read at the end. */
export interface RecordedProjection {
  readonly name: string;
  /** Sequence up to which it has folded. */
  readonly checkpoint: number;
  /** Its documents by key. */
  readonly documents: Readonly<Record<string, unknown>>;
}

/** A snapshot as it lies in its stream. */
export interface RecordedSnapshot {
  readonly actorId: string;
  readonly version: number;
  readonly state: unknown;
}

/** Everything a run leaves behind. */
export interface RunRecord {
  /** What callers did and were told, in the order of things. */
  readonly journal: readonly Entry[];
  /** The whole log, in the order of the stream. */
  readonly log: readonly RecordedEvent[];
  /** In the order of the stream, and of their commits. */
  readonly effects: readonly RecordedEffect[];
  /**
   * Every command that a commit of the log remembers, in the order of the stream.
   * Without it, commands that came to no event cannot be told from lost ones, and
   * count as done.
   */
  readonly outcomes?: readonly RecordedOutcome[] | undefined;
  /** Ids of effects that lie in the parking place. */
  readonly parked: readonly string[];
  readonly subscriptions: readonly RecordedSubscription[];
  readonly projections: readonly RecordedProjection[];
  readonly snapshots: readonly RecordedSnapshot[];
  /** The same log as each server of the cluster tells it: sequence and commit id. */
  readonly copies: readonly (readonly (readonly [number, string])[])[];
  /** Ends of processes that nobody asked for, and rejections nobody took. */
  readonly accidents: readonly string[];
  /**
   * Last sequence of the stream; by default the last that anything else here names.
   */
  readonly end?: number | undefined;
  /**
   * What was due before has had its time to fire: milliseconds since 1970, by the
   * server's clock. By default every timer has.
   */
  readonly settledAt?: number | undefined;
}
