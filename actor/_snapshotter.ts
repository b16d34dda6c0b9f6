import { type ActorSnapshot, type Clock, TRAIL_LENGTH } from "../event/mod.ts";
import type { LoadedFrom, Replica } from "./_replica.ts";

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
 *
 * Commits without events count as well. Rejections of durable commands are kept in
 * such, and an actor that only rejects would have all of them to read each time it
 * is loaded.
 */
export class Snapshotter {
  readonly #every: number;
  readonly #sink: SnapshotSink;
  /** The version of the last one. */
  #version = 0;
  /** Commits behind the last one. */
  #commits = 0;
  #at = -Infinity;
  #busy = false;
  #wanted = true;

  /** Writes one every `every` events. */
  constructor(every: number, sink: SnapshotSink) {
    this.#every = every;
    this.#sink = sink;
  }

  /** The actor was loaded from a snapshot of a version, and so many commits. */
  onLoad({ commits, snapshot }: LoadedFrom): void {
    this.#version = snapshot;
    this.#commits = commits;
  }

  /** Writes one if it is time. */
  onCommit(replica: Replica): void {
    this.#commits++;
    const events = replica.version - this.#version;
    if (Math.max(events, this.#commits) < this.#every) return;
    const many = replica.memory.size > MANY_COMMANDS;
    if (many && this.#sink.clock.monotonic() - this.#at < 1_000) return;
    this.save(replica);
  }

  /** Writes one if there is anything new, or more to read than one step of a trail. */
  async save(replica: Replica): Promise<void> {
    const isBehind = replica.version > this.#version ||
      this.#commits >= TRAIL_LENGTH;
    if (this.#busy || !this.#wanted || !isBehind) return;
    this.#busy = true;
    // Also when it fails: the next try is another n events away.
    this.#version = replica.version;
    this.#commits = 0;
    this.#at = this.#sink.clock.monotonic();
    const snapshot = replica.snapshot(this.#sink.clock.now());
    this.#wanted = await this.#sink.saveSnapshot(snapshot);
    this.#busy = false;
  }
}

const MANY_COMMANDS = 256;
