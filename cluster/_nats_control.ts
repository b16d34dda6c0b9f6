/** The control log in a bucket's stream. */
import type { Clock } from "../event/mod.ts";
import {
  ApiCode,
  Deadline,
  Fault,
  type JetStreamApi,
  RawHeaders,
  type StoredMessage,
} from "../nats/mod.ts";
import type { Bucket } from "./_bucket.ts";
import type {
  ControlAnswer,
  ControlLog,
  ControlMessage,
  ControlWrite,
} from "./ports.ts";

/** The control log in a bucket's stream. */
export class NatsControlLog implements ControlLog {
  readonly #api: JetStreamApi;
  readonly #bucket: Bucket;
  readonly #clock: Clock;

  constructor(api: JetStreamApi, bucket: Bucket, clock: Clock) {
    this.#api = api;
    this.#bucket = bucket;
    this.#clock = clock;
  }

  async publish(write: ControlWrite, timeout: number): Promise<ControlAnswer> {
    const { body, boundary, expected, key, removes, ttl } = write;
    const subject = this.#bucket.prefix + key;
    const headers = {
      "Nats-Expected-Last-Subject-Sequence": String(expected),
      // With the key itself as boundary the header says nothing more.
      "Nats-Expected-Last-Subject-Sequence-Subject": boundary === key
        ? undefined
        : this.#bucket.prefix + boundary,
      "Nats-TTL": ttl === undefined ? undefined : `${Math.ceil(ttl / 1_000)}s`,
      "KV-Operation": removes ? "DEL" : undefined,
    };
    const ack = await this.#api.publish(
      subject,
      utf8.encode(body),
      headers,
      this.#deadline(timeout),
      timeout,
    );
    if (ack.ok) return { kind: "stored", sequence: ack.sequence };
    const { code, err_code } = ack.error;
    if (
      err_code === ApiCode.wrongLastSequence ||
      err_code === ApiCode.wrongLastSequenceInFlight
    ) return { kind: "refused" };
    // No leader just now, or no room: nothing is known, and it may be tried again.
    throw new Fault(code === 503 ? "no_responders" : "timeout", subject, true, {
      cause: ack.error,
    });
  }

  async last(
    filter: string,
    timeout: number,
  ): Promise<ControlMessage | undefined> {
    const { prefix, stream } = this.#bucket;
    return this.#message(
      await this.#api.last(stream, prefix + filter, this.#deadline(timeout)),
    );
  }

  async next(
    from: number,
    filter: string,
    timeout: number,
  ): Promise<ControlMessage | undefined> {
    const { prefix, stream } = this.#bucket;
    const deadline = this.#deadline(timeout);
    return this.#message(
      await this.#api.next(stream, from, prefix + filter, deadline),
    );
  }

  watch(
    filter: string,
    onMessage: (message: ControlMessage) => void,
  ): () => void {
    const { connection } = this.#api.link;
    const { mirror } = this.#bucket;
    const subscription = connection.subscribe(mirror + filter, {
      callback: (error, msg) => {
        if (error !== null) return;
        const headers = RawHeaders.of(msg);
        // What the server says itself stands last.
        const sequence = Number(headers.added("Nats-Sequence"));
        if (!(sequence > 0)) return;
        onMessage({
          key: msg.subject.slice(mirror.length),
          sequence,
          body: utf8Decoder.decode(msg.data),
          at: Date.parse(headers.added("Nats-Time-Stamp")),
        });
      },
    });
    return () => {
      if (!connection.isClosed()) subscription.unsubscribe();
    };
  }

  #deadline(timeout: number): Deadline {
    return new Deadline(this.#clock, timeout);
  }

  #message(found: StoredMessage | undefined): ControlMessage | undefined {
    if (found === undefined) return undefined;
    return {
      key: found.subject.slice(this.#bucket.prefix.length),
      sequence: found.sequence,
      body: utf8Decoder.decode(found.data),
    };
  }
}

const utf8 = new TextEncoder();
const utf8Decoder = new TextDecoder();
