/**
 * Core NATS subscriptions shared by the live subscriptions of one bus: what many
 * of them want arrives once, is taken apart once, and each gets a copy of its own.
 */
import type { Msg, Subscription } from "@nats-io/nats-core";
import { type Connection, Received } from "../nats/mod.ts";
import type { BusEvent } from "./types.ts";

/** A message that has arrived, for all who want it. */
export class Arrival extends Received {
  /** Its place in its namespace's log, as soon as that is known; 0 for a notice. */
  sequence = 0;
  #decoded: readonly BusEvent[] | undefined;
  #problem: unknown;
  #sharers: number;

  constructor(msg: Msg, sharers: number) {
    super(msg);
    this.#sharers = sharers;
  }

  /**
   * The events it holds, the caller's own.
   *
   * @param decode Does it, the first time.
   * @throws What decoding throws.
   */
  events(decode: (arrival: Arrival) => BusEvent[]): BusEvent[] {
    // A lone listener needs no copy.
    if (this.#sharers === 1) return decode(this);
    if (this.#decoded === undefined) {
      if (this.#problem !== undefined) throw this.#problem;
      try {
        this.#decoded = decode(this);
      } catch (error) {
        this.#problem = error;
        throw error;
      }
    }
    return this.#decoded.map(copyOf);
  }
}

/** Who listens to a subject. */
export interface Listener {
  take(arrival: Arrival): void;
  fail(error: Error): void;
}

interface Shared {
  readonly subscription: Subscription;
  readonly listeners: Set<Listener>;
}

/** The subscriptions of one connection, by subject. */
export class CoreHub {
  readonly #connection: Connection;
  readonly #shared = new Map<string, Shared>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Listens to a subject; returns how to stop that.
   *
   * @throws Where the connection is closed.
   */
  listen(subject: string, listener: Listener): () => void {
    const shared = this.#shared.get(subject) ?? this.#open(subject);
    shared.listeners.add(listener);
    return () => {
      if (!shared.listeners.delete(listener) || shared.listeners.size > 0) {
        return;
      }
      if (this.#shared.get(subject) === shared) this.#shared.delete(subject);
      if (!this.#connection.isClosed()) shared.subscription.unsubscribe();
    };
  }

  #open(subject: string): Shared {
    const listeners = new Set<Listener>();
    const subscription = this.#connection.subscribe(subject, {
      callback: (error, msg) => {
        if (error === null) {
          const arrival = new Arrival(msg, listeners.size);
          for (const listener of listeners) listener.take(arrival);
          return;
        }
        if (this.#shared.get(subject) === shared) this.#shared.delete(subject);
        for (const listener of [...listeners]) listener.fail(error);
      },
    });
    const shared = { subscription, listeners };
    this.#shared.set(subject, shared);
    return shared;
  }
}

function copyOf(event: BusEvent): BusEvent {
  const copy = {
    ...event,
    data: copyOfJson(event.data),
    timestamp: new Date(event.timestamp),
  };
  return event.metadata === undefined
    ? copy
    : { ...copy, metadata: { ...event.metadata } };
}

// A payload is exactly what JSON can hold: this is all there is to copy.
function copyOfJson(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOfJson);
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    copy[key] = copyOfJson((value as Record<string, unknown>)[key]);
  }
  return copy;
}
