/**
 * The inbox in a stream of its own, without consumers: the server says on
 * `aether.due…` that a command was stored (its republish), the owner of the shard
 * reads on from where it was, and deletes what is done. A durable consumer a shard
 * would be 256 of them with a pull open on each, all the time and for every type;
 * one a node would have to have its filter changed at each move, as a work queue
 * refuses filters that overlap. This way a shard in which nothing happens costs
 * nothing, and the next owner simply begins at the first message that is left.
 *
 * Direct reads may come from a replica that is behind. It holds a prefix of what
 * was stored, so what is read up to a sequence is complete; what was deleted may
 * show up once more, and is then recognised by its id.
 */
import {
  type ActorAddress,
  type AetherError,
  type Clock,
  decodeToken,
  parseActorId,
  parseCommandSubject,
  PayloadTooLargeError,
  StoreUnavailableError,
  type Subjects,
} from "../event/mod.ts";
import {
  Deadline,
  encodeHeaders,
  Fault,
  faultToError,
  isFault,
  RawHeaders,
} from "../nats/mod.ts";
import {
  ApiRefusal,
  type JetStreamApi,
  refusalToError,
  type StoredMessage,
} from "./_api.ts";
import {
  addressBehind,
  decodeDurable,
  decodeMark,
  decodeParked,
  encodeDurable,
  encodeMark,
  encodeParked,
  type InboxMessage,
} from "./_inbox_format.ts";
import type {
  DurableCommand,
  FoundParked,
  Inbox,
  InboxCommand,
  InboxPage,
  InboxPlace,
  Mark,
  ParkedCommand,
} from "./inbox.ts";
import type { CallOptions } from "./types.ts";

/** What an inbox on a server works with. */
export interface JetStreamInboxOptions {
  /** For requests. */
  readonly api: JetStreamApi;
  /** Of the namespace. */
  readonly subjects: Subjects;
  /** The stream. */
  readonly stream: string;
  /** Where time comes from. */
  readonly clock: Clock;
}

/** An inbox on a server. */
export class JetStreamInbox implements Inbox {
  readonly tellsAll: boolean = false;
  readonly #options: JetStreamInboxOptions;
  readonly #listeners = new Set<
    (place: InboxPlace, sequence: number) => void
  >();
  #unsubscribe: (() => void) | undefined;

  /** Takes a stream that is there. */
  constructor(options: JetStreamInboxOptions) {
    this.#options = options;
  }

  async put(command: DurableCommand, options?: CallOptions): Promise<void> {
    const address = parseActorId(command.actorId);
    const { command: subjectOf } = this.#options.subjects;
    const message = encodeDurable(command);
    await this.#publish(subjectOf(address), message, command, options);
  }

  async setAlarm(
    command: DurableCommand,
    at: number,
    options?: CallOptions,
  ): Promise<void> {
    const address = parseActorId(command.actorId);
    const { alarm, command: subjectOf } = this.#options.subjects;
    const message = encodeDurable(command, {
      // ADR-51; one that is past fires at once.
      "Nats-Schedule": `@at ${new Date(at).toISOString()}`,
      "Nats-Schedule-Target": subjectOf(address),
    });
    const subject = alarm(address, command.commandId);
    await this.#publish(subject, message, command, options);
  }

  async clearAlarm(
    actorId: string,
    id: string,
    options?: CallOptions,
  ): Promise<void> {
    const address = parseActorId(actorId);
    // A plain message in its place: the schedule is gone with it, and soon it is too.
    const message = encodeDurable(
      { actorId, commandId: id, command: "-", source: actorId },
      { "Nats-TTL": "1s", "Nats-Rollup": "sub" },
    );
    const subject = this.#options.subjects.alarm(address, id);
    const what = { actorId, command: "a timer's end" };
    await this.#publish(subject, message, what, options);
  }

  async read(
    { shard, type }: InboxPlace,
    from: number,
    options: CallOptions & {
      readonly limit?: number;
      readonly actorId?: string;
    } = {},
  ): Promise<InboxPage> {
    const { command, commandsOfShard } = this.#options.subjects;
    const filter = options.actorId === undefined
      ? commandsOfShard(type, shard)
      : command(parseActorId(options.actorId));
    const commands: InboxCommand[] = [];
    const broken: { sequence: number; reason: string }[] = [];
    let last = 0;
    const pending = await this.#batch(
      filter,
      from,
      options.limit ?? PAGE,
      options,
      (message) => {
        const { data, headers, sequence, subject } = message;
        last = sequence;
        try {
          const address = parseCommandSubject(subject);
          commands.push({ ...decodeDurable(address, headers, data), sequence });
        } catch (error) {
          broken.push({ sequence, reason: (error as Error).message });
        }
      },
    );
    return { commands, broken, last, more: pending > 0 };
  }

  async remove(sequence: number, options?: CallOptions): Promise<void> {
    const { api, stream } = this.#options;
    const deadline = this.#deadline(options);
    await this.#translated(
      "Cannot remove a durable command that is done",
      () => api.deleteMessage(stream, sequence, deadline),
    );
  }

  async places(from: number, options?: CallOptions): Promise<{
    readonly places: readonly InboxPlace[];
    readonly next: number | undefined;
  }> {
    const places = new Map<string, InboxPlace>();
    let last = 0;
    const pending = await this.#batch(
      this.#options.subjects.allCommands,
      from,
      PAGE,
      options,
      ({ sequence, subject }) => {
        last = sequence;
        const tokens = subject.split(".");
        const type = tokens.at(-2)!;
        const shard = Number(tokens.at(-3));
        places.set(`${type} ${shard}`, { type, shard });
      },
    );
    return {
      places: [...places.values()],
      next: pending > 0 ? last + 1 : undefined,
    };
  }

  onArrival(
    listener: (place: InboxPlace, sequence: number) => void,
  ): () => void {
    const own = (place: InboxPlace, sequence: number) =>
      listener(place, sequence);
    this.#listeners.add(own);
    this.#unsubscribe ??= this.#listen();
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size > 0) return;
      this.#unsubscribe?.();
      this.#unsubscribe = undefined;
    };
  }

  async park(parked: ParkedCommand, options?: CallOptions): Promise<void> {
    const { command } = parked;
    const address = parseActorId(command.actorId);
    const subject = this.#options.subjects.parked(address, command.commandId);
    const message = encodeParked(parked, { "Nats-Rollup": "sub" });
    await this.#publish(subject, message, command, options);
  }

  async parked(
    place?: InboxPlace,
    options?: CallOptions,
  ): Promise<readonly FoundParked[]> {
    const filter = this.#options.subjects.parkedOf(place?.type, place?.shard);
    const found: FoundParked[] = [];
    for (let from = 1;;) {
      const pending = await this.#batch(
        filter,
        from,
        PAGE,
        options,
        (message) => {
          from = message.sequence + 1;
          const parked = readParked(message);
          if (parked !== undefined) found.push(parked);
        },
      );
      if (pending > 0) continue;
      return found.sort((a, b) => a.order - b.order);
    }
  }

  async findParked(
    actorId: string,
    commandId: string,
    options?: CallOptions,
  ): Promise<FoundParked | undefined> {
    const { api, stream, subjects } = this.#options;
    const subject = subjects.parked(parseActorId(actorId), commandId);
    const deadline = this.#deadline(options);
    const message = await this.#translated(
      `Cannot look for what is parked of "${actorId}"`,
      () => api.last(stream, subject, deadline),
    );
    return message === undefined ? undefined : readParked(message);
  }

  async mark(run: string, options?: CallOptions): Promise<Mark | undefined> {
    const { api, stream, subjects } = this.#options;
    const deadline = this.#deadline(options);
    const message = await this.#translated(
      "Cannot read how far effects were carried out",
      () => api.last(stream, subjects.mark(run), deadline),
    );
    // An empty one is about to go.
    if (message === undefined || message.data.length === 0) return undefined;
    return decodeMark(message.data);
  }

  async marks(options?: CallOptions): Promise<ReadonlyMap<string, Mark>> {
    const { allMarks } = this.#options.subjects;
    const marks = new Map<string, Mark>();
    for (let from = 1;;) {
      const pending = await this.#batch(
        allMarks,
        from,
        PAGE,
        options,
        (found) => {
          from = found.sequence + 1;
          const run = decodeToken(found.subject.split(".").at(-1)!);
          if (found.data.length > 0) marks.set(run, decodeMark(found.data));
        },
      );
      if (pending === 0) return marks;
    }
  }

  async setMark(
    run: string,
    mark: Mark | undefined,
    options?: CallOptions,
  ): Promise<void> {
    const message = {
      headers: encodeHeaders({
        "Nats-Rollup": "sub",
        "Nats-TTL": mark === undefined ? "1s" : undefined,
      }),
      body: mark === undefined ? new Uint8Array(0) : encodeMark(mark),
    };
    const what = { actorId: run, command: "a mark" };
    await this.#publish(
      this.#options.subjects.mark(run),
      message,
      what,
      options,
    );
  }

  close(): Promise<void> {
    this.#listeners.clear();
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    return Promise.resolve();
  }

  /** Sends until it is acknowledged: that it is there twice does no harm. */
  #publish(
    subject: string,
    { body, headers }: InboxMessage,
    { actorId, command }: Pick<DurableCommand, "actorId" | "command">,
    options?: CallOptions,
  ): Promise<void> {
    const { api } = this.#options;
    const deadline = this.#deadline(options);
    const action = `Cannot put "${command}" for "${actorId}" into the inbox`;
    return this.#translated(action, async () => {
      for (let delay = 10;; delay = Math.min(delay * 2, 500)) {
        try {
          const timeout = deadline.attempt(2_000);
          const ack = await api.publish(
            subject,
            body,
            headers,
            deadline,
            timeout,
          );
          if (ack.ok) return;
          if (ack.error.code !== 503) throw new ApiRefusal(subject, ack.error);
        } catch (error) {
          if (isFault(error, "too_large")) {
            throw new PayloadTooLargeError(`${action} as it is too large`, {
              cause: error,
            });
          }
          if (!isFault(error, "timeout", "no_responders", "disconnected")) {
            throw error;
          }
          if (deadline.left <= delay) throw error;
          if (error.kind === "disconnected") {
            await api.link.ready(deadline.left, deadline.signal);
          }
        }
        if (deadline.left <= delay) throw new Fault("timeout", subject, true);
        await deadline.pause(delay);
      }
    });
  }

  /** Reads a page; returns how many messages are behind it. */
  async #batch(
    filter: string,
    from: number,
    batch: number,
    options: CallOptions | undefined,
    take: (message: StoredMessage) => void,
  ): Promise<number> {
    const { api, stream } = this.#options;
    const deadline = this.#deadline(options);
    const limits = { batch, maxBytes: PAGE_BYTES };
    const { pending } = await this.#translated(
      "Cannot read durable commands",
      () => api.directBatch(stream, from, filter, limits, deadline, take),
    );
    return pending;
  }

  #listen(): () => void {
    const { api, subjects } = this.#options;
    const { connection } = api.link;
    const subscription = connection.subscribe(subjects.allDue, {
      callback: (error, msg) => {
        if (error !== null) return;
        const tokens = msg.subject.split(".");
        const place = { type: tokens.at(-1)!, shard: Number(tokens.at(-2)) };
        const sequence = Number(RawHeaders.of(msg).added("Nats-Sequence"));
        if (!(sequence > 0)) return;
        for (const listener of [...this.#listeners]) listener(place, sequence);
      },
    });
    return () => {
      if (!connection.isClosed()) subscription.unsubscribe();
    };
  }

  #deadline({ signal, timeout = TIMEOUT }: CallOptions = {}): Deadline {
    return new Deadline(this.#options.clock, timeout, signal);
  }

  async #translated<T>(action: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      const known = refusalToError(faultToError(error, action), action);
      // Sent or not, it may be sent again.
      if ((known as AetherError).ambiguous) {
        throw new StoreUnavailableError((known as AetherError).message, {
          cause: known,
        });
      }
      throw known;
    }
  }
}

function readParked(message: StoredMessage): FoundParked | undefined {
  const { data, headers, sequence, subject } = message;
  try {
    const address: ActorAddress = addressBehind(subject, 1);
    return { ...decodeParked(address, headers, data), sequence };
  } catch {
    return undefined; // not one of ours
  }
}

/** Messages a page. */
const PAGE = 256;
const PAGE_BYTES = 4 * 1024 * 1024;
/** Milliseconds a request may take. */
const TIMEOUT = 10_000;
