/**
 * One connection of a client and the one to the server made for it, and the
 * two pipes between them.
 *
 * @module
 */
import type { Socket } from "node:net";
import { type Frame, type FrameMessage, FrameParser } from "./nats_frames.ts";
import type { Rule } from "./proxy_rule.ts";

/** Which way bytes go. */
export type Direction = "toServer" | "toClient";

/** What the proxy decides for all its connections. */
export interface ProxyPolicy {
  /** Whether nothing passes for now. */
  readonly silent: boolean;
  /** Milliseconds that bytes take. */
  readonly delays: Readonly<Record<Direction, number>>;
  /** Bytes a second that a connection may pass each way. */
  readonly rate: number;
  /** What the client gets in the place of a frame. */
  rewritten(frame: Frame): Uint8Array;
  /** The rule that takes this message, if one does. */
  ruleFor(direction: Direction, message: FrameMessage): Rule | undefined;
  /** How many of `size` bytes may pass; fewer than that end all connections. */
  allowance(direction: Direction, size: number): number;
  /** Ends all connections. */
  cut(): void;
}

/** A client's connection through the proxy. */
export class Link {
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #toServer: Pipe;
  readonly #toClient: Pipe;
  readonly #onEnd: () => void;
  #held = 0;
  #clientGone = false;

  constructor(
    policy: ProxyPolicy,
    client: Socket,
    upstream: Socket,
    onEnd: () => void,
  ) {
    this.#client = client;
    this.#upstream = upstream;
    this.#onEnd = onEnd;
    const hold = (rule: Rule, bytes: Uint8Array) => this.#hold(rule, bytes);
    this.#toServer = new Pipe(
      policy,
      "toServer",
      upstream,
      hold,
      () => this.#clientEnded(),
    );
    this.#toClient = new Pipe(
      policy,
      "toClient",
      client,
      hold,
      () => this.#serverEnded(),
    );
    for (
      const [from, pipe] of [[client, this.#toServer], [
        upstream,
        this.#toClient,
      ]] as const
    ) {
      from.setNoDelay(true);
      from.unref();
      from.on("error", () => {}); // "close" follows
      from.on("data", (chunk: Uint8Array) => pipe.take(chunk));
      from.on("close", () => pipe.end());
    }
  }

  /** Whether the client is still connected. */
  get isOpen(): boolean {
    return !this.#clientGone;
  }

  /** Passes on what may pass now. */
  pump(): void {
    this.#toServer.pump();
    this.#toClient.pump();
  }

  /** Ends the client's side at once, and the server's unless messages are held for it. */
  cut(): void {
    this.#clientGone = true;
    this.#client.destroy();
    if (this.#held === 0) this.destroy();
  }

  /** Ends both sides at once. */
  destroy(): void {
    this.#clientGone = true;
    this.#client.destroy();
    this.#upstream.destroy();
    this.#onEnd();
  }

  #hold(rule: Rule, bytes: Uint8Array): void {
    this.#held++;
    rule.keep(() => {
      this.#held--;
      this.#toServer.put(bytes);
      if (this.#clientGone) this.#clientEnded();
    });
  }

  #clientEnded(): void {
    this.#clientGone = true;
    if (this.#held > 0) return;
    this.#upstream.end();
    this.#onEnd();
  }

  #serverEnded(): void {
    this.#clientGone = true;
    this.#client.end();
    this.#upstream.destroy();
    this.#onEnd();
  }
}

/** One direction: what has been read and may not be written yet. */
class Pipe {
  readonly #policy: ProxyPolicy;
  readonly #direction: Direction;
  readonly #to: Socket;
  readonly #hold: (rule: Rule, bytes: Uint8Array) => void;
  readonly #onEnd: () => void;
  readonly #parser = new FrameParser();
  readonly #queue: { readonly due: number; readonly bytes: Uint8Array }[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ended = false;
  /** When all that is queued has passed, at the rate there is. */
  #free = 0;

  constructor(
    policy: ProxyPolicy,
    direction: Direction,
    to: Socket,
    hold: (rule: Rule, bytes: Uint8Array) => void,
    onEnd: () => void,
  ) {
    this.#policy = policy;
    this.#direction = direction;
    this.#to = to;
    this.#hold = hold;
    this.#onEnd = onEnd;
  }

  take(chunk: Uint8Array): void {
    for (const frame of this.#parser.feed(chunk)) {
      const { bytes, message } = frame;
      const rule = message && this.#policy.ruleFor(this.#direction, message);
      if (rule?.action === "hold") this.#hold(rule, bytes);
      else if (rule === undefined) {
        this.#add(
          this.#direction === "toClient"
            ? this.#policy.rewritten(frame)
            : bytes,
        );
      }
    }
    this.pump();
  }

  put(bytes: Uint8Array): void {
    this.#add(bytes);
    this.pump();
  }

  end(): void {
    this.#ended = true;
    this.pump();
  }

  pump(): void {
    clearTimeout(this.#timer);
    if (this.#policy.silent) return;
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const wait = next.due - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.pump(), Math.ceil(wait));
        return;
      }
      this.#queue.shift();
      if (this.#to.destroyed) continue;
      const allowed = this.#policy.allowance(
        this.#direction,
        next.bytes.length,
      );
      if (allowed === next.bytes.length) {
        this.#to.write(next.bytes);
        continue;
      }
      this.#queue.length = 0;
      this.#to.end(next.bytes.subarray(0, allowed), () => this.#policy.cut());
      return;
    }
    if (this.#ended) this.#onEnd();
  }

  #add(bytes: Uint8Array): void {
    const { delays, rate } = this.#policy;
    this.#free = Math.max(this.#free, performance.now()) +
      bytes.length / rate * 1_000;
    this.#queue.push({ due: this.#free + delays[this.#direction], bytes });
  }
}
