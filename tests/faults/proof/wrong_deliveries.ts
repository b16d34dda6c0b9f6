/** Subscribers that were given too much, too little, or in another order. */
import type { RecordedSubscription, RunRecord } from "../checker/mod.ts";
import { inserted, swapped } from "./_edit.ts";
import { type Below, some } from "./_find.ts";
import { type Mutations, on } from "./mutation.ts";

/** Each, by what is wrong. */
export const DELIVERIES: Mutations = {
  "a subscriber is given what is not stored": on(
    "I8",
    (record, below) =>
      subscribed(record, below, ({ deliveries, ...rest }) => ({
        ...rest,
        deliveries: [...deliveries, { ...deliveries[0]!, id: "phantom" }],
      })),
  ),
  "a subscriber is given another version": on(
    "I8",
    (record, below) =>
      delivered(record, below, (given) => [{ ...given, version: 1_000_000 }]),
  ),
  "a subscriber is given what is not of its type": on(
    "I8",
    (record, below) =>
      subscribed(record, below, ({ deliveries, ...rest }) => {
        const other = some(
          record.log.filter(({ actorId }) => !actorId.startsWith(rest.type)),
          below,
        );
        return other !== undefined &&
          { ...rest, deliveries: [...deliveries, other] };
      }),
  ),
  "an ordered subscriber misses an event": on(
    "I9",
    (record, below) => delivered(record, below, () => [], "ordered"),
  ),
  "a durable subscriber never gets the last event": on(
    "I9",
    (record, below) =>
      subscribed(record, below, ({ deliveries, ...rest }) => {
        const { id: last } = deliveries.reduce((one, other) =>
          other.sequence > one.sequence ? other : one
        );
        return {
          ...rest,
          deliveries: deliveries.filter(({ id }) => id !== last),
        };
      }, "durable"),
  ),
  "an ordered subscriber is given nothing any more": on(
    "I9",
    (record, below) => subscribed(record, below, cut, "ordered"),
  ),
  "a durable subscriber is given nothing any more": on(
    "I9",
    (record, below) => subscribed(record, below, cut, "durable"),
  ),
  "an ordered subscriber is given an event twice": on(
    "I9",
    (record, below) =>
      delivered(record, below, (given) => [given, given], "ordered"),
  ),
  "an ordered subscriber is given events out of order": on(
    "I9",
    (record, below) =>
      subscribed(record, below, ({ deliveries, ...rest }) => ({
        ...rest,
        deliveries: swapped(deliveries, below(deliveries.length - 1)),
      }), "ordered"),
  ),
  "a durable subscriber never gets an event": on(
    "I9",
    (record, below) =>
      subscribed(record, below, ({ deliveries, ...rest }) => {
        const gone = some(deliveries, below);
        return {
          ...rest,
          deliveries: deliveries.filter(({ id }) => id !== gone?.id),
        };
      }, "durable"),
  ),
  "a durable subscriber is given an actor's events out of order": on(
    "I9",
    (record, below) =>
      subscribed(record, below, ({ deliveries, ...rest }) => {
        const late = some(deliveries.slice(0, -20), below)!;
        const others = deliveries.filter(({ id }) => id !== late.id);
        const isOvertaken = others.some(({ actorId, version }) =>
          actorId === late.actorId && version > late.version
        );
        return isOvertaken && { ...rest, deliveries: [...others, late] };
      }, "durable"),
  ),
  "a live subscriber misses an event and is not told": on(
    "I9",
    (record, below) => delivered(record, below, () => [], "live"),
  ),
  "a live subscriber is not told of a gap": on(
    "I9",
    (record, below) =>
      subscribed(record, below, (subscription) => {
        const owed = record.log.filter(({ actorId, sequence }) =>
          actorId.startsWith("tally-") && sequence > subscription.from
        );
        const { deliveries } = subscription;
        return owed.length > deliveries.length && { ...subscription, gaps: [] };
      }, "live"),
  ),
  "a live subscriber is given an event twice": on(
    "I9",
    (record, below) =>
      delivered(record, below, (given) => [given, given], "live"),
  ),
};

function cut(subscription: RecordedSubscription): RecordedSubscription {
  const { deliveries } = subscription;
  return { ...subscription, deliveries: deliveries.slice(0, -10) };
}

function subscribed(
  record: RunRecord,
  below: Below,
  change: (of: RecordedSubscription) => RecordedSubscription | false,
  kind?: RecordedSubscription["kind"],
): RunRecord | undefined {
  const { subscriptions } = record;
  const one = some(
    subscriptions.filter((subscription) =>
      subscription.deliveries.length > 40 &&
      (kind === undefined || subscription.kind === kind)
    ),
    below,
  );
  if (one === undefined) return;
  // What was given before anything was owed stays as it is.
  const isOwed = ({ sequence }: { readonly sequence: number }) =>
    sequence > one.from;
  const early = one.deliveries.filter((given) => !isOwed(given));
  const changed = change({ ...one, deliveries: one.deliveries.filter(isOwed) });
  if (!changed) return;
  const deliveries = [...early, ...changed.deliveries];
  return {
    ...record,
    subscriptions: inserted(subscriptions, one, { ...changed, deliveries }),
  };
}

function delivered(
  record: RunRecord,
  below: Below,
  change: (
    given: RecordedSubscription["deliveries"][number],
  ) => RecordedSubscription["deliveries"],
  kind?: RecordedSubscription["kind"],
): RunRecord | undefined {
  return subscribed(record, below, ({ deliveries, ...rest }) => {
    const place = below(deliveries.length);
    return {
      ...rest,
      deliveries: deliveries.flatMap((given, i) =>
        i === place ? change(given) : [given]
      ),
    };
  }, kind);
}
