/** Notices: events that are sent to those who listen, and stored nowhere. */
import {
  checkNamespace,
  CommitHeader,
  CorruptLogError,
  decodeWith,
  type Event,
  type EventCodec,
  parseActorId,
  type Subjects,
  subjectsOf,
} from "../event/mod.ts";
import type { BusEvent } from "./types.ts";

/** A notice as it travels. */
export interface NoticeMessage {
  readonly subject: string;
  readonly headers: { get(name: string): string };
  readonly data: Uint8Array;
  /** The body as text, where that is at hand. */
  readonly text?: string | undefined;
}

/**
 * Makes a notice of an event.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: not a namespace or not an event.
 */
export function encodeNotice(
  codec: EventCodec,
  namespace: string,
  event: Event,
): { subject: string; contentType: string; data: Uint8Array } {
  checkNamespace(namespace);
  const address = parseActorId(event.actorId);
  const { body, contentType } = codec.encode(namespace, [
    { ...event, actorId: address.id },
  ]);
  const subject = subjectsOf(namespace).note(address);
  return { subject, contentType, data: body };
}

/**
 * Reads a notice back.
 *
 * @throws {CorruptLogError} `corrupt_log`: not what {@link encodeNotice} makes.
 */
export function decodeNotice(
  codec: EventCodec,
  namespace: string,
  message: NoticeMessage,
): BusEvent[] {
  const subjects = subjectsOf(namespace);
  const contentType = message.headers.get(CommitHeader.contentType);
  return decodeWith(codec, contentType, message).map((event) => {
    if (subjectOf(event, subjects) !== message.subject) {
      throw new CorruptLogError(
        `it holds an event of ${JSON.stringify(event.actorId)}`,
      );
    }
    return { ...event, namespace };
  });
}

function subjectOf({ actorId }: Event, subjects: Subjects): string {
  try {
    return subjects.note(parseActorId(actorId));
  } catch {
    return ""; // nobody's id
  }
}
