/**
 * What events, commands and read models carry: fields with a name and a type,
 * written as a word (`"number"`, `"string[]?"`) or, with more to say, as an
 * object. Types are those that JSON can hold.
 */
import { InvalidArgumentError } from "../event/mod.ts";

/** What one value of a field is. `date`, `datetime` and `uuid` are text in JSON. */
export type FieldType =
  | "string"
  | "number"
  | "integer"
  | "boolean"
  | "date"
  | "datetime"
  | "uuid"
  | "object"
  | "any";

/** A field in one word: its type, `[]` for a list, `?` for one that may be absent. */
export type FieldWord = `${FieldType}${"" | "[]"}${"" | "?"}`;

/** A field with more to say of it than a word can. */
export interface FieldSpec {
  /** What one value is. */
  readonly type: FieldType;
  /** Whether it holds several such values, in order. */
  readonly list?: boolean;
  /** Whether it may be absent. */
  readonly optional?: boolean;
  /** Whether it says something about a person. */
  readonly personal?: boolean;
  /** Whether it names the person that personal fields beside it are about. */
  readonly subject?: boolean;
  /** The parts of an `object`. */
  readonly fields?: Fields;
  /** Where a read model's field comes from, such as `account.Deposited.amount`. */
  readonly from?: readonly string[];
  /** For people. */
  readonly text?: string;
}

/** Fields by name. */
export interface Fields {
  /** A field: in one word, or with more to say. */
  readonly [name: string]: FieldWord | FieldSpec;
}

/** A field with its name, and every answer filled in. */
export interface Field {
  /** Its name. */
  readonly name: string;
  /** What one value is. */
  readonly type: FieldType;
  /** Whether it holds several. */
  readonly list: boolean;
  /** Whether it may be absent. */
  readonly optional: boolean;
  /** Whether it says something about a person. */
  readonly personal: boolean;
  /** Whether it names the person. */
  readonly subject: boolean;
  /** The parts of an object; empty where they are not told. */
  readonly fields: readonly Field[];
  /** Where it comes from; empty where that is not told. */
  readonly from: readonly string[];
  /** For people; empty where there is none. */
  readonly text: string;
}

/** The types there are. */
export const FIELD_TYPES: readonly FieldType[] = Object.freeze([
  "string",
  "number",
  "integer",
  "boolean",
  "date",
  "datetime",
  "uuid",
  "object",
  "any",
]);

/**
 * Brings fields into one form, in the order they were written.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: a type that does not exist.
 * @example A word says it all, mostly
 * ```ts
 * import { fieldsOf } from "@flowmade/aether/model";
 * import assert from "node:assert/strict";
 * const [tags] = fieldsOf({ tags: "string[]?" });
 * assert.equal(tags?.type, "string");
 * assert.equal(tags?.list, true);
 * assert.equal(tags?.optional, true);
 * ```
 */
export function fieldsOf(fields: Fields | undefined): readonly Field[] {
  return Object.entries(fields ?? {}).map(([name, field]) => {
    const spec = typeof field === "string" ? specOfWord(name, field) : field;
    if (!FIELD_TYPES.includes(spec?.type)) throw refuse(name, spec?.type);
    return {
      name,
      type: spec.type,
      list: spec.list ?? false,
      optional: spec.optional ?? false,
      personal: spec.personal ?? false,
      subject: spec.subject ?? false,
      fields: fieldsOf(spec.fields),
      from: spec.from ?? [],
      text: spec.text ?? "",
    };
  });
}

/** Writes a field's type as one word, such as `string[]?`. */
export function wordOfField(
  field: Pick<Field, "type" | "list" | "optional">,
): FieldWord {
  return `${field.type}${field.list ? "[]" : ""}${field.optional ? "?" : ""}`;
}

/** Why a value does not fit a field. */
export interface Misfit {
  /** Where, such as `amount` or `lines[2].price`. */
  readonly place: string;
  /** Whether there is nothing where something has to be. */
  readonly missing: boolean;
  /** In words. */
  readonly message: string;
}

/**
 * Says what is wrong with a value where a field of some type is meant; nothing
 * where it fits. Parts of objects are looked at too.
 *
 * @param place How the value's place is named, such as `amount`.
 */
export function misfitOf(
  field: Field,
  value: unknown,
  place: string = field.name,
): Misfit | undefined {
  if (!field.list) return misfitOfOne(field, value, place);
  if (!Array.isArray(value)) return wrong(place, "a list", value);
  for (const [index, item] of value.entries()) {
    const misfit = misfitOfOne(field, item, `${place}[${index}]`);
    if (misfit !== undefined) return misfit;
  }
  return undefined;
}

function misfitOfOne(
  field: Field,
  value: unknown,
  place: string,
): Misfit | undefined {
  if (!FITS[field.type](value)) {
    return wrong(place, `of type ${field.type}`, value);
  }
  if (field.type !== "object") return undefined;
  for (const part of field.fields) {
    const held = (value as Record<string, unknown>)[part.name];
    const at = `${place}.${part.name}`;
    if (held === undefined) {
      if (part.optional) continue;
      return { place: at, missing: true, message: `"${at}" is missing` };
    }
    const misfit = misfitOf(part, held, at);
    if (misfit !== undefined) return misfit;
  }
  return undefined;
}

function wrong(place: string, rule: string, value: unknown): Misfit {
  const message = `"${place}" is ${rule}: got ${kindOf(value)}`;
  return { place, missing: false, message };
}

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const DATETIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?/;
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

const FITS: Readonly<Record<FieldType, (value: unknown) => boolean>> = {
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === "boolean",
  date: (value) => typeof value === "string" && DATE.test(value),
  datetime: (value) => typeof value === "string" && DATETIME.test(value),
  uuid: (value) => typeof value === "string" && UUID.test(value),
  object: (value) =>
    typeof value === "object" && value !== null && !Array.isArray(value),
  any: (value) => value !== undefined,
};

function specOfWord(name: string, word: string): FieldSpec {
  const match = /^([a-z]+)(\[\])?(\?)?$/.exec(word);
  if (match === null) throw refuse(name, word);
  return {
    type: match[1] as FieldType,
    list: match[2] !== undefined,
    optional: match[3] !== undefined,
  };
}

function refuse(name: string, type: unknown): InvalidArgumentError {
  return new InvalidArgumentError(
    `Cannot describe field "${name}" as a type is one of ${
      FIELD_TYPES.join(", ")
    }, with "[]" for a list and "?" for one that may be absent: got ${
      JSON.stringify(type) ?? typeof type
    }`,
  );
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "string") {
    return value.length > 40 ? "a text" : JSON.stringify(value);
  }
  return typeof value === "object" ? "an object" : String(value);
}
