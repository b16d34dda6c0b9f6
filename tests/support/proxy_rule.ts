/**
 * What the proxy does to messages of its choice.
 *
 * @module
 */
import type { Frame, FrameMessage } from "./nats_frames.ts";

/** Chooses messages. */
export type Choose = (message: FrameMessage) => boolean;

/** What a client gets in the place of a message; undefined for the message itself. */
export type Rewrite = (
  message: FrameMessage,
  frame: Frame,
) => Uint8Array | undefined;

/** What is done to chosen messages until it is stopped. */
export interface ProxyRule {
  /** How many messages it has taken so far. */
  readonly count: number;
  /** Resolves when it takes its first message. */
  readonly first: Promise<void>;
  /** Ends it; what was held stays held until released. */
  stop(): void;
}

/** Messages held back. */
export interface ProxyHold extends ProxyRule {
  /** Ends it and sends what was held, even if the client has gone in the meantime. */
  release(): void;
}

/** The one kind of rule there is: it drops, or holds. */
export class Rule implements ProxyHold {
  /** What happens to a chosen message. */
  readonly action: "drop" | "hold";
  count = 0;
  readonly #first = Promise.withResolvers<void>();
  readonly #held: (() => void)[] = [];
  readonly #choose: Choose;
  readonly #onStop: (rule: Rule) => void;

  constructor(
    choose: Choose,
    action: "drop" | "hold",
    onStop: (rule: Rule) => void,
  ) {
    this.#choose = choose;
    this.action = action;
    this.#onStop = onStop;
  }

  get first(): Promise<void> {
    return this.#first.promise;
  }

  /** Whether it takes this message. */
  takes(message: FrameMessage): boolean {
    if (!this.#choose(message)) return false;
    this.count++;
    this.#first.resolve();
    return true;
  }

  /** Keeps a message; `send` sends it after all. */
  keep(send: () => void): void {
    this.#held.push(send);
  }

  stop(): void {
    this.#onStop(this);
  }

  release(): void {
    this.stop();
    for (const send of this.#held.splice(0)) send();
  }
}

/** Messages that are replaced on their way to clients. */
export class Rewrites implements ProxyRule {
  count = 0;
  readonly #first = Promise.withResolvers<void>();
  readonly #rewrite: Rewrite;
  readonly #onStop: () => void;

  constructor(rewrite: Rewrite, onStop: () => void) {
    this.#rewrite = rewrite;
    this.#onStop = onStop;
  }

  get first(): Promise<void> {
    return this.#first.promise;
  }

  /** What takes the place of a frame, if anything does. */
  apply(frame: Frame): Uint8Array | undefined {
    if (frame.message === undefined) return undefined;
    const bytes = this.#rewrite(frame.message, frame);
    if (bytes === undefined) return undefined;
    this.count++;
    this.#first.resolve();
    return bytes;
  }

  stop(): void {
    this.#onStop();
  }
}
