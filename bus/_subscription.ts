/** A subscription over a feed: iteration, handlers, signals and statistics. */
import {
  ClosedError,
  CommandFailedError,
  InvalidArgumentError,
} from "../event/mod.ts";
import { type Feed, guarded, type Item, type Monitor } from "./_feed.ts";
import { messageOf } from "./_filter.ts";
import type { SubscriptionPlan } from "./_rules.ts";
import { type Delivery, isGap, type Subscription } from "./types.ts";
import type { SubscriptionStats } from "./types.ts";

/** The one kind of subscription there is; the feed makes the difference. */
export class BusSubscription implements Subscription<Item> {
  readonly pattern: string;
  readonly ready: Promise<void>;
  readonly #feed: Feed;
  readonly #monitor: Monitor;
  readonly #plan: SubscriptionPlan;
  readonly #onClose: (subscription: BusSubscription) => void;
  readonly #stopSignal: () => void;
  #reading = false;
  /** Whether a durable's item was delivered and not yet settled. */
  #inHand = false;
  #closing: Promise<void> | undefined;

  constructor(
    plan: SubscriptionPlan,
    feed: Feed,
    monitor: Monitor,
    onClose: (subscription: BusSubscription) => void,
  ) {
    this.pattern = plan.pattern;
    this.#plan = plan;
    this.#feed = feed;
    this.#monitor = monitor;
    this.#onClose = onClose;
    this.ready = feed.ready;
    this.ready.catch(() => {}); // whoever iterates gets the error too
    const { signal } = plan.options;
    const onAbort = () => void this.close();
    this.#stopSignal = () => signal?.removeEventListener("abort", onAbort);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
  }

  stats(): SubscriptionStats {
    const { lastError, ...counts } = this.#monitor;
    const { delivered, filtered, gaps, dropped, late } = counts;
    const { refused, errors, restarts, retried, parked } = counts;
    const { position } = this.#feed;
    return {
      ...{ delivered, filtered, gaps, dropped, late },
      ...{ refused, errors, restarts, retried, parked },
      ...(lastError === undefined ? {} : { lastError }),
      ...(position === undefined ? {} : { position }),
      active: this.#feed.active ?? true,
      waiting: this.#feed.waiting,
    };
  }

  [Symbol.asyncIterator](): AsyncIterator<Item, undefined> {
    if (this.#reading) {
      throw new InvalidArgumentError(
        `Cannot read the subscription to "${this.pattern}" twice: subscribe again`,
      );
    }
    this.#reading = true;
    return {
      next: () => this.#next(),
      return: async () => {
        await this.close();
        return { done: true, value: undefined };
      },
    };
  }

  async each(
    handle: (item: Item, delivery: Delivery) => unknown,
  ): Promise<void> {
    const items = this[Symbol.asyncIterator]();
    for (;;) {
      const { done, value } = await items.next();
      if (done === true) return;
      try {
        await handle(value, { attempt: this.#feed.attempt ?? 1 });
      } catch (cause) {
        if (this.#inHand) await this.fail(cause);
        else this.#reportHandler(value, cause);
      }
    }
  }

  async acknowledge(): Promise<void> {
    if (!this.#inHand) return;
    this.#inHand = false;
    await this.#feed.acknowledge?.();
  }

  async fail(reason: unknown): Promise<void> {
    if (!this.#inHand) return;
    this.#inHand = false;
    await this.#feed.fail?.(reason);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#stopSignal();
    this.#onClose(this);
    await this.#feed.close();
  }

  // Without an async function where an item is here already: it costs as much as
  // the rest of a delivery.
  #next(): Promise<IteratorResult<Item, undefined>> {
    if (!this.#inHand) {
      const item = this.#take();
      if (item !== undefined) {
        return Promise.resolve({ done: false, value: item });
      }
    }
    return this.#later();
  }

  async #later(): Promise<IteratorResult<Item, undefined>> {
    await this.acknowledge();
    for (;;) {
      const item = this.#take();
      if (item !== undefined) return { done: false, value: item };
      if (this.#closing !== undefined) break;
      if (this.#feed.ended) {
        const { failure } = this.#feed;
        await this.close();
        if (failure !== undefined) throw failure;
        break;
      }
      await this.#feed.wait();
    }
    return { done: true, value: undefined };
  }

  #take(): Item | undefined {
    while (this.#closing === undefined) {
      const item = this.#feed.take();
      if (item === undefined) return undefined;
      if (isGap(item)) {
        this.#monitor.gaps++;
        const { gaps, onGap } = this.#plan.options;
        guarded(onGap, item);
        if (gaps === "yield") return item;
        continue;
      }
      this.#monitor.delivered++;
      this.#inHand = this.#feed.acknowledge !== undefined;
      return item;
    }
    return undefined;
  }

  #reportHandler(item: Item, cause: unknown): void {
    const what = isGap(item)
      ? `a gap of "${item.namespace}"`
      : `event "${item.id}" of "${item.actorId}"`;
    this.#monitor.report(
      new CommandFailedError(
        `Cannot handle ${what} as the handler threw: ${messageOf(cause)}`,
        {
          cause,
          ...(isGap(item)
            ? {}
            : { details: { actorId: item.actorId, version: item.version } }),
        },
      ),
    );
  }
}

/** What `ready` rejects with where the subscription was closed first. */
export function closedEarly(pattern: string): ClosedError {
  return new ClosedError(
    `Cannot subscribe to "${pattern}" any more as the subscription was closed`,
  );
}
