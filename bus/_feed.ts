/** What stands behind a subscription: where its items come from. */
import type { AetherError } from "../event/mod.ts";
import type { BusEvent, Gap, SubscribeOptions } from "./types.ts";

/** Something a subscription delivers. */
export type Item = BusEvent | Gap;

/** Where a subscription's items come from. Taking is synchronous, waiting is not. */
export interface Feed {
  /** Resolves when nothing from now on can be missed unnoticed; rejects if it never will. */
  readonly ready: Promise<void>;
  /** Takes the next item, if one is here. */
  take(): Item | undefined;
  /** Resolves when there may be one, or the feed has ended. */
  wait(): Promise<void>;
  /** Whether there will be no more. */
  readonly ended: boolean;
  /** What ended it, where it was not closed. */
  readonly failure: unknown;
  /** How many items or messages wait here. */
  readonly waiting: number;
  /** The sequence up to which all that is wanted was taken; absent where nobody counts. */
  readonly position?: number | undefined;
  /** Which delivery of the item taken last this is; only durables have more than one. */
  readonly attempt?: number;
  /** For a durable: whether this is the one that delivers. */
  readonly active?: boolean;
  /** For a durable: what was taken last is done with. */
  acknowledge?(): Promise<void>;
  /** For a durable: what was taken last failed. */
  fail?(reason: unknown): Promise<void>;
  /** Lets go of everything; resolves when it is gone on the server too, as far as can be. */
  close(): Promise<void>;
}

/** What a subscription counts and reports, shared with its feed. */
export class Monitor {
  delivered = 0;
  filtered = 0;
  gaps = 0;
  dropped = 0;
  late = 0;
  refused = 0;
  errors = 0;
  restarts = 0;
  retried = 0;
  parked = 0;
  lastError: AetherError | undefined;
  readonly #onError: SubscribeOptions["onError"];

  constructor(options: SubscribeOptions) {
    this.#onError = options.onError;
  }

  /** Counts what went wrong and tells the caller; the feed goes on. */
  readonly report = (error: AetherError): void => {
    this.errors++;
    this.lastError = error;
    guarded(this.#onError, error);
  };

  /** Counts a message that was dropped as it is no event, and tells the caller. */
  refuse(error: AetherError): void {
    this.refused++;
    this.report(error);
  }
}

/**
 * Calls a callback of the user's. What it throws goes where uncaught errors go:
 * it is the user's own, and must not end the stream.
 */
export function guarded<T>(
  callback: ((value: T) => void) | undefined,
  value: T,
): void {
  try {
    callback?.(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
