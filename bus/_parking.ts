/**
 * Where durable subscriptions park what they could not handle. A parked event is
 * only named, by its place in the log, which keeps it; so parking costs little,
 * and what is replayed is what is stored.
 */
import {
  decodeCommitEvents,
  type EventCodec,
  type LoggedMessage,
  subjectsOf,
} from "../event/mod.ts";
import type {
  BusEvent,
  ParkedChoice,
  ParkedEvent,
  ParkingPlace,
} from "./types.ts";

/** A parked event as it is kept. */
export interface ParkedRecord {
  /** The commit's sequence. */
  readonly sequence: number;
  /** The event's place in the commit, from 0. */
  readonly index: number;
  readonly actorId: string;
  readonly attempts: number;
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Whether somebody asked to have it delivered again. */
  readonly replay: boolean;
  /** Who has claimed it last, so that no two claims are the same. */
  readonly claim?: string;
}

/** Whether something that was found is such a record. */
export function isParkedRecord(value: unknown): value is ParkedRecord {
  const { actorId, at, attempts, index, reason, replay, sequence } =
    (value ?? {}) as Record<string, unknown>;
  return [sequence, index, attempts].every((n) =>
    Number.isSafeInteger(n) && (n as number) >= 0
  ) && typeof actorId === "string" && typeof reason === "string" &&
    typeof replay === "boolean" && typeof at === "number" &&
    Math.abs(at) <= LAST_DATE;
}

/** Milliseconds from 1970 to the last moment a Date can say. */
const LAST_DATE = 8.64e15;

/** A {@link ParkedRecord} and the revision under which it was found. */
export interface FoundRecord extends ParkedRecord {
  readonly revision: number;
}

/** Where the records of one durable lie. Each call may reject while it cannot be reached. */
export interface ParkingStore {
  /** All of them, in the order of the log. */
  all(): Promise<FoundRecord[]>;
  /**
   * Writes a record.
   *
   * @param revision What is there now: 0 for nothing; absent where it does not matter.
   * @returns The new revision; absent where another one was there.
   */
  put(record: ParkedRecord, revision?: number): Promise<number | undefined>;
  /** Removes a record, if it is still the one that was found. */
  remove(record: FoundRecord): Promise<boolean>;
  /** Reads an event out of the log; absent where it is not there. */
  event(record: ParkedRecord): Promise<BusEvent | undefined>;
  /** Tells whoever is subscribed that there is something to do. */
  wake(): void;
}

/** The parking place that users see. */
export class Parking implements ParkingPlace {
  readonly #store: ParkingStore;

  constructor(store: ParkingStore) {
    this.#store = store;
  }

  async list(): Promise<ParkedEvent[]> {
    const parked: ParkedEvent[] = [];
    for (const record of await this.#store.all()) {
      const event = await this.#store.event(record);
      if (event === undefined) continue;
      const { attempts, reason, at } = record;
      parked.push({
        id: parkedId(record),
        event,
        attempts,
        reason,
        at: new Date(at),
      });
    }
    return parked;
  }

  async replay(choice: ParkedChoice = {}): Promise<number> {
    let count = 0;
    for (const found of await this.#chosen(choice)) {
      const { revision, ...record } = found;
      const put = await this.#store.put({ ...record, replay: true }, revision);
      if (put !== undefined) count++;
    }
    if (count > 0) this.#store.wake();
    return count;
  }

  async drop(choice: ParkedChoice = {}): Promise<number> {
    let count = 0;
    for (const found of await this.#chosen(choice)) {
      if (await this.#store.remove(found)) count++;
    }
    if (count > 0) this.#store.wake();
    return count;
  }

  async #chosen({ actorId, id }: ParkedChoice): Promise<FoundRecord[]> {
    return (await this.#store.all()).filter((record) =>
      (id === undefined || parkedId(record) === id) &&
      (actorId === undefined || record.actorId === actorId)
    );
  }
}

/** Names a parked event: its place in the log. */
export function parkedId(record: ParkedRecord): string {
  return `${record.sequence}-${record.index}`;
}

/** The event a record names, out of the message it is in; absent where it is not. */
export function eventAt(
  codec: EventCodec,
  namespace: string,
  message: LoggedMessage,
  record: ParkedRecord,
): BusEvent | undefined {
  try {
    const { event } = subjectsOf(namespace);
    const stored = decodeCommitEvents(codec, message, event)
      .events[record.index];
    if (stored?.actorId !== record.actorId) return undefined;
    return { ...stored, namespace };
  } catch {
    return undefined;
  }
}
