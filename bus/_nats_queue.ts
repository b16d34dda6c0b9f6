/**
 * Handing commits out to those who compete for them: a durable JetStream consumer
 * with explicit acknowledgement. What waits here is kept from going to another by
 * saying now and then that it is being worked on. A consumer that was deleted on
 * the server is made again where it had got to, as far as is known here.
 */
import { type CancelTimer, MisconfiguredError } from "../event/mod.ts";
import type { Work, WorkQueue } from "./_competing.ts";
import { readerStart } from "./_cursor.ts";
import type { Monitor } from "./_feed.ts";
import {
  type BusContext,
  busError,
  isPassing,
  lookDeadline,
  pause,
  reconnectDelay,
} from "./_nats.ts";
import type { NatsDurable } from "./_nats_durable.ts";
import { type Pulled, Puller } from "./_pull.ts";
import type { SubscriptionPlan } from "./_rules.ts";
import { closedEarly } from "./_subscription.ts";

interface Held {
  readonly pulled: Pulled;
  readonly puller: Puller;
}

/** One process's share of the work. */
export class NatsQueue implements WorkQueue {
  readonly ready: Promise<void>;
  failure: unknown;
  readonly #context: BusContext;
  readonly #plan: SubscriptionPlan;
  readonly #monitor: Monitor;
  readonly #durable: NatsDurable;
  readonly #onChange: () => void;
  readonly #end = new AbortController();
  readonly #running: Promise<void>;
  readonly #stopChanges: () => void;
  /** Waiting, oldest first, then also taken: all that is not settled. */
  readonly #waiting: Held[] = [];
  readonly #taken = new Set<Held>();
  #puller: Puller | undefined;
  #onOver: (reason: string) => void = () => {};
  /** All up to it is settled, as far as was seen. */
  #floor: number | undefined;
  #cancelSay: CancelTimer = () => {};

  constructor(
    context: BusContext,
    plan: SubscriptionPlan,
    monitor: Monitor,
    durable: NatsDurable,
    onChange: () => void,
  ) {
    this.#context = context;
    this.#plan = plan;
    this.#monitor = monitor;
    this.#durable = durable;
    this.#onChange = onChange;
    this.#stopChanges = context.link.onChange(() => {
      if (!context.link.connected) this.#onOver("disconnected");
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    promise.catch(() => {});
    this.#running = this.#run(resolve).then(
      () => reject(closedEarly(plan.pattern)),
      (error) => {
        this.failure = error;
        reject(error);
        onChange();
      },
    );
    this.#keepSaying();
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  take(): Work | undefined {
    const held = this.#waiting.shift();
    if (held === undefined) return undefined;
    this.#taken.add(held);
    const message = held.pulled;
    return {
      message,
      attempt: message.attempt,
      done: () => this.#settle(held, "+ACK"),
      again: (delay) =>
        this.#settle(held, `-NAK {"delay":${Math.round(delay * 1e6)}}`),
      working: () => this.#say(held, "+WPI"),
    };
  }

  async close(): Promise<void> {
    this.#end.abort();
    this.#stopChanges();
    this.#cancelSay();
    // What the server has sent already would be handed to nobody for a lease.
    await this.#puller?.drain();
    for (const held of [...this.#waiting, ...this.#taken]) {
      this.#say(held, "-NAK");
    }
    this.#onOver("closed");
    await this.#running;
    const { connection } = this.#context.link;
    // What was said is to be heard before the connection may be closed.
    if (this.#context.link.connected) await connection.flush().catch(() => {});
  }

  async #run(onReady: () => void): Promise<void> {
    const { clock, link } = this.#context;
    const { signal } = this.#end;
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        await link.ready(3_600_000, signal);
        await this.#ensure();
        onReady();
        failures = 0;
        await this.#read();
      } catch (error) {
        if (signal.aborted) return;
        const known = busError(
          error,
          `Cannot share "${this.#durable.name}" of "${this.#plan.pattern}"`,
        );
        if (!isPassing(known) || "missing" in known.details) throw known;
        this.#monitor.report(known);
      }
      if (signal.aborted) return;
      this.#monitor.restarts++;
      await pause(clock, reconnectDelay(failures), signal);
    }
  }

  async #ensure(): Promise<void> {
    const { api } = this.#context;
    const { consumer, events } = this.#durable;
    const deadline = lookDeadline(this.#context, this.#end.signal);
    await this.#durable.provision(deadline);
    const filter = this.#plan.filter.stored(this.#plan.pattern);
    const start = this.#policy();
    const made = await api.ensureConsumer(events, {
      name: consumer,
      durable_name: consumer,
      description: `Aether: ${this.#durable.name} of ${this.#plan.pattern}`,
      filter_subject: filter,
      ...start,
      ack_policy: "explicit",
      ack_wait: this.#plan.lease * 1_000_000,
      max_deliver: -1,
      max_ack_pending: 10_000,
      replay_policy: "instant",
    } as { name: string; filter_subject: string }, deadline);
    if (made !== undefined) return;
    // Somebody made it before, perhaps from another start: that does not matter now.
    const there = await api.consumerInfo(events, consumer, deadline);
    const config = (there?.["config"] ?? {}) as Record<string, unknown>;
    if (config["filter_subject"] !== filter) {
      throw new MisconfiguredError(
        `Cannot share "${this.#durable.name}" of "${this.#plan.pattern}" as it filters ` +
          `${
            config["filter_subject"]
          }, and this subscription ${filter}: forget it, or use another name`,
      );
    }
  }

  #policy(): Record<string, unknown> {
    if (this.#floor !== undefined) return startAt(this.#floor + 1);
    const start = readerStart(this.#plan.from);
    if (start === "now") return { deliver_policy: "new" };
    if ("time" in start) {
      return { deliver_policy: "by_start_time", opt_start_time: start.time };
    }
    return start.sequence === 1
      ? { deliver_policy: "all" }
      : startAt(start.sequence);
  }

  async #read(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#onOver = resolve;
    const { bytes, events } = this.#plan.buffer;
    const { consumer, events: stream } = this.#durable;
    const puller: Puller = new Puller(
      this.#context,
      { stream, consumer },
      { messages: Math.min(events, WINDOW), bytes },
      {
        onMessage: (pulled) => {
          this.#waiting.push({ pulled, puller });
          this.#onChange();
        },
        onTrouble: resolve,
      },
    );
    this.#puller = puller;
    try {
      if (!this.#context.link.connected) resolve("disconnected");
      await promise;
    } finally {
      this.#onOver = () => {};
      puller.stop();
      this.#puller = undefined;
      // The consumer hands them out again; whoever works on one goes on.
      this.#waiting.length = 0;
    }
  }

  #settle(held: Held, word: string): void {
    if (!this.#taken.delete(held)) return;
    this.#say(held, word);
    if (held.puller === this.#puller) held.puller.release(held.pulled);
  }

  // Lost on a broken connection, it only means that the commit comes again.
  #say({ pulled }: Held, word: string): void {
    const { link } = this.#context;
    if (link.connected) link.publish(pulled.msg.reply!, word);
  }

  #keepSaying(): void {
    const { clock } = this.#context;
    this.#cancelSay = clock.timer(this.#plan.lease / 3, () => {
      for (const held of this.#waiting) this.#say(held, "+WPI");
      void this.#look();
      this.#keepSaying();
    });
  }

  async #look(): Promise<void> {
    const { api } = this.#context;
    const { consumer, events } = this.#durable;
    try {
      const deadline = lookDeadline(this.#context, this.#end.signal);
      const info = await api.consumerInfo(events, consumer, deadline);
      const floor = info?.["ack_floor"] as { stream_seq?: number } | undefined;
      if (floor?.stream_seq) this.#floor = floor.stream_seq;
    } catch {
      // It is only a precaution.
    }
  }
}

function startAt(sequence: number): Record<string, unknown> {
  return { deliver_policy: "by_start_sequence", opt_start_seq: sequence };
}

/** Most commits that wait here or are on their way. */
const WINDOW = 64;
