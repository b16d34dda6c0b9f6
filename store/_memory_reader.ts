/**
 * Reads the log of a namespace in this process: where an actor's log ends, its
 * commits and events, those of many actors; checked to follow each other.
 */
import {
  type ActorAddress,
  CorruptLogError,
  type EventCodec,
  parseActorId,
  parseEventSubject,
  type StoredEvent,
  TRAIL_LENGTH,
} from "../event/mod.ts";
import type { StoredMessage } from "./_api.ts";
import { decodeCommit } from "./_commit.ts";
import type { ActorLog, LogContent } from "./_memory_log.ts";
import type { ReadPlan } from "./_rules.ts";
import type {
  ActorCommit,
  ActorPosition,
  CommitsOptions,
  StoredCommit,
} from "./types.ts";

/** A reader of one log. */
export class MemoryReader {
  readonly #log: LogContent;
  readonly #codec: EventCodec;

  /** Reads a log with the codec it was written with. */
  constructor(log: LogContent, codec: EventCodec) {
    this.#log = log;
    this.#codec = codec;
  }

  /** Where an actor's log ends. */
  tail(address: ActorAddress): ActorPosition {
    const actor = this.#log.actors.get(address.id);
    if (actor === undefined) {
      return { actorId: address.id, version: 0, trail: [] };
    }
    const trail = actor.sequences.slice(-1 - TRAIL_LENGTH).reverse();
    const version = this.#versionBehind(actor, actor.sequences.length - 1);
    const { generation } = this.commitAt(trail[0]!);
    return {
      actorId: address.id,
      version,
      trail,
      ...(generation === undefined ? {} : { generation }),
    };
  }

  /** The version behind a message of an actor; read from it where it is not sure. */
  #versionBehind(actor: ActorLog, index: number): number {
    const sequence = actor.sequences[index]!;
    if (actor.unsure.has(sequence)) {
      actor.versions[index] = this.commitAt(sequence).version;
      actor.unsure.delete(sequence);
    }
    return actor.versions[index]!;
  }

  /** The commit at a sequence. */
  commitAt(sequence: number): StoredCommit {
    return this.decode(this.#log.at(sequence)!);
  }

  /** Reads a message back. */
  decode(message: StoredMessage): StoredCommit {
    const { trail: _trail, ...commit } = decodeCommit(
      this.#codec,
      this.#log.subjects,
      message,
    );
    return commit;
  }

  /** The commits behind a base up to the end, checked to follow each other. */
  commitsBehind(
    address: ActorAddress,
    base: { readonly version: number; readonly sequence: number },
    tail: ActorPosition,
  ): StoredCommit[] {
    const last = tail.trail[0] ?? 0;
    if (last < base.sequence) {
      throw new CorruptLogError(
        `Cannot load "${address.id}" as its log ends at sequence ${last}, before ` +
          `sequence ${base.sequence} that was seen already: the stream is another one`,
        { details: { actorId: address.id, sequence: base.sequence } },
      );
    }
    const sequences = this.#log.actors.get(address.id)?.sequences ?? [];
    let version = base.version;
    return sequences.slice(firstAbove(sequences, base.sequence)).map(
      (sequence) => {
        const commit = this.commitAt(sequence);
        if (commit.version !== version + commit.events.length) {
          throw missing(address, version + 1);
        }
        version = commit.version;
        return commit;
      },
    );
  }

  /** An actor's commits, newest first, checked to follow each other. */
  *commitsBack(
    actorId: string,
    sequences: readonly number[],
  ): Generator<StoredCommit> {
    let version: number | undefined;
    for (let i = sequences.length - 1; i >= 0; i--) {
      const commit = this.commitAt(sequences[i]!);
      version ??= commit.version;
      if (commit.version !== version) {
        throw missing(parseActorId(actorId), version);
      }
      version -= commit.events.length;
      yield commit;
    }
    if (version !== undefined && version > 0) {
      throw missing(parseActorId(actorId), version);
    }
  }

  /** One actor's events; where they end is fixed by the call. */
  eventsOf(plan: ReadPlan): Iterable<StoredEvent> {
    const actor = this.#log.actors.get(plan.address!.id);
    if (actor === undefined) return [];
    const end = actor.sequences.length;
    const fixed = {
      ...actor,
      end,
      last: () => this.#versionBehind(actor, end - 1),
    };
    return plan.backward
      ? this.#backward(plan, fixed)
      : this.#forward(plan, fixed);
  }

  *#forward(plan: ReadPlan, actor: FixedLog): Generator<StoredEvent> {
    const last = actor.last();
    const from = Math.max(1, plan.from);
    const to = Math.min(plan.to, last);
    let left = plan.limit;
    let version = from - 1;
    const first = firstAbove(actor.versions, version);
    // To the end of the log, so that what follows the last event is checked too.
    const done = () => left <= 0 || from > to || (version >= to && to < last);
    for (let i = first; i < actor.end && !done(); i++) {
      const commit = this.commitAt(actor.sequences[i]!);
      const base = commit.version - commit.events.length;
      if (i === first ? base > version : base !== version) {
        throw missing(actor.address, version + 1);
      }
      for (const event of commit.events) {
        if (event.version < from || event.version > to) continue;
        if (left-- <= 0) return;
        yield event;
      }
      version = commit.version;
    }
    if (!done() && version < to) throw missing(actor.address, version + 1);
  }

  *#backward(plan: ReadPlan, actor: FixedLog): Generator<StoredEvent> {
    const last = actor.last();
    const from = Math.max(1, plan.from);
    const to = Math.min(plan.to, last);
    let left = plan.limit;
    let version = to;
    const first = to < last
      ? Math.min(firstAbove(actor.versions, to - 1), actor.end - 1)
      : actor.end - 1;
    const done = () => left <= 0 || version < from;
    for (let i = first; i >= 0 && !done(); i--) {
      const commit = this.commitAt(actor.sequences[i]!);
      const base = commit.version - commit.events.length;
      const inside = i === first && to < last && base < to &&
        to <= commit.version;
      if (commit.version !== version && !inside) {
        throw missing(actor.address, version);
      }
      for (const event of commit.events.toReversed()) {
        if (event.version < from || event.version > to) continue;
        if (left-- <= 0) return;
        yield event;
      }
      version = base;
    }
    if (!done()) throw missing(actor.address, version);
  }

  /** The events of a type or of the namespace; where they end is fixed by the call. */
  eventsOfMany(plan: ReadPlan): Iterable<StoredEvent> {
    const { messages, types } = this.#log;
    const from = Math.max(1, plan.from);
    const to = Math.min(plan.to, messages.length);
    if (plan.type === undefined) {
      return this.#scan(plan, from, to, (place) => place);
    }
    const sequences = types.get(plan.type) ?? [];
    const first = firstAbove(sequences, from - 1);
    const last = firstAbove(sequences, to) - 1;
    return this.#scan(plan, first, last, (place) => sequences[place]!);
  }

  *#scan(
    plan: ReadPlan,
    first: number,
    last: number,
    sequenceAt: (place: number) => number,
  ): Generator<StoredEvent> {
    let left = plan.limit;
    for (let n = 0; n <= last - first && left > 0; n++) {
      const place = plan.backward ? last - n : first + n;
      const message = this.#log.at(sequenceAt(place));
      if (message === undefined) continue;
      const { events } = this.decode(message);
      for (const event of plan.backward ? events.toReversed() : events) {
        if (left-- <= 0) return;
        yield event;
      }
    }
  }

  /** The commits of actors of a type or a shard, but for what cannot be read. */
  *commitsOf({ from, shard, type }: CommitsOptions): Generator<ActorCommit> {
    const { messages } = this.#log;
    const last = messages.length;
    for (let sequence = Math.max(1, from); sequence <= last; sequence++) {
      const message = this.#log.at(sequence);
      if (message === undefined) continue;
      const { address } = parseEventSubject(message.subject);
      if (shard !== undefined && address.shard !== shard) continue;
      if (type !== undefined && address.type !== type) continue;
      let commit: StoredCommit;
      try {
        commit = this.decode(message);
      } catch {
        continue; // its own actor tells
      }
      yield { ...commit, actorId: address.id };
    }
  }
}

/** An actor's log as far as a reading goes. */
interface FixedLog extends ActorLog {
  /** How many of its messages count. */
  readonly end: number;
  /** The actor's version behind the last of them. */
  readonly last: () => number;
}

/** Index of the first number above a bound, in rising numbers; their count if none. */
export function firstAbove(rising: readonly number[], bound: number): number {
  let low = 0;
  let high = rising.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rising[middle]! > bound) high = middle;
    else low = middle + 1;
  }
  return low;
}

function missing(address: ActorAddress, version: number): CorruptLogError {
  return new CorruptLogError(
    `Cannot read "${address.id}" as version ${version} is missing from its log`,
    { details: { actorId: address.id, version } },
  );
}
