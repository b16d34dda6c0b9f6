/** What all cases of the bus contract share. */
import assert from "node:assert/strict";
import type {
  BusEvent,
  Delivery,
  EventBroadcaster,
  Gap,
  SubscribeOptions,
  Subscription,
} from "../bus/mod.ts";
import {
  AetherError,
  type ErrorCode,
  type Event,
  type StoredEvent,
  ulid,
} from "../event/mod.ts";
import type { EventStore } from "../store/mod.ts";
import { type Chance, chance } from "./_random.ts";
import type { BusContractOptions } from "./bus_contract.ts";

/** Registers cases, each with namespaces of its own. */
export class BusSuite {
  readonly options: BusContractOptions;
  readonly seed: number;

  constructor(options: BusContractOptions) {
    this.options = options;
    this.seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
  }

  /** Groups cases. */
  group(name: string, run: () => void): void {
    this.options.describe(name, run);
  }

  /** Registers a case; what it opens is closed behind it. */
  test(name: string, run: (t: BusCase) => Promise<void>): void {
    this.options.it(name, async () => {
      const t = await BusCase.start(this);
      try {
        await run(t);
      } finally {
        await t.end();
      }
    });
  }
}

/** One case while it runs. */
export class BusCase {
  readonly suite: BusSuite;
  /** One that no other case has, of one token. */
  readonly namespace: string;
  readonly store: EventStore;
  readonly bus: EventBroadcaster;
  readonly #closing: { close(): Promise<void> }[] = [];
  readonly #namespaces = new Set<string>();

  private constructor(
    suite: BusSuite,
    namespace: string,
    store: EventStore,
    bus: EventBroadcaster,
  ) {
    this.suite = suite;
    this.namespace = namespace;
    this.store = store;
    this.bus = bus;
    this.#namespaces.add(namespace);
    this.#closing.push(bus, store);
  }

  static async start(suite: BusSuite): Promise<BusCase> {
    const namespace = `bus-${ulid().slice(-16)}`;
    const store = await suite.options.openStore(namespace);
    const bus = await suite.options.openBus();
    return new BusCase(suite, namespace, store, bus);
  }

  /** Opens a store on another namespace. */
  async openStore(namespace: string): Promise<EventStore> {
    this.#namespaces.add(namespace);
    const store = await this.suite.options.openStore(namespace);
    this.#closing.push(store);
    return store;
  }

  /** A bus as in another process, where there can be one. */
  async another(): Promise<EventBroadcaster> {
    const { anotherBus } = this.suite.options;
    if (anotherBus === undefined) return this.bus;
    const bus = await anotherBus();
    this.#closing.unshift(bus);
    return bus;
  }

  /** Subscribes to the case's namespace and collects what comes. */
  async tail(
    options: SubscribeOptions = {},
    pattern: string = this.namespace,
    bus: EventBroadcaster = this.bus,
  ): Promise<Tail> {
    const tail = new Tail(bus, pattern, options);
    await within(tail.subscription.ready, "it did not get ready");
    return tail;
  }

  /** Appends one event. */
  async put(
    actorId: string,
    eventType: string = "Happened",
    data: unknown = null,
  ): Promise<StoredEvent> {
    const { events } = await this.store.append(actorId, [{ eventType, data }]);
    return events[0]!;
  }

  /** The same, however often others are first. */
  async putAmongOthers(actorId: string): Promise<StoredEvent> {
    for (;;) {
      try {
        return await this.put(actorId);
      } catch (error) {
        if ((error as AetherError).code !== "version_conflict") throw error;
      }
    }
  }

  /** All that is stored, as a subscription shows it. */
  async stored(store: EventStore = this.store): Promise<BusEvent[]> {
    const all: BusEvent[] = [];
    for await (const event of store.read()) {
      all.push({ ...event, namespace: store.namespace });
    }
    return all;
  }

  /** Chance that the suite's seed repeats; failures should name the seed. */
  chance(): Chance {
    return chance(this.suite.seed);
  }

  async end(): Promise<void> {
    for (const each of this.#closing) await each.close();
    for (const namespace of this.#namespaces) {
      await this.suite.options.cleanup?.(namespace);
    }
  }
}

/** A subscription whose items are collected as they come. */
export class Tail {
  readonly subscription: Subscription<BusEvent | Gap>;
  readonly events: BusEvent[] = [];
  readonly gaps: Gap[] = [];
  readonly errors: AetherError[] = [];
  /** Resolves when the loop has ended; rejects with what was thrown from it. */
  readonly ended: Promise<void>;
  #onItem: () => void = () => {};
  #isOver = false;

  constructor(
    bus: EventBroadcaster,
    pattern: string,
    options: SubscribeOptions,
    handle?: (event: BusEvent, delivery: Delivery) => unknown,
  ) {
    this.subscription = bus.subscribe(pattern, {
      onError: (error) => this.errors.push(error),
      onGap: (gap) => this.gaps.push(gap),
      ...options,
    });
    this.ended = this.#collect(handle).finally(() => {
      this.#isOver = true;
      this.#onItem();
    });
    this.ended.catch(() => {});
  }

  /** What has come, each in a few words. */
  get told(): string[] {
    return this.events.map(tell);
  }

  /** Waits until so many events have come, and returns them. */
  async first(count: number): Promise<BusEvent[]> {
    await this.until(() => this.events.length >= count);
    return this.events;
  }

  /** Waits until something is so; asked whenever something comes, and now and then. */
  async until(isSo: () => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE;
    while (!isSo()) {
      if (this.#isOver) {
        await this.ended;
        assert.fail(`it ended behind ${this.told.slice(-20)}`);
      }
      assert.ok(
        performance.now() < deadline,
        `waited for ${isSo}: ${this.events.length} events, the last ${
          this.told.slice(-20)
        }; ${JSON.stringify(this.subscription.stats())}`,
      );
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 20);
        this.#onItem = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async #collect(
    handle?: (event: BusEvent, delivery: Delivery) => unknown,
  ): Promise<void> {
    const take = (item: BusEvent | Gap) => {
      if ("kind" in item) this.gaps.push(item as Gap);
      else this.events.push(item);
      this.#onItem();
    };
    if (handle === undefined) {
      for await (const item of this.subscription) take(item);
      return;
    }
    await this.subscription.each(async (item, delivery) => {
      take(item);
      await handle(item as BusEvent, delivery);
    });
  }
}

/** An event in a few words: `order-1@2 Paid`. */
export function tell(event: BusEvent): string {
  return `${event.actorId}@${event.version} ${event.eventType}`;
}

/** A notice, complete. */
export function notice(actorId: string, data: unknown = null): Event {
  return {
    id: ulid(),
    eventType: "Noticed",
    actorId,
    version: 1,
    data,
    timestamp: new Date(1_700_000_000_000),
  };
}

/** Awaits a promise, but not for ever. */
export async function within<T>(
  promise: Promise<T>,
  problem: string,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(problem)), PATIENCE);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Expects the versions of each actor to be 1, 2, 3 … in the order of arrival. */
export function assertOrder(events: readonly BusEvent[]): void {
  const versions = new Map<string, number>();
  for (const event of events) {
    const actor = `${event.namespace} ${event.actorId}`;
    assert.equal(event.version, (versions.get(actor) ?? 0) + 1, tell(event));
    versions.set(actor, event.version);
  }
}

/** Runs and expects an error of a code, which it returns. */
export async function failing(
  code: ErrorCode,
  run: () => unknown,
): Promise<AetherError> {
  try {
    await run();
  } catch (error) {
    assert.ok(error instanceof AetherError, `expected ${code}, got ${error}`);
    assert.equal(error.code, code, error.message);
    return error;
  }
  assert.fail(`expected an error of code ${code}`);
}

const PATIENCE = 30_000;
