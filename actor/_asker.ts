/**
 * Calls of a client that may not see the cluster's bucket: it asks all nodes on
 * `aether.ask…`, one of them takes the call and passes it on to the owner.
 *
 * A node that is frozen may be the one that takes it. So a call without an answer
 * is sent again after two seconds, then four, as a further attempt under the same
 * id: where the first one runs, the second joins it.
 */
import {
  type Clock,
  PermissionDeniedError,
  StoreUnavailableError,
  type Subjects,
  subjectsOf,
} from "../event/mod.ts";
import { type Connection, isFault, Link } from "../nats/mod.ts";
import type { Call } from "./_call.ts";
import { timeIsUp } from "./_job.ts";
import { notSettled } from "./_outbound.ts";
import type { Elsewhere } from "./_router.ts";
import { decodeReply, encodeAsk } from "./_wire.ts";

/** Sends calls to whichever node takes them. */
export class Asker implements Elsewhere {
  readonly #clock: Clock;
  readonly #link: Link;
  readonly #subjects: Subjects;

  /** Asks the nodes of a namespace. */
  constructor(connection: Connection, namespace: string, clock: Clock) {
    this.#clock = clock;
    this.#link = new Link(connection);
    this.#subjects = subjectsOf(namespace);
  }

  /** As {@link Elsewhere.owns}: nothing lives here. */
  owns(): boolean {
    return false;
  }

  /** As {@link Elsewhere.ask}. */
  async ask(first: Call): Promise<unknown> {
    const { address, name } = first;
    const subject = this.#subjects.ask(address, name);
    const began = this.#clock.monotonic();
    let call = first;
    let doubt: unknown;
    for (let patience = 2_000, pause = 10;; pause = Math.min(pause * 2, 500)) {
      const now = this.#clock.monotonic();
      const left = call.deadline - now;
      if (left <= 0) throw notSettled(call, doubt, timeIsUp(call));
      if (call.signal?.aborted) {
        throw notSettled(call, doubt, call.signal.reason);
      }
      const { body, headers } = encodeAsk(call, left);
      try {
        const reply = await this.#link.request(subject, body, {
          headers: headers!,
          timeout: Math.min(left + MARGIN, patience),
          signal: call.signal,
        });
        return decodeReply(reply);
      } catch (error) {
        if (isFault(error, "timeout", "disconnected") && error.sent) {
          doubt = error;
          call = { ...call, attempt: call.attempt + 1 };
          patience *= 2;
        } else if (isFault(error, "no_responders")) {
          if (now - began > NOBODY) {
            throw notSettled(call, doubt, nobody(call, error));
          }
        } else if (isFault(error, "permission")) {
          throw notSettled(call, doubt, notAllowed(call, error.subject, error));
        } else if (!isFault(error, "disconnected")) {
          // What the node that took it says, it says of all attempts.
          throw isFault(error) ? notSettled(call, doubt, error) : error;
        }
        if (isFault(error, "disconnected")) {
          await this.#link.ready(Math.max(1, left), call.signal).catch(
            () => {},
          );
        }
      }
      await new Promise<void>((resolve) => this.#clock.timer(pause, resolve));
    }
  }

  /** Asks no more. */
  close(): Promise<void> {
    return this.#link.close();
  }
}

function nobody(
  { address, name }: Call,
  cause: unknown,
): StoreUnavailableError {
  return new StoreUnavailableError(
    `Cannot call "${name}" of "${address.id}" as no node hosts actor type "${address.type}"`,
    { cause, details: { type: address.type } },
  );
}

function notAllowed(
  { address, name }: Call,
  subject: string,
  cause: unknown,
): PermissionDeniedError {
  return new PermissionDeniedError(
    `Cannot call "${name}" of "${address.id}" as this NATS user may not publish to ${subject}: allow it in the server's configuration`,
    { cause },
  );
}

/** How much longer than its deadline a call waits for the callee's last word. */
const MARGIN = 250;
/** How long a call waits for the first node that hosts its type. */
const NOBODY = 2_000;
