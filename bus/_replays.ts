/** Parked events that somebody asked to have delivered again, one at a time. */
import { type AetherError, CorruptLogError, ulid } from "../event/mod.ts";
import { type FoundRecord, parkedId, type ParkingStore } from "./_parking.ts";
import type { BusEvent } from "./types.ts";

/** A parked event taken out to be delivered. */
export interface Replay {
  readonly event: BusEvent;
  /** What is parked as long as it is not done. */
  readonly record: FoundRecord;
}

/** Finds and claims what is to be replayed. */
export class Replays {
  /** By actor: how many are parked, those to be replayed included. */
  readonly parked: Map<string, number> = new Map();
  readonly #store: ParkingStore;
  readonly #report: (error: AetherError) => void;
  #due: FoundRecord[] = [];

  constructor(store: ParkingStore, report: (error: AetherError) => void) {
    this.#store = store;
    this.#report = report;
  }

  /** Whether some are to be delivered. */
  get isDue(): boolean {
    return this.#due.length > 0;
  }

  /** Looks at what is parked. */
  async refresh(): Promise<void> {
    const all = await this.#store.all();
    this.parked.clear();
    for (const { actorId } of all) this.count(actorId, 1);
    this.#due = all.filter((record) => record.replay);
  }

  /** Counts what was parked, or is not any more. */
  count(actorId: string, change: 1 | -1): void {
    const count = (this.parked.get(actorId) ?? 0) + change;
    if (count > 0) this.parked.set(actorId, count);
    else this.parked.delete(actorId);
  }

  /**
   * Claims the next one: it is parked as before, with one attempt more, until it
   * is removed; so it is not lost with whoever has claimed it.
   */
  async claim(): Promise<Replay | undefined> {
    const [found] = this.#due;
    if (found === undefined) return undefined;
    const { revision, ...record } = found;
    const claimed = {
      ...record,
      attempts: record.attempts + 1,
      replay: false,
      claim: ulid(),
    };
    const put = await this.#store.put(claimed, revision);
    const event = put === undefined
      ? undefined
      : await this.#store.event(record);
    this.#due.shift();
    if (put === undefined) return undefined; // another one was first
    if (event === undefined) {
      this.#report(
        new CorruptLogError(
          `Cannot replay parked event ${
            parkedId(record)
          } of "${record.actorId}" as the log does not hold it`,
        ),
      );
      return undefined;
    }
    return { event, record: { ...claimed, revision: put } };
  }

  /** The replay went well: it is parked no more. */
  async done({ record }: Replay): Promise<void> {
    if (await this.#store.remove(record)) this.count(record.actorId, -1);
  }

  /** The replay failed: it stays parked, and so do the later ones of its actor. */
  async failed({ record }: Replay, reason: string): Promise<void> {
    const { revision, ...rest } = record;
    await this.#store.put({ ...rest, reason }, revision);
    for (const later of this.#due) {
      if (later.actorId !== record.actorId) continue;
      const { revision, ...rest } = later;
      await this.#store.put({ ...rest, replay: false }, revision);
    }
    this.#due = this.#due.filter((r) => r.actorId !== record.actorId);
  }
}
