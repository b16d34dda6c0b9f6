/**
 * What an Event Modeling document may be, as JSON Schema: written down from the
 * format's description, as no registry has its schema. With
 * `EVENT_MODELING_SCHEMA=/path/to/eventmodeling.schema.json` the tests take the
 * format's own instead.
 */
import { readFileSync } from "node:fs";
import process from "node:process";

type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: "string" };
const flag: Schema = { type: "boolean" };
const whole: Schema = { type: "integer" };
const anything: Schema = { type: "object" };
const oneOf = (...values: readonly string[]): Schema => ({ enum: values });
const listOf = (items: Schema): Schema => ({ type: "array", items });
const to = (name: string): Schema => ({ $ref: `#/$defs/${name}` });

/** An object that has nothing but what is named; what ends in "!" it must have. */
function only(parts: Readonly<Record<string, Schema>>): Schema {
  const entries = Object.entries(parts);
  return {
    type: "object",
    additionalProperties: false,
    properties: Object.fromEntries(
      entries.map(([name, schema]) => [name.replace("!", ""), schema]),
    ),
    required: entries.filter(([name]) => name.endsWith("!"))
      .map(([name]) => name.replace("!", "")),
  };
}

const kinds = oneOf("COMMAND", "EVENT", "READMODEL", "SCREEN", "AUTOMATION");
const elements = listOf(to("element"));
const steps = listOf(to("step"));

const own: Schema = {
  ...only({ "slices!": listOf(to("slice")) }),
  $defs: {
    slice: only({
      "id!": text,
      "title!": text,
      "sliceType!": oneOf("STATE_CHANGE", "STATE_VIEW", "AUTOMATION"),
      "commands!": elements,
      "events!": elements,
      "readmodels!": elements,
      "screens!": elements,
      "processors!": elements,
      "tables!": listOf(anything),
      "specifications!": listOf(to("specification")),
      status: oneOf("Created", "Done", "InProgress"),
      index: whole,
      context: text,
      screenImages: listOf(anything),
      actors: listOf(only({ "name!": text, "authRequired!": flag })),
      aggregates: listOf(text),
    }),
    element: only({
      "id!": text,
      "title!": text,
      "type!": kinds,
      "fields!": listOf(to("field")),
      "dependencies!": listOf(only({
        "id!": text,
        "type!": oneOf("INBOUND", "OUTBOUND"),
        "title!": text,
        "elementType!": kinds,
      })),
      groupId: text,
      tags: listOf(text),
      domain: text,
      modelContext: text,
      context: oneOf("INTERNAL", "EXTERNAL"),
      slice: text,
      description: text,
      aggregate: text,
      aggregateDependencies: listOf(text),
      apiEndpoint: text,
      service: { type: ["string", "null"] },
      createsAggregate: flag,
      triggers: listOf(text),
      sketched: flag,
      prototype: anything,
      listElement: flag,
    }),
    field: only({
      "name!": text,
      "type!": oneOf(
        "String",
        "Boolean",
        "Double",
        "Decimal",
        "Long",
        "Custom",
        "Date",
        "DateTime",
        "UUID",
        "Int",
      ),
      example: { type: ["string", "object"] },
      subfields: listOf(to("field")),
      mapping: text,
      optional: flag,
      technicalAttribute: flag,
      generated: flag,
      idAttribute: flag,
      schema: text,
      cardinality: oneOf("List", "Single"),
    }),
    specification: only({
      "id!": text,
      "title!": text,
      "given!": steps,
      "when!": steps,
      "then!": steps,
      "linkedId!": text,
      vertical: flag,
      sliceName: text,
      comments: listOf(only({ "description!": text })),
    }),
    step: only({
      "title!": text,
      "id!": text,
      "type!": oneOf(
        "SPEC_EVENT",
        "SPEC_COMMAND",
        "SPEC_READMODEL",
        "SPEC_ERROR",
      ),
      tags: listOf(text),
      examples: listOf(anything),
      index: whole,
      specRow: whole,
      fields: listOf(to("field")),
      linkedId: text,
      expectEmptyList: flag,
    }),
  },
};

/** The schema: the format's own where it is given, or ours. */
export function eventModelingSchema(): Schema {
  const path = process.env["EVENT_MODELING_SCHEMA"];
  return path === undefined ? own : JSON.parse(readFileSync(path, "utf8"));
}
