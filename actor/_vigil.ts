import type { ActorAddress, Clock } from "../event/mod.ts";
import type { ShardOwner } from "../cluster/mod.ts";
import type { Deadlines, Timed } from "./_deadlines.ts";

/** How silence is to be looked into. */
export interface VigilOptions {
  /** Where time comes from. */
  readonly clock: Clock;
  /** Keeps the time until the next look. */
  readonly deadlines: Deadlines;
  /** Finds out whether no answer will come. */
  isLost(): Promise<boolean>;
  /** Called at most once, when none will. */
  onLost(): void;
}

/**
 * Waiting for a node's answer: each time it was silent for a while, it is looked
 * into whether there will be one.
 */
export class Vigil implements Timed {
  /** When to look next. */
  deadline: number;
  readonly #options: VigilOptions;
  #pause = FIRST_LOOK;
  #hurriedTo = Infinity;
  #looking = false;
  #over = false;

  /** Begins to wait for the owner of an actor's shard. */
  constructor(
    readonly address: ActorAddress,
    readonly owner: ShardOwner,
    options: VigilOptions,
  ) {
    this.#options = options;
    this.deadline = options.clock.monotonic() + this.#pause;
    options.deadlines.add(this);
  }

  /** Looks again in `ms` at the latest, also where it is looking just now. */
  hurry(ms: number): void {
    const { clock, deadlines } = this.#options;
    const at = clock.monotonic() + ms;
    this.#hurriedTo = at;
    if (this.#over || this.#looking || this.deadline <= at) return;
    deadlines.remove(this);
    this.deadline = at;
    deadlines.add(this);
  }

  /** It was silent. */
  expire(): void {
    this.#looking = true;
    this.#options.isLost().then((lost) => {
      this.#looking = false;
      if (lost) this.end();
      else this.#goOn();
    });
  }

  /** No answer will come. */
  end(): void {
    if (this.#over) return;
    this.stop();
    this.#options.onLost();
  }

  /** It answered, or is waited for no longer. */
  stop(): void {
    this.#over = true;
    this.#options.deadlines.remove(this);
  }

  #goOn(): void {
    if (this.#over) return;
    this.#pause = Math.min(this.#pause * 2, 1_000);
    const now = this.#options.clock.monotonic();
    this.deadline = Math.min(now + this.#pause, Math.max(now, this.#hurriedTo));
    this.#hurriedTo = Infinity;
    this.#options.deadlines.add(this);
  }
}

/** Milliseconds of silence before the first look. */
const FIRST_LOOK = 250;
