import type { Clock } from "../event/mod.ts";
import { isFault } from "./fault.ts";
import type { Link } from "./link.ts";

/** How long a call may still take, and the signal that ends it sooner. */
export class Deadline {
  readonly #until: number;

  /** Starts to count now; `timeout` in milliseconds. */
  constructor(
    readonly clock: Clock,
    readonly timeout: number,
    readonly signal?: AbortSignal | undefined,
  ) {
    this.#until = clock.monotonic() + timeout;
  }

  /** Milliseconds left, 0 when it has passed. */
  get left(): number {
    return Math.max(0, this.#until - this.clock.monotonic());
  }

  /** Whether there is no time left. */
  get passed(): boolean {
    return this.left === 0;
  }

  /** Time for one attempt: what is left, but at most `most` ms; at least 1. */
  attempt(most: number): number {
    return Math.max(1, Math.min(this.left, most));
  }

  /** Waits `ms`, or what is left; rejects with the signal's reason. */
  pause(ms: number): Promise<void> {
    const { signal } = this;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        cancel();
        reject(signal!.reason);
      };
      const cancel = this.clock.timer(Math.min(ms, this.left), () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }
}

/**
 * Repeats a request that changes nothing until it is answered, or until the
 * deadline passes and the last fault is thrown. While the connection is down it
 * waits for it; between attempts it backs off from 20 ms to 500 ms.
 */
export async function repeatRead<T>(
  link: Link,
  deadline: Deadline,
  attempt: (timeout: number) => Promise<T>,
): Promise<T> {
  for (let delay = 20;; delay = Math.min(delay * 2, 500)) {
    try {
      return await attempt(deadline.attempt(READ_ATTEMPT));
    } catch (error) {
      if (!isFault(error, "timeout", "no_responders", "disconnected")) {
        throw error;
      }
      if (deadline.left <= delay) throw error;
      if (error.kind === "disconnected") {
        await link.ready(deadline.left, deadline.signal);
      } else await deadline.pause(delay);
    }
  }
}

const READ_ATTEMPT = 2_000;
