/** What happens from now on, in this process. */
import {
  decodeCommitEvents,
  type EventCodec,
  matchesPattern,
  subjectsOf,
} from "../event/mod.ts";
import { brokenMessage, named } from "./_cursor.ts";
import type { Feed, Item, Monitor } from "./_feed.ts";
import { LiveBuffer } from "./_live_buffer.ts";
import { decodeNotice, type NoticeMessage } from "./_notice.ts";
import type { SubscriptionPlan } from "./_rules.ts";
import type { CommitLog } from "./event_bus.ts";

/** A live feed over logs in this process. */
export class MemoryLiveFeed implements Feed {
  readonly ready: Promise<void> = Promise.resolve();
  readonly failure: unknown = undefined;
  readonly #plan: SubscriptionPlan;
  readonly #codec: EventCodec;
  readonly #monitor: Monitor;
  readonly #buffer: LiveBuffer;
  readonly #stops: (() => void)[] = [];
  #closed = false;

  constructor(plan: SubscriptionPlan, codec: EventCodec, monitor: Monitor) {
    this.#plan = plan;
    this.#codec = codec;
    this.#monitor = monitor;
    this.#buffer = new LiveBuffer(plan.buffer, monitor);
  }

  get ended(): boolean {
    return this.#closed;
  }

  get waiting(): number {
    return this.#buffer.waiting;
  }

  /** Listens to a log too, where its namespace is one of those wanted. */
  listen(log: CommitLog): void {
    if (!matchesPattern(this.#plan.pattern, log.namespace)) return;
    let position = log.lastSequence;
    this.#stops.push(log.onCommit(() => {
      if (log.lastSequence < position) position = 0; // made anew
      while (position < log.lastSequence) this.#stored(log, ++position);
    }));
  }

  /** Takes a notice, where its namespace is one of those wanted. */
  notice(namespace: string, message: NoticeMessage): void {
    const { filter, notices, pattern } = this.#plan;
    if (!notices || !matchesPattern(pattern, namespace)) return;
    for (const event of decodeNotice(this.#codec, namespace, message)) {
      if (filter.wants(event, this.#monitor.report)) {
        this.#buffer.push(event, message.data.length);
      } else this.#monitor.filtered++;
    }
  }

  take(): Item | undefined {
    return this.#buffer.take();
  }

  wait(): Promise<void> {
    return this.#closed ? Promise.resolve() : this.#buffer.signal.wait();
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const stop of this.#stops) stop();
    this.#buffer.clear();
    this.#buffer.signal.raise();
    return Promise.resolve();
  }

  #stored(log: CommitLog, sequence: number): void {
    const message = log.at(sequence);
    if (message === undefined) return;
    const { namespace } = log;
    try {
      const { events } = decodeCommitEvents(
        this.#codec,
        message,
        subjectsOf(namespace).event,
      );
      const bytes = message.data.length / Math.max(1, events.length);
      for (const event of named(events, namespace)) {
        if (this.#plan.filter.wants(event, this.#monitor.report)) {
          this.#buffer.push(event, bytes);
        } else this.#monitor.filtered++;
      }
    } catch (cause) {
      this.#monitor.refuse(brokenMessage(message, cause));
    }
  }
}
