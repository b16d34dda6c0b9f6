/** Where a message may be answered. */

/**
 * Tells whether an answer may be sent where a message asks for it. Whoever sends a
 * request chooses the subject of the answer, and the server lets them name one to
 * which they may not publish themselves: a node that answered there would write
 * into an actor's log, or the cluster's bucket, in their place.
 *
 * @param reply The reply subject of a message; empty or absent for none.
 * @returns False for none, and for what Aether, JetStream or the server itself
 * listens to: subjects that begin with `aether.` or `$`.
 */
export function mayAnswer(reply: string | undefined): reply is string {
  return reply !== undefined && reply !== "" && !reply.startsWith("$") &&
    !reply.startsWith("aether.");
}
