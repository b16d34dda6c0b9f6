/** Subscribers of each kind, and what they were given. */
import type { BusEvent, Subscription } from "../../../../bus/mod.ts";
import type { Aether } from "../../../../mod.ts";
import type { EffectStore } from "../../../../store/mod.ts";
import { eventually } from "../../../support/mod.ts";
import type { RecordedSubscription } from "../../checker/mod.ts";

const TYPE = "tally";

type Deliveries = {
  id: string;
  actorId: string;
  version: number;
  sequence: number;
}[];

/** Three subscribers, in the process of the callers. */
export class Watchers {
  readonly #all: readonly Watcher[];

  private constructor(all: readonly Watcher[]) {
    this.#all = all;
  }

  /** Subscribes, and waits until nothing passes by any more. */
  static async start(client: Aether): Promise<Watchers> {
    const kinds = ["live", "ordered", "durable"] as const;
    return new Watchers(
      await Promise.all(kinds.map((kind) => Watcher.start(client, kind))),
    );
  }

  /** Waits until each has, or knows that it missed, what is at this sequence. */
  async reached(sequence: number, timeout: number): Promise<void> {
    await Promise.all(
      this.#all.map((watcher) => watcher.reached(sequence, timeout)),
    );
  }

  /** What they were given. */
  recorded(): RecordedSubscription[] {
    return this.#all.map((watcher) => watcher.recorded());
  }
}

class Watcher {
  readonly #kind: RecordedSubscription["kind"];
  readonly #from: number;
  readonly #deliveries: Deliveries = [];
  readonly #gaps: [number, number][] = [];
  #last = 0;

  static async start(
    client: Aether,
    kind: RecordedSubscription["kind"],
  ): Promise<Watcher> {
    const gaps: [number, number][] = [];
    const subscription = client.bus.subscribe(client.store.namespace, {
      actorType: TYPE,
      notices: false,
      ...(kind === "ordered" ? { from: "beginning" } : {}),
      ...(kind === "durable" ? { durable: "witness" } : {}),
      onGap: ({ from, to }) => {
        if (from !== undefined && to !== undefined) gaps.push([from, to]);
      },
    });
    await subscription.ready;
    const from = kind === "live"
      ? await (client.store as unknown as EffectStore).lastSequence()
      : 0;
    return new Watcher(kind, from, gaps, subscription);
  }

  constructor(
    kind: RecordedSubscription["kind"],
    from: number,
    gaps: [number, number][],
    subscription: Subscription,
  ) {
    this.#kind = kind;
    this.#from = from;
    this.#gaps = gaps;
    void subscription.each((event) => this.#take(event));
  }

  #take({ actorId, id, sequence, version }: BusEvent): void {
    this.#deliveries.push({
      id,
      actorId,
      version,
      sequence: sequence!,
    });
    this.#last = Math.max(this.#last, sequence!);
  }

  async reached(sequence: number, timeout: number): Promise<void> {
    await eventually(() => {
      const last = Math.max(this.#last, ...this.#gaps.map(([, to]) => to));
      if (last >= sequence) return true;
      throw new Error(
        `the ${this.#kind} subscriber is at sequence ${last}, not at ${sequence}`,
      );
    }, { timeout, interval: 100 });
  }

  recorded(): RecordedSubscription {
    return {
      name: this.#kind,
      kind: this.#kind,
      type: TYPE,
      from: this.#from,
      deliveries: this.#deliveries,
      gaps: this.#gaps,
    };
  }
}
