/** History, then what comes: a log read to its end and on, at the subscriber's pace. */
import type { Event, EventCodec } from "../event/mod.ts";
import { CommitCursor, type LogReader } from "./_cursor.ts";
import type { Feed, Item, Monitor } from "./_feed.ts";
import type { SubscriptionPlan } from "./_rules.ts";

/** A feed over a reader of one namespace's log. */
export class CatchUpFeed implements Feed {
  readonly ready: Promise<void>;
  readonly #reader: LogReader;
  readonly #cursor: CommitCursor;
  #failure: unknown;

  constructor(
    plan: SubscriptionPlan,
    reader: LogReader,
    codec: EventCodec,
    monitor: Monitor,
  ) {
    const { from } = plan;
    const after: Event | undefined = typeof from === "object" && "after" in from
      ? from.after
      : undefined;
    this.ready = reader.ready;
    this.#reader = reader;
    this.#cursor = new CommitCursor(reader, codec, plan, monitor, after);
  }

  get ended(): boolean {
    return this.#failure !== undefined || this.#reader.ended;
  }

  get failure(): unknown {
    return this.#failure ?? this.#reader.failure;
  }

  get waiting(): number {
    return this.#cursor.waiting;
  }

  get position(): number | undefined {
    return this.#cursor.position;
  }

  take(): Item | undefined {
    if (this.#failure !== undefined) return undefined;
    try {
      return this.#cursor.take();
    } catch (error) {
      this.#failure = error;
      return undefined;
    }
  }

  wait(): Promise<void> {
    return this.#failure === undefined
      ? this.#reader.wait()
      : Promise.resolve();
  }

  close(): Promise<void> {
    return this.#reader.close();
  }
}
