import {
  type ActorAddress,
  type ActorSnapshot,
  type Clock,
  ClosedError,
  cloudEventsCodec,
  CommitHeader,
  type Event,
  type EventCodec,
  type NewEvent,
  parseActorId,
  type StoredEvent,
  streamNames,
  subjectsOf,
  systemClock,
} from "../event/mod.ts";
import {
  assertServer,
  type Connection,
  Deadline,
  faultToError,
  isFault,
  Link,
} from "../nats/mod.ts";
import { JetStreamApi, refusalToError } from "./_api.ts";
import { appendOne, appendSeveral } from "./_append.ts";
import { type Context, readTail, type StoreStats } from "./_context.ts";
import { draftAppend, draftAppendAll, draftSave } from "./_draft.ts";
import { listActors } from "./_list.ts";
import { loadActor } from "./_load.ts";
import { PositionCache } from "./_positions.ts";
import { readCommits, readEvents } from "./_read.ts";
import {
  checkCall,
  checkFromVersion,
  checkList,
  checkLoad,
  checkRead,
  checkSchema,
  checkSnapshot,
} from "./_rules.ts";
import { JetStreamInbox } from "./_jetstream_inbox.ts";
import { actorPages } from "./_pages.ts";
import { findSnapshot, keepSnapshot } from "./_snapshots.ts";
import { provisionNamespace, type ProvisionOptions } from "./provision.ts";
import type { Inbox } from "./inbox.ts";
import type {
  ActorAppend,
  ActorCommit,
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

/** How a {@link JetStreamEventStore} is opened. */
export interface JetStreamStoreOptions extends ProvisionOptions {
  /** The namespace it holds: 1 to 4 tokens joined by `.`. */
  readonly namespace: string;
  /**
   * A second connection for long reads, so that replaying a namespace never
   * delays an append; the first one by default.
   */
  readonly bulk?: Connection;
  /** How events are written; CloudEvents JSON by default. */
  readonly codec?: EventCodec;
  /** Where time comes from. */
  readonly clock?: Clock;
  /** First part of the JetStream API's subjects; `$JS.API` by default. */
  readonly apiPrefix?: string;
  /** Milliseconds opening may take; 10,000 by default. */
  readonly timeout?: number;
}

/**
 * Events and snapshots of one namespace in JetStream: what this library calls
 * acknowledged is what JetStream has acknowledged.
 *
 * @example Store an event and read it back from a nats-server
 * ```ts ignore
 * import { connect, JetStreamEventStore, ulid } from "@flowmade/aether";
 * const nc = await connect({ servers: "nats://localhost:4222" });
 * const store = await JetStreamEventStore.open(nc, { namespace: "shop" });
 * await store.append("order-123", [{ eventType: "OrderPlaced", data: { total: 100 } }]);
 * console.log(await store.getEvents("order-123"));
 * await store.close();
 * await nc.close();
 * ```
 */
export class JetStreamEventStore
  implements EventStore, SnapshotStore, EffectStore {
  /** As {@link EffectStore.inbox}; it is closed with the store. */
  readonly inbox: Inbox;
  /** As {@link EffectStore.origin}. */
  readonly origin: string;
  readonly #context: Context;
  readonly #links: readonly Link[];
  #running = 0;
  #onIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  #closed = false;

  private constructor(
    context: Context,
    links: readonly Link[],
    inbox: Inbox,
    origin: string,
  ) {
    this.#context = context;
    this.#links = links;
    this.inbox = inbox;
    this.origin = origin;
  }

  /**
   * Opens a namespace: creates its streams where they are missing, and checks
   * that their configuration keeps the promises.
   *
   * @param nc A connection of the NATS client; closing the store leaves it open.
   * @param options At least the namespace.
   * @throws {UnsupportedServerError} `unsupported_server`: older than 2.14.0, or
   * JetStream is off.
   * @throws {MisconfiguredError} `misconfigured`: naming stream, field and value.
   * @throws {PermissionDeniedError} `permission_denied`: a stream is missing and
   * this user may not create it.
   * @throws {StoreUnavailableError} `store_unavailable`: no answer in time.
   * @throws {ClosedError} `closed`: the connection is closed.
   */
  static async open(
    nc: Connection,
    options: JetStreamStoreOptions,
  ): Promise<JetStreamEventStore> {
    const { apiPrefix, bulk, clock = systemClock, namespace } = options;
    const subjects = subjectsOf(namespace);
    const { events, inbox, snapshots } = streamNames(namespace);
    const deadline = new Deadline(clock, checkCall(options));
    for (const connection of [nc, bulk ?? nc]) {
      if (connection.isClosed() || connection.isDraining()) {
        throw new ClosedError(
          `Cannot open namespace "${namespace}" as the connection to NATS is closed`,
        );
      }
    }
    assertServer(nc);
    const link = new Link(nc, { clock });
    const links = bulk === undefined || bulk === nc
      ? [link]
      : [link, new Link(bulk, { clock })];
    const api = new JetStreamApi(link, apiPrefix);
    let created: unknown;
    let inboxCreated: unknown;
    try {
      ({ created, inboxCreated } = await provisionNamespace(
        api,
        namespace,
        options,
        deadline,
      ));
    } catch (error) {
      for (const opened of links) await opened.close();
      throw error;
    }
    return new JetStreamEventStore(
      {
        api,
        bulk: links.length === 1 ? api : new JetStreamApi(links[1]!, apiPrefix),
        link,
        clock,
        codec: options.codec ?? cloudEventsCodec,
        subjects,
        namespace,
        eventStream: events,
        snapshotStream: snapshots,
        created,
        positions: new PositionCache(10_000),
        stats: {
          appended: 0,
          conflicts: 0,
          resent: 0,
          settled: 0,
          unknown: 0,
          staleReads: 0,
          snapshotsTooLarge: 0,
          snapshotsIgnored: 0,
        },
      },
      links,
      new JetStreamInbox({ api, subjects, stream: inbox, clock }),
      `${created} ${inboxCreated}`,
    );
  }

  /** The namespace it holds. */
  get namespace(): string {
    return this.#context.namespace;
  }

  /** What this store has counted about itself since it was opened. */
  stats(): Readonly<StoreStats> {
    return { ...this.#context.stats };
  }

  /** As {@link EventStore.saveEvent}. */
  saveEvent(event: Event, options: CallOptions = {}): Promise<StoredEvent> {
    return this.#call(options, "Cannot append", async (deadline) => {
      const draft = draftSave(this.#context, event);
      return (await appendOne(this.#context, draft, deadline)).events[0]!;
    });
  }

  /** As {@link EventStore.append}. */
  append(
    actorId: string,
    events: readonly NewEvent[],
    options: AppendOptions = {},
  ): Promise<AppendResult> {
    return this.#call(options, `Cannot append to "${actorId}"`, (deadline) => {
      const guess = (address: ActorAddress) =>
        this.#context.positions.get(address.id)?.version ?? 0;
      const draft = draftAppend(this.#context, actorId, events, options, guess);
      return appendOne(this.#context, draft, deadline);
    });
  }

  /** As {@link EventStore.appendAll}. */
  appendAll(
    appends: readonly ActorAppend[],
    options: AppendAllOptions = {},
  ): Promise<readonly AppendResult[]> {
    return this.#call(
      options,
      "Cannot append to several actors",
      (deadline) => {
        const guess = (address: ActorAddress) =>
          this.#context.positions.get(address.id)?.version ?? 0;
        return appendSeveral(
          this.#context,
          draftAppendAll(this.#context, appends, options, guess),
          deadline,
        );
      },
    );
  }

  /** As {@link EventStore.getEvents}. */
  async getEvents(
    actorId: string,
    fromVersion: number = 0,
    options: CallOptions = {},
  ): Promise<StoredEvent[]> {
    const { id } = parseActorId(actorId);
    const from = checkFromVersion(fromVersion);
    const plan = checkRead({ ...options, actorId: id, from });
    const events: StoredEvent[] = [];
    const batches = this.#batches(
      `Cannot read "${id}"`,
      options,
      () => readEvents(this.#context, plan),
    );
    for await (const batch of batches) {
      for (const event of batch) events.push(event);
    }
    return events;
  }

  /** As {@link EventStore.getLatestVersion}. */
  getLatestVersion(
    actorId: string,
    options: CallOptions = {},
  ): Promise<number> {
    return this.#call(options, `Cannot read "${actorId}"`, async (deadline) => {
      const tail = await readTail(
        this.#context,
        parseActorId(actorId),
        deadline,
      );
      return tail.position.version;
    });
  }

  /** As {@link EventStore.read}. */
  read(options: ReadOptions = {}): AsyncIterable<StoredEvent> {
    const plan = checkRead(options);
    const what = plan.address?.id ?? plan.type ?? this.namespace;
    return this.#iterate(
      `Cannot read "${what}"`,
      options,
      () => readEvents(this.#context, plan),
    );
  }

  /** As {@link EventStore.readCommits}. */
  readCommits(
    actorId: string,
    options: CallOptions = {},
  ): AsyncIterable<StoredCommit> {
    const { id } = parseActorId(actorId);
    const plan = checkRead({ ...options, actorId: id, direction: "backward" });
    return this.#iterate(
      `Cannot read "${id}"`,
      options,
      () => readCommits(this.#context, plan),
    );
  }

  /** As {@link EventStore.listActors}. */
  listActors(options: ListActorsOptions = {}): AsyncIterable<string> {
    const type = checkList(options);
    const { clock } = this.#context;
    return this.#iterate(
      `Cannot list the actors of "${this.namespace}"`,
      options,
      () =>
        listActors(
          this.#context,
          type,
          () => new Deadline(clock, checkCall(options), options.signal),
        ),
    );
  }

  /** As {@link EventStore.load}. */
  load(actorId: string, options: LoadOptions = {}): Promise<LoadedActor> {
    return this.#call(options, `Cannot load "${actorId}"`, async (deadline) => {
      const plan = checkLoad(actorId, options);
      const loaded = await loadActor(
        this.#context,
        plan.address,
        plan,
        deadline,
      );
      this.#context.positions.set(loaded.position);
      return loaded;
    });
  }

  /** As {@link EffectStore.lastSequence}. */
  lastSequence(options: CallOptions = {}): Promise<number> {
    const { api, eventStream, subjects } = this.#context;
    const action = `Cannot read the end of "${this.namespace}"`;
    return this.#call(options, action, async (deadline) => {
      const last = await api.last(eventStream, subjects.allEvents, deadline);
      return last?.sequence ?? 0;
    });
  }

  /** As {@link EffectStore.notice}. */
  // deno-lint-ignore require-await -- what is wrong with the event rejects
  async notice(event: Event): Promise<void> {
    const { codec, link, namespace, subjects } = this.#context;
    const action = `Cannot send a notice of "${event.actorId}"`;
    this.#assertOpen(action);
    const address = parseActorId(event.actorId);
    const { body, contentType } = codec.encode(namespace, [event]);
    try {
      link.publish(subjects.note(address), body, {
        [CommitHeader.contentType]: contentType,
      });
    } catch (error) {
      throw this.#translate(error, action);
    }
  }

  /** As {@link EffectStore.commits}. */
  commits(options: CommitsOptions): AsyncIterable<ActorCommit> {
    const { shard, type } = options;
    const action = `Cannot read the commits of "${this.namespace}"`;
    const filter = this.#context.subjects.eventsOfShard(shard, type);
    return this.#iterate(
      action,
      options,
      () => commitsOf(this.#context, filter, options),
    );
  }

  /** As {@link SnapshotStore.saveSnapshot}. */
  saveSnapshot(
    snapshot: ActorSnapshot,
    options: CallOptions = {},
  ): Promise<boolean> {
    const action = `Cannot save a snapshot of "${snapshot.actorId}"`;
    return this.#call(options, action, (deadline) => {
      const address = checkSnapshot(snapshot);
      return keepSnapshot(this.#context, address, snapshot, deadline);
    });
  }

  /** As {@link SnapshotStore.getLatestSnapshot}. */
  getLatestSnapshot(
    actorId: string,
    options: CallOptions & { readonly schema?: number } = {},
  ): Promise<ActorSnapshot | undefined> {
    const action = `Cannot read the snapshot of "${actorId}"`;
    return this.#call(options, action, (deadline) => {
      const schema = checkSchema(options.schema, action);
      return findSnapshot(
        this.#context,
        parseActorId(actorId),
        schema,
        deadline,
      );
    });
  }

  /**
   * Ends what runs and waits for it; the connection stays open. Appends that are
   * under way are waited for, as their outcome would be unknown otherwise.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** As {@link JetStreamEventStore.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#closed = true;
    if (this.#running > 0) {
      await new Promise<void>((resolve) => this.#onIdle = resolve);
    }
    await this.inbox.close();
    for (const link of this.#links) await link.close();
  }

  async #call<T>(
    options: CallOptions,
    action: string,
    run: (deadline: Deadline) => Promise<T>,
  ): Promise<T> {
    this.#assertOpen(action);
    const { signal } = options;
    const deadline = new Deadline(
      this.#context.clock,
      checkCall(options),
      signal,
    );
    this.#running++;
    try {
      return await run(deadline);
    } catch (error) {
      throw this.#translate(error, action);
    } finally {
      if (--this.#running === 0) this.#onIdle?.();
    }
  }

  async *#iterate<T>(
    action: string,
    options: CallOptions,
    start: () => AsyncGenerator<readonly T[], void, undefined>,
  ): AsyncGenerator<T, void, undefined> {
    for await (const batch of this.#batches(action, options, start)) {
      for (const item of batch) {
        yield item;
        this.#assertOpen(action);
        options.signal?.throwIfAborted();
      }
    }
  }

  async *#batches<T>(
    action: string,
    options: CallOptions,
    start: () => AsyncGenerator<readonly T[], void, undefined>,
  ): AsyncGenerator<readonly T[], void, undefined> {
    this.#assertOpen(action);
    options.signal?.throwIfAborted();
    try {
      for await (const batch of start()) {
        yield batch;
        this.#assertOpen(action);
        options.signal?.throwIfAborted();
      }
    } catch (error) {
      throw this.#translate(error, action);
    }
  }

  #translate(error: unknown, action: string): unknown {
    if (this.#closed && isFault(error, "closed")) return closed(action, error);
    return refusalToError(faultToError(error, action), action);
  }

  #assertOpen(action: string): void {
    if (this.#closed) throw closed(action);
  }
}

async function* commitsOf(
  context: Context,
  filter: string,
  { from, signal, timeout }: CommitsOptions,
): AsyncGenerator<readonly ActorCommit[], void, undefined> {
  const { bulk, clock, eventStream } = context;
  const deadline = new Deadline(clock, timeout ?? 10_000, signal);
  const last = await bulk.last(eventStream, filter, deadline);
  if (last === undefined || last.sequence < from) return;
  const plan = checkRead({
    ...(signal === undefined ? {} : { signal }),
    ...(timeout === undefined ? {} : { timeout }),
  });
  yield* actorPages(context, filter, from, last.sequence, plan);
}

function closed(action: string, cause?: unknown): ClosedError {
  return new ClosedError(
    `${action} as the store is closed`,
    cause === undefined ? {} : { cause },
  );
}
