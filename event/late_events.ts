import type { StoredEvent } from "./event.ts";

/**
 * Gives an object its `events`, which are read when somebody first asks for them:
 * most callers never do, and reading them costs more than storing them.
 *
 * The object stays a plain one, with a property of its own like any other, so that
 * it can be compared, copied and written as JSON. All such objects share one
 * getter: with one of its own, each would be of a shape of its own under V8, which
 * is dear to make and outlives the object.
 *
 * @param target What is given them.
 * @param read Reads them; called once at most.
 * @returns The same object.
 * @example Nothing is read before it is asked for
 * ```ts
 * import { withLateEvents } from "@flowmade/aether/event";
 * import assert from "node:assert/strict";
 * let reads = 0;
 * const answer = withLateEvents({ version: 3 }, () => {
 *   reads++;
 *   return [];
 * });
 * assert.equal(reads, 0);
 * assert.deepEqual(answer, { version: 3, events: [] });
 * assert.equal(answer.events, answer.events);
 * assert.equal(reads, 1);
 * ```
 */
export function withLateEvents<Target extends object>(
  target: Target,
  read: () => readonly StoredEvent[],
): Target & { readonly events: readonly StoredEvent[] } {
  new Late(target, read);
  return Object.defineProperty(target, "events", EVENTS) as
    & Target
    & { readonly events: readonly StoredEvent[] };
}

// What a constructor returns is what a heir's fields are put on: so they are
// private to this file, and nobody who looks at the object sees them.
class Given {
  constructor(target: object) {
    return target;
  }
}

class Late extends Given {
  #read: (() => readonly StoredEvent[]) | undefined;
  #events: readonly StoredEvent[] | undefined;

  constructor(target: object, read: () => readonly StoredEvent[]) {
    super(target);
    this.#read = read;
  }

  static eventsOf(target: Late): readonly StoredEvent[] {
    if (target.#read !== undefined) {
      target.#events = target.#read();
      target.#read = undefined;
    }
    return target.#events!;
  }
}

const EVENTS: PropertyDescriptor & ThisType<Late> = {
  enumerable: true,
  configurable: true,
  get() {
    return Late.eventsOf(this);
  },
};
