/**
 * A commit as one message: its headers, its body, and reading it back with every
 * check that keeps a broken or foreign message from passing as an event.
 */
import {
  type ActorAddress,
  type CommandRecord,
  CommitHeader,
  CorruptLogError,
  decodeCommitEvents,
  type Effect,
  type EncodedCommit,
  type Event,
  type EventCodec,
  formatCommands,
  formatEffects,
  formatTrail,
  parseCommands,
  parseEffects,
  parseTrail,
  type Subjects,
  TRAIL_LENGTH,
} from "../event/mod.ts";
import { encodeHeaders } from "../nats/mod.ts";
import type { StoredMessage } from "./_api.ts";
import type { ActorPosition, StoredCommit } from "./types.ts";

/** Header by which the server checks what the log looks like. */
export const EXPECTED = "Nats-Expected-Last-Subject-Sequence";

/** A commit ready to be sent. */
export interface EncodedMessage {
  readonly headers: Uint8Array;
  readonly body: Uint8Array;
}

/** What a commit is made of. */
export interface CommitParts {
  readonly namespace: string;
  readonly commitId: string;
  /** The log it goes behind. */
  readonly position: ActorPosition;
  /** With their versions; none for a fence. */
  readonly events: readonly Event[];
  readonly commands: readonly CommandRecord[];
  readonly effects?: readonly Effect[] | undefined;
  /** The generation of the shard in which it is written. */
  readonly generation?: number | undefined;
  /** Headers of the transport, such as those of an atomic batch. */
  readonly extra?: Readonly<Record<string, string>>;
}

/** A commit read back, with the places of those before it. */
export interface TrailedCommit extends StoredCommit {
  /** Sequences of up to 16 commits before it, newest first: a hint. */
  readonly trail: readonly number[];
}

/** Encodes a commit; the expected sequence is the position's last. */
export function encodeCommit(
  codec: EventCodec,
  parts: CommitParts,
): EncodedMessage {
  return messageOf(codec.encode(parts.namespace, parts.events), parts);
}

/** Puts the headers before events that are encoded already. */
export function messageOf(
  { body, contentType }: EncodedCommit,
  { commands, commitId, effects, events, extra, generation, position }:
    CommitParts,
): EncodedMessage {
  const { trail, version } = position;
  const headers = encodeHeaders({
    [EXPECTED]: String(trail[0] ?? 0),
    [CommitHeader.commit]: commitId,
    [CommitHeader.contentType]: contentType,
    [CommitHeader.trail]: trail.length === 0
      ? undefined
      : formatTrail(newest(trail)),
    [CommitHeader.fence]: events.length === 0 ? String(version) : undefined,
    [CommitHeader.generation]: generation === undefined
      ? undefined
      : String(generation),
    [CommitHeader.commands]: commands.length === 0
      ? undefined
      : formatCommands(commands, events.length),
    [CommitHeader.effects]: effects === undefined || effects.length === 0
      ? undefined
      : formatEffects(effects),
    ...extra,
  });
  return { headers, body };
}

/** The position behind a commit that was just stored behind `position`. */
export function positionBehind(
  position: ActorPosition,
  version: number,
  sequence: number,
  generation: number | undefined,
): ActorPosition {
  const { actorId, trail } = position;
  const behind = { actorId, version, trail: [sequence, ...newest(trail)] };
  return generation === undefined ? behind : { ...behind, generation };
}

/**
 * Reads a commit back.
 *
 * @throws {CorruptLogError} `corrupt_log`: naming the subject, the sequence and
 * what is wrong.
 */
export function decodeCommit(
  codec: EventCodec,
  subjects: Subjects,
  message: StoredMessage,
): TrailedCommit {
  const commit = decodeUntrailed(codec, subjects, message);
  return { ...commit, trail: trailOf(message) };
}

/**
 * As {@link decodeCommit}, for those who only read on: without the trail.
 *
 * @throws {CorruptLogError} `corrupt_log`: as there.
 */
export function decodeUntrailed(
  codec: EventCodec,
  subjects: Subjects,
  message: StoredMessage,
): StoredCommit {
  try {
    return decode(codec, subjects, message);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new CorruptLogError(
      `Cannot read ${message.subject} at sequence ${message.sequence}: ${error.message}`,
      {
        cause: error,
        details: { subject: message.subject, sequence: message.sequence },
      },
    );
  }
}

/** The sequences of the commits before a message's own, newest first: a hint. */
function trailOf({ headers, sequence }: StoredMessage): readonly number[] {
  return parseTrail(headers.get(CommitHeader.trail))
    .filter((before) => before < sequence);
}

/** The position behind a commit that was read. */
export function positionOf(
  address: ActorAddress,
  commit: TrailedCommit,
): ActorPosition {
  return {
    actorId: address.id,
    version: commit.version,
    trail: [commit.sequence, ...commit.trail],
    ...(commit.generation === undefined
      ? {}
      : { generation: commit.generation }),
  };
}

function decode(
  codec: EventCodec,
  subjects: Subjects,
  message: StoredMessage,
): StoredCommit {
  const { headers, sequence } = message;
  const { commitId, events } = decodeCommitEvents(
    codec,
    message,
    subjects.event,
  );
  const promised = headers.get(CommitHeader.effects);
  const generation = headers.get(CommitHeader.generation);
  return {
    commitId,
    sequence,
    version: events.at(-1)?.version ??
      fenceVersion(headers.get(CommitHeader.fence)),
    events,
    commands: parseCommands(headers.get(CommitHeader.commands), events.length),
    ...(promised === "" ? {} : { effects: parseEffects(promised) }),
    ...(generation === "" ? {} : { generation: generationOf(generation) }),
    at: message.at,
  };
}

// What is no number vouches for nothing.
function generationOf(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : 0;
}

function newest(trail: readonly number[]): readonly number[] {
  return trail.length > TRAIL_LENGTH ? trail.slice(0, TRAIL_LENGTH) : trail;
}

function fenceVersion(text: string): number {
  if (!/^\d{1,10}$/.test(text)) {
    throw new CorruptLogError(
      `it has no events and its Aether-Fence is ${JSON.stringify(text)}`,
    );
  }
  return Number(text);
}
