/**
 * A commit as it travels, read back with every check that keeps a broken or
 * foreign message from passing as an event: what the store does when it reads
 * the log, and the bus when the same message arrives there.
 */
import { type ActorAddress, parseActorId } from "./actor_id.ts";
import type { EventCodec } from "./codec.ts";
import { CorruptLogError } from "./errors.ts";
import type { StoredEvent } from "./event.ts";
import { CommitHeader } from "./headers.ts";

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
  const { data, headers, sequence, subject } = message;
  const commitId = headers.get(CommitHeader.commit);
  if (commitId === "") {
    throw new CorruptLogError("it has no Aether-Commit header");
  }
  const decoded = codec.decode(headers.get(CommitHeader.contentType), data);
  let { actorId } = last.subject === subject && last.subjectOf === subjectOf
    ? last
    : NOBODY;
  const events = decoded.map((event, index) => {
    if (index > 0 && event.version !== decoded[0]!.version + index) {
      throw new CorruptLogError(
        `version ${event.version} stands at place ${index} of its commit`,
      );
    }
    // One spelling each: whoever wrote the subject meant the actor in the body.
    if (event.actorId !== actorId) {
      actorId = event.actorId;
      if (subjectOf(parseActorId(actorId)) !== subject) {
        throw new CorruptLogError(
          `it holds an event of ${JSON.stringify(actorId)}`,
        );
      }
    }
    return { ...event, sequence, commitId };
  });
  if (actorId !== undefined) last = { actorId, subject, subjectOf };
  return { commitId, events };
}

interface Checked {
  readonly actorId: string | undefined;
  readonly subject?: string;
  readonly subjectOf?: (address: ActorAddress) => string;
}

// Who reads an actor's log sees the same id and subject again and again: the
// pair that was found right last needs no second look.
const NOBODY: Checked = { actorId: undefined };
let last: Checked = NOBODY;
