/** Fields as JSON Schema. */
import { type Field, type Fields, fieldsOf, type FieldType } from "./field.ts";

/** A JSON Schema, as JSON. */
export type JsonSchema = { readonly [key: string]: unknown };

/**
 * Describes data with some fields as JSON Schema, in words that all drafts from
 * 7 on share. Further properties are allowed, as a later version may have them.
 *
 * @example An amount and perhaps a note
 * ```ts
 * import { schemaOfFields } from "@flowmade/aether/model";
 * import assert from "node:assert/strict";
 * assert.deepEqual(schemaOfFields({ amount: "number", note: "string?" }), {
 *   type: "object",
 *   properties: { amount: { type: "number" }, note: { type: "string" } },
 *   required: ["amount"],
 * });
 * ```
 */
export function schemaOfFields(fields: Fields | undefined): JsonSchema {
  return schemaOf(fieldsOf(fields));
}

/** As {@link schemaOfFields}, for fields in one form. */
export function schemaOf(fields: readonly Field[]): JsonSchema {
  const required = fields.filter(({ optional }) => !optional)
    .map(({ name }) => name);
  return {
    type: "object",
    properties: Object.fromEntries(
      fields.map((field) => [field.name, schemaOfField(field)]),
    ),
    ...(required.length > 0 ? { required } : {}),
  };
}

function schemaOfField(field: Field): JsonSchema {
  const one = field.type === "object" && field.fields.length > 0
    ? schemaOf(field.fields)
    : TYPES[field.type];
  const described = field.text === "" ? {} : { description: field.text };
  return field.list
    ? { type: "array", items: one, ...described }
    : { ...one, ...described };
}

const TYPES: Readonly<Record<FieldType, JsonSchema>> = {
  string: { type: "string" },
  number: { type: "number" },
  integer: { type: "integer" },
  boolean: { type: "boolean" },
  date: { type: "string", format: "date" },
  datetime: { type: "string", format: "date-time" },
  uuid: { type: "string", format: "uuid" },
  object: { type: "object" },
  any: {},
};
