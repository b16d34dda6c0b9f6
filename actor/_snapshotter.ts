import type { ActorSnapshot, Clock } from "../event/mod.ts";
import type { Replica } from "./_replica.ts";

/** What saves snapshots. */
export interface SnapshotSink {
  /** Where time comes from. */
  readonly clock: Clock;
  /** Saves a snapshot; resolves to whether it makes sense to try another. */
  saveSnapshot(snapshot: ActorSnapshot): Promise<boolean>;
}

/**
 * When an actor's snapshots are written: every n events, one at a time, never in
 * the way of a reply. One that carries many remembered commands is large: then
 * at most one a second.
 */
export class Snapshotter {
  /** The version of the last one. */
  version = 0;
  readonly #every: number;
  readonly #sink: SnapshotSink;
  #at = -Infinity;
  #busy = false;
  #wanted = true;

  /** Writes one every `every` events. */
  constructor(every: number, sink: SnapshotSink) {
    this.#every = every;
    this.#sink = sink;
  }

  /** Writes one if it is time. */
  onCommit(replica: Replica): void {
    if (replica.version - this.version < this.#every) return;
    const many = replica.memory.size > MANY_COMMANDS;
    if (many && this.#sink.clock.monotonic() - this.#at < 1_000) return;
    this.save(replica);
  }

  /** Writes one if there is anything new. */
  async save(replica: Replica): Promise<void> {
    if (this.#busy || !this.#wanted || replica.version <= this.version) return;
    this.#busy = true;
    // Also when it fails: the next try is another n events away.
    this.version = replica.version;
    this.#at = this.#sink.clock.monotonic();
    const snapshot = replica.snapshot(this.#sink.clock.now());
    this.#wanted = await this.#sink.saveSnapshot(snapshot);
    this.#busy = false;
  }
}

const MANY_COMMANDS = 256;
