/**
 * Writers, subscribers of every kind, and the checker that holds what each of
 * them saw against what is stored.
 *
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import type {
  BusEvent,
  Gap,
  NatsEventBus,
  SubscribeOptions,
  Subscription,
} from "../../bus/mod.ts";
import { AetherError, streamNames } from "../../event/mod.ts";
import type { Connection } from "../../nats/mod.ts";
import type { JetStreamEventStore } from "../../store/mod.ts";
import { eventually } from "../support/mod.ts";

/** Whether the long versions are wanted. */
export const nightly = process.env.AETHER_NIGHTLY === "1";

/** What a check needs to know of an event. */
export interface Seen {
  readonly sequence: number;
  readonly actorId: string;
  readonly version: number;
}

/** Appends to a few actors in turn, as fast as it may, until it is stopped. */
export class Writer {
  /** Commits that were acknowledged. */
  acked = 0;
  readonly #store: JetStreamEventStore;
  readonly #actors: number;
  #isStopped = false;
  readonly #running: Promise<void>;
  #waiting: (() => void)[] = [];

  constructor(store: JetStreamEventStore, options: {
    readonly actors?: number;
    readonly pause?: number;
    readonly lanes?: number;
  } = {}) {
    const { actors = 8, lanes = 2, pause = 1 } = options;
    this.#store = store;
    this.#actors = actors;
    this.#running = Promise.all(
      Array.from(
        { length: lanes },
        (_, lane) => this.#write(lane, lanes, pause),
      ),
    ).then(() => {});
  }

  /** Waits until so many more are acknowledged. */
  async more(count: number): Promise<void> {
    const target = this.acked + count;
    while (this.acked < target) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #write(lane: number, lanes: number, pause: number): Promise<void> {
    for (let n = lane; !this.#isStopped; n += lanes) {
      const events = n % 5 === 0
        ? [{ eventType: "One" }, { eventType: "Two" }]
        : [{ eventType: "One", data: { n } }];
      try {
        const actor = `order-${n % this.#actors}`;
        await this.#store.append(actor, events, { timeout: 3_000 });
        this.acked++;
        for (const go of this.#waiting.splice(0)) go();
      } catch (error) {
        // Nothing stored, or perhaps: the log will tell.
        if (!(error instanceof AetherError)) throw error;
        if (!error.retryable && !error.ambiguous) throw error;
      }
      if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

/** A subscriber that remembers what it saw. */
export class Watcher {
  readonly name: string;
  readonly subscription: Subscription<BusEvent | Gap>;
  readonly seen: Seen[] = [];
  readonly gaps: Gap[] = [];
  readonly errors: AetherError[] = [];
  readonly ended: Promise<void>;

  constructor(
    bus: NatsEventBus,
    namespace: string,
    name: string,
    options: SubscribeOptions,
    onEvent?: (event: Seen) => unknown,
  ) {
    this.name = name;
    this.subscription = bus.subscribe(namespace, {
      onError: (error) => this.errors.push(error),
      ...options,
      gaps: "yield",
    });
    this.ended = this.#collect(onEvent);
    this.ended.catch(() => {});
  }

  /** Waits until it has seen the event at a sequence, or a gap that covers it. */
  async reach(sequence: number, timeout = 30_000): Promise<void> {
    await eventually(() => {
      const last = Math.max(
        this.seen.at(-1)?.sequence ?? 0,
        this.gaps.at(-1)?.to ?? 0,
      );
      assert.ok(
        last >= sequence,
        `${this.name} is at ${last} of ${sequence}: ${
          JSON.stringify(this.subscription.stats())
        } ${this.errors.map((e) => e.message)}`,
      );
      return true;
    }, { timeout });
  }

  async #collect(onEvent?: (event: Seen) => unknown): Promise<void> {
    for await (const item of this.subscription) {
      if ("kind" in item) this.gaps.push(item as Gap);
      else {
        const { actorId, sequence, version } = item;
        const seen = { actorId, sequence: sequence!, version };
        this.seen.push(seen);
        if (onEvent !== undefined) await onEvent(seen);
      }
    }
  }
}

/** All that is stored, in order. */
export async function logOf(store: JetStreamEventStore): Promise<Seen[]> {
  const log: Seen[] = [];
  for await (const { actorId, sequence, version } of store.read()) {
    log.push({ actorId, sequence, version });
  }
  return log;
}

/** No gap, no repeat, in the order of the log. */
export function assertExact(
  name: string,
  seen: readonly Seen[],
  log: readonly Seen[],
): void {
  for (let i = 0; i < Math.max(seen.length, log.length); i++) {
    assert.deepEqual(seen[i], log[i], `${name}, event ${i} of ${log.length}`);
  }
}

/** In order, nothing twice, nothing that is not stored, and what is missing was told. */
export function assertLive(
  name: string,
  watcher: { readonly seen: readonly Seen[]; readonly gaps: readonly Gap[] },
  log: readonly Seen[],
  from: number,
): number {
  const { gaps, seen } = watcher;
  const stored = new Set(log.map(keyOf));
  let last = 0;
  let version = 0;
  for (const event of seen) {
    assert.ok(
      stored.has(keyOf(event)),
      `${name} saw ${keyOf(event)}: not stored`,
    );
    assert.ok(
      event.sequence > last ||
        (event.sequence === last && event.version > version),
      `${name} saw ${keyOf(event)} behind sequence ${last}`,
    );
    last = event.sequence;
    version = event.version;
  }
  const got = new Set(seen.map(keyOf));
  let missed = 0;
  for (const event of log) {
    if (event.sequence <= from || got.has(keyOf(event))) continue;
    missed++;
    assert.ok(
      gaps.some((gap) =>
        gap.from! <= event.sequence && event.sequence <= gap.to!
      ),
      `${name} missed ${keyOf(event)} and was not told: ${
        JSON.stringify(gaps)
      }`,
    );
  }
  return missed;
}

/** Everything at least once; order holds but for repeats of what was in somebody's hands. */
export function assertCovered(
  name: string,
  seen: readonly Seen[],
  log: readonly Seen[],
): number {
  const got = new Set(seen.map(keyOf));
  const stored = new Set(log.map(keyOf));
  for (const key of got) assert.ok(stored.has(key), `${name} saw ${key}`);
  for (const event of log) {
    assert.ok(got.has(keyOf(event)), `${name} never saw ${keyOf(event)}`);
  }
  return seen.length - got.size;
}

/** New things come in the order of the log, whatever is repeated. */
export function assertOrderOfNew(
  name: string,
  seen: readonly Seen[],
  log: readonly Seen[],
): void {
  const got = new Set<string>();
  const fresh = seen.filter((event) => {
    const key = keyOf(event);
    if (got.has(key)) return false;
    got.add(key);
    return true;
  });
  assertExact(name, fresh, log);
}

/** Names an event. */
export function keyOf({ actorId, sequence, version }: Seen): string {
  return `${sequence} ${actorId}@${version}`;
}

/** Sequence of the last event of a log. */
export function lastOf(log: readonly Seen[]): number {
  return log.at(-1)?.sequence ?? 0;
}

/** Nothing of ours is left on the event stream: `durable` consumers may be. */
export async function assertNoConsumers(
  nc: Connection,
  namespace: string,
  durable = 0,
): Promise<void> {
  const stream = streamNames(namespace).events;
  await eventually(async () => {
    const answer = await nc.request(`$JS.API.STREAM.INFO.${stream}`, "", {
      timeout: 2_000,
    });
    const { state } = answer.json() as { state: { consumer_count: number } };
    const names = await nc.request(`$JS.API.CONSUMER.LIST.${stream}`, "");
    assert.equal(state.consumer_count, durable, `left: ${names.string()}`);
    return true;
  }, { timeout: 10_000 });
}

/** Counts what servers have as subscriptions of clients on subjects of the bus. */
export async function assertNoSubscriptions(
  monitors: readonly string[],
): Promise<void> {
  await eventually(async () => {
    const left: string[] = [];
    for (const url of monitors) {
      const answer = await fetch(`${url}/connz?subs=true&limit=1000`);
      const { connections } = await answer.json() as {
        connections: { subscriptions_list?: string[] }[];
      };
      for (const { subscriptions_list = [] } of connections) {
        left.push(...subscriptions_list.filter((s) => s.startsWith("aether.")));
      }
    }
    assert.deepEqual(left, []);
    return true;
  }, { timeout: 10_000 });
}

/** Says what a test has measured. */
export function report(what: string, figures: object): void {
  console.log(`${what}: ${JSON.stringify(figures)}`);
}
