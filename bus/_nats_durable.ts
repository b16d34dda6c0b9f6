/**
 * What durable subscriptions keep on the server: one small stream a namespace,
 * `AETHER=SUB=<ns>`, one message a subject. `aether.sub.<ns>.<durable>.state`
 * says who is the active one and how far it got; one subject for each parked
 * event names it. Competing ones have a JetStream consumer on the event stream
 * besides.
 */
import {
  checkDurable,
  MisconfiguredError,
  StoreUnavailableError,
  streamNames,
  type Subjects,
  subjectsOf,
} from "../event/mod.ts";
import { type Deadline, replaceMessage } from "../nats/mod.ts";
import type { Monitor } from "./_feed.ts";
import { type BusContext, busError, lookDeadline } from "./_nats.ts";
import { NatsSeat } from "./_nats_seat.ts";
import {
  eventAt,
  type FoundRecord,
  isParkedRecord,
  parkedId,
  type ParkedRecord,
  type ParkingStore,
} from "./_parking.ts";
import type { DurableSeat } from "./_single.ts";
import type { BusEvent } from "./types.ts";

/** A message of the stream of durables. */
export interface Kept {
  readonly subject: string;
  readonly revision: number;
  /** The parsed body; absent on a message that marks a removal. */
  readonly value: unknown;
}

/** What became of a write: its revision, or `undefined` where another was there. */
export type Written = number | undefined;

/** One durable subscription as the server keeps it. */
export class NatsDurable {
  readonly namespace: string;
  readonly name: string;
  readonly subjects: Subjects;
  /** The stream of the events. */
  readonly events: string;
  /** Name of the consumer of those who compete. */
  readonly consumer: string;
  readonly parking: ParkingStore;
  readonly #context: BusContext;
  readonly #stream: string;

  constructor(context: BusContext, namespace: string, name: string) {
    this.#context = context;
    this.namespace = namespace;
    this.name = checkDurable(name);
    this.subjects = subjectsOf(namespace);
    const names = streamNames(namespace);
    this.events = names.events;
    this.#stream = names.subscriptions;
    this.consumer = `aether-${name}`;
    this.parking = new NatsParking(this, context);
  }

  /** Takes a seat in the line of those who share it. */
  seat(lease: number, monitor: Monitor, onChange: () => void): DurableSeat {
    return new NatsSeat(this, this.#context, lease, monitor, onChange);
  }

  /** Creates the stream where it is missing, and checks it. */
  async provision(deadline: Deadline): Promise<void> {
    const { api, provision } = this.#context;
    const source = await api.streamInfo(this.events, deadline);
    if (source === undefined) {
      throw new StoreUnavailableError(
        `Cannot subscribe durably to "${this.namespace}" as it has no stream yet: open a store on it first`,
        { details: { missing: this.events } },
      );
    }
    let info = await api.streamInfo(this.#stream, deadline);
    if (info === undefined && !provision) {
      throw new StoreUnavailableError(
        `Cannot subscribe durably to "${this.namespace}" as there is no stream ${this.#stream}, and none is to be created`,
        { details: { missing: this.#stream } },
      );
    }
    if (info === undefined) {
      const { num_replicas } = source["config"] as { num_replicas: number };
      const wanted = {
        name: this.#stream,
        description: `Aether: durable subscriptions of ${this.namespace}`,
        subjects: [this.subjects.allDurables],
        storage: "file",
        retention: "limits",
        discard: "old",
        max_msgs_per_subject: 1,
        duplicate_window: 100_000_000,
        allow_msg_ttl: true,
        allow_direct: false,
        num_replicas,
      };
      info = await api.createStream(wanted, deadline) ??
        await api.streamInfo(this.#stream, deadline) ?? {};
    }
    const config = (info["config"] ?? {}) as Record<string, unknown>;
    const { allow_msg_ttl, max_msgs_per_subject, storage } = config;
    if (
      allow_msg_ttl !== true || max_msgs_per_subject !== 1 || storage !== "file"
    ) {
      throw new MisconfiguredError(
        `Cannot use stream ${this.#stream} as it has to be of files, allow_msg_ttl, and keep 1 message ` +
          `a subject: found ${
            JSON.stringify({ allow_msg_ttl, max_msgs_per_subject, storage })
          }`,
      );
    }
  }

  /** Reads what is kept under a name, from the leader. */
  async read(item: string, deadline: Deadline): Promise<Kept | undefined> {
    const subject = this.subjects.durable(this.name, item);
    const found = await this.#context.api.last(this.#stream, subject, deadline);
    return found === undefined ? undefined : {
      subject,
      revision: found.sequence,
      value: parsed(found.data),
    };
  }

  /** Reads all that is kept, from the leader, by revision. */
  async readAll(deadline: () => Deadline): Promise<Kept[]> {
    const filter = this.subjects.durable(this.name, "*");
    const all: Kept[] = [];
    for (let next = 1;;) {
      const found = await this.#context.api.next(
        this.#stream,
        next,
        filter,
        deadline(),
      );
      if (found === undefined) return all;
      const { data, sequence, subject } = found;
      all.push({ subject, revision: sequence, value: parsed(data) });
      next = sequence + 1;
    }
  }

  /**
   * Writes what is to be kept under a name, until it is known to be there.
   *
   * @param expected The revision that has to be there, 0 for none; absent for any.
   * @param value The new value; absent to remove it.
   * @returns The revision; undefined where another was there.
   */
  write(
    item: string,
    value: unknown,
    expected: number | undefined,
    deadline: Deadline,
  ): Promise<Written> {
    return replaceMessage(this.#context.api, {
      stream: this.#stream,
      subject: this.subjects.durable(this.name, item),
      text: value === undefined ? undefined : JSON.stringify(value),
      expected,
    }, deadline);
  }

  /** Calls back when somebody asks to look; returns how to stop that. */
  onWake(run: () => void): () => void {
    const { connection } = this.#context.link;
    const subscription = connection.subscribe(this.subjects.wake(this.name), {
      callback: (error) => {
        if (error === null) run();
      },
    });
    return () => {
      if (!connection.isClosed()) subscription.unsubscribe();
    };
  }

  /** Asks whoever is subscribed to look. */
  wake(): void {
    const { link } = this.#context;
    if (link.connected) link.publish(this.subjects.wake(this.name), "");
  }

  /** Removes all that is kept, and the consumer of those who compete. */
  async forget(): Promise<void> {
    const deadline = () => lookDeadline(this.#context);
    try {
      await this.provision(deadline());
      await this.#context.api.deleteConsumer(
        this.events,
        this.consumer,
        deadline(),
      );
      for (const { revision, subject, value } of await this.readAll(deadline)) {
        if (value === undefined) continue;
        const item = subject.slice(subject.lastIndexOf(".") + 1);
        await this.write(item, undefined, revision, deadline());
      }
    } catch (error) {
      throw busError(
        error,
        `Cannot forget "${this.name}" of "${this.namespace}"`,
      );
    }
  }
}

/** The name under which the active one and its checkpoint are kept. */
export const STATE = "state";

class NatsParking implements ParkingStore {
  readonly #durable: NatsDurable;
  readonly #context: BusContext;
  #provisioned: Promise<void> | undefined;

  constructor(durable: NatsDurable, context: BusContext) {
    this.#durable = durable;
    this.#context = context;
  }

  all(): Promise<FoundRecord[]> {
    return this.#call(async () => {
      const kept = await this.#durable.readAll(() => this.#deadline());
      const records: FoundRecord[] = [];
      for (const { revision, subject, value } of kept) {
        if (subject.endsWith(`.${STATE}`) || !isParkedRecord(value)) continue;
        records.push({ ...value, revision });
      }
      return records.sort((a, b) =>
        a.sequence - b.sequence || a.index - b.index
      );
    });
  }

  put(record: ParkedRecord, revision?: number): Promise<number | undefined> {
    return this.#call(() =>
      this.#durable.write(parkedId(record), record, revision, this.#deadline())
    );
  }

  remove(record: FoundRecord): Promise<boolean> {
    return this.#call(async () => {
      const { revision } = record;
      const id = parkedId(record);
      const written = await this.#durable.write(
        id,
        undefined,
        revision,
        this.#deadline(),
      );
      if (written !== undefined) return true;
      // A removal whose answer was lost removes itself within a second.
      const found = await this.#durable.read(id, this.#deadline());
      return found?.value === undefined;
    });
  }

  event(record: ParkedRecord): Promise<BusEvent | undefined> {
    return this.#call(async () => {
      const { events, namespace } = this.#durable;
      const { api, codec } = this.#context;
      const message = await api.at(events, record.sequence, this.#deadline());
      return message === undefined
        ? undefined
        : eventAt(codec, namespace, message, record);
    });
  }

  wake(): void {
    this.#durable.wake();
  }

  async #call<T>(run: () => Promise<T>): Promise<T> {
    try {
      this.#provisioned ??= this.#durable.provision(this.#deadline());
      await this.#provisioned.catch((error) => {
        this.#provisioned = undefined;
        throw error;
      });
      return await run();
    } catch (error) {
      const { name, namespace } = this.#durable;
      throw busError(
        error,
        `Cannot use what "${name}" of "${namespace}" has parked`,
      );
    }
  }

  #deadline(): Deadline {
    return lookDeadline(this.#context);
  }
}

// What is no JSON is kept all the same, as what nobody can use.
function parsed(data: Uint8Array): unknown {
  if (data.length === 0) return undefined;
  try {
    return JSON.parse(text.decode(data));
  } catch {
    return null;
  }
}

const text = new TextDecoder();
