/**
 * Pulling messages from a consumer, at the pace at which they are used: half a
 * window is asked for whenever no more than half a window waits or is on its way,
 * so there are never more than a window's messages and bytes here. Messages of a
 * pull arrive under their own subjects, its end under the pull's. The server sends
 * a heartbeat while nothing comes; silence means that the consumer or its server
 * is gone. Sources:
 * {@link https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-37.md | ADR-37},
 * {@link https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-15.md | ADR-15}.
 */
import type { Msg, Subscription } from "@nats-io/nats-core";
import type { CancelTimer, LoggedMessage } from "../event/mod.ts";
import { RawHeaders, Received } from "../nats/mod.ts";
import type { BusContext } from "./_nats.ts";

/** Where a message stands, read from its reply subject. */
export interface Delivered {
  /** Its sequence in the stream. */
  readonly sequence: number;
  /** Its number among all this consumer has delivered. */
  readonly number: number;
  /** Which delivery of this message it is, from 1. */
  readonly attempt: number;
  /** When the stream took it, milliseconds since 1970. */
  readonly at: number;
}

/** A message of a consumer. */
export class Pulled extends Received implements Delivered, LoggedMessage {
  readonly sequence: number;
  readonly number: number;
  readonly attempt: number;
  readonly at: number;

  constructor(msg: Msg, delivered: Delivered) {
    super(msg);
    this.sequence = delivered.sequence;
    this.number = delivered.number;
    this.attempt = delivered.attempt;
    this.at = delivered.at;
  }
}

/** What is done with what comes. */
export interface PullHandlers {
  readonly onMessage: (pulled: Pulled) => void;
  /** The server's word on the last number this consumer has delivered. */
  readonly onHeartbeat?: (lastNumber: number) => void;
  /** The consumer is of no use any more; told once. */
  readonly onTrouble: (reason: string) => void;
}

/** What may wait here. */
export interface PullWindow {
  readonly messages: number;
  readonly bytes: number;
}

/** Pulls from one consumer until it is stopped or in trouble. */
export class Puller {
  readonly #context: BusContext;
  readonly #handlers: PullHandlers;
  readonly #subject: string;
  readonly #inbox: string;
  readonly #subscription: Subscription;
  readonly #batch: number;
  readonly #maxBytes: number;
  /** What each pull may still bring, oldest first: the server serves them in order. */
  readonly #pulls = new Map<string, { messages: number; bytes: number }>();
  #held = 0;
  #heldBytes = 0;
  #next = 0;
  /** Whether anything has come since the last look. */
  #heard = true;
  #silentSince: number;
  #looked: number;
  /** Of the reply subjects of this consumer: all up to what differs. */
  #prefix = "";
  #cancelLook: CancelTimer = () => {};
  #over = false;
  #draining = false;

  constructor(
    context: BusContext,
    place: { readonly stream: string; readonly consumer: string },
    window: PullWindow,
    handlers: PullHandlers,
  ) {
    const { api, clock, link } = context;
    this.#context = context;
    this.#handlers = handlers;
    this.#subject =
      `${api.prefix}.CONSUMER.MSG.NEXT.${place.stream}.${place.consumer}`;
    this.#batch = Math.max(1, Math.floor(window.messages / 2));
    // One message always fits, or it could never come.
    this.#maxBytes = Math.max(
      Math.floor(window.bytes / 2),
      link.maxPayload + 65_536,
    );
    const { connection } = link;
    this.#inbox = link.newInbox();
    this.#subscription = connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, msg) => {
        if (error !== null) this.#trouble(error.name);
        else this.#receive(msg);
      },
    });
    this.#silentSince = this.#looked = clock.monotonic();
    this.#look();
    this.#refill();
  }

  /** Messages that wait here. */
  get held(): number {
    return this.#held;
  }

  /** Says that a message was used up. */
  release({ size }: Pulled): void {
    this.#held--;
    this.#heldBytes -= size + OVERHEAD;
    this.#refill();
  }

  /**
   * Ends it, but hands over what is on its way: the server stops to send when it
   * hears of it, and says so behind the last message.
   */
  async drain(): Promise<void> {
    this.#draining = true;
    this.#cancelLook();
    const { connection } = this.#context.link;
    if (!this.#over && this.#context.link.connected) {
      await Promise.race([
        this.#subscription.drain(),
        connection.closed(),
      ]).catch(() => {});
    }
    this.#over = true;
  }

  /** Ends it. */
  stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelLook();
    if (!this.#context.link.connection.isClosed()) {
      this.#subscription.unsubscribe();
    }
  }

  #receive(msg: Msg): void {
    if (this.#over) return;
    this.#heard = true;
    const { reply = "" } = msg;
    if (reply.startsWith("$JS.ACK.")) {
      if (this.#prefix === "" || !reply.startsWith(this.#prefix)) {
        this.#prefix = prefixOf(reply);
      }
      const delivered = deliveredOf(reply, this.#prefix.length);
      const pulled = new Pulled(msg, delivered);
      const size = pulled.size + OVERHEAD;
      this.#held++;
      this.#heldBytes += size;
      this.#account(size);
      this.#handlers.onMessage(pulled);
      return;
    }
    const headers = RawHeaders.of(msg);
    const token = msg.subject.slice(this.#inbox.length + 1);
    switch (headers.status) {
      case 100:
        this.#handlers.onHeartbeat?.(Number(headers.get("Nats-Last-Consumer")));
        return;
      case 404:
      case 408:
        break;
      case 409:
        // Ended by its limit of bytes, it says what it left; by anything else, the
        // consumer is gone or moves.
        if (headers.get("Nats-Pending-Messages") !== "") break;
        return this.#trouble(lineOf(headers));
      default:
        return this.#trouble(lineOf(headers));
    }
    this.#pulls.delete(token);
    this.#refill();
  }

  #account(size: number): void {
    const [first] = this.#pulls;
    if (first === undefined) return;
    const [token, left] = first;
    left.bytes = Math.max(0, left.bytes - size);
    if (--left.messages <= 0) this.#pulls.delete(token);
  }

  #refill(): void {
    if (this.#over || this.#draining) return;
    let messages = this.#held;
    let bytes = this.#heldBytes;
    for (const left of this.#pulls.values()) {
      messages += left.messages;
      bytes += left.bytes;
    }
    if (messages > this.#batch || bytes > this.#maxBytes) return;
    const { clock, link } = this.#context;
    if (!link.connected) return this.#trouble("disconnected");
    if (this.#pulls.size === 0) this.#silentSince = clock.monotonic();
    const token = (this.#next++).toString(36);
    this.#pulls.set(token, { messages: this.#batch, bytes: this.#maxBytes });
    const request = {
      batch: this.#batch,
      max_bytes: this.#maxBytes,
      expires: EXPIRES * NANOSECONDS,
      idle_heartbeat: HEARTBEAT * NANOSECONDS,
    };
    link.publish(
      this.#subject,
      JSON.stringify(request),
      undefined,
      `${this.#inbox}.${token}`,
    );
  }

  #look(): void {
    const { clock } = this.#context;
    this.#cancelLook = clock.timer(HEARTBEAT, () => {
      const now = clock.monotonic();
      // After a stall what came meanwhile is still to be read.
      const stalled = now - this.#looked > 2 * HEARTBEAT;
      this.#looked = now;
      if (this.#heard || this.#pulls.size === 0 || stalled) {
        this.#heard = false;
        this.#silentSince = now;
      } else if (now - this.#silentSince > SILENCE * HEARTBEAT) {
        return this.#trouble("silence");
      }
      this.#look();
    });
  }

  #trouble(reason: string): void {
    if (this.#over || this.#draining) return;
    this.stop();
    this.#handlers.onTrouble(reason);
  }
}

/**
 * Reads where a message stands.
 *
 * @param reply `$JS.ACK.<stream>.<consumer>.<attempt>.<sequence>.<number>.<time>.<pending>`,
 * or with domain and account in front.
 * @param start Where the attempt stands in it.
 */
export function deliveredOf(
  reply: string,
  start: number = prefixOf(reply).length,
): Delivered {
  const second = reply.indexOf(".", start) + 1;
  const third = reply.indexOf(".", second) + 1;
  const fourth = reply.indexOf(".", third) + 1;
  const end = reply.indexOf(".", fourth);
  return {
    attempt: Number(reply.slice(start, second - 1)),
    sequence: Number(reply.slice(second, third - 1)),
    number: Number(reply.slice(third, fourth - 1)),
    // Nanoseconds, less six digits: more than a number holds.
    at: Number(reply.slice(fourth, end - 6)),
  };
}

function prefixOf(reply: string): string {
  const tokens = reply.split(".");
  return tokens.slice(0, tokens.length <= 9 ? 4 : 6).join(".") + ".";
}

function lineOf(headers: RawHeaders): string {
  return headers.text.slice(0, headers.text.indexOf("\r\n"));
}

const NANOSECONDS = 1_000_000;
/** Bytes of subject and reply, about: to know them costs more than it is worth. */
const OVERHEAD = 128;
/** Milliseconds a pull stays open. */
const EXPIRES = 30_000;
/** Milliseconds between two signs of life. */
const HEARTBEAT = 2_000;
/** So many heartbeats missed are silence. */
const SILENCE = 2.5;
