/**
 * Compares two versions of a model: what broke, for whom, and which upcasters
 * stored events call for.
 *
 * Stored events stay as they are for ever. So a field that new code needs and
 * old events lack, or a type that changed, has to be supplied or converted when
 * old events are read: that is an upcaster. What is gone breaks those who read
 * it; what is new and may be absent breaks nobody.
 */
import { type Field, type Fields, fieldsOf, wordOfField } from "./field.ts";
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
  readonly upcaster?: Upcaster;
}

/** What has to happen to stored events so that new code can read them. */
export interface Upcaster {
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

/** Who sends what has the fields, and who reads it. */
type Carrier = "event" | "command" | "query" | "read model";

function changesOfFields(
  carrier: Carrier,
  at: string,
  old: Fields | undefined,
  now: Fields | undefined,
): Change[] {
  // What tells no fields says nothing of them.
  if (old === undefined || now === undefined) return [];
  return compareFields(carrier, at, at, fieldsOf(old), fieldsOf(now));
}

function compareFields(
  carrier: Carrier,
  note: string,
  at: string,
  old: readonly Field[],
  now: readonly Field[],
): Change[] {
  const changes: Change[] = [];
  const names = new Set([...old, ...now].map(({ name }) => name));
  for (const name of names) {
    const was = old.find((field) => field.name === name);
    const is = now.find((field) => field.name === name);
    const place = `${at}.${name}`;
    const path = place.slice(note.length + 1);
    const upcaster = (does: Upcaster["does"], message: string) =>
      carrier === "event"
        ? { upcaster: { event: note, does, field: path, message } }
        : {};
    if (is === undefined) changes.push(gone(carrier, place, name, was!));
    else if (was === undefined) {
      const breaking = !is.optional && carrier !== "read model" &&
        carrier !== "query";
      changes.push({
        kind: "field_added",
        at: place,
        breaking,
        message: !breaking
          ? `"${name}" is new`
          : carrier === "event"
          ? `"${name}" is new and stored events lack it`
          : `"${name}" is new and has to be given`,
        ...(breaking
          ? upcaster(
            "supply",
            `supply "${path}" (${wordOfField(is)}), which stored events lack`,
          )
          : {}),
      });
    } else if (was.type !== is.type || was.list !== is.list) {
      changes.push({
        kind: "type_changed",
        at: place,
        breaking: true,
        message: `"${name}" was ${wordOfField(was)} and is ${wordOfField(is)}`,
        ...upcaster(
          "convert",
          `convert "${path}" from ${wordOfField(was)} to ${wordOfField(is)}`,
        ),
      });
    } else {
      if (was.optional !== is.optional) {
        changes.push(required(carrier, place, is, path, upcaster));
      }
      if (was.fields.length > 0 && is.fields.length > 0) {
        changes.push(
          ...compareFields(carrier, note, place, was.fields, is.fields),
        );
      }
    }
  }
  return changes;
}

function gone(
  carrier: Carrier,
  at: string,
  name: string,
  was: Field,
): Change {
  // Who still gives it to a command is not harmed: it is not looked at.
  const breaking = carrier !== "command";
  return {
    kind: "field_removed",
    at,
    breaking,
    message: breaking
      ? `"${name}" (${wordOfField(was)}) is gone: breaks whoever reads it`
      : `"${name}" is no longer looked at`,
  };
}

function required(
  carrier: Carrier,
  at: string,
  is: Field,
  path: string,
  upcaster: (
    does: Upcaster["does"],
    message: string,
  ) => { readonly upcaster?: Upcaster },
): Change {
  const given = carrier === "event" || carrier === "command";
  if (is.optional) {
    // What is read may now be absent; what is given may now be left out.
    return {
      kind: "became_optional",
      at,
      breaking: carrier !== "command",
      message: `"${is.name}" may be absent now`,
    };
  }
  return {
    kind: "became_required",
    at,
    breaking: given,
    message: `"${is.name}" may no longer be absent`,
    ...(carrier === "event"
      ? upcaster(
        "supply",
        `supply "${path}" (${wordOfField(is)}) where stored events lack it`,
      )
      : {}),
  };
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
