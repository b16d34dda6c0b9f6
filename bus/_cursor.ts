/**
 * The events of a log one by one, out of its messages: decoded, checked,
 * filtered, with their exact places.
 */
import {
  CorruptLogError,
  decodeCommitEvents,
  type Event,
  type EventCodec,
  type LoggedMessage,
  type StoredEvent,
  subjectsOf,
} from "../event/mod.ts";
import type { Monitor } from "./_feed.ts";
import type { SubscriptionPlan } from "./_rules.ts";
import type { BusEvent, StartFrom } from "./types.ts";

/** Reads the messages of one namespace's log in order, for as long as it is wanted. */
export interface LogReader {
  /** Resolves when it reads; rejects if it never will. */
  readonly ready: Promise<void>;
  /** Takes the next message, if one is here. */
  take(): LoggedMessage | undefined;
  /** Resolves when there may be one, or the reader has ended. */
  wait(): Promise<void>;
  /** Whether there will be no more. */
  readonly ended: boolean;
  /** What ended it, where it was not closed. */
  readonly failure: unknown;
  /** Messages that wait here. */
  readonly waiting: number;
  /** The sequence behind which the next message is looked for, once it is ready. */
  readonly position: number | undefined;
  /** Lets go of everything. */
  close(): Promise<void>;
}

/** Where a reader starts: at a sequence, at a time, or behind the end as it is now. */
export type ReaderStart =
  | {
    readonly sequence: number;
    /** The place there that it got to before: a log that lacks it is another one. */
    readonly reached?: Place;
  }
  | { readonly time: Date }
  | "now";

/** A place in a log: the first `events` events of the commit at `sequence` are done with. */
export interface Place {
  readonly sequence: number;
  readonly events: number;
  /** Of the commit there: another one means another life of the log. */
  readonly commitId?: string;
}

/** An event and the place behind it. */
export interface PlacedEvent {
  readonly event: BusEvent;
  readonly place: Place;
}

/** Says of stored events, which are nobody else's yet, whose namespace they are of. */
export function named(
  events: readonly StoredEvent[],
  namespace: string,
): BusEvent[] {
  // Copies would cost as much as the rest of taking an event out of its message.
  for (const event of events) {
    (event as { namespace?: string }).namespace = namespace;
  }
  return events as unknown as BusEvent[];
}

/** Where the reader of a subscription starts. */
export function readerStart(from: StartFrom): ReaderStart {
  if (from === "now") return from;
  if (from === "beginning") return { sequence: 1 };
  if ("sequence" in from) return { sequence: Math.max(1, from.sequence) };
  if ("time" in from) return from;
  return { sequence: from.after.sequence! };
}

/** Takes a log's messages apart. */
export class CommitCursor {
  readonly #reader: LogReader;
  readonly #codec: EventCodec;
  readonly #plan: SubscriptionPlan;
  readonly #monitor: Monitor;
  readonly #subjectOf;
  #skip: Place | Event | undefined;
  #events: readonly BusEvent[] = [];
  #next = 0;
  /** Of the message opened last; 0 before the first. */
  #sequence = 0;
  #commitId: string | undefined;

  /** `skip` names what of the first commit is done with already. */
  constructor(
    reader: LogReader,
    codec: EventCodec,
    plan: SubscriptionPlan,
    monitor: Monitor,
    skip?: Place | Event,
  ) {
    this.#reader = reader;
    this.#codec = codec;
    this.#plan = plan;
    this.#monitor = monitor;
    this.#skip = skip;
    this.#subjectOf = subjectsOf(plan.pattern).event;
  }

  /** All before it was taken or is not wanted; absent before the first message. */
  get place(): Place | undefined {
    if (this.#sequence === 0) return undefined;
    const place = { sequence: this.#sequence, events: this.#next };
    return this.#commitId === undefined
      ? place
      : { ...place, commitId: this.#commitId };
  }

  /** The sequence up to which all that is wanted was taken; absent before the first message. */
  get position(): number | undefined {
    if (this.#sequence === 0) return undefined;
    const isWhole = this.#next >= this.#events.length;
    return isWhole ? this.#sequence : this.#sequence - 1;
  }

  /** Events and messages that wait. */
  get waiting(): number {
    return this.#reader.waiting + this.#events.length - this.#next;
  }

  /**
   * Takes the next event that is wanted, if one is here.
   *
   * @throws {CorruptLogError} `corrupt_log`: the log does not hold what it is to
   * go on behind.
   */
  take(): BusEvent | undefined {
    for (;;) {
      while (this.#next < this.#events.length) {
        const event = this.#events[this.#next++]!;
        if (this.#plan.filter.wants(event, this.#monitor.report)) return event;
        this.#monitor.filtered++;
      }
      const message = this.#reader.take();
      if (message === undefined) return undefined;
      this.#open(message);
    }
  }

  #open(message: LoggedMessage): void {
    const skip = this.#skip;
    this.#skip = undefined;
    this.#next = 0;
    this.#events = [];
    this.#sequence = message.sequence;
    this.#commitId = undefined;
    try {
      const decoded = decodeCommitEvents(this.#codec, message, this.#subjectOf);
      this.#events = named(decoded.events, this.#plan.pattern);
      this.#commitId = decoded.commitId;
    } catch (cause) {
      this.#monitor.refuse(brokenMessage(message, cause));
    }
    if (skip !== undefined) this.#skipTo(skip, message);
  }

  #skipTo(skip: Place | Event, message: LoggedMessage): void {
    const isHere = message.sequence === skip.sequence;
    if ("events" in skip) {
      const { commitId } = skip;
      const fits = commitId === undefined ||
        commitId === this.#commitId;
      if (isHere && fits) this.#next = skip.events;
      else if (isHere || !this.#plan.filter.isNarrow) throw this.#gone(skip);
      return;
    }
    // A filter may leave out the very commit it is to go on behind.
    if (!isHere && this.#plan.filter.isNarrow) return;
    const index = this.#events.findIndex((event) => event.id === skip.id);
    if (!isHere || index < 0) throw this.#gone(skip);
    this.#next = index + 1;
  }

  #gone(skip: Place | Event): CorruptLogError {
    return placeGone(skip, this.#plan.pattern);
  }
}

/** What a subscription is to go on behind is not in the log. */
export function placeGone(
  place: Place | Event,
  namespace: string,
): CorruptLogError {
  const what = "events" in place ? "the commit" : `event "${place.id}"`;
  return new CorruptLogError(
    `Cannot go on behind ${what} at sequence ${place.sequence} of "${namespace}" as it is ` +
      "not there: the log is not the one it came from",
    { details: { sequence: place.sequence ?? null } },
  );
}

/** What is reported of a message that is no commit. */
export function brokenMessage(
  message: { readonly subject: string; readonly sequence: number },
  cause: unknown,
): CorruptLogError {
  const { sequence, subject } = message;
  return new CorruptLogError(
    `Cannot deliver what came on ${subject} with sequence ${sequence}: ${
      cause instanceof Error ? cause.message : String(cause)
    }`,
    { cause, details: { subject, sequence } },
  );
}
