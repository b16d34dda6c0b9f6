/**
 * Compares two versions of a model: what broke, for whom, and which upcasters
 * stored events call for.
 *
 * Stored events stay as they are for ever. So a field that new code needs and
 * old events lack, or a type that changed, has to be supplied or converted when
 * old events are read: that is an upcaster. What is gone breaks those who read
 * it; what is new and may be absent breaks nobody.
 */
import { changesOfFields } from "./_compare_fields.ts";
import type { Aggregate, Model } from "./words.ts";

/** What changed. */
export type ChangeKind =
  | "aggregate_removed"
  | "aggregate_added"
  | "event_removed"
  | "event_added"
  | "command_removed"
  | "command_added"
  | "query_removed"
  | "query_added"
  | "field_removed"
  | "field_added"
  | "type_changed"
  | "became_required"
  | "became_optional"
  | "read_model_removed"
  | "read_model_added"
  | "policy_removed"
  | "policy_added";

/** One change. */
export interface Change {
  /** What changed. */
  readonly kind: ChangeKind;
  /** Where, such as `account.Deposited.amount`. */
  readonly at: string;
  /** Whether something that worked before no longer does. */
  readonly breaking: boolean;
  /** In words: what changed, and for whom it breaks what. */
  readonly message: string;
  /** What an upcaster of stored events has to do; only where one is called for. */
  readonly upcaster?: NeededUpcaster;
}

/** What has to happen to stored events so that new code can read them. */
export interface NeededUpcaster {
  /** The event, such as `account.Deposited`. */
  readonly event: string;
  /** What it has to do. */
  readonly does: "supply" | "convert" | "map";
  /** The field it has to do it to; none where the whole event is gone. */
  readonly field?: string;
  /** In words. */
  readonly message: string;
}

/**
 * Compares two versions of a model.
 *
 * @returns Every change, in the order of the models; breaking ones say so.
 * @example A currency that older events lack
 * ```ts
 * import { compareModels } from "@flowmade/aether/model";
 * import assert from "node:assert/strict";
 *
 * const version = (fields: Record<string, "number" | "string">) => ({
 *   name: "bank",
 *   aggregates: { account: { events: { Deposited: { fields } } } },
 * });
 * const [change] = compareModels(
 *   version({ amount: "number" }),
 *   version({ amount: "number", currency: "string" }),
 * );
 * assert.equal(change?.breaking, true);
 * assert.equal(change?.upcaster?.does, "supply");
 * ```
 */
export function compareModels(before: Model, after: Model): Change[] {
  const changes: Change[] = [];
  const aggregates = [before.aggregates, after.aggregates] as const;
  eachName(aggregates, (name, old, now) => {
    if (now === undefined) {
      changes.push({
        kind: "aggregate_removed",
        at: name,
        breaking: true,
        message: `"${name}" is gone, and with it all that was stored of it`,
      });
    }
    if (old === undefined) {
      changes.push(added("aggregate_added", name, "aggregate"));
    }
    if (now !== undefined && old !== undefined) {
      changes.push(...changesOf(name, old, now));
    }
  });
  eachName([before.readModels, after.readModels], (name, old, now) => {
    const at = `readModel:${name}`;
    if (now === undefined) {
      changes.push(removed("read_model_removed", at, "whoever looks at it"));
    } else if (old === undefined) {
      changes.push(added("read_model_added", at, "read model"));
    } else {
      changes.push(
        ...changesOfFields("read model", at, old.fields, now.fields),
      );
    }
  });
  eachName([before.policies, after.policies], (name, old, now) => {
    const at = `policy:${name}`;
    if (now === undefined) {
      changes.push({
        ...removed("policy_removed", at, "nobody who calls us"),
        breaking: false,
        message: `"${name}" is gone: what it did is no longer done`,
      });
    } else if (old === undefined) {
      changes.push(added("policy_added", at, "policy"));
    }
  });
  return changes;
}

function changesOf(type: string, old: Aggregate, now: Aggregate): Change[] {
  const changes: Change[] = [];
  eachName([old.events, now.events], (name, was, is) => {
    const at = `${type}.${name}`;
    if (is === undefined) {
      changes.push({
        ...removed("event_removed", at, "whoever reacts to it"),
        upcaster: {
          event: at,
          does: "map",
          message: `stored "${name}" has to become ${
            likely(old.events, now.events)
          }, or its handler stays`,
        },
      });
    } else if (was === undefined) {
      changes.push(added("event_added", at, "event"));
    } else changes.push(...changesOfFields("event", at, was.fields, is.fields));
  });
  eachName([old.commands, now.commands], (name, was, is) => {
    const at = `${type}.${name}`;
    if (is === undefined) {
      changes.push(removed("command_removed", at, "whoever gives it"));
    } else if (was === undefined) {
      changes.push(added("command_added", at, "command"));
    } else {
      changes.push(...changesOfFields("command", at, was.fields, is.fields));
    }
  });
  eachName([old.queries, now.queries], (name, was, is) => {
    const at = `${type}.${name}`;
    if (is === undefined) {
      changes.push(removed("query_removed", at, "whoever asks it"));
    } else if (was === undefined) {
      changes.push(added("query_added", at, "query"));
    } else changes.push(...changesOfFields("query", at, was.fields, is.fields));
  });
  return changes;
}

function removed(kind: ChangeKind, at: string, whom: string): Change {
  return {
    kind,
    at,
    breaking: true,
    message: `"${at}" is gone: breaks ${whom}`,
  };
}

function added(kind: ChangeKind, at: string, what: string): Change {
  return { kind, at, breaking: false, message: `${what} "${at}" is new` };
}

/** The events that came when others went: one of them may be the same by another name. */
function likely(
  old: Aggregate["events"] = {},
  now: Aggregate["events"] = {},
): string {
  const fresh = Object.keys(now).filter((name) => !Object.hasOwn(old, name));
  return fresh.length === 0
    ? "another event"
    : fresh.map((name) => `"${name}"`).join(" or ");
}

function eachName<T>(
  [before = {}, after = {}]: readonly [
    Readonly<Record<string, T>> | undefined,
    Readonly<Record<string, T>> | undefined,
  ],
  visit: (name: string, before: T | undefined, after: T | undefined) => void,
): void {
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const own = (record: Readonly<Record<string, T>>) =>
      Object.hasOwn(record, name) ? record[name] : undefined;
    visit(name, own(before), own(after));
  }
}
