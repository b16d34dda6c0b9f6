/** A commit that is in order but for the place it is written to. */
import { cloudEventsCodec, CommitHeader, ulid } from "../event/mod.ts";

/** Body and headers of a commit of an actor. */
export function forgery(namespace: string, actorId: string): {
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly headers: Record<string, string>;
} {
  const { body, contentType } = cloudEventsCodec.encode(namespace, [{
    id: ulid(),
    eventType: "Forged",
    actorId,
    version: 1,
    data: null,
    timestamp: new Date(),
  }]);
  return { body, contentType, headers: { [CommitHeader.commit]: ulid() } };
}
