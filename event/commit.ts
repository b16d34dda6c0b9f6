/**
 * A commit as it travels, read back with every check that keeps a broken or
 * foreign message from passing as an event: what the store does when it reads
 * the log, and the bus when the same message arrives there.
 */
import { fnv1a } from "./_hash.ts";
import { show } from "./_show.ts";
import { type ActorAddress, parseActorId } from "./actor_id.ts";
import { decodeWith, type EventCodec } from "./codec.ts";
import { CorruptLogError } from "./errors.ts";
import type { Event, StoredEvent } from "./event.ts";
import { CommitHeader } from "./headers.ts";
import { isId } from "./ids.ts";

/** A commit's message, wherever it came from. */
export interface CommitMessage {
  /** Where it is stored, or where it arrived. */
  readonly subject: string;
  /** Its place in the namespace's log. */
  readonly sequence: number;
  /** Its headers; empty text for one that is not there. */
  readonly headers: { get(name: string): string };
  /** Its body. */
  readonly data: Uint8Array;
  /** Its body as text, where that is at hand: it was UTF-8 without a fault. */
  readonly text?: string | undefined;
}

/** A {@link CommitMessage} as it lies in a log. */
export interface LoggedMessage extends CommitMessage {
  /** When the log took it, milliseconds since 1970. */
  readonly at: number;
}

/** What a commit holds. */
export interface CommitEvents {
  /** ULID of the decision. */
  readonly commitId: string;
  /** In order; none in a fence. */
  readonly events: StoredEvent[];
}

/**
 * Reads the events of a commit.
 *
 * @param codec How the body is written.
 * @param message The message.
 * @param subjectOf The one subject an actor's commits have there.
 * @throws {CorruptLogError} `corrupt_log`: not decodable, versions with a gap, or
 * an event of another actor than the subject's.
 */
export function decodeCommitEvents(
  codec: EventCodec,
  message: CommitMessage,
  subjectOf: (address: ActorAddress) => string,
): CommitEvents {
  const { headers, sequence, subject } = message;
  const commitId = headers.get(CommitHeader.commit);
  if (!isId(commitId)) {
    throw new CorruptLogError(
      commitId === ""
        ? "it has no Aether-Commit header"
        : `its Aether-Commit is ${show(commitId)}`,
    );
  }
  const contentType = headers.get(CommitHeader.contentType);
  const decoded = decodeWith(codec, contentType, message);
  const events: StoredEvent[] = [];
  for (let index = 0; index < decoded.length; index++) {
    const event = decoded[index]!;
    if (event.version !== decoded[0]!.version + index) {
      throw new CorruptLogError(
        `version ${event.version} stands at place ${index} of its commit`,
      );
    }
    // One spelling each: whoever wrote the subject meant the actor in the body.
    const isAbove = index > 0 && event.actorId === decoded[index - 1]!.actorId;
    if (!isAbove && !isOf(event.actorId, subject, subjectOf)) {
      throw new CorruptLogError(
        `it holds an event of ${JSON.stringify(event.actorId)}`,
      );
    }
    events.push(storedEvent(event, sequence, commitId));
  }
  return { commitId, events };
}

// Written out: of all ways to copy an object this is the one both engines are
// quick at.
function storedEvent(
  event: Event,
  sequence: number,
  commitId: string,
): StoredEvent {
  const { actorId, commandId, data, eventType, id, metadata } = event;
  const { timestamp, version } = event;
  const stored: { -readonly [Key in keyof StoredEvent]: StoredEvent[Key] } = {
    id,
    eventType,
    actorId,
    version,
    data,
    timestamp,
    sequence,
    commitId,
  };
  if (commandId !== undefined) stored.commandId = commandId;
  if (metadata !== undefined) stored.metadata = metadata;
  return stored;
}

function subjectOfActor(
  actorId: string,
  subjectOf: (address: ActorAddress) => string,
): string {
  try {
    return subjectOf(parseActorId(actorId));
  } catch {
    return ""; // nobody's id
  }
}

/** An actor's id and its subject, found to belong together. */
interface Pair {
  readonly actorId: string;
  readonly subject: string;
  readonly subjectOf: (address: ActorAddress) => string;
}

// To take an id apart and build its subject costs as much as half of decoding an
// event, and who reads a log meets the same actors again and again. A pair found
// right needs no second look; it makes room for any other whose hash is the same.
const pairs: (Pair | undefined)[] = Array(1_024).fill(undefined);

function isOf(
  actorId: string,
  subject: string,
  subjectOf: (address: ActorAddress) => string,
): boolean {
  const place = fnv1a(actorId) % pairs.length;
  const pair = pairs[place];
  if (
    pair !== undefined && pair.actorId === actorId &&
    pair.subject === subject && pair.subjectOf === subjectOf
  ) return true;
  if (subjectOfActor(actorId, subjectOf) !== subject) return false;
  pairs[place] = { actorId, subject, subjectOf };
  return true;
}
