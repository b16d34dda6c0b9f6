/** Counts what a call costs on the wire: its requests, and how many had to wait for an earlier answer. */
import type { Connection } from "../nats/mod.ts";

/** What was counted. */
export interface WireCount {
  readonly requests: number;
  /** Longest chain of requests of which each waited for an answer before it. */
  readonly roundTrips: number;
}

/** A connection that counts what is sent over it. */
export class CountingConnection {
  /** To be used in place of the connection it was made from. */
  readonly connection: Connection;
  #requests = 0;
  #roundTrips = 0;
  #answered = true;

  /** Wraps a connection that is open. */
  constructor(connection: Connection) {
    const publish: Connection["publish"] = (subject, payload, options) => {
      this.#requests++;
      if (this.#answered) this.#roundTrips++;
      this.#answered = false;
      connection.publish(subject, payload, options);
    };
    const subscribe: Connection["subscribe"] = (subject, options = {}) => {
      const { callback } = options;
      if (callback === undefined) return connection.subscribe(subject, options);
      return connection.subscribe(subject, {
        ...options,
        callback: (error, message) => {
          this.#answered = true;
          callback(error, message);
        },
      });
    };
    this.connection = Object.create(connection, {
      publish: { value: publish },
      subscribe: { value: subscribe },
    });
  }

  /** Counts what a call sends. */
  async count(call: () => Promise<unknown>): Promise<WireCount> {
    this.#requests = 0;
    this.#roundTrips = 0;
    this.#answered = true;
    await call();
    return { requests: this.#requests, roundTrips: this.#roundTrips };
  }
}
