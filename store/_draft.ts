/**
 * A commit that is asked for, from the call to the stored message.
 *
 * What the caller gave is copied within the call, by encoding it, so that data
 * changed afterwards changes nothing, however long the store has to wait until
 * it knows the version. If the version turns out another, the copy is decoded
 * and encoded again.
 */
import {
  type ActorAddress,
  type Clock,
  type CommandRecord,
  type Effect,
  type EncodedCommit,
  type Event,
  type EventCodec,
  type EventMetadata,
  formatEffects,
  InvalidArgumentError,
  isUlid,
  type NewEvent,
  parseActorId,
  parseEffects,
  ulid,
  withLateEvents,
} from "../event/mod.ts";
import { type EncodedMessage, messageOf, positionBehind } from "./_commit.ts";
import {
  checkCommands,
  checkExpectation,
  expectedNumber,
  MAX_ACTORS,
  said,
} from "./_rules.ts";
import type {
  ActorAppend,
  ActorPosition,
  AppendAllOptions,
  AppendOptions,
  AppendResult,
  ExpectedVersion,
} from "./types.ts";

/** What a draft needs from its store. */
export interface DraftContext {
  /** How commits are written. */
  readonly codec: EventCodec;
  /** Stamps events that have no time of their own. */
  readonly clock: Clock;
  /** The namespace it goes to. */
  readonly namespace: string;
}

type Unversioned = Omit<Event, "version">;

/** One actor's commit, asked for and not yet stored. */
export class CommitDraft {
  /** Whose log. */
  readonly address: ActorAddress;
  /** ULID of the decision. */
  readonly commitId: string;
  /** What the log must look like. */
  readonly expected: ExpectedVersion;
  /** The commands it answers. */
  readonly commands: readonly CommandRecord[];
  /** What it does beside its events. */
  readonly effects: readonly Effect[] | undefined;
  /** The generation of the shard in which it is written. */
  readonly generation: number | undefined;
  readonly #context: DraftContext;
  #copy: Copy;

  /**
   * Copies the events as if the log were at version `guess`; best the version
   * they will really stand behind, as then nothing is encoded twice.
   *
   * @throws {InvalidArgumentError} `invalid_argument`: an event breaks a rule.
   */
  constructor(
    context: DraftContext,
    parts: {
      readonly address: ActorAddress;
      readonly commitId: string;
      readonly expected: ExpectedVersion;
      readonly commands: readonly CommandRecord[];
      readonly effects?: readonly Effect[] | undefined;
      readonly generation?: number | undefined;
      readonly events: readonly Unversioned[];
    },
    guess: number,
  ) {
    this.#context = context;
    this.address = parts.address;
    this.commitId = parts.commitId;
    this.expected = parts.expected;
    this.generation = parts.generation;
    this.commands = parts.commands.length === 0
      ? parts.commands
      : parts.commands.map(copyOfRecord);
    this.effects = parts.effects;
    this.#copy = this.#encode(parts.events, guess);
  }

  /** The message that goes behind a position; `extra` are headers of the transport. */
  encode(
    position: ActorPosition,
    extra?: Readonly<Record<string, string>>,
  ): EncodedMessage {
    const { namespace } = this.#context;
    const { encoded, events } = this.#copyBehind(position.version);
    return messageOf(encoded, {
      namespace,
      commitId: this.commitId,
      position,
      events,
      commands: this.commands,
      effects: this.effects,
      generation: this.generation,
      ...(extra === undefined ? {} : { extra }),
    });
  }

  /**
   * What to answer when the message behind a position was stored at a sequence.
   * The events are decoded from what was sent, as every reader will see them,
   * and only if somebody looks at them.
   */
  result(behind: ActorPosition, sequence: number): AppendResult {
    const { commitId } = this;
    const copy = this.#copyBehind(behind.version);
    const version = behind.version + copy.events.length;
    const position = positionBehind(behind, version, sequence, this.generation);
    return withLateEvents(
      { version, sequence, commitId, position },
      () =>
        this.#decode(copy).map((event) => ({ ...event, sequence, commitId })),
    );
  }

  #copyBehind(base: number): Copy {
    if (base !== this.#copy.base) {
      this.#copy = this.#encode(this.#decode(this.#copy), base);
    }
    return this.#copy;
  }

  #encode(events: readonly Unversioned[], base: number): Copy {
    const { codec, namespace } = this.#context;
    const versioned = events.map((event, i) => ({
      ...event,
      version: base + i + 1,
    }));
    return {
      base,
      events: versioned,
      encoded: codec.encode(namespace, versioned),
    };
  }

  #decode({ encoded }: Copy): readonly Event[] {
    return this.#context.codec.decode(encoded.contentType, encoded.body);
  }
}

function copyOfRecord(command: CommandRecord): CommandRecord {
  const { id, events, rejected } = command;
  return rejected === undefined
    ? { id, events }
    : { id, events, rejected: structuredClone(rejected) };
}

// What is written is what was given: it is checked, and read back from the text.
function copyOfEffects(
  effects: readonly Effect[] | undefined,
): readonly Effect[] | undefined {
  return effects === undefined || effects.length === 0
    ? undefined
    : parseEffects(formatEffects(effects));
}

interface Copy {
  /** The version it stands behind. */
  readonly base: number;
  readonly encoded: EncodedCommit;
  /** What was encoded; the caller may have changed its data since. */
  readonly events: readonly Event[];
}

/**
 * Checks what `append` was given.
 *
 * @param guess The actor's version as far as the store knows it; asked where the
 * expectation names none.
 * @throws {InvalidArgumentError} `invalid_argument`: naming the rule and the value.
 */
export function draftAppend(
  context: DraftContext,
  actorId: string,
  events: readonly NewEvent[],
  options: AppendOptions = {},
  guess: (address: ActorAddress) => number = () => 0,
): CommitDraft {
  const address = parseActorId(actorId);
  const action = `Cannot append to "${address.id}"`;
  if (!Array.isArray(events)) {
    throw new InvalidArgumentError(
      `${action} as events are an array: got ${said(events)}`,
    );
  }
  if (events.length === 0 && options.fence !== true) {
    throw new InvalidArgumentError(
      `${action} without events, unless "fence" allows it: got ${
        said(options.fence)
      }`,
    );
  }
  const expected = checkExpectation(options.expectedVersion, address);
  const commands = checkCommands(options.commands ?? [], events.length, action);
  return new CommitDraft(context, {
    address,
    expected,
    commands,
    effects: copyOfEffects(options.effects),
    generation: checkGeneration(options.generation, action),
    commitId: checkCommitId(options.commitId, action),
    events: fillIn(context, address, events, options.metadata, commands),
  }, expectedNumber(expected) ?? guess(address));
}

/**
 * Checks what `saveEvent` was given. The draft expects the version before the
 * event's and keeps everything else as it is.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: naming the rule and the value.
 */
export function draftSave(context: DraftContext, event: Event): CommitDraft {
  const address = parseActorId(event.actorId);
  const { version } = event;
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new InvalidArgumentError(
      `Cannot append to "${address.id}" as a version is a whole number from 1: got ${
        said(version)
      }`,
    );
  }
  return new CommitDraft(context, {
    address,
    commitId: ulid(),
    expected: version - 1,
    commands: [],
    events: [{ ...event, actorId: address.id }],
  }, version - 1);
}

/**
 * Checks what `appendAll` was given.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: naming the rule and the value.
 */
export function draftAppendAll(
  context: DraftContext,
  appends: readonly ActorAppend[],
  options: AppendAllOptions = {},
  guess: (address: ActorAddress) => number = () => 0,
): readonly CommitDraft[] {
  const count = Array.isArray(appends) ? appends.length : 0;
  if (count < 1 || count > MAX_ACTORS) {
    throw new InvalidArgumentError(
      `Cannot append to several actors at once but for 1 to ${MAX_ACTORS}: got ${count}`,
    );
  }
  const commitId = checkCommitId(
    options.commitId,
    "Cannot append to several actors",
  );
  const seen = new Set<string>();
  return appends.map(({ actorId, events, expectedVersion = "any" }) => {
    const draft = draftAppend(context, actorId, events, {
      expectedVersion,
      commitId,
      ...(options.metadata === undefined ? {} : { metadata: options.metadata }),
    }, guess);
    const { id } = draft.address;
    if (seen.has(id)) {
      throw new InvalidArgumentError(
        `Cannot append to one actor twice at once: got ${said(id)}`,
      );
    }
    seen.add(id);
    return draft;
  });
}

function fillIn(
  context: DraftContext,
  address: ActorAddress,
  events: readonly NewEvent[],
  metadata: EventMetadata | undefined,
  commands: readonly CommandRecord[],
): Unversioned[] {
  const now = context.clock.now();
  const ids = commandIds(commands, events.length);
  return events.map((event, i) => {
    const commandId = event.commandId ?? ids[i];
    const meta = event.metadata ?? metadata;
    const filled: { -readonly [Key in keyof Unversioned]: Unversioned[Key] } = {
      id: event.id ?? ulid(),
      eventType: event.eventType,
      actorId: address.id,
      data: event.data,
      timestamp: event.timestamp ?? new Date(now),
    };
    if (commandId !== undefined) filled.commandId = commandId;
    if (meta !== undefined) filled.metadata = meta;
    return filled;
  });
}

// The commit's events belong to its commands in order of the records; a commit
// of one command belongs to it as a whole.
function commandIds(
  commands: readonly CommandRecord[],
  events: number,
): readonly string[] {
  if (commands.length === 1) {
    return new Array<string>(events).fill(commands[0]!.id);
  }
  return commands.flatMap(({ events, id }) =>
    new Array<string>(events).fill(id)
  );
}

function checkGeneration(
  generation: number | undefined,
  action: string,
): number | undefined {
  if (generation === undefined) return undefined;
  if (Number.isSafeInteger(generation) && generation >= 1) return generation;
  throw new InvalidArgumentError(
    `${action} as a generation is a whole number from 1: got ${
      said(generation)
    }`,
  );
}

function checkCommitId(commitId: string | undefined, action: string): string {
  if (commitId === undefined) return ulid();
  if (!isUlid(commitId)) {
    throw new InvalidArgumentError(
      `${action} as a commit's id is a ULID: got ${said(commitId)}`,
    );
  }
  return commitId;
}
