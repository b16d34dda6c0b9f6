/**
 * What subscribers were given, held against the log: nothing that is not there (I8),
 * and all that they were owed, in order (I9).
 *
 * | kind    | owed                                | order                            |
 * | ------- | ----------------------------------- | -------------------------------- |
 * | ordered | each event once                     | that of the stream               |
 * | durable | each event at least once            | per actor, where it is given new |
 * | live    | each once, but for the gaps it told | per actor                        |
 *
 * Owed is what lies behind `from` and is of the subscriber's type. What lies before
 * may be given too: where a live one begins is not exact.
 */
import { at, typeOf } from "./_place.ts";
import type {
  RecordedEvent,
  RecordedSubscription,
  RunRecord,
} from "./record.ts";
import type { Findings } from "./verdict.ts";

/** A place of the log, as it was given or as it lies there. */
type Given = RecordedSubscription["deliveries"][number];

/** Checks each subscriber, in time that grows with the log and what it was given. */
export function checkSubscriptions(
  { log, subscriptions }: RunRecord,
  findings: Findings,
): void {
  const byId = new Map(log.map((event) => [event.id, event]));
  for (const subscription of subscriptions) {
    const { deliveries, from, kind, type } = subscription;
    const stored = deliveries.filter((given) =>
      isStored(given, byId.get(given.id), subscription, findings)
    );
    const owed = log.filter(({ actorId, sequence }) =>
      sequence > from && typeOf(actorId) === type
    );
    findings.looked("I8", deliveries.length);
    findings.looked("I9", owed.length);
    const report = (what: string) =>
      findings.report(
        "I9",
        `${kind} subscriber "${subscription.name}" ${what}`,
      );
    const behind = stored.filter(({ sequence }) => sequence > from);
    if (kind === "ordered") checkOrdered(behind, owed, report);
    else if (kind === "durable") checkDurable(behind, owed, report);
    else checkLive(stored, owed, subscription, report);
  }
}

function isStored(
  given: Given,
  event: RecordedEvent | undefined,
  { kind, name, type }: RecordedSubscription,
  findings: Findings,
): boolean {
  const what = `${kind} subscriber "${name}" was given ${at(given)}`;
  if (event === undefined) {
    findings.report("I8", `${what}, which is not in the log`);
  } else if (
    event.actorId !== given.actorId || event.version !== given.version ||
    event.sequence !== given.sequence
  ) {
    findings.report("I8", `${what}, and the log has it as ${at(event)}`);
  } else if (typeOf(event.actorId) !== type) {
    findings.report("I8", `${what}, which is not of type "${type}"`);
  } else return true;
  return false;
}

function checkOrdered(
  given: readonly Given[],
  owed: readonly Given[],
  report: (what: string) => void,
): void {
  const places = new Map(owed.map(({ id }, place) => [id, place]));
  let next = 0;
  for (const event of given) {
    const place = places.get(event.id)!;
    if (place < next) report(`was given ${at(event)} again, or late`);
    else {
      if (place > next) {
        report(`was given ${at(event)} before ${at(owed[next]!)}`);
      }
      next = place + 1;
    }
  }
  if (next < owed.length) {
    report(`was never given ${at(owed[next]!)} or what follows`);
  }
}

function checkDurable(
  given: readonly Given[],
  owed: readonly Given[],
  report: (what: string) => void,
): void {
  // What each actor's next new event is to be, and what the last one is.
  const next = new Map<string, number>();
  const last = new Map<string, Given>();
  for (const event of owed) {
    const { actorId, version } = event;
    if (!next.has(actorId)) next.set(actorId, version);
    last.set(actorId, event);
  }
  for (const event of given) {
    const { actorId, version } = event;
    const expected = next.get(actorId)!;
    if (version < expected) continue;
    if (version > expected) {
      report(`was given ${at(event)} before ${actorId}@${expected}`);
    }
    next.set(actorId, version + 1);
  }
  for (const [actorId, event] of last) {
    const expected = next.get(actorId)!;
    if (expected > event.version) continue;
    report(`was never given ${actorId}@${expected}, nor up to ${at(event)}`);
  }
}

function checkLive(
  given: readonly Given[],
  owed: readonly Given[],
  { gaps }: RecordedSubscription,
  report: (what: string) => void,
): void {
  const highest = new Map<string, number>();
  const ids = new Set<string>();
  for (const event of given) {
    const { actorId, id, version } = event;
    const before = highest.get(actorId) ?? 0;
    if (version <= before) {
      report(`was given ${at(event)} behind ${actorId}@${before}`);
    }
    highest.set(actorId, Math.max(before, version));
    ids.add(id);
  }
  const told = [...gaps].sort(([one], [other]) => one - other);
  let gap = 0;
  // Where the gaps looked at so far end, as one may lie within another.
  let covered = 0;
  for (const event of owed) {
    while (gap < told.length && told[gap]![0] <= event.sequence) {
      covered = Math.max(covered, told[gap++]![1]);
    }
    if (event.sequence <= covered || ids.has(event.id)) continue;
    report(`was neither given ${at(event)} nor told that it missed it`);
  }
}
