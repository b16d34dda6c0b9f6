/** What changed in the fields of a note, and for whom that breaks what. */
import type { Change, NeededUpcaster } from "./compare.ts";
import { type Field, type Fields, fieldsOf, wordOfField } from "./field.ts";

/** Who sends what has the fields, and who reads it. */
export type Carrier = "event" | "command" | "query" | "read model";

/** Compares the fields of one note; what tells no fields says nothing of them. */
export function changesOfFields(
  carrier: Carrier,
  at: string,
  old: Fields | undefined,
  now: Fields | undefined,
): Change[] {
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
    const upcaster = (does: NeededUpcaster["does"], message: string) =>
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
    does: NeededUpcaster["does"],
    message: string,
  ) => { readonly upcaster?: NeededUpcaster },
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
