/**
 * Requests over a connection that say at once what became of them.
 *
 * The NATS client drops what is published while it is disconnected and lets
 * requests run to their full time-out, although the answer can no longer come. A
 * link watches the connection's status: it refuses to send while the connection
 * is down, and ends what is under way the moment it breaks, so that a writer can
 * start to look what became of its write.
 *
 * It has one inbox for all its requests and one timer for all their deadlines,
 * which measured faster than the client's request for each.
 */
import { createInbox, type Msg, type MsgHdrs } from "@nats-io/nats-core";
import { type CancelTimer, type Clock, systemClock } from "../event/mod.ts";
import type { Connection } from "./connection.ts";
import { Fault } from "./fault.ts";
import { encodeHeaders, type HeaderRecord } from "./headers.ts";
import { RawHeaders } from "./message.ts";

/** How a request is to be made. */
export interface RequestOptions {
  /** Headers; given as bytes they are sent as they are. */
  readonly headers?: HeaderRecord | Uint8Array;
  /** Milliseconds until it gives up; it may take 25 more, and between answers 50. */
  readonly timeout: number;
  /** Ends it early, rejecting with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** One answer of several. Returns true when it was the last. */
export type OnReply = (reply: Msg) => boolean;

interface Pending {
  readonly token: string;
  readonly subject: string;
  /** Takes an answer; undefined where there is only one, for `done`. */
  readonly onReply: OnReply | undefined;
  readonly done: (reply: Msg) => void;
  readonly fail: (error: unknown) => void;
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;
  deadline: number;
  /** Whether an answer has come since the last sweep; there are more to come. */
  heard: boolean;
}

/** A connection with requests that never hang. Closing it leaves the connection open. */
export class Link implements AsyncDisposable {
  /** The connection underneath. */
  readonly connection: Connection;
  #clock: Clock;
  #inbox: string;
  #pending = new Map<string, Pending>();
  #next = 0;
  #added = 0;
  #connected: boolean;
  #closed = false;
  #changes = new Set<() => void>();
  #stopStatus: () => void = () => {};
  #unsubscribe: () => void = () => {};
  #cancelSweep: CancelTimer | undefined;
  #lastSweep = 0;

  /** Wraps a connection that is open. */
  constructor(
    connection: Connection,
    options: { readonly clock?: Clock } = {},
  ) {
    this.connection = connection;
    this.#clock = options.clock ?? systemClock;
    this.#connected = !connection.isClosed();
    this.#inbox = this.newInbox();
    const subscription = connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, msg) => this.#receive(error, msg),
    });
    this.#unsubscribe = () => subscription.unsubscribe();
    this.#watch();
  }

  /** Whether the connection is up right now, as far as this process can know. */
  get connected(): boolean {
    return this.#connected && !this.#closed && !this.connection.isClosed();
  }

  /** Largest message, headers included, that the server takes. */
  get maxPayload(): number {
    return this.connection.info?.max_payload ?? 1_048_576;
  }

  /** Subject for answers that nobody else has, under the prefix this user may use. */
  newInbox(): string {
    return createInbox(inboxPrefixOf(this.connection));
  }

  /** Calls back at each change between up and down; returns how to stop that. */
  onChange(run: () => void): () => void {
    this.#changes.add(run);
    return () => this.#changes.delete(run);
  }

  /**
   * Waits until the connection is up.
   *
   * @throws {Fault} `disconnected` after `timeout` ms, `closed` when it is closed.
   */
  async ready(timeout: number, signal?: AbortSignal): Promise<void> {
    const until = this.#clock.monotonic() + timeout;
    while (!this.connected) {
      this.#assertOpen("ready");
      const left = until - this.#clock.monotonic();
      if (left <= 0) throw new Fault("disconnected", "", false);
      await this.#changed(left, signal);
    }
  }

  /**
   * Sends a request and waits for its one answer.
   *
   * @throws {Fault} saying what became of it.
   */
  request(
    subject: string,
    payload: Uint8Array | string,
    options: RequestOptions,
  ): Promise<Msg> {
    return new Promise((resolve, reject) => {
      this.#send(subject, payload, options, undefined, resolve, reject);
    });
  }

  /**
   * Sends a request that has several answers; the time-out is between two of them.
   *
   * @returns Gives the request up without a word.
   */
  requestMany(
    subject: string,
    payload: Uint8Array | string,
    options: RequestOptions,
    onReply: OnReply,
    fail: (error: unknown) => void,
  ): () => void {
    const pending = this.#send(
      subject,
      payload,
      options,
      onReply,
      () => {},
      fail,
    );
    return () => {
      if (pending !== undefined) this.#end(pending);
    };
  }

  /**
   * Publishes without waiting for anything.
   *
   * @throws {Fault} `closed` or `too_large`: nothing was sent.
   */
  publish(
    subject: string,
    payload: Uint8Array | string,
    headers?: HeaderRecord | Uint8Array,
    reply?: string,
  ): void {
    const options: { headers?: MsgHdrs; reply?: string } = {};
    if (reply !== undefined) options.reply = reply;
    if (headers !== undefined) options.headers = asClientHeaders(headers);
    try {
      this.connection.publish(subject, payload, options);
    } catch (cause) {
      throw publishFault(cause, subject);
    }
  }

  /** Ends every request that is under way; the connection stays open. */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#failAll("closed");
    this.#cancelSweep?.();
    this.#stopStatus();
    if (!this.connection.isClosed()) this.#unsubscribe();
    this.#notify();
    return Promise.resolve();
  }

  /** As {@link Link.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #receive(error: Error | null, msg: Msg): void {
    if (error !== null) {
      // The inbox itself is forbidden or gone: no answer can come any more.
      const kind = error.name === "PermissionViolationError"
        ? "permission"
        : "closed";
      this.#failAll(kind, `${this.#inbox}.*`, error);
      return;
    }
    const token = msg.subject.slice(this.#inbox.length + 1);
    const pending = this.#pending.get(token);
    if (pending === undefined) return; // given up already
    if (msg.data.length === 0 && isNoResponders(RawHeaders.of(msg))) {
      this.#fail(pending, new Fault("no_responders", pending.subject, false));
      return;
    }
    const { onReply } = pending;
    if (onReply === undefined) {
      if (this.#end(pending)) pending.done(msg);
      return;
    }
    // The sweep moves the deadline: to ask for the time at each answer is dear.
    pending.heard = true;
    try {
      if (onReply(msg)) this.#end(pending);
    } catch (thrown) {
      this.#fail(pending, thrown);
    }
  }

  #send(
    subject: string,
    payload: Uint8Array | string,
    options: RequestOptions,
    onReply: OnReply | undefined,
    done: (reply: Msg) => void,
    fail: (error: unknown) => void,
  ): Pending | undefined {
    const { headers, signal, timeout } = options;
    if (signal?.aborted) {
      fail(signal.reason);
      return undefined;
    }
    if (!this.connected) {
      const closed = this.#closed || this.connection.isClosed();
      fail(new Fault(closed ? "closed" : "disconnected", subject, false));
      return undefined;
    }
    const token = (this.#next++).toString(36);
    const deadline = this.#clock.monotonic() + timeout;
    const pending: Pending = {
      token,
      subject,
      onReply,
      done,
      fail,
      timeout,
      signal,
      onAbort: undefined,
      deadline,
      heard: false,
    };
    if (signal !== undefined) {
      pending.onAbort = () => this.#fail(pending, signal.reason);
      signal.addEventListener("abort", pending.onAbort, { once: true });
    }
    this.#keep(pending);
    this.#armSweep();
    try {
      this.publish(subject, payload, headers, `${this.#inbox}.${token}`);
    } catch (cause) {
      this.#fail(pending, publishFault(cause, subject));
    }
    return pending;
  }

  // V8 chains each table that a map has outgrown to the next one; once one of them
  // is old, all that ever comes into the map, answers and all, grows old with it
  // instead of being collected young. So the map is made anew now and then.
  #keep(pending: Pending): void {
    if (++this.#added > Math.max(RENEW_AFTER, this.#pending.size)) {
      this.#pending = new Map(this.#pending);
      this.#added = 0;
    }
    this.#pending.set(pending.token, pending);
  }

  /** Ends a request, once; false if it has ended already. */
  #end({ onAbort, signal, token }: Pending): boolean {
    if (!this.#pending.delete(token)) return false;
    if (onAbort !== undefined) signal!.removeEventListener("abort", onAbort);
    return true;
  }

  #fail(pending: Pending, error: unknown): void {
    if (this.#end(pending)) pending.fail(error);
  }

  #watch(): void {
    const status = this.connection.status();
    this.#stopStatus = () => (status as unknown as { stop(): void }).stop();
    (async () => {
      for await (const event of status) {
        switch (event.type) {
          case "disconnect":
          case "staleConnection":
          case "forceReconnect":
            this.#connected = false;
            this.#failAll("disconnected");
            this.#notify();
            break;
          case "reconnect":
            this.#connected = true;
            this.#notify();
            break;
          case "error":
            this.#onServerError(event.error);
            break;
          case "close":
            this.#connected = false;
            this.#failAll("closed");
            this.#notify();
        }
      }
    })().catch(() => {});
  }

  #onServerError(
    error: Error & { operation?: string; subject?: string },
  ): void {
    if (
      error.name !== "PermissionViolationError" || error.operation !== "publish"
    ) return;
    for (const pending of [...this.#pending.values()]) {
      if (pending.subject !== error.subject) continue;
      this.#fail(
        pending,
        new Fault("permission", pending.subject, false, { cause: error }),
      );
    }
  }

  #failAll(
    kind: "closed" | "disconnected" | "permission",
    subject?: string,
    cause?: Error,
  ): void {
    for (const pending of [...this.#pending.values()]) {
      this.#fail(
        pending,
        new Fault(kind, subject ?? pending.subject, true, { cause }),
      );
    }
  }

  #assertOpen(subject: string): void {
    if (this.#closed || this.connection.isClosed()) {
      throw new Fault("closed", subject, false);
    }
  }

  #notify(): void {
    for (const run of [...this.#changes]) run();
  }

  #changed(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (settle: () => void) => () => {
        cancel();
        stop();
        signal?.removeEventListener("abort", onAbort);
        settle();
      };
      const onAbort = done(() => reject(signal!.reason));
      const cancel = this.#clock.timer(ms, done(resolve));
      const stop = this.onChange(done(resolve));
      if (signal?.aborted) onAbort();
      else signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  #armSweep(): void {
    if (this.#cancelSweep !== undefined) return;
    this.#lastSweep = this.#clock.monotonic();
    const sweep = () => {
      const now = this.#clock.monotonic();
      // After a stall the answers may wait in the socket's buffer, behind this
      // timer: they get one more round to be read.
      const stalled = now - this.#lastSweep > 10 * SWEEP;
      this.#lastSweep = now;
      if (!stalled) {
        for (const pending of [...this.#pending.values()]) {
          if (pending.heard) {
            pending.heard = false;
            pending.deadline = now + pending.timeout;
          } else if (pending.deadline <= now) {
            this.#fail(pending, new Fault("timeout", pending.subject, true));
          }
        }
      }
      this.#cancelSweep = this.#pending.size === 0 || this.#closed
        ? undefined
        : this.#clock.timer(SWEEP, sweep);
    };
    this.#cancelSweep = this.#clock.timer(SWEEP, sweep);
  }
}

const SWEEP = 25;
const RENEW_AFTER = 1_024;

// What lies in a stream may look like it.
function isNoResponders(headers: RawHeaders): boolean {
  return headers.status === 503 && !headers.isStored;
}

function publishFault(cause: unknown, subject: string): unknown {
  const name = (cause as Error).name;
  if (name === "InvalidArgumentError") {
    return new Fault("too_large", subject, false, { cause });
  }
  if (name === "ClosedConnectionError" || name === "DrainingConnectionError") {
    return new Fault("closed", subject, false, { cause });
  }
  return cause;
}

// The client asks headers for nothing but their bytes when it publishes.
function asClientHeaders(headers: HeaderRecord | Uint8Array): MsgHdrs {
  const bytes = headers instanceof Uint8Array
    ? headers
    : encodeHeaders(headers);
  return { encode: () => bytes } as unknown as MsgHdrs;
}

function inboxPrefixOf(connection: Connection): string | undefined {
  return (connection as { options?: { inboxPrefix?: string } }).options
    ?.inboxPrefix;
}
