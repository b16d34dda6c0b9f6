/** What others saw of the model world: its subscribers, and its projection. */
import type {
  RecordedEvent,
  RecordedProjection,
  RecordedSubscription,
} from "../checker/mod.ts";
import type { Chance } from "./chance.ts";
import { amountOf } from "./meaning.ts";

/** A log that is seen. */
export interface Seen {
  readonly chance: Chance;
  readonly log: readonly RecordedEvent[];
  /** The last sequence of its stream. */
  readonly end: number;
}

/** What a subscriber of some kind was given of a log. */
export function subscription(
  { chance, end, log }: Seen,
  kind: RecordedSubscription["kind"],
  type: string,
  from: number,
): RecordedSubscription {
  // Some begin a little early: that is more than they are owed.
  const early = chance.pick([0, 5]);
  const all = log.filter(({ actorId, sequence }) =>
    actorId.startsWith(`${type}-`) && sequence > from - early
  ).map(({ actorId, id, sequence, version }) => ({
    ...{ actorId, id, sequence, version },
  }));
  const name = `${kind} of ${type} from ${from}`;
  const gaps: [number, number][] = [];
  let deliveries = all;
  if (kind === "durable") {
    // Now and then it starts again a little further back.
    deliveries = all.flatMap((event, place) =>
      chance.isLikely(3)
        ? all.slice(Math.max(0, place - 5), place + 1)
        : [event]
    );
  }
  if (kind === "live") {
    for (let gap = 0; gap < 3; gap++) {
      const first = from + chance.below(end - from) + 1;
      gaps.push([first, first + chance.below(20)]);
    }
    deliveries = all.filter(({ sequence }) =>
      !gaps.some(([first, last]) => sequence >= first && sequence <= last)
    );
  }
  return { name, kind, type, from, deliveries, gaps };
}
/** The projection, as far as it has come. */
export function projection(
  { log }: Pick<Seen, "log">,
  checkpoint: number,
): RecordedProjection {
  const documents: Record<string, number> = {};
  for (const { actorId, data, sequence, type } of log) {
    if (!actorId.startsWith("tally-") || sequence > checkpoint) continue;
    documents[actorId] = (documents[actorId] ?? 0) + amountOf(type, data);
  }
  return { name: "sums", checkpoint, documents };
}
