/**
 * A durable subscription whose subscribers compete: each takes the next commit,
 * no order is promised, and what is not settled goes to another. An event that
 * fails comes again later, with the rest of its commit, and at last is parked.
 */
import type { CancelTimer, Clock, EventCodec } from "../event/mod.ts";
import {
  decodeCommitEvents,
  type LoggedMessage,
  StoreUnavailableError,
  subjectsOf,
} from "../event/mod.ts";
import { brokenMessage, named } from "./_cursor.ts";
import type { Feed, Item, Monitor } from "./_feed.ts";
import { messageOf } from "./_filter.ts";
import type { ParkingStore } from "./_parking.ts";
import { type Replay, Replays } from "./_replays.ts";
import { asAetherError, backOff, type SubscriptionPlan } from "./_rules.ts";
import { Signal } from "./_signal.ts";
import type { BusEvent } from "./types.ts";

/** A commit that was handed to this subscriber. */
export interface Work {
  readonly message: LoggedMessage;
  /** Which time it was handed out. */
  readonly attempt: number;
  /** It is done. */
  done(): void;
  /** It is to be handed out again, after so many milliseconds. */
  again(delay: number): void;
  /** It takes longer: nobody else is to get it yet. */
  working(): void;
}

/** Where commits are handed out. */
export interface WorkQueue {
  readonly ready: Promise<void>;
  readonly failure: unknown;
  readonly waiting: number;
  /** Takes the next, if one is here. */
  take(): Work | undefined;
  /** Lets go of everything; what was taken and is not done goes to another. */
  close(): Promise<void>;
}

/** What a competing subscriber works with. */
export interface CompetingPorts {
  readonly clock: Clock;
  readonly codec: EventCodec;
  readonly parking: ParkingStore;
  /** Starts to take work; `onChange` is called when there may be some, or it failed. */
  queue(onChange: () => void): WorkQueue;
  /** Calls back when somebody asks to look at what is parked; returns how to stop that. */
  onWake(run: () => void): () => void;
}

/** What is being delivered. */
interface Current {
  readonly work: Work;
  readonly events: readonly BusEvent[];
  next: number;
}

/** The feed of a durable subscription in mode `"competing"`. */
export class CompetingFeed implements Feed {
  readonly ready: Promise<void>;
  readonly #plan: SubscriptionPlan;
  readonly #ports: CompetingPorts;
  readonly #monitor: Monitor;
  readonly #signal = new Signal();
  readonly #queue: WorkQueue;
  readonly #replays: Replays;
  readonly #stopWake: () => void;
  readonly #subjectOf;
  /** By sequence: how many events of a commit that will come again are done with. */
  readonly #done = new Map<number, number>();
  #current: Current | undefined;
  #replay: Replay | undefined;
  #claimed: Replay | undefined;
  #looking = true;
  #busy = false;
  #closed = false;
  #attempt = 1;
  #cancelWorking: CancelTimer = () => {};
  #cancelLook: CancelTimer = () => {};

  constructor(plan: SubscriptionPlan, ports: CompetingPorts, monitor: Monitor) {
    this.#plan = plan;
    this.#ports = ports;
    this.#monitor = monitor;
    this.#subjectOf = subjectsOf(plan.pattern).event;
    this.#replays = new Replays(ports.parking, monitor.report);
    this.#queue = ports.queue(() => this.#signal.raise());
    this.ready = this.#queue.ready;
    this.#stopWake = ports.onWake(() => this.#look());
    this.#keepLooking();
  }

  get ended(): boolean {
    return this.#closed || this.failure !== undefined;
  }

  get failure(): unknown {
    return this.#queue.failure;
  }

  get waiting(): number {
    return this.#queue.waiting;
  }

  get attempt(): number {
    return this.#attempt;
  }

  take(): Item | undefined {
    if (this.ended || this.#busy) return undefined;
    if (this.#claimed !== undefined) {
      this.#replay = this.#claimed;
      this.#claimed = undefined;
      this.#attempt = this.#replay.record.attempts;
      if (this.#attempt > 1) this.#monitor.retried++;
      return this.#replay.event;
    }
    if (this.#current === undefined && this.#looking) {
      this.#looking = false;
      void this.#try(
        "Cannot look at what is parked",
        () => this.#replays.refresh(),
      );
      return undefined;
    }
    if (this.#current === undefined && this.#replays.isDue) {
      void this.#try("Cannot replay", async () => {
        this.#claimed = await this.#replays.claim();
      });
      return undefined;
    }
    for (;;) {
      const current = this.#current ?? this.#open();
      if (current === undefined) return undefined;
      if (this.#finish(current)) continue;
      this.#attempt = current.work.attempt;
      if (this.#attempt > 1) this.#monitor.retried++;
      this.#keepWorking(current.work);
      return current.events[current.next]!;
    }
  }

  async wait(): Promise<void> {
    if (!this.ended) await this.#signal.wait();
  }

  async acknowledge(): Promise<void> {
    this.#cancelWorking();
    const replay = this.#replay;
    this.#replay = undefined;
    if (replay !== undefined) {
      await this.#try(
        "Cannot forget a parked event",
        () => this.#replays.done(replay),
      );
      return;
    }
    const current = this.#current;
    if (current === undefined) return;
    current.next++;
    this.#finish(current);
  }

  async fail(reason: unknown): Promise<void> {
    this.#cancelWorking();
    const replay = this.#replay;
    this.#replay = undefined;
    if (replay !== undefined) {
      this.#monitor.parked++;
      await this.#try(
        "Cannot park",
        () => this.#replays.failed(replay, messageOf(reason)),
      );
      return;
    }
    const current = this.#current;
    if (current === undefined) return;
    const { work } = current;
    if (work.attempt < this.#plan.retry.limit) {
      this.#current = undefined;
      this.#remember(work.message.sequence, current.next);
      work.again(backOff(this.#plan.retry, work.attempt));
      return;
    }
    const event = current.events[current.next]!;
    const parked = await this.#try("Cannot park", async () => {
      await this.#ports.parking.put({
        sequence: work.message.sequence,
        index: this.#indexOf(work.message, event),
        actorId: event.actorId,
        attempts: work.attempt,
        reason: messageOf(reason),
        at: this.#ports.clock.now(),
        replay: false,
      });
      this.#monitor.parked++;
    });
    if (parked) {
      current.next++;
      this.#finish(current);
    } else {
      this.#current = undefined;
      work.again(backOff(this.#plan.retry, work.attempt));
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelWorking();
    this.#cancelLook();
    this.#stopWake();
    this.#signal.raise();
    this.#current?.work.again(0);
    this.#current = undefined;
    await this.#queue.close();
  }

  /** Lets go of a commit all of whose events are done with. */
  #finish(current: Current): boolean {
    if (current.next < current.events.length) return false;
    this.#done.delete(current.work.message.sequence);
    current.work.done();
    this.#current = undefined;
    return true;
  }

  #open(): Current | undefined {
    const work = this.#queue.take();
    if (work === undefined) return undefined;
    let events: BusEvent[] = [];
    try {
      events = this.#eventsOf(work.message);
    } catch (cause) {
      this.#monitor.refuse(brokenMessage(work.message, cause));
    }
    const { sequence } = work.message;
    const { from } = this.#plan;
    if (typeof from === "object" && "after" in from) {
      const { sequence, version } = from.after;
      events = events.filter((event) =>
        event.sequence !== sequence || event.version > version
      );
    }
    const wanted = events.filter((event) =>
      this.#plan.filter.wants(event, this.#monitor.report)
    );
    this.#monitor.filtered += events.length - wanted.length;
    const next = Math.min(this.#done.get(sequence) ?? 0, wanted.length);
    this.#current = { work, events: wanted, next };
    return this.#current;
  }

  #eventsOf(message: LoggedMessage): BusEvent[] {
    const { codec } = this.#ports;
    const { events } = decodeCommitEvents(codec, message, this.#subjectOf);
    return named(events, this.#plan.pattern);
  }

  #indexOf(message: LoggedMessage, event: BusEvent): number {
    return this.#eventsOf(message).findIndex(({ id }) => id === event.id);
  }

  // A commit that fails here may come back to another: this only spares repeats.
  #remember(sequence: number, done: number): void {
    this.#done.set(sequence, done);
    if (this.#done.size > 10_000) {
      this.#done.delete(this.#done.keys().next().value!);
    }
  }

  #keepWorking(work: Work): void {
    this.#cancelWorking();
    const say = () => {
      work.working();
      this.#cancelWorking = this.#ports.clock.timer(this.#plan.lease / 3, say);
    };
    this.#cancelWorking = this.#ports.clock.timer(this.#plan.lease / 3, say);
  }

  #look(): void {
    this.#looking = true;
    this.#signal.raise();
  }

  // A wake-up may be lost: it is only a word in passing.
  #keepLooking(): void {
    this.#cancelLook = this.#ports.clock.timer(LOOK, () => {
      this.#look();
      this.#keepLooking();
    });
  }

  async #try(action: string, run: () => Promise<void>): Promise<boolean> {
    this.#busy = true;
    try {
      await run();
      return true;
    } catch (error) {
      this.#monitor.report(
        asAetherError(
          error,
          (message, cause) =>
            new StoreUnavailableError(`${action}: ${message}`, { cause }),
        ),
      );
      return false;
    } finally {
      this.#busy = false;
      this.#signal.raise();
    }
  }
}

const LOOK = 30_000;
