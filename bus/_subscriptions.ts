/** The subscriptions of one bus, whatever stands behind them. */
import { checkNamespace, matchesPattern } from "../event/mod.ts";
import { type Feed, Monitor } from "./_feed.ts";
import {
  closedBus,
  planSubscription,
  type SubscriptionPlan,
} from "./_rules.ts";
import { BusSubscription } from "./_subscription.ts";
import type { SubscribeOptions } from "./types.ts";

/** Opens subscriptions, knows those that are open, and ends them. */
export class Subscriptions {
  readonly #open = new Map<BusSubscription, SubscriptionPlan>();
  #closed = false;

  /** @throws {ClosedError} `closed`: the bus is closed. */
  assertOpen(): void {
    if (this.#closed) throw closedBus();
  }

  /**
   * Opens one.
   *
   * @param feedOf Makes what stands behind it.
   * @param onClose Told when it ends.
   */
  open<Of extends Feed>(
    pattern: string,
    options: SubscribeOptions | undefined,
    feedOf: (plan: SubscriptionPlan, monitor: Monitor) => Of,
    onClose: (feed: Of) => void = () => {},
  ): BusSubscription {
    this.assertOpen();
    const plan = planSubscription(pattern, options);
    const monitor = new Monitor(plan.options);
    const feed = feedOf(plan, monitor);
    const subscription = new BusSubscription(plan, feed, monitor, (own) => {
      this.#open.delete(own);
      onClose(feed);
    });
    // One that was aborted before is closed by now.
    if (!plan.options.signal?.aborted) this.#open.set(subscription, plan);
    return subscription;
  }

  /** How many a namespace's events go to. */
  count(namespace: string): number {
    checkNamespace(namespace);
    let count = 0;
    for (const { pattern } of this.#open.values()) {
      if (matchesPattern(pattern, namespace)) count++;
    }
    return count;
  }

  /** Ends all, and opens no more. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#open.keys()].map((each) => each.close()));
  }
}
