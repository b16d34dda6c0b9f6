/** Durable subscriptions in this process: who is next, what is done, what is parked. */
import type { Clock, EventCodec, LoggedMessage } from "../event/mod.ts";
import type { Work, WorkQueue } from "./_competing.ts";
import { type Place, readerStart } from "./_cursor.ts";
import { MemoryReader } from "./_memory_reader.ts";
import {
  eventAt,
  type FoundRecord,
  parkedId,
  type ParkedRecord,
  type ParkingStore,
} from "./_parking.ts";
import type { SubscriptionPlan } from "./_rules.ts";
import type { DurableSeat } from "./_single.ts";
import type { CommitLog } from "./event_bus.ts";
import type { BusEvent } from "./types.ts";

/** One durable subscription and all who share it. */
export class MemoryDurable {
  readonly parking: MemoryParking;
  readonly #log: CommitLog;
  readonly #clock: Clock;
  readonly #seats: MemorySeat[] = [];
  #checkpoint: Place | undefined;
  #hand: HandOut | undefined;

  constructor(log: CommitLog, codec: EventCodec, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
    this.parking = new MemoryParking(log, codec);
  }

  /** Stops to hand out. */
  forget(): void {
    this.#hand?.stop();
  }

  /** Takes a seat in the line. */
  seat(onChange: () => void): DurableSeat {
    const seat = new MemorySeat(
      onChange,
      this.parking,
      (place) => this.#checkpoint = place,
      () => {
        this.#seats.splice(this.#seats.indexOf(seat), 1);
        this.#seats[0]?.begin(this.#checkpoint);
      },
    );
    this.#seats.push(seat);
    this.#seats[0]!.begin(this.#checkpoint);
    return seat;
  }

  /** Takes a share of the work. */
  queue(plan: SubscriptionPlan, onChange: () => void): WorkQueue {
    this.#hand ??= new HandOut(this.#log, this.#clock, plan);
    return this.#hand.join(onChange);
  }
}

class MemorySeat implements DurableSeat {
  readonly ready: Promise<void> = Promise.resolve();
  readonly failure: unknown = undefined;
  term = 0;
  woken = 0;
  checkpoint: Place | undefined;
  readonly #onChange: () => void;
  readonly #save: (place: Place) => void;
  readonly #leave: () => void;
  readonly #stopWake: () => void;
  #closed = false;

  constructor(
    onChange: () => void,
    parking: MemoryParking,
    save: (place: Place) => void,
    leave: () => void,
  ) {
    this.#onChange = onChange;
    this.#save = save;
    this.#leave = leave;
    this.#stopWake = parking.onWake(() => {
      this.woken++;
      onChange();
    });
  }

  begin(checkpoint: Place | undefined): void {
    if (this.term > 0) return;
    this.checkpoint = checkpoint;
    this.term = 1;
    this.#onChange();
  }

  save(place: Place): void {
    if (!this.#closed) this.#save(place);
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#stopWake();
      this.#leave();
    }
    return Promise.resolve();
  }
}

/** The parked events of one durable. */
export class MemoryParking implements ParkingStore {
  readonly #log: CommitLog;
  readonly #codec: EventCodec;
  readonly #records = new Map<string, FoundRecord>();
  readonly #listeners = new Set<() => void>();
  #revision = 0;

  constructor(log: CommitLog, codec: EventCodec) {
    this.#log = log;
    this.#codec = codec;
  }

  all(): Promise<FoundRecord[]> {
    return Promise.resolve(
      [...this.#records.values()].sort((a, b) =>
        a.sequence - b.sequence || a.index - b.index
      ),
    );
  }

  put(record: ParkedRecord, revision?: number): Promise<number | undefined> {
    const id = parkedId(record);
    const there = this.#records.get(id)?.revision ?? 0;
    if (revision !== undefined && revision !== there) {
      return Promise.resolve(undefined);
    }
    this.#records.set(id, { ...record, revision: ++this.#revision });
    return Promise.resolve(this.#revision);
  }

  remove(record: FoundRecord): Promise<boolean> {
    const id = parkedId(record);
    const fits = this.#records.get(id)?.revision === record.revision;
    if (fits) this.#records.delete(id);
    return Promise.resolve(fits);
  }

  event(record: ParkedRecord): Promise<BusEvent | undefined> {
    const message = this.#log.at(record.sequence);
    return Promise.resolve(
      message === undefined
        ? undefined
        : eventAt(this.#codec, this.#log.namespace, message, record),
    );
  }

  onWake(run: () => void): () => void {
    this.#listeners.add(run);
    return () => this.#listeners.delete(run);
  }

  wake(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

interface Task {
  readonly message: LoggedMessage;
  attempt: number;
}

/** Hands commits out to those who compete for them. */
class HandOut {
  readonly #clock: Clock;
  readonly #reader: MemoryReader;
  readonly #members = new Set<() => void>();
  readonly #due: Task[] = [];
  readonly #stop: () => void;

  constructor(log: CommitLog, clock: Clock, plan: SubscriptionPlan) {
    this.#clock = clock;
    this.#reader = new MemoryReader(log, readerStart(plan.from));
    this.#stop = log.onCommit(() => this.#tell());
  }

  stop(): void {
    this.#stop();
    void this.#reader.close();
  }

  join(onChange: () => void): WorkQueue {
    const taken = new Set<Task>();
    const reader = this.#reader;
    this.#members.add(onChange);
    queueMicrotask(onChange);
    let closed = false;
    return {
      ready: Promise.resolve(),
      get failure() {
        return reader.failure;
      },
      waiting: 0,
      take: () => {
        if (closed) return undefined;
        const task = this.#due.shift() ?? this.#fresh();
        if (task === undefined) return undefined;
        taken.add(task);
        task.attempt++;
        return this.#work(task, taken);
      },
      close: () => {
        closed = true;
        this.#members.delete(onChange);
        this.#due.push(...taken);
        taken.clear();
        this.#tell();
        return Promise.resolve();
      },
    };
  }

  #fresh(): Task | undefined {
    const message = this.#reader.take();
    return message === undefined ? undefined : { message, attempt: 0 };
  }

  #work(task: Task, taken: Set<Task>): Work {
    return {
      message: task.message,
      attempt: task.attempt,
      done: () => taken.delete(task),
      again: (delay) => {
        if (!taken.delete(task)) return;
        const back = () => {
          this.#due.push(task);
          this.#tell();
        };
        if (delay === 0) back();
        else this.#clock.timer(delay, back);
      },
      working: () => {},
    };
  }

  #tell(): void {
    for (const member of [...this.#members]) member();
  }
}
