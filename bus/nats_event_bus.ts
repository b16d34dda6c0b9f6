import {
  checkDurable,
  checkNamespace,
  type Clock,
  cloudEventsCodec,
  CommitHeader,
  type Event,
  type EventCodec,
  OutcomeUnknownError,
  PayloadTooLargeError,
  StoreUnavailableError,
  systemClock,
} from "../event/mod.ts";
import {
  assertServer,
  type Connection,
  encodeHeaders,
  JetStreamApi,
  Link,
} from "../nats/mod.ts";
import { CatchUpFeed } from "./_catch_up.ts";
import { CompetingFeed } from "./_competing.ts";
import { CoreHub } from "./_core_hub.ts";
import { readerStart } from "./_cursor.ts";
import { type Feed, Monitor } from "./_feed.ts";
import type { BusContext } from "./_nats.ts";
import { NatsDurable } from "./_nats_durable.ts";
import { NatsLiveFeed } from "./_nats_live.ts";
import { NatsQueue } from "./_nats_queue.ts";
import { encodeNotice } from "./_notice.ts";
import { OrderedReader } from "./_ordered_reader.ts";
import { Parking } from "./_parking.ts";
import { Reaper } from "./_reaper.ts";
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

/** How a {@link NatsEventBus} is to be. */
export interface NatsEventBusOptions {
  /** How events are written; CloudEvents JSON by default, as in the store. */
  readonly codec?: EventCodec;
  /** Where time comes from. */
  readonly clock?: Clock;
  /** First part of the JetStream API's subjects; `$JS.API` by default. */
  readonly apiPrefix?: string;
  /** `false` never creates the stream of durable subscriptions. */
  readonly provision?: boolean;
}

/**
 * An {@link EventBroadcaster} across nodes, over NATS. Stored events come from the
 * streams themselves, by the server's republishing or by a consumer: whoever
 * stores an event has nothing more to do. Give it a connection of its own where
 * subscribers are many or slow.
 *
 * @example Tail a namespace from its beginning
 * ```ts ignore
 * import { connect, NatsEventBus } from "@flowmade/aether";
 * const nc = await connect({ servers: "nats://localhost:4222" });
 * await using bus = new NatsEventBus(nc);
 * for await (const event of bus.subscribe("shop", { from: "beginning" })) {
 *   console.log(event.sequence, event.actorId, event.eventType);
 * }
 * ```
 */
export class NatsEventBus implements EventBroadcaster, Seats {
  readonly #context: BusContext;
  readonly #subscriptions = new Subscriptions();
  readonly #seats = new Set<Seat>();
  #flushing: Promise<void> | undefined;

  /**
   * Makes a bus over a connection, which it leaves open when it is closed.
   *
   * @throws {UnsupportedServerError} `unsupported_server`: older than 2.14.0.
   */
  constructor(nc: Connection, options: NatsEventBusOptions = {}) {
    const { apiPrefix, clock = systemClock, provision = true } = options;
    assertServer(nc);
    const link = new Link(nc, { clock });
    const api = new JetStreamApi(link, apiPrefix);
    this.#context = {
      link,
      api,
      clock,
      provision,
      codec: options.codec ?? cloudEventsCodec,
      hub: new CoreHub(nc),
      reaper: new Reaper(link, api, clock),
    };
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
    );
  }

  /** As {@link EventBroadcaster.publish}. */
  async publish(namespace: string, event: Event): Promise<void> {
    this.#subscriptions.assertOpen();
    const { codec, link } = this.#context;
    const notice = encodeNotice(codec, namespace, event);
    const headers = encodeHeaders({
      [CommitHeader.contentType]: notice.contentType,
    });
    const action = `Cannot publish event "${event.id}"`;
    if (notice.data.length + headers.length > link.maxPayload) {
      throw new PayloadTooLargeError(
        `${action} as it is larger than the server takes`,
      );
    }
    if (!link.connected) {
      throw new StoreUnavailableError(
        `${action} as the connection to NATS is down; nothing was sent`,
      );
    }
    try {
      link.publish(notice.subject, notice.data, headers);
    } catch (cause) {
      throw new StoreUnavailableError(
        `${action} as the connection to NATS is closed; nothing was sent`,
        { cause },
      );
    }
    try {
      await this.#flush();
    } catch (cause) {
      throw new OutcomeUnknownError(
        `${action} as the connection broke: whether it was sent is not known`,
        { cause, details: { eventId: event.id } },
      );
    }
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
  async forget(namespace: string, durable: string): Promise<void> {
    this.#subscriptions.assertOpen();
    await this.#durable(namespace, durable).forget();
  }

  /** As {@link Seats.seat}. */
  seat(namespace: string, durable: string, options: SeatOptions): Seat {
    this.#subscriptions.assertOpen();
    const { lease = 5_000, onChange, onError } = options;
    const monitor = new Monitor(onError === undefined ? {} : { onError });
    const seat = this.#durable(namespace, durable).seat(
      lease,
      monitor,
      onChange,
    );
    this.#seats.add(seat);
    return {
      get ready() {
        return seat.ready;
      },
      get term() {
        return seat.term;
      },
      get failure() {
        return seat.failure;
      },
      close: () => {
        this.#seats.delete(seat);
        return seat.close();
      },
    };
  }

  /** As {@link EventBroadcaster.close}. */
  async close(): Promise<void> {
    const seats = [...this.#seats];
    await Promise.all(seats.map((seat) => seat.close()));
    await this.#subscriptions.close();
    await this.#context.reaper.close();
    await this.#context.link.close();
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
    const context = this.#context;
    if (plan.kind === "live") return new NatsLiveFeed(plan, context, monitor);
    if (plan.kind === "catch-up") {
      const start = readerStart(plan.from);
      const reader = new OrderedReader(context, plan, start, monitor);
      return new CatchUpFeed(plan, reader, context.codec, monitor);
    }
    const { clock, codec } = context;
    const durable = this.#durable(plan.pattern, plan.durable);
    const { parking } = durable;
    if (plan.kind === "single") {
      return new SingleFeed(plan, {
        ...{ clock, codec, parking },
        seat: (onChange) => durable.seat(plan.lease, monitor, onChange),
        reader: (start) => new OrderedReader(context, plan, start, monitor),
      }, monitor);
    }
    return new CompetingFeed(plan, {
      ...{ clock, codec, parking },
      queue: (onChange) =>
        new NatsQueue(context, plan, monitor, durable, onChange),
      onWake: (run) => durable.onWake(run),
    }, monitor);
  }

  #durable(namespace: string, name: string): NatsDurable {
    return new NatsDurable(
      this.#context,
      checkNamespace(namespace),
      checkDurable(name),
    );
  }

  // One round trip for all that is published meanwhile.
  #flush(): Promise<void> {
    this.#flushing ??= Promise.resolve().then(() => {
      this.#flushing = undefined;
      return this.#context.link.connection.flush();
    });
    return this.#flushing;
  }
}
