/**
 * What code does not tell by its names, and shows when it runs: which command
 * leads to which event, why one is refused, which fields data has.
 */
import type { Field, Fields, FieldSpec, FieldType } from "./field.ts";
import type { Example } from "./words.ts";

/** What a command did when it ran once. */
export interface Observation {
  /** The actor type. */
  readonly of: string;
  /** What had happened before. */
  readonly given?: readonly Example[];
  /** The command and its input. */
  readonly when: Example;
  /** The events it led to. */
  readonly events: readonly Example[];
  /** The reason it was refused for, where it was. */
  readonly rejected?: string;
  /** The commands it sent to other actors; none where it is left out. */
  readonly sends?: readonly Sending[];
}

/** A command that was sent to another actor. */
export interface Sending {
  /** Which one, such as `account.deposit`. */
  readonly to: string;
  /** The actor's key. */
  readonly key: string;
  /** Its input. */
  readonly data?: unknown;
}

/** What a policy did when it ran once. */
export interface PolicyObservation {
  /** The policy's name. */
  readonly policy: string;
  /** The event, such as `account.Withdrawn`. */
  readonly on: string;
  /** The commands it sent. */
  readonly sends: readonly Sending[];
}

/**
 * Reads fields off examples of data. A field that some examples lack may be
 * absent; one whose values differ in type may hold anything. What is no object
 * has no fields.
 *
 * @returns Nothing where there is no example, or one is no object.
 * @example A note that is not always there
 * ```ts
 * import { fieldsOfExamples } from "@flowmade/aether/model";
 * import assert from "node:assert/strict";
 * assert.deepEqual(
 *   fieldsOfExamples([{ amount: 1 }, { amount: 2, note: "rent" }]),
 *   { amount: { type: "number" }, note: { type: "string", optional: true } },
 * );
 * ```
 */
export function fieldsOfExamples(
  examples: readonly unknown[],
): Fields | undefined {
  if (examples.length === 0 || !examples.every(isRecord)) return undefined;
  const names = new Set(examples.flatMap((example) => Object.keys(example)));
  const fields: Record<string, FieldSpec> = {};
  for (const name of names) {
    const values = examples.flatMap((example) =>
      example[name] === undefined ? [] : [example[name]]
    );
    fields[name] = {
      ...shapeOf(values),
      ...(values.length < examples.length ? { optional: true } : {}),
    };
  }
  return fields;
}

function shapeOf(values: readonly unknown[]): FieldSpec {
  if (values.length > 0 && values.every(Array.isArray)) {
    const items = values.flat();
    return {
      ...(items.length === 0 ? { type: "any" } : shapeOf(items)),
      list: true,
    };
  }
  const types = new Set(values.map(typeOf));
  const [type] = types;
  if (types.size !== 1 || type === undefined) return { type: "any" };
  if (type !== "object") return { type };
  const fields = fieldsOfExamples(values);
  return { type, ...(fields === undefined ? {} : { fields }) };
}

function typeOf(value: unknown): FieldType {
  if (typeof value === "string") return "string";
  if (typeof value === "number") return "number";
  if (typeof value === "boolean") return "boolean";
  return isRecord(value) ? "object" : "any";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Writes fields in the form that `defineModel` takes, as short as can be. */
export function specsOfFields(fields: readonly Field[]): Fields {
  return Object.fromEntries(fields.map((field) => {
    const { name, type, list, optional, personal, subject, from, text } = field;
    const plain = !personal && !subject && field.fields.length === 0 &&
      from.length === 0 && text === "";
    if (plain) {
      return [name, `${type}${list ? "[]" : ""}${optional ? "?" : ""}`];
    }
    const spec: FieldSpec = {
      type,
      ...(list ? { list } : {}),
      ...(optional ? { optional } : {}),
      ...(personal ? { personal } : {}),
      ...(subject ? { subject } : {}),
      ...(field.fields.length > 0
        ? { fields: specsOfFields(field.fields) }
        : {}),
      ...(from.length > 0 ? { from } : {}),
      ...(text === "" ? {} : { text }),
    };
    return [name, spec];
  })) as Fields;
}
