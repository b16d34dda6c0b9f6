/** The actors that writes go to, and whose turn it is. */

/** How many there are. */
export const ACTORS = 256;

/** The key of one of them. */
export function actorKey(actor: number): string {
  return String(actor).padStart(4, "0");
}

/** The id of one of them. */
export function actorId(actor: number): string {
  return `order-${actorKey(actor)}`;
}

/** Gives each worker actors of its own, one after the other. */
export class Turns {
  readonly #next: number[] = [];

  /** The actor a worker turns to next; no two of `inFlight` workers ever share one. */
  next(worker: number, inFlight: number): number {
    const next = this.#next[worker] ?? worker;
    // Left over from another number in flight, it may be somebody else's.
    const actor = next % inFlight === worker ? next : worker;
    this.#next[worker] = actor + inFlight < ACTORS ? actor + inFlight : worker;
    return actor;
  }
}
