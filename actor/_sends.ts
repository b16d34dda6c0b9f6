/**
 * Commands that are sent, not asked: what is sent takes effect once, whatever
 * happens to whoever sent it, as it has its id from what led to it.
 */
import {
  type ActorAddress,
  type AetherError,
  assertJson,
  type Clock,
  formatActorId,
  InvalidArgumentError,
  parseActorId,
  Rejected,
} from "../event/mod.ts";
import { type Call, makeCall } from "./_call.ts";
import { frozenCopy } from "./_json.ts";
import { isCallName } from "./_names.ts";
import type { AnyActor } from "./definition.ts";

/** A command to be sent. */
export interface Outgoing {
  /** To whom. */
  readonly address: ActorAddress;
  /** The command. */
  readonly name: string;
  /** Its input, frozen; undefined for none. */
  readonly input: unknown;
  /** The same whenever what led to it is looked at again. */
  readonly commandId: string;
  /** Shared by all that one outside request set off. */
  readonly correlationId: string | undefined;
  /** What led to it. */
  readonly causationId: string | undefined;
  /** W3C trace context. */
  readonly traceparent: string | undefined;
}

/** Takes commands that are sent. */
export interface Outbox {
  /**
   * Takes one; resolves when nothing can keep it from being carried out, or refused,
   * any more. Called again with the same id it changes nothing.
   */
  send(command: Outgoing, signal: AbortSignal): Promise<void>;
}

/**
 * An outbox that waits for the target's answer: what is done is in the target's
 * log, with the command's id. Whoever sends waits as long as the target cannot be
 * reached; a rejection is an answer, and told.
 */
export class AskingOutbox implements Outbox {
  readonly #clock: Clock;
  readonly #ask: (call: Call) => Promise<unknown>;
  readonly #onRejected: (command: Outgoing, rejection: Rejected) => void;

  /** Asks with `ask`; `onRejected` is told of each rejection. */
  constructor(
    clock: Clock,
    ask: (call: Call) => Promise<unknown>,
    onRejected: (command: Outgoing, rejection: Rejected) => void,
  ) {
    this.#clock = clock;
    this.#ask = ask;
    this.#onRejected = onRejected;
  }

  async send(command: Outgoing, signal: AbortSignal): Promise<void> {
    const { address, input, name, ...options } = command;
    const { causationId, commandId, correlationId, traceparent } = options;
    for (let pause = 100;; pause = Math.min(5_000, pause * 2)) {
      const call = makeCall(this.#clock, address, name, input, {
        commandId,
        signal,
        ...(correlationId === undefined ? {} : { correlationId }),
        ...(causationId === undefined ? {} : { causationId }),
        ...(traceparent === undefined ? {} : { traceparent }),
      });
      try {
        // It may have been sent before, by whoever looked at its cause before.
        await this.#ask({ ...call, attempt: 2 });
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof Rejected) {
          return this.#onRejected(command, error);
        }
        const { ambiguous, code, retryable } = error as AetherError;
        const isPassing = retryable || ambiguous ||
          code === "deadline_exceeded";
        if (!isPassing) throw error;
      }
      await this.#pause(pause, signal);
    }
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        cancel();
        reject(signal.reason);
      };
      const cancel = this.#clock.timer(ms, () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      });
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
}

/** Called with each command that is to be sent. */
export type OnSend = (
  address: ActorAddress,
  name: string,
  input: unknown,
) => void;

/**
 * Makes what `ctx.send(…)` returns: a method for each command, which only notes
 * that it is to be sent.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: no such actor id, and from the
 * methods: no such command, or an input that is not JSON.
 */
export function createSender(
  target: AnyActor | string,
  key: string,
  onSend: OnSend,
): unknown {
  const definition = typeof target === "string" ? undefined : target;
  const type = typeof target === "string" ? target : target?.type;
  if (typeof type !== "string") {
    throw new InvalidArgumentError(
      `Cannot send to an actor by something that is neither a definition nor a type's name: got ${typeof target}`,
    );
  }
  const address = parseActorId(formatActorId(type, key));
  return new Proxy(Object.create(null), {
    get(_, name) {
      if (typeof name !== "string" || !isCallName(name)) return undefined;
      return (input?: unknown) => {
        const action = `Cannot send "${name}" to "${address.id}"`;
        if (definition?.commandHandlers.has(name) === false) {
          throw new InvalidArgumentError(
            `${action} as actors of type "${type}" have no such command`,
          );
        }
        if (input !== undefined) assertJson(input, "input", action);
        onSend(address, name, frozenCopy(input));
      };
    },
    set: () => false,
    defineProperty: () => false,
    deleteProperty: () => false,
  });
}
