/** What a run of faults leaves behind, for the checker. */
import type { Entry } from "./history.ts";

/** An event as it lies in the log, with all the checker looks at. */
export interface RecordedEvent {
  /**
   * Its command's id where a command made it, as a command of a run makes one event
   * at most and callers know its id; else its own. Deliveries name it likewise.
   */
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
  /** Id under which it takes effect at its target. */
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
}

/** What a commit says of a command it answers, with events or without. */
export interface RecordedAnswer {
  /** The command. */
  readonly id: string;
  /** Whose command it was. */
  readonly actorId: string;
  /** Where the commit lies. */
  readonly sequence: number;
  /** How many of its events are the command's. */
  readonly events: number;
  /** The reason, where it was rejected. */
  readonly rejected?: string | undefined;
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
  readonly effects: readonly RecordedEffect[];
  /** What all commits say of the commands they answer. */
  readonly answers?: readonly RecordedAnswer[];
  /** Ids of effects that lie in the parking place. */
  readonly parked: readonly string[];
  readonly subscriptions: readonly RecordedSubscription[];
  readonly projections: readonly RecordedProjection[];
  readonly snapshots: readonly RecordedSnapshot[];
  /** The same log as each server of the cluster tells it: sequence and commit id. */
  readonly copies: readonly (readonly (readonly [number, string])[])[];
  /** Ends of processes that nobody asked for, and rejections nobody took. */
  readonly accidents: readonly string[];
}
