/**
 * What a store promises. Two implementations stand behind it, one in memory and
 * one on JetStream; both run the contract suite of `@flowmade/aether/testing`,
 * and so can any other.
 */
import type {
  ActorSnapshot,
  CommandRecord,
  Effect,
  Event,
  EventMetadata,
  NewEvent,
  RememberedCommand,
  StoredEvent,
} from "../event/mod.ts";
import type { Inbox } from "./inbox.ts";

/** What every call that waits takes. */
export interface CallOptions {
  /** Milliseconds until the call gives up, from now; 10,000 by default, 1 to 300,000. */
  readonly timeout?: number;
  /** Ends the call early; before anything is sent it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Where an actor's log ended when it was last looked at. Opaque: it comes from
 * one call of a store and goes into another of the same store.
 */
export interface ActorPosition {
  /** Whose log. */
  readonly actorId: string;
  /** The actor's version there; 0 where it has no events. */
  readonly version: number;
  /** Sequences of its last commits, newest first, at most 17; empty where it has none. */
  readonly trail: readonly number[];
  /**
   * The generation of the shard in which its last commit was written; absent where
   * the writer named none.
   */
  readonly generation?: number;
}

/**
 * What an append expects of the actor's log: a version, nothing in particular,
 * no event yet, at least one event, or exactly the position an earlier call saw.
 */
export type ExpectedVersion =
  | number
  | "any"
  | "no_stream"
  | "exists"
  | ActorPosition;

/** How an append is to be done. */
export interface AppendOptions extends CallOptions {
  /** What the log must look like; `"any"` by default. */
  readonly expectedVersion?: ExpectedVersion;
  /** ULID of the decision; made by the store where it is left out. */
  readonly commitId?: string;
  /** The commands this commit answers; kept with it. */
  readonly commands?: readonly CommandRecord[];
  /** Metadata for those events that have none of their own. */
  readonly metadata?: EventMetadata;
  /**
   * What the decision does beside its events, kept with the commit. A store only
   * keeps them: whoever appends sees to it that they are carried out.
   */
  readonly effects?: readonly Effect[];
  /**
   * Allows a commit without events, which takes a place in the log but no
   * version: it fences out whoever still holds the position before it.
   */
  readonly fence?: boolean;
  /**
   * The generation of the shard in which its owner writes: a whole number from 1,
   * kept with the commit.
   */
  readonly generation?: number;
}

/** What an append did. */
export interface AppendResult {
  /** The actor's version now. */
  readonly version: number;
  /** The events as stored, in order. */
  readonly events: readonly StoredEvent[];
  /** Place of the commit in the namespace's log. */
  readonly sequence: number;
  /** ULID of the decision. */
  readonly commitId: string;
  /** For the next append that expects exactly this. */
  readonly position: ActorPosition;
}

/** One actor's part of an {@link EventStore.appendAll}. */
export interface ActorAppend {
  /** Whose events. */
  readonly actorId: string;
  /** At least one event. */
  readonly events: readonly NewEvent[];
  /** What the log must look like; `"any"` by default. */
  readonly expectedVersion?: ExpectedVersion;
}

/** How several actors' appends are to be done together. */
export interface AppendAllOptions extends CallOptions {
  /** ULID of the decision, shared by all its messages. */
  readonly commitId?: string;
  /** Metadata for those events that have none of their own. */
  readonly metadata?: EventMetadata;
}

/** What to read. At most one of `actorId` and `type`; neither is the whole namespace. */
export interface ReadOptions extends CallOptions {
  /** One actor's events: `from` and `to` are versions. */
  readonly actorId?: string;
  /** All actors of one type, `_` for ids without one: `from` and `to` are sequences. */
  readonly type?: string;
  /** The lowest version or sequence, included; the first by default. */
  readonly from?: number;
  /** The highest version or sequence, included; the last at the time of the call by default. */
  readonly to?: number;
  /** At most so many events, counted in the direction of reading. */
  readonly limit?: number;
  /** Oldest first or newest first; `"forward"` by default. */
  readonly direction?: "forward" | "backward";
}

/** How an actor is to be loaded. */
export interface LoadOptions extends CallOptions {
  /** The snapshot's schema that can be used; 1 by default; `false` uses none. */
  readonly schema?: number | false;
  /** Reads only what lies behind this position, as an earlier call returned it. */
  readonly after?: ActorPosition;
}

/** One commit of an actor, as loaded. */
export interface StoredCommit {
  /** ULID of the decision. */
  readonly commitId: string;
  /** Its place in the namespace's log. */
  readonly sequence: number;
  /** The actor's version behind it. */
  readonly version: number;
  /** Its events; none in a fence. */
  readonly events: readonly StoredEvent[];
  /** The commands it answers. */
  readonly commands: readonly CommandRecord[];
  /** What the decision does beside its events; absent for nothing. */
  readonly effects?: readonly Effect[];
  /** The generation of the shard in which it was written; absent for none. */
  readonly generation?: number;
  /** When the store took it, milliseconds since 1970. */
  readonly at: number;
}

/** All it takes to bring an actor back. */
export interface LoadedActor {
  /** The newest usable snapshot, where there is one. */
  readonly snapshot?: ActorSnapshot;
  /** Every commit behind the snapshot, oldest first. */
  readonly commits: readonly StoredCommit[];
  /** Where the log ends. */
  readonly position: ActorPosition;
}

/** Which actors to list. */
export interface ListActorsOptions extends CallOptions {
  /** Only those of one type, `_` for ids without one. */
  readonly type?: string;
}

/**
 * Where events live: per actor versions 1, 2, 3 … without gap or repeat, one
 * total order per namespace, and no second writer behind anybody's back.
 */
export interface EventStore extends AsyncDisposable {
  /** The namespace it holds. */
  readonly namespace: string;
  /**
   * Stores one event under the version the caller gives, which must be the
   * actor's last plus one.
   *
   * @throws {VersionConflictError} `version_conflict`: it is not.
   * @throws {InvalidArgumentError} `invalid_argument`: the event breaks a rule.
   * @throws {PayloadTooLargeError} `payload_too_large`: nothing was sent.
   * @throws {StoreUnavailableError} `store_unavailable`: nothing was stored.
   * @throws {OutcomeUnknownError} `outcome_unknown`: looking did not settle it.
   */
  saveEvent(event: Event, options?: CallOptions): Promise<StoredEvent>;
  /**
   * Stores the events of one decision as one commit: all or none.
   *
   * @throws As {@link EventStore.saveEvent}.
   */
  append(
    actorId: string,
    events: readonly NewEvent[],
    options?: AppendOptions,
  ): Promise<AppendResult>;
  /**
   * Stores decisions of several actors of the namespace: all or none. Dearer
   * than single appends; at most 1,000 actors, each once.
   *
   * @throws As {@link EventStore.saveEvent}.
   */
  appendAll(
    appends: readonly ActorAppend[],
    options?: AppendAllOptions,
  ): Promise<readonly AppendResult[]>;
  /** An actor's events from a version on (0 or 1: all), oldest first. */
  getEvents(
    actorId: string,
    fromVersion?: number,
    options?: CallOptions,
  ): Promise<StoredEvent[]>;
  /** An actor's version; 0 where it has no events. */
  getLatestVersion(actorId: string, options?: CallOptions): Promise<number>;
  /**
   * Reads events as they are wanted; what is not consumed is not fetched beyond
   * one page ahead. `timeout` bounds each fetch, not the whole.
   *
   * @throws {CorruptLogError} `corrupt_log`: a message is missing or broken.
   */
  read(options?: ReadOptions): AsyncIterable<StoredEvent>;
  /**
   * Lists the ids of actors with at least one commit, by their last activity.
   * An actor that changes while the list runs may come twice.
   */
  listActors(options?: ListActorsOptions): AsyncIterable<string>;
  /**
   * Reads an actor's commits as they are wanted, newest first, also those without
   * events: for those who look for what a commit says beside its events. `timeout`
   * bounds each fetch, not the whole. A store may be without it; then whoever
   * looks has to load the whole actor.
   *
   * @throws {CorruptLogError} `corrupt_log`: a message is missing or broken.
   */
  readCommits?(
    actorId: string,
    options?: CallOptions,
  ): AsyncIterable<StoredCommit>;
  /** Loads what it takes to bring an actor back, in as few round trips as can be. */
  load(actorId: string, options?: LoadOptions): Promise<LoadedActor>;
  /** Ends what runs and waits for it; later calls reject with `closed`. */
  close(): Promise<void>;
}

/** Where snapshots live: one an actor, the newest. A cache: losing it loses time only. */
export interface SnapshotStore {
  /**
   * Keeps a snapshot, unless a newer one is kept already.
   *
   * @returns Whether it was kept; a snapshot that is too large is not.
   * @throws {InvalidArgumentError} `invalid_argument`: the state is not JSON, or
   * the version is beyond the log.
   */
  saveSnapshot(
    snapshot: ActorSnapshot,
    options?: CallOptions,
  ): Promise<boolean>;
  /**
   * Finds the newest snapshot that fits the log: one from another life of the
   * stream, of another schema or with a broken body is as good as none.
   */
  getLatestSnapshot(
    actorId: string,
    options?: CallOptions & { readonly schema?: number },
  ): Promise<ActorSnapshot | undefined>;
}

/** A commit and whose it is. */
export interface ActorCommit extends StoredCommit {
  /** Such as `order-123`. */
  readonly actorId: string;
}

/** Which commits to read. */
export interface CommitsOptions extends CallOptions {
  /** Only one shard, 0 to 255. */
  readonly shard?: number;
  /** Only actors of one type. */
  readonly type?: string;
  /** The lowest sequence, included. */
  readonly from: number;
}

/** What a store of actors can do besides, so that effects of a late node are not lost. */
export interface EffectStore {
  /** Durable commands, timers, and what was parked. */
  readonly inbox: Inbox;
  /**
   * Names the lives of the log and of the inbox: another one where either was made
   * anew, or restored from a backup. Absent where neither can be.
   */
  readonly origin?: string;
  /** Sequence of the namespace's last commit, read from the leader; 0 for none. */
  lastSequence(options?: CallOptions): Promise<number>;
  /** Sends a notice on the bus, best effort; it is stored nowhere. */
  notice(event: Event): Promise<void>;
  /**
   * Reads commits up to the last one there is now, in the order of the log, fences
   * too. One that is broken is passed over: its own actor tells.
   */
  commits(options: CommitsOptions): AsyncIterable<ActorCommit>;
}

/** A command remembered by a snapshot; see {@link ActorSnapshot}. */
export type { RememberedCommand };
