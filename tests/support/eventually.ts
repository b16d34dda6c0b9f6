/**
 * Waiting for what tells nobody that it has come about. Where there is an
 * event, await the event.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";

/** How long and how often {@link eventually} looks. */
export interface EventuallyOptions {
  /** Milliseconds until it gives up; default 5,000. */
  readonly timeout?: number;
  /** Milliseconds between two looks; default 10. */
  readonly interval?: number;
}

/**
 * Calls `look` until it returns without an error and not `false`; returns what
 * it returned, or throws its last error when time is up.
 */
export async function eventually<T>(
  look: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<T> {
  const deadline = performance.now() + (options.timeout ?? 5_000);
  for (;;) {
    let problem: unknown;
    try {
      const value = await look();
      if (value !== false) return value;
      problem = new Error(`did not become true: ${look}`);
    } catch (error) {
      problem = error;
    }
    if (performance.now() > deadline) throw problem;
    await delay(options.interval ?? 10);
  }
}
