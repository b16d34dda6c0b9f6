/**
 * The JetStream API as store and bus use it: one function a request, each written
 * out so that the README's permission list can be checked against this file.
 *
 * Two kinds of read: *leader* reads (`STREAM.MSG.GET`) are never stale; *direct*
 * reads (`DIRECT.GET`, ADR-31) are answered by any replica, cheaper and in
 * batches, and right after a write were seen to miss it in 2 to 12 % of cases on
 * three replicas. Source: {@link https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-31.md | ADR-31}.
 */
import { StoreUnavailableError, UnsupportedServerError } from "../event/mod.ts";
import type { Deadline } from "./deadline.ts";
import { repeatRead } from "./deadline.ts";
import { ApiCode, type ApiError, apiErrorOf, Fault } from "./fault.ts";
import type { HeaderRecord } from "./headers.ts";
import type { Link } from "./link.ts";
import { RawHeaders, Received } from "./message.ts";
import type { Msg } from "@nats-io/nats-core";

/** A message as it lies in a stream. */
export interface StoredMessage {
  readonly subject: string;
  readonly sequence: number;
  readonly headers: RawHeaders;
  readonly data: Uint8Array;
  /** Its body as text, where that is at hand. */
  readonly text?: string | undefined;
  /** When the server took it, milliseconds since 1970. */
  readonly at: number;
}

/** The answer to a publish. */
export type Ack =
  | {
    readonly ok: true;
    readonly sequence: number;
    readonly duplicate: boolean;
  }
  | { readonly ok: false; readonly error: ApiError };

/** What a direct batch brought. */
export interface BatchEnd {
  /** Matching messages behind the last one delivered. */
  readonly pending: number;
  /** How many were delivered. */
  readonly count: number;
}

/** The server's refusal of an API request. */
export class ApiRefusal extends Error {
  override readonly name = "ApiRefusal";
  constructor(readonly subject: string, readonly error: ApiError) {
    super(`${subject}: ${error.description} (${error.err_code})`);
  }
}

/** Requests to the JetStream API over one link. */
export class JetStreamApi {
  constructor(readonly link: Link, readonly prefix: string = "$JS.API") {}

  /** Publishes into a stream and waits for the answer, once. */
  async publish(
    subject: string,
    body: Uint8Array,
    headers: HeaderRecord | Uint8Array,
    deadline: Deadline,
    timeout: number,
  ): Promise<Ack> {
    const { signal } = deadline;
    const answer = parse(
      await this.link.request(subject, body, { headers, timeout, signal }),
      subject,
    );
    const error = apiErrorOf(answer);
    if (error !== undefined) return { ok: false, error };
    return {
      ok: true,
      sequence: Number(answer["seq"]),
      duplicate: answer["duplicate"] === true,
    };
  }

  /** The last message that matches a subject or filter, from the leader. */
  last(
    stream: string,
    subject: string,
    deadline: Deadline,
  ): Promise<StoredMessage | undefined> {
    return this.#leaderGet(stream, { last_by_subj: subject }, deadline);
  }

  /** The first message of a subject from a sequence on, from the leader. */
  next(
    stream: string,
    sequence: number,
    subject: string,
    deadline: Deadline,
  ): Promise<StoredMessage | undefined> {
    return this.#leaderGet(
      stream,
      { seq: sequence, next_by_subj: subject },
      deadline,
    );
  }

  /** The message at a sequence, from the leader. */
  at(
    stream: string,
    sequence: number,
    deadline: Deadline,
  ): Promise<StoredMessage | undefined> {
    return this.#leaderGet(stream, { seq: sequence }, deadline);
  }

  /** The message at a sequence, from any replica. */
  directAt(
    stream: string,
    sequence: number,
    deadline: Deadline,
  ): Promise<StoredMessage | undefined> {
    return this.#directGet(stream, { seq: sequence }, deadline);
  }

  /** The last message of a subject, from any replica. */
  directLast(
    stream: string,
    subject: string,
    deadline: Deadline,
  ): Promise<StoredMessage | undefined> {
    return this.#directGet(stream, { last_by_subj: subject }, deadline);
  }

  /**
   * Up to `batch` messages of a filter from a sequence on, from one replica,
   * handed over as they come. The chain of `Nats-Last-Sequence` shows a message
   * lost on the way: what came before it counts, the rest is dropped.
   */
  directBatch(
    stream: string,
    from: number,
    filter: string,
    limits: { readonly batch: number; readonly maxBytes?: number },
    deadline: Deadline,
    onMessage: (message: StoredMessage) => void,
  ): Promise<BatchEnd> {
    const subject = `${this.prefix}.DIRECT.GET.${stream}`;
    const { batch, maxBytes } = limits;
    return repeatRead(
      this.link,
      deadline,
      (timeout) =>
        new Promise<BatchEnd>((resolve, reject) => {
          let count = 0;
          let pending = 0;
          let previous = 0;
          const { signal } = deadline;
          const body = JSON.stringify({
            seq: from,
            next_by_subj: filter,
            batch,
            ...(maxBytes === undefined ? {} : { max_bytes: maxBytes }),
          });
          this.link.requestMany(subject, body, { timeout, signal }, (msg) => {
            const received = new Received(msg);
            const { headers } = received;
            if (headers.status === 0 || headers.isStored) {
              const message = new DirectMessage(received);
              if (message.previous === previous) {
                previous = message.sequence;
                pending = message.pending;
                count++;
                onMessage(message);
                return false;
              }
              resolve({ count, pending: Math.max(1, pending) });
              return true;
            }
            if (headers.status === 204) resolve({ count, pending });
            else if (headers.status === 404) resolve({ count: 0, pending: 0 });
            else reject(directRefusal(subject, headers));
            return true;
          }, (error) => {
            // What has been handed over cannot be taken back: end the page there.
            if (count > 0 && error instanceof Fault) {
              resolve({ count, pending: Math.max(1, pending) });
            } else reject(error);
          });
        }),
    );
  }

  /** A stream's information, or undefined where there is no such stream. */
  async streamInfo(
    stream: string,
    deadline: Deadline,
  ): Promise<Record<string, unknown> | undefined> {
    return await this.#call(`STREAM.INFO.${stream}`, "", deadline, [
      ApiCode.streamNotFound,
    ]);
  }

  /** Creates a stream; undefined where one of that name exists with another configuration. */
  async createStream(
    config: { readonly name: string },
    deadline: Deadline,
  ): Promise<Record<string, unknown> | undefined> {
    return await this.#call(
      `STREAM.CREATE.${config.name}`,
      JSON.stringify(config),
      deadline,
      [
        ApiCode.streamNameInUse,
      ],
    );
  }

  /** Deletes a stream; false where there is none. */
  async deleteStream(stream: string, deadline: Deadline): Promise<boolean> {
    const answer = await this.#call(`STREAM.DELETE.${stream}`, "", deadline, [
      ApiCode.streamNotFound,
    ]);
    return answer !== undefined;
  }

  /** Removes the messages of a filter from a stream. */
  async purgeStream(
    stream: string,
    filter: string,
    deadline: Deadline,
  ): Promise<void> {
    const body = JSON.stringify({ filter });
    await this.#call(`STREAM.PURGE.${stream}`, body, deadline, []);
  }

  /** Deletes a message, without writing over it; one that is gone already is fine. */
  async deleteMessage(
    stream: string,
    sequence: number,
    deadline: Deadline,
  ): Promise<void> {
    const body = JSON.stringify({ seq: sequence, no_erase: true });
    const answer = await this.#call(
      `STREAM.MSG.DELETE.${stream}`,
      body,
      deadline,
      [ApiCode.noSuchSequence, ApiCode.messageNotDeleted],
    );
    if (answer !== undefined) return;
    // Not deleted: as it is not there, or for another reason?
    if (await this.at(stream, sequence, deadline) === undefined) return;
    throw new ApiRefusal(`STREAM.MSG.DELETE.${stream}`, {
      code: 500,
      err_code: ApiCode.messageNotDeleted,
      description: "message could not be deleted",
    });
  }

  /** Creates an ephemeral consumer. */
  async createConsumer(
    stream: string,
    config: { readonly name: string; readonly filter_subject: string },
    deadline: Deadline,
  ): Promise<Record<string, unknown>> {
    const call =
      `CONSUMER.CREATE.${stream}.${config.name}.${config.filter_subject}`;
    const body = JSON.stringify({ stream_name: stream, config });
    return (await this.#call(call, body, deadline, []))!;
  }

  /**
   * Creates a consumer unless there is one of that name; undefined where there is
   * one with another configuration.
   */
  async ensureConsumer(
    stream: string,
    config: { readonly name: string; readonly filter_subject: string },
    deadline: Deadline,
  ): Promise<Record<string, unknown> | undefined> {
    const call =
      `CONSUMER.CREATE.${stream}.${config.name}.${config.filter_subject}`;
    const body = JSON.stringify({
      stream_name: stream,
      config,
      action: "create",
    });
    return await this.#call(call, body, deadline, [10148]);
  }

  /** A consumer's information, or undefined where there is no such consumer. */
  async consumerInfo(
    stream: string,
    name: string,
    deadline: Deadline,
  ): Promise<Record<string, unknown> | undefined> {
    return await this.#call(`CONSUMER.INFO.${stream}.${name}`, "", deadline, [
      10014,
    ]);
  }

  /** Deletes a consumer; one that is gone already is fine. */
  async deleteConsumer(
    stream: string,
    name: string,
    deadline: Deadline,
  ): Promise<void> {
    await this.#call(`CONSUMER.DELETE.${stream}.${name}`, "", deadline, [
      10014,
      10059,
    ]);
  }

  async #call(
    call: string,
    body: string,
    deadline: Deadline,
    absent: readonly number[],
  ): Promise<Record<string, unknown> | undefined> {
    const subject = `${this.prefix}.${call}`;
    return await repeatRead(this.link, deadline, async (timeout) => {
      const { signal } = deadline;
      const answer = parse(
        await this.link.request(subject, body, { timeout, signal }),
        subject,
      );
      const error = apiErrorOf(answer);
      if (error === undefined) return answer;
      if (absent.includes(error.err_code)) return undefined;
      if (isElecting(error)) throw new Fault("no_responders", subject, true);
      throw new ApiRefusal(subject, error);
    });
  }

  async #leaderGet(
    stream: string,
    request: Record<string, unknown>,
    deadline: Deadline,
  ): Promise<StoredMessage | undefined> {
    const answer = await this.#call(
      `STREAM.MSG.GET.${stream}`,
      JSON.stringify(request),
      deadline,
      [ApiCode.noMessage],
    );
    if (answer === undefined) return undefined;
    const message = answer["message"] as Record<string, string>;
    return {
      subject: message["subject"]!,
      sequence: Number(message["seq"]),
      headers: new RawHeaders(
        message["hdrs"] === undefined ? "" : atob(message["hdrs"]),
      ),
      data: message["data"] === undefined ? EMPTY : bytesOf(message["data"]),
      at: Date.parse(message["time"]!),
    };
  }

  async #directGet(
    stream: string,
    request: Record<string, unknown>,
    deadline: Deadline,
  ): Promise<StoredMessage | undefined> {
    const subject = `${this.prefix}.DIRECT.GET.${stream}`;
    const body = JSON.stringify(request);
    const msg = await repeatRead(
      this.link,
      deadline,
      (timeout) =>
        this.link.request(subject, body, { timeout, signal: deadline.signal }),
    );
    const received = new Received(msg);
    const { headers } = received;
    if (headers.status === 0 || headers.isStored) {
      return new DirectMessage(received);
    }
    if (headers.status === 404) return undefined;
    throw directRefusal(subject, headers);
  }
}

/**
 * Turns the server's refusal of an API request into the error a user catches.
 *
 * @param action The message's first words.
 */
export function refusalToError(error: unknown, action: string): unknown {
  if (!(error instanceof ApiRefusal)) return error;
  const { err_code, description } = error.error;
  const options = { cause: error, details: { errCode: err_code } };
  if (
    err_code === ApiCode.notEnabled || err_code === ApiCode.notEnabledForAccount
  ) {
    return new UnsupportedServerError(
      `${action} as JetStream is off: start nats-server with -js, or enable it for this account`,
      options,
    );
  }
  return new StoreUnavailableError(
    `${action} as the server refused: ${description} (${err_code})`,
    options,
  );
}

/** A message of a direct read; what it was stored at is read on demand. */
class DirectMessage implements StoredMessage {
  readonly subject: string;
  readonly sequence: number;
  /** Matching messages behind it. */
  readonly pending: number;
  /** The message of the same batch before it; 0 for the first. */
  readonly previous: number;
  readonly #received: Received;
  readonly #stamp: string;

  constructor(received: Received) {
    const { headers } = received;
    this.subject = headers.added("Nats-Subject");
    this.sequence = Number(headers.added("Nats-Sequence"));
    this.#stamp = headers.added("Nats-Time-Stamp");
    this.pending = Number(headers.added("Nats-Num-Pending"));
    this.previous = Number(headers.added("Nats-Last-Sequence"));
    this.#received = received;
  }

  get headers(): RawHeaders {
    return this.#received.headers;
  }

  get data(): Uint8Array {
    return this.#received.data;
  }

  get text(): string | undefined {
    return this.#received.text;
  }

  get at(): number {
    return Date.parse(this.#stamp);
  }
}

function directRefusal(subject: string, headers: RawHeaders): ApiRefusal {
  const status = headers.status;
  const line = headers.text.slice(0, headers.text.indexOf("\r\n"));
  return new ApiRefusal(subject, {
    code: status,
    err_code: status,
    description: line,
  });
}

// What is no answer of the server's is as good as none: reads are made again, and
// what became of a write is looked up.
function parse(msg: Msg, subject: string): Record<string, unknown> {
  let answer: unknown;
  let cause: unknown;
  try {
    answer = JSON.parse(utf8.decode(msg.data));
  } catch (error) {
    cause = error;
  }
  if (typeof answer === "object" && answer !== null) {
    return answer as Record<string, unknown>;
  }
  throw new Fault("timeout", subject, true, { cause });
}

// 10008: no leader for the stream, or for the account's metadata, just now.
function isElecting(error: ApiError): boolean {
  return error.code === 503 &&
    error.err_code !== ApiCode.notEnabled &&
    error.err_code !== ApiCode.notEnabledForAccount;
}

function bytesOf(base64: string): Uint8Array {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

const EMPTY = new Uint8Array(0);
const utf8 = new TextDecoder();
