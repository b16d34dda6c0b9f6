/**
 * A place in a line of those of whom one is to be active: what a durable
 * subscription in mode `"single"` sits on, for whoever else has to be the only one.
 */
import type { AetherError } from "../event/mod.ts";

/** A place in a line: the active one, or one that waits. */
export interface Seat {
  /** Resolves when it is in line. */
  readonly ready: Promise<void>;
  /** Grows each time it becomes the active one; 0 while it is not. */
  readonly term: number;
  /** What ended it, where it was not closed. */
  readonly failure: unknown;
  /** Leaves, and lets another one be active. */
  close(): Promise<void>;
}

/** How a seat is to be taken. */
export interface SeatOptions {
  /**
   * Milliseconds after which others may take over from an active one that gives
   * no sign; 5,000 by default.
   */
  readonly lease?: number;
  /** Called with each change of the seat. */
  readonly onChange: () => void;
  /** Called with what went wrong and did not end it. */
  readonly onError?: (error: AetherError) => void;
}

/** Where seats are taken. */
export interface Seats {
  /**
   * Takes a seat in a line of a namespace, under the name of a durable that nobody
   * subscribes to. Who is active is a matter of liveness: a late one may believe
   * that it still is, so what must not be done twice is fenced where it is written.
   *
   * @throws {InvalidArgumentError} `invalid_argument`: not the name of a durable.
   * @throws {ClosedError} `closed`: the bus is closed.
   */
  seat(namespace: string, durable: string, options: SeatOptions): Seat;
}
