/** A command that was answered before is given its first answer again. */
import {
  OutcomeUnknownError,
  type RememberedCommand,
  type StoredEvent,
} from "../event/mod.ts";
import type { EventStore } from "../store/mod.ts";
import type { Job } from "./_job.ts";
import { rejectedBy } from "./_outcome.ts";

/**
 * Answers a command as it was answered. Its events are read from the store again.
 *
 * @returns When that is done, where it takes time.
 */
export function answerAgain(
  store: EventStore,
  job: Job,
  known: RememberedCommand,
): Promise<void> | undefined {
  const { version } = known;
  if (known.rejected !== undefined) {
    job.fail(rejectedBy(known));
    return undefined;
  }
  if (known.events === 0) {
    job.succeed({ version, events: [] });
    return undefined;
  }
  job.unwatch();
  job.stage = "committing"; // it is done: it cannot be given up any more
  job.isKept = true;
  return eventsOf(store, job.call.address.id, known).then(
    (events) => job.succeed({ version, events }),
    (cause) => job.fail(answerNotFound(job, known, cause)),
  );
}

async function eventsOf(
  store: EventStore,
  actorId: string,
  { events: count, version }: RememberedCommand,
): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  const read = store.read({ actorId, from: version - count + 1, to: version });
  for await (const event of read) events.push(event);
  return events;
}

function answerNotFound(
  { call }: Job,
  { id, version }: RememberedCommand,
  cause: unknown,
): OutcomeUnknownError {
  return new OutcomeUnknownError(
    `"${call.name}" of "${call.address.id}" was done at version ${version}, but its events could not be read: call again with command id "${id}"`,
    { cause, details: { commandId: id, version } },
  );
}
