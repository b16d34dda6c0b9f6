/**
 * Commands that are stored in one message: decided one after another, each on
 * the state behind the one before it, which nobody else sees until the message
 * is stored. Each keeps its own answer.
 */
import {
  type CommandRecord,
  type Effect,
  effectBytes,
  type NewEvent,
  type StoredEvent,
  type Timer,
  timersBehind,
  ulid,
  withLateEvents,
} from "../event/mod.ts";
import type { ActorPosition, AppendResult } from "../store/mod.ts";
import type { Job } from "./_job.ts";
import { jsonSize } from "./_json.ts";

/** What became of one command when it was decided. */
export interface Outcome {
  /** Its events; none for a rejection or where there is nothing to do. */
  readonly events: readonly NewEvent[];
  /** The state behind it. */
  readonly state: unknown;
  /** What it promises beside its events. */
  readonly effects?: readonly Effect[];
  /** What is kept of it with the commit; undefined where nothing is. */
  readonly record?: CommandRecord;
  /** What its caller is refused with, where it is. */
  readonly error?: unknown;
}

/** The answer to a command. */
export interface CommandAnswer {
  /** The actor's version behind the command. */
  readonly version: number;
  /** Its events, as stored. */
  readonly events: readonly StoredEvent[];
}

/** Commands decided and not stored yet. */
export class Group {
  /** Id of the commit. */
  readonly commitId: string = ulid();
  /** The timers that are live behind the last of them. */
  timers: ReadonlyMap<string, Timer> | undefined;
  /** What they promise beside their events, in order. */
  effects: readonly Effect[] = NONE;
  /** The state behind the last of them. */
  state: unknown;
  /** The version behind the last of them. */
  version: number;
  /** Whose outcomes they are, in order. */
  readonly jobs: Job[] = [];
  readonly #outcomes: Outcome[] = [];
  #bytes = 0;
  #headerBytes = 0;
  #measured = 0;
  #hasUnheardOf = false;

  /** Begins on the state as it is stored at a position of the log. */
  constructor(
    state: unknown,
    version: number,
    readonly behind: ActorPosition,
    timers?: ReadonlyMap<string, Timer>,
  ) {
    this.state = state;
    this.version = version;
    this.timers = timers;
  }

  /** How many commands it holds. */
  get size(): number {
    return this.jobs.length;
  }

  /** The events of all, in order. */
  get events(): readonly NewEvent[] {
    return this.#outcomes.length === 1
      ? this.#outcomes[0]!.events
      : this.#outcomes.flatMap(({ events }) => events);
  }

  /** What is to be kept of the commands, in order. */
  get records(): CommandRecord[] {
    const records: CommandRecord[] = [];
    for (const { record } of this.#outcomes) {
      if (record !== undefined) records.push(record);
    }
    return records;
  }

  /** The command of that id, if it is one of those that are in no map. */
  findUnheardOf(commandId: string): Job | undefined {
    if (!this.#hasUnheardOf) return undefined;
    return this.jobs.find(({ call }) => call.commandId === commandId);
  }

  /** Whether a command's own effect is in the message. */
  keeps(index: number): boolean {
    return this.#outcomes[index]!.record !== undefined;
  }

  /** About how many bytes its message takes; measured only when asked. */
  get bytes(): number {
    while (this.#measured < this.#outcomes.length) {
      const outcome = this.#outcomes[this.#measured++]!;
      for (const event of outcome.events) this.#bytes += bytesOf(event);
      this.#headerBytes += headersOf(outcome);
    }
    return this.#bytes;
  }

  /**
   * Takes one more, if the message stays within so many bytes.
   *
   * @returns Whether it did.
   */
  add(job: Job, outcome: Outcome, most: number): boolean {
    if (this.size > 0 && !this.#fits(outcome, most)) return false;
    this.jobs.push(job);
    this.#hasUnheardOf ||= job.isUnheardOf;
    this.#outcomes.push(outcome);
    this.state = outcome.state;
    this.version += outcome.events.length;
    const { effects = NONE } = outcome;
    if (effects.length > 0) {
      const { commitId, effects: before, timers } = this;
      this.timers = timersBehind(timers, effects, commitId, before.length);
      this.effects = [...before, ...effects];
    }
    return true;
  }

  /** Tells everybody what became of it, now that the message is stored. */
  answer(stored: AppendResult): void {
    let version = this.version;
    for (const { events } of this.#outcomes) version -= events.length;
    let from = 0;
    for (let i = 0; i < this.jobs.length; i++) {
      const job = this.jobs[i]!;
      const { error, events } = this.#outcomes[i]!;
      version += events.length;
      if (error !== undefined) job.fail(error);
      else job.succeed(answerOf(stored, version, from, events.length));
      from += events.length;
    }
  }

  #fits(outcome: Outcome, most: number): boolean {
    let { bytes } = this;
    for (const event of outcome.events) bytes += bytesOf(event);
    const headerBytes = this.#headerBytes + headersOf(outcome);
    if (bytes > most || headerBytes > MOST_HEADER_BYTES) return false;
    this.#bytes = bytes;
    this.#headerBytes = headerBytes;
    this.#measured++;
    return true;
  }
}

/** Bytes of a header that a command's outcome takes, at most. */
export function headerBytesOf(record: CommandRecord | undefined): number {
  if (record === undefined) return 0;
  if (record.rejected === undefined) return record.id.length + 16;
  const text = JSON.stringify(record);
  // What is not ASCII is written as \uXXXX there.
  return text.length + 5 * (text.match(/[\u007f-\uffff]/g)?.length ?? 0);
}

function headersOf({ effects = NONE, record }: Outcome): number {
  let bytes = headerBytesOf(record);
  for (const effect of effects) bytes += effectBytes(effect);
  return bytes;
}

// The store decodes the events only if a caller looks at them.
function answerOf(
  stored: AppendResult,
  version: number,
  from: number,
  count: number,
): CommandAnswer {
  return count === 0 ? { version, events: [] } : withLateEvents(
    { version },
    () => stored.events.slice(from, from + count),
  );
}

function bytesOf({ data, metadata }: NewEvent): number {
  return ENVELOPE + (data === undefined ? 0 : jsonSize(data)) +
    (metadata === undefined ? 0 : jsonSize(metadata));
}

const NONE: readonly Effect[] = Object.freeze([]);
/** About what an event takes beside its data and metadata. */
const ENVELOPE = 320;
/** The server takes 64 KiB of headers, with everything else in them. */
const MOST_HEADER_BYTES = 48 * 1024;
