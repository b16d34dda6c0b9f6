/**
 * Storing one commit so that its outcome is known.
 *
 * A commit is a request with the sequence E it expects to be the actor's last,
 * and no message id: on three replicas a duplicate id answers `duplicate: true`
 * for *another writer's* event. Whatever is unclear afterwards is settled by the
 * *slot*, the first message of the actor behind E, read from the leader:
 *
 * - our commit id is there: it is stored;
 * - another's is there: it is not, and never will be, as E is not the last any more;
 * - nothing is there: undecided. The identical message is sent again, and again
 *   the slot decides, until the deadline; the first copy may still land, but of
 *   all copies only one can.
 *
 * An acknowledgement is the only answer that is believed as it is. A refusal is
 * not: a server that led the stream, was frozen and has just woken up answers too,
 * from the log as it knows it, while the one that leads now stores the message
 * (run: thousands of requests answered twice, one answer an acknowledgement and
 * the other a refusal). So a conflict is one only if another's commit is in the slot.
 */
import {
  ClosedError,
  CommitHeader,
  OutcomeUnknownError,
  PayloadTooLargeError,
  StoreUnavailableError,
} from "../event/mod.ts";
import {
  ApiCode,
  type Deadline,
  Fault,
  faultToError,
  isFault,
} from "../nats/mod.ts";
import { ApiRefusal, refusalToError } from "./_api.ts";
import type { EncodedMessage } from "./_commit.ts";
import { type Context, isAnotherLife } from "./_context.ts";

/** Where a commit is to go. */
export interface Slot {
  readonly actorId: string;
  readonly subject: string;
  /** The actor's last sequence, 0 for none. */
  readonly expected: number;
  readonly commitId: string;
}

/** What became of a commit: its sequence, or `undefined` where another was first. */
export type Outcome = number | undefined;

/** One attempt to send: its sequence, a conflict, or to be tried again. */
export type Attempt = () => Promise<Outcome | "again" | "unclear">;

/** Sends one commit and settles what became of it. */
export function storeCommit(
  context: Context,
  slot: Slot,
  message: EncodedMessage,
  deadline: Deadline,
): Promise<Outcome> {
  const { api } = context;
  return settle(context, [slot], deadline, async () => {
    const { body, headers } = message;
    const timeout = attemptTime(deadline);
    const ack = await api.publish(
      slot.subject,
      body,
      headers,
      deadline,
      timeout,
    );
    if (ack.ok) return ack.duplicate ? "unclear" : ack.sequence;
    switch (ack.error.err_code) {
      case ApiCode.wrongLastSequence:
        return undefined;
      case ApiCode.wrongLastSequenceInFlight:
      case ApiCode.duplicateInFlight:
        return "again";
      case ApiCode.messageTooLarge:
        throw new PayloadTooLargeError(
          `Cannot append to "${slot.actorId}" as the stream takes no message that large`,
        );
    }
    if (ack.error.code === 503) return "again";
    throw new ApiRefusal(slot.subject, ack.error);
  });
}

/**
 * Runs attempts until one is decided, looking at the slot where one is not.
 *
 * @throws {OutcomeUnknownError} `outcome_unknown`: sent, and looking did not settle it.
 * @throws {StoreUnavailableError} `store_unavailable`: surely not stored.
 */
export async function settle(
  context: Context,
  slots: readonly [Slot, ...Slot[]],
  deadline: Deadline,
  attempt: Attempt,
): Promise<Outcome> {
  const slot = slots[0];
  const action = `Cannot append to "${slot.actorId}"`;
  // Whether a copy may have reached the server without our knowing.
  let loose = false;
  // Whether all copies were refused, but perhaps by a server that leads no more.
  let doubtful = false;
  let cause: unknown;
  for (
    let delay = 10, sends = 0;
    !deadline.passed;
    delay = Math.min(delay * 2, 500), sends++
  ) {
    if (deadline.signal?.aborted) break;
    if (sends > 0) context.stats.resent++;
    let refused = false;
    try {
      const outcome = await attempt();
      if (typeof outcome === "number") return outcome;
      if (outcome === "unclear") loose = true;
      else doubtful = true;
      refused = outcome === undefined;
    } catch (error) {
      cause = error;
      const { aborted = false } = deadline.signal ?? {};
      if (error instanceof Fault ? error.sent : aborted) loose = true;
      if (aborted) break;
      const fatal = fatalFault(error, action, loose);
      if (fatal !== undefined) throw fatal;
    }
    try {
      if (isFault(cause, "disconnected")) {
        cause = undefined;
        await context.link.ready(deadline.left, deadline.signal);
      }
      if (loose || refused) {
        const found = await lookAtSlots(context, slots, deadline);
        if (found !== "empty") {
          if (loose || found !== undefined) context.stats.settled++;
          return found;
        }
        // Refused although nothing is in the slot: it was another stream's slot.
        if (refused && await isAnotherLife(context, deadline)) return undefined;
        if (refused) loose = true;
      }
      await deadline.pause(delay);
    } catch (error) {
      cause = error;
      break;
    }
  }
  if (!loose && !doubtful) throw notStored(action, deadline, cause);
  context.stats.unknown++;
  throw new OutcomeUnknownError(
    `${action}: commit ${slot.commitId} was sent, but whether it is stored could not be read ` +
      (deadline.passed
        ? `within ${deadline.timeout} ms`
        : "before the call was ended") +
      `; look for it behind sequence ${slot.expected}`,
    {
      cause,
      details: {
        actorId: slot.actorId,
        commitId: slot.commitId,
        expected: slot.expected,
      },
    },
  );
}

// Messages of one decision are all in the log or none is, so ours in one slot
// tells of all, and another's in one slot refutes all for good.
async function lookAtSlots(
  { api, eventStream }: Context,
  slots: readonly Slot[],
  deadline: Deadline,
): Promise<Outcome | "empty"> {
  const found = await Promise.all(
    slots.map(({ expected, subject }) =>
      api.next(eventStream, expected + 1, subject, deadline)
    ),
  );
  for (const [i, message] of found.entries()) {
    if (message === undefined) continue;
    const ours =
      message.headers.get(CommitHeader.commit) === slots[i]!.commitId;
    return ours ? message.sequence - i : undefined;
  }
  return "empty";
}

// An error that no further attempt can mend. Once a copy is loose, only looking can.
function fatalFault(error: unknown, action: string, loose: boolean): unknown {
  if (isFault(error, "timeout", "no_responders", "disconnected")) {
    return undefined;
  }
  if (loose || (error instanceof Fault && error.sent)) return undefined;
  return refusalToError(faultToError(error, action), action);
}

function notStored(
  action: string,
  deadline: Deadline,
  cause: unknown,
): unknown {
  const { signal } = deadline;
  if (signal?.aborted) return signal.reason;
  if (isFault(cause, "closed")) {
    return new ClosedError(`${action} as the connection is closed`, { cause });
  }
  return new StoreUnavailableError(
    `${action} as the store could not be reached within ${deadline.timeout} ms; nothing was stored`,
    { cause },
  );
}

/** Milliseconds one attempt may take: some of what is left is for looking. */
export function attemptTime(deadline: Deadline): number {
  return deadline.attempt(Math.min(2_000, deadline.left * 0.6));
}
