/**
 * What a bus promises. Two implementations stand behind it, one in this process
 * and one across nodes; both run the contract suite of
 * `@flowmade/aether/testing`, and so can any other.
 */
import type { AetherError, Event } from "../event/mod.ts";

/**
 * An event as a subscription delivers it. One with a `sequence` is stored in the
 * log of its namespace, at that place; one without is a notice.
 */
export interface BusEvent<Type extends string = string, Data = unknown>
  extends Event<Type, Data> {
  /** Whose event it is. */
  readonly namespace: string;
  /** ULID of the decision that stored it; absent on notices. */
  readonly commitId?: string;
}

/** A place where a live subscription has not shown, or may not have shown, what was there. */
export interface Gap {
  /** Always `gap`: events have no such field. */
  readonly kind: "gap";
  /** Where. */
  readonly namespace: string;
  /**
   * `overflow`: the subscriber was too slow and the oldest were dropped;
   * `missed`: they did not arrive, as while the connection was down.
   */
  readonly reason: "overflow" | "missed";
  /** The first sequence concerned; absent where only notices are. */
  readonly from?: number;
  /** The last sequence concerned; absent where only notices are. */
  readonly to?: number;
  /** How many events were dropped here; 0 where nobody can know. */
  readonly dropped: number;
}

/** Where a subscription starts; `{ after }` takes an event that was delivered or read before. */
export type StartFrom =
  | "now"
  | "beginning"
  | { readonly sequence: number }
  | { readonly time: Date }
  | { readonly after: Event };

/** Which events are wanted; all conditions have to hold. */
export interface EventFilter {
  /** Only these types of event. */
  readonly eventTypes?: readonly string[];
  /** Only actors of one type, `_` for ids without one. */
  readonly actorType?: string;
  /** Only these actors: an id, in which `*` stands for any text, as in `order-eu-*`. */
  readonly actorId?: string;
  /** Only events for which it returns true; what it throws is reported, the event left out. */
  readonly where?: (event: BusEvent) => boolean;
}

/** How often and how soon a durable subscription tries an event again. */
export interface RetryOptions {
  /** Deliveries of one event before it is parked; 5 by default, at least 1. */
  readonly limit?: number;
  /** Milliseconds before the second delivery, doubled for each one after; 200 by default. */
  readonly delay?: number;
  /** Most milliseconds between two deliveries; 30,000 by default. */
  readonly maxDelay?: number;
}

/** Bounds of what waits for a slow subscriber; the first one reached counts. */
export interface BufferOptions {
  /** Most events, or messages still to be read; 10,000 by default. */
  readonly events?: number;
  /** Most bytes, as they travel; 16 MiB by default. */
  readonly bytes?: number;
}

/**
 * How a subscription is to be. Without `from` and `durable` it is *live*: from
 * now on, best effort, gaps told. With `from` it is a *catch-up*: what is stored,
 * then what comes, without gap or repeat, in the order of the log. With
 * `durable` it resumes where it was acknowledged, also in another process.
 */
export interface SubscribeOptions extends EventFilter {
  /** Where to start; `"now"` by default, and for a durable's first time `"beginning"`. */
  readonly from?: StartFrom;
  /** Its name: subscriptions of one namespace that share a name share the work. */
  readonly durable?: string;
  /**
   * How those who share a durable share it: `"single"` (default), one is active
   * and the others take over, order kept; `"competing"`, each takes what is
   * next, no order promised.
   */
  readonly mode?: "single" | "competing";
  /** When a durable's event fails. */
  readonly retry?: RetryOptions;
  /**
   * Milliseconds after which others may take over from a durable's active one
   * that gives no sign; 5,000 by default, 1,000 to 60,000. In mode `"competing"`,
   * after which an event that is not settled goes to another; 30,000 by default.
   */
  readonly lease?: number;
  /** Whether a live subscription gets notices; true by default. Others never do. */
  readonly notices?: boolean;
  /** Bounds of what waits. Live drops the oldest, the others slow down. */
  readonly buffer?: BufferOptions;
  /** `"yield"` delivers gaps in their place among the events; `"call"` (default) only calls `onGap`. */
  readonly gaps?: "call" | "yield";
  /** Called with each gap when its place among the events is reached. */
  readonly onGap?: (gap: Gap) => void;
  /** Called with what went wrong and did not end the subscription; see {@link SubscriptionStats.errors}. */
  readonly onError?: (error: AetherError) => void;
  /** Ends the subscription, as `close()` does. */
  readonly signal?: AbortSignal;
}

/** What a subscription counts about itself; every number but `waiting` only grows. */
export interface SubscriptionStats {
  /** Events delivered, repeats included. */
  readonly delivered: number;
  /** Events left out by the filter. */
  readonly filtered: number;
  /** Gaps told. */
  readonly gaps: number;
  /** Events dropped as the subscriber was too slow. */
  readonly dropped: number;
  /** Stored messages that came behind a gap that had already covered them, and were dropped. */
  readonly late: number;
  /** Messages that are no events, or not of the actor they came from, and were dropped. */
  readonly refused: number;
  /** All that was reported to `onError`. */
  readonly errors: number;
  /** The last of these. */
  readonly lastError?: AetherError;
  /** How often the reading was set up again, or missed messages were looked for. */
  readonly restarts: number;
  /** Deliveries of an event that had failed before. */
  readonly retried: number;
  /** Events parked. */
  readonly parked: number;
  /** Whether a durable in mode `"single"` is the active one; always true otherwise. */
  readonly active: boolean;
  /** Events or messages that wait here now. */
  readonly waiting: number;
  /**
   * Of a catch-up: the sequence up to which all that is wanted was delivered, with
   * what the filter left out and commits without events; absent before the first.
   */
  readonly position?: number;
}

/** What a handler is told besides the event. */
export interface Delivery {
  /** 1 for the first delivery, then one more each time; always 1 but for durables. */
  readonly attempt: number;
}

/**
 * A running subscription: iterate it, or let it call a handler. One reader at a
 * time. It ends with `close()`, with its signal, with the bus, and when a loop
 * over it is left; a loop then ends as if there was nothing more. What makes it
 * end by itself is thrown from the loop.
 */
export interface Subscription<Item = BusEvent>
  extends AsyncIterable<Item>, AsyncDisposable {
  /** The namespace or pattern. */
  readonly pattern: string;
  /**
   * Resolves when nothing stored from now on can pass it by unnoticed; for a
   * durable, when it is in line. Rejects if it ends before that.
   */
  readonly ready: Promise<void>;
  /** What it has counted so far. */
  stats(): SubscriptionStats;
  /**
   * Calls a handler for each item, one at a time, until the subscription ends.
   * What the handler throws is reported; a durable then delivers the event
   * again, later, and at last parks it.
   */
  each(
    handle: (item: Item, delivery: Delivery) => unknown,
  ): Promise<void>;
  /**
   * Acknowledges what was delivered last, for durables; going on to the next
   * item does so too. What was not acknowledged comes again.
   */
  acknowledge(): Promise<void>;
  /** Says that what was delivered last failed: a durable delivers it again, later, and at last parks it. */
  fail(reason: unknown): Promise<void>;
  /** Ends it and lets go of all it holds, on the server too. */
  close(): Promise<void>;
}

/** An event that a durable subscription could not handle. */
export interface ParkedEvent {
  /** Names it among the parked. */
  readonly id: string;
  /** The event, as it is in the log. */
  readonly event: BusEvent;
  /** How often it was delivered; 0 where it only stands behind another of its actor. */
  readonly attempts: number;
  /** What the last failure said. */
  readonly reason: string;
  /** When it was parked. */
  readonly at: Date;
}

/** Which parked events are meant: one, those of an actor, or all. */
export interface ParkedChoice {
  /** One by its id. */
  readonly id?: string;
  /** Those of an actor, in order. */
  readonly actorId?: string;
}

/** Where a durable subscription parks what it could not handle. */
export interface ParkingPlace {
  /** Lists them, oldest first. */
  list(): Promise<ParkedEvent[]>;
  /**
   * Has them delivered again to whoever is subscribed, oldest first; what
   * fails is parked again.
   *
   * @returns How many.
   */
  replay(choice?: ParkedChoice): Promise<number>;
  /**
   * Forgets them for good; the log keeps the events.
   *
   * @returns How many.
   */
  drop(choice?: ParkedChoice): Promise<number>;
}

/** What carries events to those who want them. */
export interface EventBroadcaster extends AsyncDisposable {
  /**
   * Subscribes to a namespace, or live to all namespaces of a pattern.
   *
   * @throws {InvalidArgumentError} `invalid_argument`: an option breaks a rule, or
   * `from` or `durable` on a pattern: order is per namespace.
   * @throws {ClosedError} `closed`: the bus is closed.
   */
  subscribe(
    namespaceOrPattern: string,
    options: SubscribeOptions & { readonly gaps: "yield" },
  ): Subscription<BusEvent | Gap>;
  /** As above; gaps only go to `onGap` and the statistics. */
  subscribe(
    namespaceOrPattern: string,
    options?: SubscribeOptions,
  ): Subscription;
  /**
   * Sends a notice: to those who are subscribed now, stored nowhere.
   *
   * @throws {InvalidArgumentError} `invalid_argument`: not a namespace or not an event.
   * @throws {PayloadTooLargeError} `payload_too_large`: nothing was sent.
   * @throws {StoreUnavailableError} `store_unavailable`: nothing was sent.
   * @throws {OutcomeUnknownError} `outcome_unknown`: the connection broke meanwhile.
   */
  publish(namespace: string, event: Event): Promise<void>;
  /** How many subscriptions of this bus, in this process, a namespace's events go to. */
  subscriberCount(namespace: string): number;
  /** What a durable subscription has parked. */
  parking(namespace: string, durable: string): ParkingPlace;
  /** Forgets a durable subscription: its place and what it has parked. End its subscriptions first. */
  forget(namespace: string, durable: string): Promise<void>;
  /** Ends all subscriptions and waits for it; later calls reject with `closed`. */
  close(): Promise<void>;
  /** As {@link EventBroadcaster.close}. */
  stop(): Promise<void>;
}

/** Tells a gap from an event. */
export function isGap(item: BusEvent | Gap): item is Gap {
  return (item as { kind?: unknown }).kind === "gap";
}
