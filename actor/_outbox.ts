/**
 * What has to reach the inbox: put there again and again until it is, as putting
 * it there twice does no harm. For whoever carries out what a commit promises.
 */
import {
  type AetherError,
  type Clock,
  ClosedError,
  InvalidArgumentError,
} from "../event/mod.ts";
import type { DurableCommand, Inbox } from "../store/mod.ts";
import type { Log } from "./log.ts";

/** What an outbox works with. */
export interface OutboxOptions {
  /** Where it goes. */
  readonly inbox: Inbox;
  /** Where time comes from. */
  readonly clock: Clock;
  /** Who is told when it is refused. */
  readonly log: Log;
}

/** Puts things into the inbox of a namespace. */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #end = new AbortController();

  /** Sends nothing yet. */
  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /**
   * Sends a command that will reach its actor, and take effect once however often
   * it is sent under the same id.
   *
   * @returns When it will not be lost any more.
   * @throws {InvalidArgumentError} `invalid_argument`: the command breaks a rule.
   * @throws {PayloadTooLargeError} `payload_too_large`: it fits into no message.
   * @throws {ClosedError} `closed`: the system was closed before.
   */
  sendDurable(command: DurableCommand): Promise<void> {
    const { inbox } = this.#options;
    const { signal } = this.#end;
    const what = `"${command.command}" for "${command.actorId}"`;
    return this.untilDone(what, () => inbox.put(command, { signal }));
  }

  /**
   * Does something until it is done, with pauses from 50 ms to 10 s.
   *
   * @throws What no other try would mend.
   */
  async untilDone<T>(what: string, run: () => Promise<T>): Promise<T> {
    const { clock, log } = this.#options;
    const { signal } = this.#end;
    for (let pause = 50;; pause = Math.min(pause * 2, 10_000)) {
      if (signal.aborted) throw closed(what);
      try {
        return await run();
      } catch (error) {
        if (signal.aborted) throw closed(what);
        const { code, message } = error as AetherError;
        if (
          error instanceof InvalidArgumentError ||
          code === "payload_too_large" || code === "closed"
        ) throw error;
        log({
          level: "warn",
          message: "the inbox could not be used",
          what,
          code,
          reason: message,
        });
      }
      await new Promise<void>((resolve) => {
        const done = () => {
          cancel();
          signal.removeEventListener("abort", done);
          resolve();
        };
        const cancel = clock.timer(pause, done);
        signal.addEventListener("abort", done, { once: true });
      });
    }
  }

  /** Gives up what is not done yet. */
  close(): void {
    this.#end.abort();
  }
}

function closed(what: string): ClosedError {
  return new ClosedError(`Cannot send ${what} as this system is closed`);
}
