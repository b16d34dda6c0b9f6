import type { ActorPosition } from "./types.ts";

/**
 * Where the logs of recently used actors were last seen to end. Never trusted,
 * only tried: an old entry costs one refused append.
 *
 * Two generations instead of a strict order of use: when the young one is full
 * it becomes the old one, and the old one is dropped. (Deleting the first key of
 * a large Map at each turn was the dearest step of an append.)
 */
export class PositionCache {
  readonly #capacity: number;
  #young = new Map<string, ActorPosition>();
  #old = new Map<string, ActorPosition>();

  /** Keeps at least the last `capacity` positions set, at most twice as many. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The last position seen, if it is still kept. */
  get(actorId: string): ActorPosition | undefined {
    return this.#young.get(actorId) ?? this.#old.get(actorId);
  }

  /** Keeps a position in place of the one before. */
  set(position: ActorPosition): void {
    this.#young.set(position.actorId, position);
    if (this.#young.size <= this.#capacity) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  /** Forgets all. */
  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}
