/** One event into a state: upcast, through its schema, to its handler. The same live as on replay. */
import { isThenable } from "./_async.ts";
import type { AnyActor } from "./definition.ts";
import { freezeDeep } from "./_json.ts";
import type { UpcastEvent } from "./upcast.ts";

/** An event to be applied. */
export interface Applicable extends UpcastEvent {
  /** What is to be known of it, frozen. */
  readonly data?: unknown;
}

/** An event that its actor's definition cannot take; the message says why. */
export class ApplyFault extends Error {
  /** Class name, kept when code is minified. */
  override readonly name = "ApplyFault";
}

/**
 * Applies an event.
 *
 * @returns The state behind it, frozen.
 * @throws {ApplyFault} It has no handler, or an upcaster made nonsense of it.
 * @throws Whatever its handler or its schema throws.
 */
export function applyEvent(
  definition: AnyActor,
  state: unknown,
  event: Applicable,
): unknown {
  const { upcasters } = definition;
  const { data, type } = upcasters.size > 0 && upcasters.has(event.eventType)
    ? upcast(definition, event)
    : { type: event.eventType, data: event.data };
  const apply = definition.eventHandlers.get(type);
  if (apply === undefined) {
    throw new ApplyFault(
      type === event.eventType
        ? `is a "${type}", which "${definition.type}" has no handler for`
        : `is a "${event.eventType}", upcast to a "${type}", which "${definition.type}" has no handler for`,
    );
  }
  const next = apply(state, freezeDeep(data), undefined);
  if (isThenable(next)) {
    throw new ApplyFault(
      `is a "${type}", whose handler is async, but the log cannot wait`,
    );
  }
  return freezeDeep(next);
}

function upcast(
  { upcasters }: AnyActor,
  event: Applicable,
): { readonly type: string; readonly data: unknown } {
  let type = event.eventType;
  let { data } = event;
  const names = new Set<string>();
  for (;;) {
    const change = upcasters.get(type);
    if (change === undefined) return { type, data };
    if (names.has(type)) {
      throw new ApplyFault(
        `is upcast in a circle: ${[...names, type].join(" → ")}`,
      );
    }
    names.add(type);
    const changed = change(data as never, event);
    if (typeof changed?.type !== "string") {
      throw new ApplyFault(
        `is a "${type}", whose upcaster returned something else than { type, data }`,
      );
    }
    data = changed.data;
    if (changed.type === type) return { type, data };
    type = changed.type;
  }
}
