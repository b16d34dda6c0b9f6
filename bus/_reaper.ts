/**
 * Taking away consumers that are of no use any more. A server reaps them too, but
 * only in time, and many reconnects make many in that time. One that cannot be
 * deleted now, as the connection is down, is deleted when it is back; one whose
 * creation was never answered is deleted again for a while: the request may still
 * be on its way.
 */
import type { CancelTimer, Clock } from "../event/mod.ts";
import { Deadline, type JetStreamApi, type Link } from "../nats/mod.ts";

interface Useless {
  readonly stream: string;
  readonly name: string;
  /** Deleted again and again until then. */
  readonly until: number;
}

/** Deletes the consumers of one bus. */
export class Reaper {
  readonly #link: Link;
  readonly #api: JetStreamApi;
  readonly #clock: Clock;
  readonly #useless = new Map<string, Useless>();
  readonly #stopChanges: () => void;
  #cancelRetry: CancelTimer | undefined;
  #closed = false;

  constructor(link: Link, api: JetStreamApi, clock: Clock) {
    this.#link = link;
    this.#api = api;
    this.#clock = clock;
    this.#stopChanges = link.onChange(() => {
      if (link.connected) void this.#deleteAll();
    });
  }

  /**
   * Deletes a consumer, now or when it can be.
   *
   * @param isMade Whether it is known to be there.
   */
  async remove(stream: string, name: string, isMade: boolean): Promise<void> {
    const until = this.#clock.monotonic() + (isMade ? 0 : DOUBT);
    const useless = { stream, name, until };
    this.#useless.set(name, useless);
    await this.#delete(useless, new Deadline(this.#clock, 2_000));
    this.#arm();
  }

  /** Tries once more, and stops. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopChanges();
    this.#cancelRetry?.();
    await this.#deleteAll();
  }

  async #deleteAll(): Promise<void> {
    const deadline = new Deadline(this.#clock, 2_000);
    for (const useless of [...this.#useless.values()]) {
      if (!await this.#delete(useless, deadline)) return;
    }
  }

  async #delete(useless: Useless, deadline: Deadline): Promise<boolean> {
    if (!this.#link.connected) return false;
    const { name, stream, until } = useless;
    try {
      await this.#api.deleteConsumer(stream, name, deadline);
      if (this.#clock.monotonic() >= until) this.#useless.delete(name);
      return true;
    } catch {
      return false;
    }
  }

  #arm(): void {
    if (
      this.#closed || this.#cancelRetry !== undefined ||
      this.#useless.size === 0
    ) return;
    this.#cancelRetry = this.#clock.timer(RETRY, () => {
      this.#cancelRetry = undefined;
      void this.#deleteAll().then(() => this.#arm());
    });
  }
}

const RETRY = 5_000;
const DOUBT = 60_000;
