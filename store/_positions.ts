import type { ActorPosition } from "./types.ts";

/**
 * Where the logs of recently used actors were last seen to end. Never trusted,
 * only tried: an old entry costs one refused append.
 */
export class PositionCache {
  readonly #positions = new Map<string, ActorPosition>();

  /** Keeps the most recently written, up to `capacity`. */
  constructor(readonly capacity: number) {}

  /** The last position seen, if it is still kept. */
  get(actorId: string): ActorPosition | undefined {
    return this.#positions.get(actorId);
  }

  /** Keeps a position in place of the one before. */
  set(position: ActorPosition): void {
    const { actorId } = position;
    const kept = this.#positions.get(actorId);
    if (kept !== undefined && (kept.trail[0] ?? 0) > (position.trail[0] ?? 0)) {
      return;
    }
    this.#positions.delete(actorId);
    this.#positions.set(actorId, position);
    if (this.#positions.size <= this.capacity) return;
    for (const oldest of this.#positions.keys()) {
      this.#positions.delete(oldest);
      return;
    }
  }
}
