/**
 * Reading a namespace's stream in order, for as long as it is wanted, whatever
 * happens to the connection, the servers and the consumer.
 *
 * The consumer is a throw-away: in memory, on one server, named, without
 * acknowledgements. What counts is the position: the last sequence that arrived
 * here and was not dropped. The consumer numbers what it delivers; a number that is not the next one,
 * a heartbeat that names a later one, silence, or the server's word that the
 * consumer is gone: each makes it be deleted and another one be made right behind
 * the position. (The clients' ordered consumers do the same:
 * {@link https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-17.md | ADR-17}.)
 *
 * Three checks beyond that. A new consumer may live on a replica that is behind
 * the position: what comes again is left out. The first message of a new consumer
 * must be the one that the stream's leader names as the next. And a stream that was
 * deleted and made again, or has lost its end, ends the reading loudly: there is no
 * "behind the position" in it.
 */
import {
  CommitHeader,
  CorruptLogError,
  type LoggedMessage,
  StoreUnavailableError,
  streamNames,
  ulid,
} from "../event/mod.ts";
import type { Deadline } from "../nats/mod.ts";
import {
  type LogReader,
  type Place,
  placeGone,
  type ReaderStart,
} from "./_cursor.ts";
import type { Monitor } from "./_feed.ts";
import {
  type BusContext,
  busError,
  isPassing,
  lookDeadline,
  pause,
  reconnectDelay,
} from "./_nats.ts";
import { type Pulled, Puller } from "./_pull.ts";
import type { SubscriptionPlan } from "./_rules.ts";
import { Signal } from "./_signal.ts";
import { closedEarly } from "./_subscription.ts";

/** One consumer's time. */
interface Session {
  readonly puller: Puller;
  /** What has come before the leader has named the first message; absent behind that. */
  unchecked: Pulled[] | undefined;
  /** The sequence the leader has named, as long as it has not come. */
  first: number | undefined;
  /** How many messages it has delivered. */
  number: number;
  /** Ends it, with why. */
  readonly end: (reason: string) => void;
}

/** Reads one namespace's stream in order. */
export class OrderedReader implements LogReader {
  readonly ready: Promise<void>;
  failure: unknown;
  readonly #context: BusContext;
  readonly #plan: SubscriptionPlan;
  readonly #monitor: Monitor;
  readonly #stream: string;
  readonly #filter: string;
  readonly #start: ReaderStart;
  readonly #signal = new Signal();
  readonly #end = new AbortController();
  readonly #stopChanges: () => void;
  readonly #running: Promise<void>;
  #queue: Pulled[] = [];
  #head = 0;
  /** The next consumer starts behind it; absent before the first message by time. */
  #position: number | undefined;
  /** The highest sequence that has ever come. */
  #highest = 0;
  #created: unknown;
  #session: Session | undefined;

  constructor(
    context: BusContext,
    plan: SubscriptionPlan,
    start: ReaderStart,
    monitor: Monitor,
  ) {
    this.#context = context;
    this.#plan = plan;
    this.#monitor = monitor;
    this.#stream = streamNames(plan.pattern).events;
    this.#filter = plan.filter.stored(plan.pattern);
    this.#start = start;
    if (typeof start === "object" && "sequence" in start) {
      this.#position = start.sequence - 1;
    }
    this.#stopChanges = context.link.onChange(() => {
      if (!context.link.connected) this.#session?.end("disconnected");
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    promise.catch(() => {});
    this.#running = this.#run(resolve).then(
      () => reject(closedEarly(plan.pattern)),
      (error) => {
        this.failure = error;
        reject(error);
        this.#signal.raise();
      },
    );
  }

  get ended(): boolean {
    return this.#end.signal.aborted || this.failure !== undefined;
  }

  get position(): number | undefined {
    return this.#position;
  }

  get waiting(): number {
    return this.#queue.length - this.#head;
  }

  take(): LoggedMessage | undefined {
    if (this.#head === this.#queue.length || this.ended) return undefined;
    const pulled = this.#queue[this.#head]!;
    this.#queue[this.#head++] = undefined as unknown as Pulled;
    if (this.#head > 256 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    this.#session?.puller.release(pulled);
    return pulled;
  }

  async wait(): Promise<void> {
    if (!this.ended) await this.#signal.wait();
  }

  async close(): Promise<void> {
    this.#end.abort();
    this.#stopChanges();
    this.#session?.end("closed");
    this.#signal.raise();
    await this.#running;
  }

  async #run(onReady: () => void): Promise<void> {
    const { clock, link } = this.#context;
    const { signal } = this.#end;
    for (let failures = 0; !signal.aborted; failures++) {
      const started = clock.monotonic();
      try {
        await link.ready(3_600_000, signal);
        await this.#read(onReady);
        if (clock.monotonic() - started > LASTING) failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        const known = busError(error, `Cannot read "${this.#plan.pattern}"`);
        const patience = known instanceof CorruptLogError ? PATIENCE : 0;
        const passing = isPassing(known) && !("missing" in known.details);
        if (!passing && failures >= patience) throw known;
        this.#monitor.report(known);
      }
      if (signal.aborted) return;
      this.#monitor.restarts++;
      await pause(clock, reconnectDelay(failures), signal);
    }
  }

  /** Makes a consumer and reads from it until it is of no use any more. */
  async #read(onReady: () => void): Promise<void> {
    const { api, link, reaper } = this.#context;
    const deadline = lookDeadline(this.#context, this.#end.signal);
    await this.#checkStream(deadline);
    const name = `aether-bus-${ulid()}`;
    let isMade = false;
    try {
      const position = this.#position;
      await api.createConsumer(this.#stream, {
        name,
        description: `Aether: a subscription to ${this.#plan.pattern}`,
        filter_subject: this.#filter,
        ...this.#policy(),
        ack_policy: "none",
        replay_policy: "instant",
        mem_storage: true,
        num_replicas: 1,
        inactive_threshold: 30_000_000_000, // ns: gone so long after its last use
      } as { name: string; filter_subject: string }, deadline);
      isMade = true;
      const { promise, resolve } = Promise.withResolvers<string>();
      const session = this.#open(name, resolve);
      if (!link.connected || this.#end.signal.aborted) resolve("disconnected");
      const next = position === undefined
        ? undefined
        : await api.next(this.#stream, position + 1, this.#filter, deadline);
      this.#check(session, next?.sequence);
      onReady();
      if (await promise === SKIPPED) {
        throw new StoreUnavailableError(
          `Cannot read "${this.#plan.pattern}" behind sequence ${this.#position} from a server that is behind`,
        );
      }
    } finally {
      this.#session?.puller.stop();
      this.#session = undefined;
      this.#drop();
      await reaper.remove(this.#stream, name, isMade);
    }
  }

  #open(consumer: string, end: (reason: string) => void): Session {
    const { bytes, events } = this.#plan.buffer;
    const puller = new Puller(
      this.#context,
      { stream: this.#stream, consumer },
      { messages: Math.min(events, WINDOW), bytes },
      {
        onMessage: (pulled) => this.#receive(session, pulled),
        onHeartbeat: (last) => {
          if (last > session.number) end("a message was lost");
        },
        onTrouble: end,
      },
    );
    const session: Session = {
      puller,
      unchecked: [],
      first: undefined,
      number: 0,
      end,
    };
    this.#session = session;
    return session;
  }

  #receive(session: Session, pulled: Pulled): void {
    const { number, sequence } = pulled;
    if (number !== ++session.number) {
      session.puller.stop();
      return session.end("a message was lost");
    }
    const position = session.unchecked?.at(-1)?.sequence ?? this.#position ?? 0;
    if (sequence <= position) return session.puller.release(pulled);
    if (session.unchecked === undefined) this.#accept(session, pulled);
    else session.unchecked.push(pulled);
  }

  /** Lets in what has come, now that the leader has named the first. */
  #check(session: Session, first: number | undefined): void {
    const arrived = session.unchecked!;
    session.unchecked = undefined;
    session.first = first;
    for (const each of arrived) this.#accept(session, each);
  }

  #accept(session: Session, pulled: Pulled): void {
    const { sequence } = pulled;
    if (session.first !== undefined && sequence > session.first) {
      session.puller.stop();
      return session.end(SKIPPED);
    }
    session.first = undefined;
    this.#position = sequence;
    this.#highest = Math.max(this.#highest, sequence);
    this.#queue.push(pulled);
    this.#signal.raise();
  }

  // What waits is read again by the next consumer: else each would add to it.
  #drop(): void {
    if (this.#head < this.#queue.length) {
      this.#position = this.#queue[this.#head]!.sequence - 1;
    }
    this.#queue = [];
    this.#head = 0;
  }

  #policy(): Record<string, unknown> {
    const position = this.#position;
    return position === undefined
      ? {
        deliver_policy: "by_start_time",
        opt_start_time: (this.#start as { time: Date }).time,
      }
      : { deliver_policy: "by_start_sequence", opt_start_seq: position + 1 };
  }

  async #checkStream(deadline: Deadline): Promise<void> {
    const info = await this.#context.api.streamInfo(this.#stream, deadline);
    const name = this.#plan.pattern;
    if (info === undefined) {
      if (this.#created === undefined) {
        throw new StoreUnavailableError(
          `Cannot read "${name}" as it has no stream yet: open a store on it first`,
          { details: { missing: this.#stream } },
        );
      }
      throw new CorruptLogError(
        `Cannot go on reading "${name}" as its stream was deleted`,
      );
    }
    const { last_seq } = info["state"] as { last_seq: number };
    if (this.#created !== undefined && this.#created !== info["created"]) {
      throw new CorruptLogError(
        `Cannot go on reading "${name}" behind sequence ${this.#highest} as its stream was deleted ` +
          "and made again",
      );
    }
    if (this.#created === undefined) {
      await this.#checkReached(last_seq, deadline);
    }
    this.#created = info["created"];
    if (last_seq < this.#highest) {
      throw new CorruptLogError(
        `Cannot go on reading "${name}" behind sequence ${this.#highest} as its stream ends at ${last_seq}: ` +
          "it has lost its end",
      );
    }
    if (this.#start === "now") this.#position ??= last_seq;
  }

  // A log restored from a backup may end before the place, or go on otherwise; with a
  // filter nothing that comes would tell.
  async #checkReached(lastSequence: number, deadline: Deadline): Promise<void> {
    const { reached = undefined } = this.#start as { reached?: Place };
    if (reached === undefined) return;
    const { commitId, sequence } = reached;
    const found = sequence > lastSequence || commitId === undefined
      ? undefined
      : await this.#context.api.at(this.#stream, sequence, deadline);
    const fits = commitId === undefined
      ? sequence <= lastSequence
      : found?.headers.get(CommitHeader.commit) === commitId;
    if (!fits) throw placeGone(reached, this.#plan.pattern);
  }
}

const SKIPPED = "skipped";
/** Most messages that wait here or are on their way. */
const WINDOW = 1_000;
/** Milliseconds behind which a session counts as a success. */
const LASTING = 10_000;
/** So often a stream may look wrong in a row: right after a change of leader it can. */
const PATIENCE = 4;
