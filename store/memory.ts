/**
 * A store in this process: the same promises as the one on JetStream, and the
 * same stored format, but for the disk. Commits are encoded when they are
 * appended and decoded when they are read, so no data is ever shared, and what
 * works here works there.
 */
import {
  type ActorAddress,
  type ActorSnapshot,
  type Clock,
  ClosedError,
  cloudEventsCodec,
  CommitHeader,
  CorruptLogError,
  type Event,
  type EventCodec,
  InvalidArgumentError,
  type NewEvent,
  parseActorId,
  type StoredEvent,
  systemClock,
} from "../event/mod.ts";
import { RawHeaders } from "../nats/mod.ts";
import type { StoreStats } from "./_context.ts";
import {
  type CommitDraft,
  draftAppend,
  draftAppendAll,
  type DraftContext,
  draftSave,
} from "./_draft.ts";
import { contentOf, InMemoryLog, type LogContent } from "./_memory_log.ts";
import { MemoryInbox } from "./_memory_inbox.ts";
import { firstAbove, MemoryReader } from "./_memory_reader.ts";
import {
  checkCall,
  checkFromVersion,
  checkList,
  checkLoad,
  checkRead,
  checkSchema,
  checkSize,
  checkSnapshot,
  conflict,
  MAX_NEWER,
  meets,
  newerFrom,
  said,
} from "./_rules.ts";
import {
  decodeSnapshot,
  encodeSnapshot,
  isNewer,
  type PlacedSnapshot,
} from "./_snapshot_format.ts";
import type { Inbox } from "./inbox.ts";
import type {
  ActorAppend,
  ActorCommit,
  ActorPosition,
  AppendAllOptions,
  AppendOptions,
  AppendResult,
  CallOptions,
  CommitsOptions,
  EffectStore,
  EventStore,
  ListActorsOptions,
  LoadedActor,
  LoadOptions,
  ReadOptions,
  SnapshotStore,
  StoredCommit,
} from "./types.ts";

export {
  InMemoryLog,
  type LoggedNotice,
  type RawMessage,
} from "./_memory_log.ts";

/** How an in-memory store is to be. */
export interface InMemoryEventStoreOptions {
  /** The namespace it holds. */
  readonly namespace: string;
  /** Where its commits go; one of its own by default. Stores may share one. */
  readonly log?: InMemoryLog;
  /** Stamps commits, and events without a time; this process's by default. */
  readonly clock?: Clock;
  /** How commits are written; CloudEvents JSON by default. */
  readonly codec?: EventCodec;
  /** Most bytes of one commit, headers included; 1 MiB by default, like a nats-server. */
  readonly maxPayload?: number;
}

/**
 * An {@link EventStore} and {@link SnapshotStore} that lives in this process:
 * for tests, examples and first steps. What it holds ends with it.
 *
 * @example Append, read, and meet a second writer
 * ```ts
 * import { InMemoryEventStore, VersionConflictError } from "@flowmade/aether";
 * import assert from "node:assert/strict";
 *
 * await using store = new InMemoryEventStore({ namespace: "bank" });
 * const opened = await store.append("account-ada", [{ eventType: "Opened" }]);
 * await store.append("account-ada", [
 *   { eventType: "Deposited", data: { amount: 100 } },
 * ], { expectedVersion: opened.version });
 *
 * const events = await store.getEvents("account-ada");
 * assert.deepEqual(events.map((e) => [e.version, e.eventType]), [
 *   [1, "Opened"],
 *   [2, "Deposited"],
 * ]);
 * await assert.rejects(
 *   store.append("account-ada", [{ eventType: "Closed" }], { expectedVersion: 1 }),
 *   VersionConflictError,
 * );
 * ```
 */
export class InMemoryEventStore
  implements EventStore, SnapshotStore, EffectStore {
  /** The namespace it holds. */
  readonly namespace: string;
  /** Where its commits are; others may read it too. */
  readonly log: InMemoryLog;
  /** As {@link EffectStore.inbox}; stores over one log share what is in it. */
  readonly inbox: Inbox;
  readonly #stats: StoreStats;
  readonly #log: LogContent;
  readonly #context: DraftContext;
  readonly #reader: MemoryReader;
  readonly #maxPayload: number;
  #closed = false;

  /**
   * Makes a store; it is ready at once.
   *
   * @throws {InvalidArgumentError} `invalid_argument`: not a namespace, or the
   * log is that of another one.
   */
  constructor(options: InMemoryEventStoreOptions) {
    const { namespace, clock = systemClock, codec = cloudEventsCodec } =
      options;
    const log = options.log ?? new InMemoryLog(namespace);
    if (log.namespace !== namespace) {
      throw new InvalidArgumentError(
        `Cannot open namespace ${
          said(namespace)
        } on the log of another: got that of ${said(log.namespace)}`,
      );
    }
    this.namespace = namespace;
    this.log = log;
    this.#log = contentOf(log);
    this.inbox = new MemoryInbox(this.#log.inbox, clock);
    this.#context = { namespace, clock, codec };
    this.#reader = new MemoryReader(this.#log, codec);
    this.#maxPayload = options.maxPayload ?? 1_048_576;
    this.#stats = {
      appended: 0,
      conflicts: 0,
      resent: 0,
      settled: 0,
      unknown: 0,
      staleReads: 0,
      snapshotsTooLarge: 0,
      snapshotsIgnored: 0,
    };
  }

  /** What this store has counted about itself since it was made. */
  stats(): Readonly<StoreStats> {
    return { ...this.#stats };
  }

  /** As {@link EventStore.saveEvent}. */
  // deno-lint-ignore require-await -- what is wrong with the arguments rejects
  async saveEvent(event: Event, options?: CallOptions): Promise<StoredEvent> {
    this.#enter(options);
    return this.#commit([draftSave(this.#context, event)])[0]!.events[0]!;
  }

  /** As {@link EventStore.append}. */
  // deno-lint-ignore require-await -- see saveEvent
  async append(
    actorId: string,
    events: readonly NewEvent[],
    options?: AppendOptions,
  ): Promise<AppendResult> {
    this.#enter(options);
    return this.#commit([
      draftAppend(this.#context, actorId, events, options, this.#guess),
    ])[0]!;
  }

  /** As {@link EventStore.appendAll}. */
  // deno-lint-ignore require-await -- see saveEvent
  async appendAll(
    appends: readonly ActorAppend[],
    options?: AppendAllOptions,
  ): Promise<readonly AppendResult[]> {
    this.#enter(options);
    return this.#commit(
      draftAppendAll(this.#context, appends, options, this.#guess),
    );
  }

  /** As {@link EventStore.getEvents}. */
  // deno-lint-ignore require-await -- see saveEvent
  async getEvents(
    actorId: string,
    fromVersion?: number,
    options?: CallOptions,
  ): Promise<StoredEvent[]> {
    this.#enter(options);
    const from = checkFromVersion(fromVersion);
    const actor = parseActorId(actorId).id;
    return [...this.#reader.eventsOf(checkRead({ actorId: actor, from }))];
  }

  /** As {@link EventStore.getLatestVersion}. */
  // deno-lint-ignore require-await -- see saveEvent
  async getLatestVersion(
    actorId: string,
    options?: CallOptions,
  ): Promise<number> {
    this.#enter(options);
    return this.#reader.tail(parseActorId(actorId)).version;
  }

  /** As {@link EventStore.read}. */
  read(options?: ReadOptions): AsyncIterable<StoredEvent> {
    this.#assertOpen();
    const plan = checkRead(options);
    const events = plan.address === undefined
      ? this.#reader.eventsOfMany(plan)
      : this.#reader.eventsOf(plan);
    return this.#paced(events, plan.signal);
  }

  /** As {@link EventStore.readCommits}. */
  readCommits(
    actorId: string,
    options?: CallOptions,
  ): AsyncIterable<StoredCommit> {
    this.#enter(options);
    const { id } = parseActorId(actorId);
    const sequences = this.#log.actors.get(id)?.sequences ?? [];
    return this.#paced(
      this.#reader.commitsBack(id, sequences.slice()),
      options?.signal,
    );
  }

  /** As {@link EventStore.listActors}. */
  listActors(options?: ListActorsOptions): AsyncIterable<string> {
    this.#assertOpen();
    const type = checkList(options);
    const ids: string[] = [];
    for (const { address } of this.#log.actors.values()) {
      if (type === undefined || address.type === type) ids.push(address.id);
    }
    return this.#paced(ids, options?.signal);
  }

  /** As {@link EventStore.load}. */
  // deno-lint-ignore require-await -- see saveEvent
  async load(actorId: string, options?: LoadOptions): Promise<LoadedActor> {
    this.#enter(options);
    const { address, after, schema } = checkLoad(actorId, options);
    const position = this.#reader.tail(address);
    if (after !== undefined) {
      const base = { version: after.version, sequence: after.trail[0] ?? 0 };
      return {
        commits: this.#reader.commitsBehind(address, base, position),
        position,
      };
    }
    const snapshot = schema === undefined
      ? undefined
      : this.#fittingSnapshot(address, schema);
    if (snapshot !== undefined) {
      try {
        const commits = this.#reader.commitsBehind(address, snapshot, position);
        return { snapshot, commits, position };
      } catch (error) {
        // Whether the snapshot or the log is at fault, the whole log will tell.
        if (!(error instanceof CorruptLogError)) throw error;
        this.#stats.snapshotsIgnored++;
      }
    }
    const commits = this.#reader.commitsBehind(address, START, position);
    return { commits, position };
  }

  /** As {@link EffectStore.lastSequence}. */
  // deno-lint-ignore require-await -- see saveEvent
  async lastSequence(options?: CallOptions): Promise<number> {
    this.#enter(options);
    return this.#log.messages.length;
  }

  /** As {@link EffectStore.notice}. */
  // deno-lint-ignore require-await -- see saveEvent
  async notice(event: Event): Promise<void> {
    this.#assertOpen();
    const { codec, namespace } = this.#context;
    const subject = this.#log.subjects.note(parseActorId(event.actorId));
    const { body, contentType } = codec.encode(namespace, [event]);
    const headers = new RawHeaders(
      `NATS/1.0\r\n${CommitHeader.contentType}: ${contentType}\r\n\r\n`,
    );
    for (const listener of this.#log.noticeListeners) {
      listener({ subject, headers, data: body });
    }
  }

  /** As {@link EffectStore.commits}. */
  commits(options: CommitsOptions): AsyncIterable<ActorCommit> {
    this.#enter(options);
    return this.#paced(this.#reader.commitsOf(options), options.signal);
  }

  /** As {@link SnapshotStore.saveSnapshot}. */
  // deno-lint-ignore require-await -- see saveEvent
  async saveSnapshot(
    snapshot: ActorSnapshot,
    options?: CallOptions,
  ): Promise<boolean> {
    this.#enter(options);
    const address = checkSnapshot(snapshot);
    const placed = this.#place(address, snapshot);
    const body = encodeSnapshot(placed);
    if (body.length + SNAPSHOT_HEADERS > this.#maxPayload) {
      this.#stats.snapshotsTooLarge++;
      return false;
    }
    const kept = this.#snapshot(address);
    if (
      kept !== undefined && isNewer(kept, placed) && this.#fits(kept)
    ) return false;
    this.#log.snapshots.set(address.id, body);
    return true;
  }

  /** As {@link SnapshotStore.getLatestSnapshot}. */
  // deno-lint-ignore require-await -- see saveEvent
  async getLatestSnapshot(
    actorId: string,
    options?: CallOptions & { readonly schema?: number },
  ): Promise<ActorSnapshot | undefined> {
    this.#enter(options);
    const address = parseActorId(actorId);
    const schema = checkSchema(
      options?.schema,
      `Cannot read the snapshot of "${address.id}"`,
    );
    return this.#fittingSnapshot(address, schema);
  }

  /** Ends the readings that are under way; later calls reject with `closed`. */
  close(): Promise<void> {
    this.#closed = true;
    return this.inbox.close();
  }

  /** Closes the store. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #enter(options: CallOptions | undefined): void {
    this.#assertOpen();
    checkCall(options);
  }

  #assertOpen(): void {
    if (!this.#closed) return;
    throw new ClosedError(
      `Cannot use the store of namespace "${this.namespace}" as it is closed`,
    );
  }

  /** Stores all or none: nothing can come between the checks and the last write. */
  #commit(drafts: readonly CommitDraft[]): AppendResult[] {
    const ready = drafts.map((draft) => {
      const tail = this.#reader.tail(draft.address);
      if (!meets(draft.expected, tail)) throw this.#conflict(draft, tail);
      const message = draft.encode(tail);
      checkSize(
        draft.address,
        message.headers.length + message.body.length,
        this.#maxPayload,
      );
      return { draft, tail, message };
    });
    const at = this.#context.clock.now();
    return ready.map(({ draft, tail, message }) => {
      const sequence = this.#log.messages.length + 1;
      const result = draft.result(tail, sequence);
      this.#log.put(draft.address, { ...message, at }, result.version);
      this.#stats.appended++;
      return result;
    });
  }

  #conflict(draft: CommitDraft, tail: ActorPosition): Error {
    this.#stats.conflicts++;
    const from = newerFrom(draft.expected, tail.version);
    let newer: StoredEvent[] = [];
    if (from !== undefined) {
      const plan = checkRead({
        actorId: draft.address.id,
        from,
        limit: MAX_NEWER,
      });
      try {
        newer = [...this.#reader.eventsOf(plan)];
      } catch (error) {
        // The conflict is certain; what it would show is not there to be shown.
        if (!(error instanceof CorruptLogError)) throw error;
      }
    }
    return conflict(draft.expected, tail, newer);
  }

  /** The version an append will probably go behind. */
  readonly #guess = (address: ActorAddress): number =>
    this.#log.actors.get(address.id)?.versions.at(-1) ?? 0;

  async *#paced<T>(
    items: Iterable<T>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<T> {
    signal?.throwIfAborted();
    for (const item of items) {
      this.#assertOpen();
      signal?.throwIfAborted();
      yield item;
    }
    this.#assertOpen();
    signal?.throwIfAborted();
  }

  #snapshot(address: ActorAddress): PlacedSnapshot | undefined {
    const body = this.#log.snapshots.get(address.id);
    return body === undefined ? undefined : decodeSnapshot(address, body);
  }

  #fittingSnapshot(
    address: ActorAddress,
    schema: number,
  ): PlacedSnapshot | undefined {
    if (!this.#log.snapshots.has(address.id)) return undefined;
    const snapshot = this.#snapshot(address);
    if (snapshot?.schema === schema && this.#fits(snapshot)) return snapshot;
    this.#stats.snapshotsIgnored++;
    return undefined;
  }

  /** Whether the commit a snapshot ends with is where it says. */
  #fits(snapshot: PlacedSnapshot): boolean {
    const { actorId, commitId, sequence, version } = snapshot;
    const message = this.#log.at(sequence);
    if (message?.subject !== this.#log.subjects.event(parseActorId(actorId))) {
      return false;
    }
    try {
      const commit = this.#reader.decode(message);
      return commit.commitId === commitId && commit.version === version;
    } catch {
      return false;
    }
  }

  /** Finds the commit a snapshot ends with, where the caller did not say. */
  #place(address: ActorAddress, snapshot: ActorSnapshot): PlacedSnapshot {
    const { commitId, schema = 1, sequence, version } = snapshot;
    const whole = { ...snapshot, actorId: address.id, schema };
    const tail = this.#reader.tail(address);
    const actor = this.#log.actors.get(address.id);
    // The commit that brought it, not a fence behind it: those hold outcomes.
    const index = firstAbove(actor?.versions ?? [], version - 1);
    if (version > tail.version || actor?.versions[index] !== version) {
      throw new InvalidArgumentError(
        `Cannot save a snapshot of "${address.id}" as no commit of its log ends with ` +
          `version ${version}: the log is at version ${tail.version}`,
      );
    }
    if (sequence !== undefined && commitId !== undefined) {
      return { ...whole, sequence, commitId };
    }
    const found = this.#reader.commitAt(actor.sequences[index]!);
    return { ...whole, sequence: found.sequence, commitId: found.commitId };
  }
}

const START = { version: 0, sequence: 0 };
const SNAPSHOT_HEADERS = 256;
