/**
 * A durable subscription with one active reader. It reads the log in order from
 * the checkpoint; what is acknowledged moves the checkpoint; an event that keeps
 * failing is parked, and with it every later event of its actor, so that order
 * per actor holds whatever fails. Who is active is the seat's business.
 */
import type { CancelTimer, Clock, EventCodec } from "../event/mod.ts";
import { StoreUnavailableError } from "../event/mod.ts";
import {
  CommitCursor,
  type LogReader,
  type Place,
  type PlacedEvent,
  type ReaderStart,
  readerStart,
} from "./_cursor.ts";
import type { Feed, Item, Monitor } from "./_feed.ts";
import { messageOf } from "./_filter.ts";
import type { ParkingStore } from "./_parking.ts";
import { type Replay, Replays } from "./_replays.ts";
import type { Seat } from "./seat.ts";
import { asAetherError, backOff, type SubscriptionPlan } from "./_rules.ts";
import { Signal } from "./_signal.ts";
import type { BusEvent } from "./types.ts";

/** The seat of a durable subscription, which keeps how far it got. */
export interface DurableSeat extends Seat {
  /** Grows each time somebody asks to look at what is parked. */
  readonly woken: number;
  /** Where to go on, as found when it became the active one. */
  readonly checkpoint: Place | undefined;
  /** Moves the checkpoint, soon; refused where another one is active by now. */
  save(place: Place): void;
  /** Moves the checkpoint to where it was to be, and lets another one be active. */
  close(): Promise<void>;
}

/** What a durable subscription works with. */
export interface SinglePorts {
  readonly clock: Clock;
  readonly codec: EventCodec;
  readonly parking: ParkingStore;
  /** Takes a seat; `onChange` is called with each change of it. */
  seat(onChange: () => void): DurableSeat;
  /** Starts to read the log. */
  reader(start: ReaderStart): LogReader;
}

/** The feed of a durable subscription in mode `"single"`. */
export class SingleFeed implements Feed {
  readonly ready: Promise<void>;
  readonly #plan: SubscriptionPlan;
  readonly #ports: SinglePorts;
  readonly #monitor: Monitor;
  readonly #signal = new Signal();
  readonly #seat: DurableSeat;
  #term: Term | undefined;
  #closed = false;

  constructor(plan: SubscriptionPlan, ports: SinglePorts, monitor: Monitor) {
    this.#plan = plan;
    this.#ports = ports;
    this.#monitor = monitor;
    // Not at once: a seat may change while it is being taken.
    this.#seat = ports.seat(() => queueMicrotask(() => this.#changed()));
    this.ready = this.#start();
  }

  get ended(): boolean {
    return this.#closed || this.failure !== undefined;
  }

  get failure(): unknown {
    return this.#seat.failure ?? this.#term?.failure;
  }

  get waiting(): number {
    return this.#term?.waiting ?? 0;
  }

  get attempt(): number {
    return this.#term?.attempt ?? 1;
  }

  get active(): boolean {
    return this.#seat.term > 0;
  }

  take(): Item | undefined {
    if (this.ended) return undefined;
    this.#follow();
    return this.#term?.take(this.#seat.woken);
  }

  async wait(): Promise<void> {
    if (!this.ended) await this.#signal.wait();
  }

  async acknowledge(): Promise<void> {
    await this.#term?.acknowledge(this.#seat.term);
  }

  async fail(reason: unknown): Promise<void> {
    await this.#term?.fail(this.#seat.term, messageOf(reason));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#signal.raise();
    await this.#term?.stop();
    await this.#seat.close();
  }

  /** In line is enough; the active one has to read. */
  async #start(): Promise<void> {
    await this.#seat.ready;
    this.#follow();
    await this.#term?.reading;
  }

  #changed(): void {
    this.#follow();
    this.#signal.raise();
  }

  /** Begins or ends a term as the seat does. */
  #follow(): void {
    const { term } = this.#seat;
    if (this.#closed || (this.#term?.number ?? 0) === term) return;
    void this.#term?.stop();
    this.#term = term === 0 ? undefined : new Term(
      term,
      this.#plan,
      this.#ports,
      this.#seat,
      this.#monitor,
      () => this.#signal.raise(),
    );
  }
}

/** What is being delivered. */
interface InHand {
  readonly placed: PlacedEvent | undefined;
  readonly replay: Replay | undefined;
  readonly attempt: number;
}

/** The time during which a seat is the active one. */
class Term {
  readonly number: number;
  /** Resolves when it reads, or has ended. */
  readonly reading: Promise<void>;
  failure: unknown;
  readonly #plan: SubscriptionPlan;
  readonly #ports: SinglePorts;
  readonly #seat: DurableSeat;
  readonly #monitor: Monitor;
  readonly #onChange: () => void;
  readonly #replays: Replays;
  #reader: LogReader | undefined;
  #cursor: CommitCursor | undefined;
  #woken: number;
  /** Whether something is under way before the next can be taken. */
  #busy = false;
  #again: InHand | undefined;
  #inHand: InHand | undefined;
  #cancel: CancelTimer | undefined;
  #stopped = false;

  constructor(
    number: number,
    plan: SubscriptionPlan,
    ports: SinglePorts,
    seat: DurableSeat,
    monitor: Monitor,
    onChange: () => void,
  ) {
    this.number = number;
    this.#plan = plan;
    this.#ports = ports;
    this.#seat = seat;
    this.#monitor = monitor;
    this.#onChange = onChange;
    this.#woken = seat.woken;
    this.#replays = new Replays(ports.parking, monitor.report);
    this.reading = this.#do("Cannot look at what is parked", async () => {
      await this.#replays.refresh();
      this.#begin();
    }).then(() => this.#reader?.ready).then(() => this.#noteStart());
    this.reading.catch(() => {}); // the reader's failure is told by the feed
  }

  get waiting(): number {
    return this.#cursor?.waiting ?? 0;
  }

  get attempt(): number {
    return this.#inHand?.attempt ?? 1;
  }

  take(woken: number): Item | undefined {
    if (this.#busy || this.#stopped || this.failure !== undefined) {
      return undefined;
    }
    if (this.#again !== undefined) {
      const again = this.#again;
      this.#again = undefined;
      if (again.attempt > 1) this.#monitor.retried++;
      return this.#hand(again);
    }
    if (woken !== this.#woken) {
      this.#woken = woken;
      this.#do("Cannot look at what is parked", () => this.#replays.refresh());
      return undefined;
    }
    if (this.#replays.isDue) {
      this.#do("Cannot replay", async () => {
        const replay = await this.#replays.claim();
        if (replay === undefined) return;
        const { attempts } = replay.record;
        this.#again = { placed: undefined, replay, attempt: attempts };
      });
      return undefined;
    }
    return this.#next();
  }

  acknowledge(term: number): Promise<void> {
    const inHand = this.#release(term);
    if (inHand === undefined) return Promise.resolve();
    const { placed, replay } = inHand;
    if (placed !== undefined) this.#seat.save(placed.place);
    if (replay === undefined) return Promise.resolve();
    return this.#do(
      "Cannot forget a parked event",
      () => this.#replays.done(replay),
    );
  }

  fail(term: number, reason: string): Promise<void> {
    const inHand = this.#release(term);
    if (inHand === undefined) return Promise.resolve();
    const { attempt, placed, replay } = inHand;
    if (replay !== undefined) {
      this.#monitor.parked++;
      return this.#do(
        "Cannot park",
        () => this.#replays.failed(replay, reason),
      );
    }
    if (attempt >= this.#plan.retry.limit) {
      return this.#park(placed!, attempt, reason);
    }
    this.#busy = true;
    this.#cancel = this.#ports.clock.timer(
      backOff(this.#plan.retry, attempt),
      () => {
        this.#busy = false;
        this.#again = { placed, replay, attempt: attempt + 1 };
        this.#onChange();
      },
    );
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#inHand = undefined;
    this.#cancel?.();
    await this.#reader?.close();
  }

  #begin(): void {
    if (this.#stopped) return;
    const { checkpoint } = this.#seat;
    const { from } = this.#plan;
    const after = typeof from === "object" && "after" in from
      ? from.after
      : undefined;
    const reader = this.#ports.reader(
      checkpoint === undefined
        ? readerStart(from)
        : { sequence: Math.max(1, checkpoint.sequence), reached: checkpoint },
    );
    this.#reader = reader;
    this.#cursor = new CommitCursor(
      reader,
      this.#ports.codec,
      this.#plan,
      this.#monitor,
      checkpoint?.sequence === 0 ? undefined : checkpoint ?? after,
    );
    const watch = async () => {
      while (!this.#stopped && !reader.ended) {
        await reader.wait();
        this.#onChange();
      }
      this.failure ??= reader.failure;
      this.#onChange();
    };
    void watch();
  }

  // Where "now" was has to be known to whoever comes next.
  #noteStart(): void {
    const { from } = this.#plan;
    const place = this.#cursor?.place;
    const position = this.#reader?.position;
    if (
      from !== "now" || this.#seat.checkpoint !== undefined ||
      place !== undefined || position === undefined || this.#stopped
    ) return;
    this.#seat.save({ sequence: position, events: Number.MAX_SAFE_INTEGER });
  }

  #next(): Item | undefined {
    const cursor = this.#cursor;
    if (cursor === undefined) return undefined;
    let event: BusEvent | undefined;
    try {
      event = cursor.take();
    } catch (error) {
      this.failure = error;
      return undefined;
    }
    if (event === undefined) {
      this.failure ??= this.#reader?.failure;
      // What was left out is done with too.
      const { place } = cursor;
      if (place !== undefined) this.#seat.save(place);
      return undefined;
    }
    const placed = { event, place: cursor.place! };
    if (this.#replays.parked.has(event.actorId)) {
      void this.#park(placed, 0, "an earlier event of its actor is parked");
      return undefined;
    }
    return this.#hand({ placed, replay: undefined, attempt: 1 });
  }

  #hand(inHand: InHand): Item {
    this.#inHand = inHand;
    return (inHand.placed ?? inHand.replay!).event;
  }

  // What was in hand when the seat was lost is the next one's.
  #release(term: number): InHand | undefined {
    const inHand = this.#inHand;
    this.#inHand = undefined;
    return term === this.number && !this.#stopped ? inHand : undefined;
  }

  #park(
    { event, place }: PlacedEvent,
    attempts: number,
    reason: string,
  ): Promise<void> {
    return this.#do("Cannot park", async () => {
      await this.#ports.parking.put({
        sequence: place.sequence,
        index: place.events - 1,
        actorId: event.actorId,
        attempts,
        reason,
        at: this.#ports.clock.now(),
        replay: false,
      });
      this.#replays.count(event.actorId, 1);
      this.#monitor.parked++;
      this.#seat.save(place);
    });
  }

  // Until it succeeds, or the term ends: nothing later may be delivered before.
  async #do(action: string, run: () => Promise<void>): Promise<void> {
    this.#busy = true;
    for (let tries = 1; !this.#stopped; tries++) {
      try {
        await run();
        break;
      } catch (error) {
        this.#monitor.report(
          asAetherError(
            error,
            (message, cause) =>
              new StoreUnavailableError(`${action}: ${message}`, { cause }),
          ),
        );
        await new Promise<void>((resolve) => {
          const wait = Math.min(5_000, 100 * 2 ** tries);
          const cancel = this.#ports.clock.timer(wait, resolve);
          this.#cancel = () => {
            cancel();
            resolve();
          };
        });
      }
    }
    this.#busy = false;
    this.#onChange();
  }
}
