/** From what a store loaded to a state: loudly, or not at all. */
import { QuarantinedError } from "../event/mod.ts";
import type { LoadedActor, StoredCommit } from "../store/mod.ts";
import type { AnyActor } from "./definition.ts";
import { freezeDeep } from "./_json.ts";

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
      const apply = definition.eventHandlers.get(event.eventType);
      if (apply === undefined) {
        throw quarantine(
          actorId,
          `event ${event.version} is a "${event.eventType}", which "${definition.type}" has no handler for`,
        );
      }
      try {
        state = freezeDeep(apply(state, freezeDeep(event.data), undefined));
      } catch (cause) {
        throw quarantine(
          actorId,
          `its event handler "${event.eventType}" threw at version ${event.version}: ${
            cause instanceof Error ? cause.message : String(cause)
          }`,
          cause,
        );
      }
      version = event.version;
    }
  }
  return { state, version };
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
