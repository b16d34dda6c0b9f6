import {
  checkDurable,
  checkNamespace,
  type Clock,
  cloudEventsCodec,
  CommitHeader,
  type Event,
  type EventCodec,
  InvalidArgumentError,
  type LoggedMessage,
  StoreUnavailableError,
  systemClock,
} from "../event/mod.ts";
import { CatchUpFeed } from "./_catch_up.ts";
import { CompetingFeed } from "./_competing.ts";
import { readerStart } from "./_cursor.ts";
import type { Feed, Monitor } from "./_feed.ts";
import { MemoryDurable } from "./_memory_durable.ts";
import { MemoryLiveFeed } from "./_memory_live.ts";
import { MemoryReader } from "./_memory_reader.ts";
import { encodeNotice } from "./_notice.ts";
import { Parking } from "./_parking.ts";
import type { SubscriptionPlan } from "./_rules.ts";
import type { Seat, SeatOptions, Seats } from "./seat.ts";
import { SingleFeed } from "./_single.ts";
import { Subscriptions } from "./_subscriptions.ts";
import type {
  BusEvent,
  EventBroadcaster,
  Gap,
  ParkingPlace,
  SubscribeOptions,
  Subscription,
} from "./types.ts";

/**
 * A log in this process that a bus can listen to: a port, so that bus and store
 * need not know each other. The store's `InMemoryLog` is one.
 */
export interface CommitLog {
  /** The namespace it holds. */
  readonly namespace: string;
  /** Sequence of its last commit; 0 where there is none. */
  readonly lastSequence: number;
  /** The commit at a sequence; none where it was removed. */
  at(sequence: number): LoggedMessage | undefined;
  /** Calls back behind each commit; returns how to end that. */
  onCommit(listener: () => void): () => void;
  /** Calls back with each notice sent beside the log, where that can be; returns how to end that. */
  onNotice?(
    listener: (
      notice: Pick<LoggedMessage, "subject" | "headers" | "data">,
    ) => void,
  ): () => void;
}

/** How an in-process bus is to be. */
export interface EventBusOptions {
  /** The logs whose commits it shows; more can be attached later. */
  readonly logs?: readonly CommitLog[];
  /** How events are written; CloudEvents JSON by default, as in the store. */
  readonly codec?: EventCodec;
  /** Where time comes from. */
  readonly clock?: Clock;
}

/**
 * An {@link EventBroadcaster} in this process, over in-memory logs: for tests,
 * examples and first steps. What works here works across nodes.
 *
 * @example What is stored is seen, in order, and so are notices
 * ```ts
 * import { EventBus } from "@flowmade/aether/bus";
 * import { InMemoryEventStore, InMemoryLog } from "@flowmade/aether/store";
 * import assert from "node:assert/strict";
 *
 * const log = new InMemoryLog("bank");
 * await using store = new InMemoryEventStore({ namespace: "bank", log });
 * await using bus = new EventBus({ logs: [log] });
 * await store.append("account-ada", [{ eventType: "Opened" }, { eventType: "Deposited" }]);
 *
 * const seen: string[] = [];
 * for await (const event of bus.subscribe("bank", { from: "beginning" })) {
 *   seen.push(`${event.actorId} ${event.version} ${event.eventType}`);
 *   if (seen.length === 2) break;
 * }
 * assert.deepEqual(seen, ["account-ada 1 Opened", "account-ada 2 Deposited"]);
 * ```
 */
export class EventBus implements EventBroadcaster, Seats {
  readonly #codec: EventCodec;
  readonly #clock: Clock;
  readonly #logs = new Map<string, CommitLog>();
  readonly #durables = new Map<string, MemoryDurable>();
  readonly #subscriptions = new Subscriptions();
  readonly #live = new Set<MemoryLiveFeed>();
  readonly #stops: (() => void)[] = [];

  /** Makes a bus; it is ready at once. */
  constructor(options: EventBusOptions = {}) {
    this.#codec = options.codec ?? cloudEventsCodec;
    this.#clock = options.clock ?? systemClock;
    for (const log of options.logs ?? []) this.attach(log);
  }

  /**
   * Shows the commits of one more log, to those subscribed already too.
   *
   * @throws {InvalidArgumentError} `invalid_argument`: another log of the same
   * namespace is attached.
   */
  attach(log: CommitLog): void {
    const there = this.#logs.get(log.namespace);
    if (there === log) return;
    if (there !== undefined) {
      throw new InvalidArgumentError(
        `Cannot attach a second log of namespace "${log.namespace}"`,
      );
    }
    this.#logs.set(log.namespace, log);
    for (const feed of this.#live) feed.listen(log);
    const stop = log.onNotice?.((notice) => {
      for (const feed of this.#live) feed.notice(log.namespace, notice);
    });
    if (stop !== undefined) this.#stops.push(stop);
  }

  /** As {@link EventBroadcaster.subscribe}. */
  subscribe(
    namespaceOrPattern: string,
    options: SubscribeOptions & { readonly gaps: "yield" },
  ): Subscription<BusEvent | Gap>;
  /** As above; gaps only go to `onGap` and the statistics. */
  subscribe(
    namespaceOrPattern: string,
    options?: SubscribeOptions,
  ): Subscription;
  subscribe(
    namespaceOrPattern: string,
    options?: SubscribeOptions,
  ): Subscription<BusEvent | Gap> {
    return this.#subscriptions.open(
      namespaceOrPattern,
      options,
      (plan, monitor) => this.#feed(plan, monitor),
      (feed) => {
        if (feed instanceof MemoryLiveFeed) this.#live.delete(feed);
      },
    );
  }

  /** As {@link EventBroadcaster.publish}. */
  // deno-lint-ignore require-await -- what is wrong with the arguments rejects
  async publish(namespace: string, event: Event): Promise<void> {
    this.#subscriptions.assertOpen();
    const { contentType, data, subject } = encodeNotice(
      this.#codec,
      namespace,
      event,
    );
    const get = (name: string) =>
      name === CommitHeader.contentType ? contentType : "";
    const message = { subject, headers: { get }, data };
    for (const feed of this.#live) feed.notice(namespace, message);
  }

  /** As {@link EventBroadcaster.subscriberCount}. */
  subscriberCount(namespace: string): number {
    return this.#subscriptions.count(namespace);
  }

  /** As {@link EventBroadcaster.parking}. */
  parking(namespace: string, durable: string): ParkingPlace {
    return new Parking(this.#durable(namespace, durable).parking);
  }

  /** As {@link EventBroadcaster.forget}. */
  // deno-lint-ignore require-await -- see publish
  async forget(namespace: string, durable: string): Promise<void> {
    checkNamespace(namespace);
    const key = `${namespace} ${checkDurable(durable)}`;
    this.#durables.get(key)?.forget();
    this.#durables.delete(key);
  }

  /** As {@link Seats.seat}; who sits there first is active until it leaves. */
  seat(namespace: string, durable: string, options: SeatOptions): Seat {
    this.#subscriptions.assertOpen();
    return this.#durable(namespace, durable).seat(options.onChange);
  }

  /** As {@link EventBroadcaster.close}. */
  close(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop();
    return this.#subscriptions.close();
  }

  /** As {@link EventBroadcaster.stop}. */
  stop(): Promise<void> {
    return this.close();
  }

  /** As {@link EventBroadcaster.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #feed(plan: SubscriptionPlan, monitor: Monitor): Feed {
    const codec = this.#codec;
    const clock = this.#clock;
    if (plan.kind === "live") {
      const feed = new MemoryLiveFeed(plan, codec, monitor);
      for (const log of this.#logs.values()) feed.listen(log);
      this.#live.add(feed);
      return feed;
    }
    const log = this.#logOf(plan.pattern);
    if (plan.kind === "catch-up") {
      const reader = new MemoryReader(log, readerStart(plan.from));
      return new CatchUpFeed(plan, reader, codec, monitor);
    }
    const durable = this.#durable(plan.pattern, plan.durable);
    const { parking } = durable;
    if (plan.kind === "single") {
      return new SingleFeed(plan, {
        ...{ clock, codec, parking },
        seat: (onChange) => durable.seat(onChange),
        reader: (start) => new MemoryReader(log, start),
      }, monitor);
    }
    return new CompetingFeed(plan, {
      ...{ clock, codec, parking },
      queue: (onChange) => durable.queue(plan, onChange),
      onWake: (run) => parking.onWake(run),
    }, monitor);
  }

  #durable(namespace: string, name: string): MemoryDurable {
    const log = this.#logOf(checkNamespace(namespace));
    const key = `${namespace} ${checkDurable(name)}`;
    let durable = this.#durables.get(key);
    if (durable === undefined) {
      durable = new MemoryDurable(log, this.#codec, this.#clock);
      this.#durables.set(key, durable);
    }
    return durable;
  }

  #logOf(namespace: string): CommitLog {
    const log = this.#logs.get(namespace);
    if (log !== undefined) return log;
    throw new StoreUnavailableError(
      `Cannot read the log of namespace "${namespace}" as none is attached to the bus`,
    );
  }
}
