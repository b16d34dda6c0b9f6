/**
 * Commits of several actors as one atomic batch (ADR-50): all messages or none.
 *
 * Written on the wire, as the client's own batch hides the server's error codes
 * and ignores expectations behind the first message. All but the last message go
 * without a reply, so a batch is one round trip. It is settled like a single
 * commit, by the slots of its actors. Source:
 * {@link https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-50.md | ADR-50}.
 */
import { ulid } from "../event/mod.ts";
import { ApiCode, type Deadline, type HeaderRecord } from "../nats/mod.ts";
import { ApiRefusal } from "./_api.ts";
import type { EncodedMessage } from "./_commit.ts";
import type { Context } from "./_context.ts";
import { attemptTime, type Outcome, settle, type Slot } from "./_settle.ts";

/** One actor's message of a batch; its headers depend on the batch's id. */
export interface BatchMessage {
  readonly slot: Slot;
  readonly encode: (extra: Readonly<Record<string, string>>) => EncodedMessage;
}

/** Most messages one batch may hold; the server's limit. */
export const MAX_BATCH = 1_000;

/**
 * Sends a batch and settles what became of it.
 *
 * @returns The sequence of its first message; the others follow it without a
 * hole. `undefined` where an expectation was wrong: nothing is stored.
 */
export function storeBatch(
  context: Context,
  messages: readonly BatchMessage[],
  deadline: Deadline,
): Promise<Outcome> {
  const [first, ...others] = messages.map((message) => message.slot);
  return settle(context, [first!, ...others], deadline, async () => {
    // A new id each time: one that was given up cannot be taken up again.
    const id = ulid();
    const last = messages.length - 1;
    for (const [i, { slot, encode }] of messages.entries()) {
      const extra: HeaderRecord = {
        "Nats-Batch-Id": id,
        "Nats-Batch-Sequence": String(i + 1),
      };
      if (i < last) {
        const { body, headers } = encode(extra as Record<string, string>);
        context.link.publish(slot.subject, body, headers);
        continue;
      }
      const commit = { ...extra, "Nats-Batch-Commit": "1" } as Record<
        string,
        string
      >;
      const { body, headers } = encode(commit);
      const timeout = attemptTime(deadline);
      const ack = await context.api.publish(
        slot.subject,
        body,
        headers,
        deadline,
        timeout,
      );
      if (ack.ok) return ack.sequence - last;
      if (AGAIN.has(ack.error.err_code) || ack.error.code === 503) {
        return "again";
      }
      if (ack.error.err_code === ApiCode.wrongLastSequence) return undefined;
      throw new ApiRefusal(slot.subject, ack.error);
    }
    return undefined;
  });
}

const AGAIN = new Set<number>([
  ApiCode.wrongLastSequenceInFlight,
  ApiCode.duplicateInFlight,
  ApiCode.batchTooManyOpen,
  ApiCode.batchIncomplete,
]);
