/** From what a store loaded to a state: loudly, or not at all. */
import { QuarantinedError, type StoredEvent } from "../event/mod.ts";
import type { LoadedActor, StoredCommit } from "../store/mod.ts";
import { applyEvent, ApplyFault } from "./_apply.ts";
import type { AnyActor } from "./definition.ts";
import { freezeDeep } from "./_json.ts";
import { SchemaFault } from "./schema.ts";

/** A state and the version it is of. */
export interface Replayed {
  /** Frozen. */
  readonly state: unknown;
  /** 0 for an actor without events. */
  readonly version: number;
}

/**
 * Folds a loaded actor into its state.
 *
 * @throws {QuarantinedError} `quarantined`: an unknown event type, a gap, or an
 * event handler that throws.
 */
export function replay(
  definition: AnyActor,
  actorId: string,
  loaded: LoadedActor,
): Replayed {
  const { snapshot, commits } = loaded;
  const start: Replayed = snapshot === undefined
    ? { state: freezeDeep(definition.initial()), version: 0 }
    : { state: freezeDeep(snapshot.state), version: snapshot.version };
  return applyCommits(definition, actorId, start, commits);
}

/**
 * Applies commits to a state, in order.
 *
 * @throws {QuarantinedError} `quarantined`: as {@link replay}.
 */
export function applyCommits(
  definition: AnyActor,
  actorId: string,
  start: Replayed,
  commits: readonly StoredCommit[],
): Replayed {
  let { state, version } = start;
  for (const commit of commits) {
    for (const event of commit.events) {
      if (event.version !== version + 1) {
        throw quarantine(
          actorId,
          `event ${version + 1} is missing: version ${event.version} follows`,
        );
      }
      try {
        freezeDeep(event.data);
        state = applyEvent(definition, state, event);
      } catch (cause) {
        throw quarantine(actorId, reasonOf(event, cause), cause);
      }
      version = event.version;
    }
  }
  return { state, version };
}

function reasonOf({ eventType, version }: StoredEvent, cause: unknown): string {
  if (cause instanceof ApplyFault) return `event ${version} ${cause.message}`;
  if (cause instanceof SchemaFault) {
    return `event ${version}, a "${eventType}", is not what its schema takes: ${cause.message}`;
  }
  return `its event handler "${eventType}" threw at version ${version}: ${
    cause instanceof Error ? cause.message : String(cause)
  }`;
}

/** Makes the error that says why an actor cannot be used. */
export function quarantine(
  actorId: string,
  reason: string,
  cause?: unknown,
): QuarantinedError {
  return new QuarantinedError(
    `Cannot use "${actorId}" as it cannot be replayed: ${reason}`,
    {
      ...(cause === undefined ? {} : { cause }),
      details: { actorId },
    },
  );
}
