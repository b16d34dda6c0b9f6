/**
 * The events a projection is to fold, commit by commit: from a catch-up on the
 * bus, a bounded number ahead. A commit is only handed out whole, so that a
 * document is written with all of a decision or nothing of it.
 */
import type { StoredEvent } from "../event/mod.ts";
import type { Subscription } from "../bus/mod.ts";

/** Some commits, in the order of the log. */
export interface Intake {
  /** Their events; none where what came is of no interest to anybody. */
  readonly events: readonly StoredEvent[];
  /** The sequence up to which these, and all before, are all there is. */
  readonly position: number;
}

/** Takes in what a subscription brings. */
export class CommitIntake {
  /** What ended the subscription, where it was not closed. */
  failure: unknown;
  readonly #subscription: Subscription;
  readonly #onChange: () => void;
  readonly #pumping: Promise<void>;
  #queue: StoredEvent[] = [];
  #received = 0;
  #position = 0;
  #makeRoom: (() => void) | undefined;
  #closed = false;

  /** Begins to read; `onChange` is called when there is more. */
  constructor(subscription: Subscription, onChange: () => void) {
    this.#subscription = subscription;
    this.#onChange = onChange;
    this.#pumping = this.#pump();
  }

  /** Takes whole commits of about `most` events; undefined where nothing is new. */
  take(most: number): Intake | undefined {
    const { delivered, position = 0 } = this.#subscription.stats();
    // One is on its way into the queue: it will say so.
    if (delivered !== this.#received || position <= this.#position) {
      return undefined;
    }
    const queue = this.#queue;
    let count = 0;
    while (count < queue.length && queue[count]!.sequence <= position) {
      const isNext = count > 0 &&
        queue[count]!.sequence !== queue[count - 1]!.sequence;
      if (isNext && count >= most) break;
      count++;
    }
    const isAll = count === queue.length;
    const events = queue.splice(0, count);
    this.#position = isAll ? position : events.at(-1)?.sequence ?? position;
    this.#makeRoom?.();
    return { events, position: this.#position };
  }

  /** Reads no more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#makeRoom?.();
    await this.#subscription.close();
    await this.#pumping;
  }

  // A commit on its way is never too many: it can only be taken whole.
  get #isFull(): boolean {
    const queue = this.#queue;
    return queue.length >= AHEAD &&
      queue[0]!.sequence !== queue.at(-1)!.sequence;
  }

  async #pump(): Promise<void> {
    try {
      for await (const event of this.#subscription) {
        this.#received++;
        this.#queue.push(event as StoredEvent);
        this.#onChange();
        if (this.#closed || !this.#isFull) continue;
        await new Promise<void>((resolve) => this.#makeRoom = resolve);
        this.#makeRoom = undefined;
      }
    } catch (error) {
      this.failure = error;
      this.#onChange();
    }
  }
}

/** Events that wait here at most, but for those of the last commit. */
const AHEAD = 2_000;
