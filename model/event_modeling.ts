/**
 * A model as an Event Modeling document: the JSON format of slices that modeling
 * tools exchange. Going out, what has no place there is left out: contexts and
 * their relations but for their names, opportunities, hotspots, the glossary,
 * rules of order, `personal`, and the reasons a command is refused for but those
 * of specifications.
 *
 * Source: {@link https://github.com/dilgerma/event-modeling-spec | Event Modeling Specification}.
 */
import { type Board, boardOf, type Note } from "./board.ts";
import type {
  ElementType,
  EventModelingDependency,
  EventModelingDocument,
  EventModelingElement,
  EventModelingField,
  EventModelingSlice,
  EventModelingSpecification,
  EventModelingStep,
} from "./event_modeling_format.ts";
import type { Field, FieldType } from "./field.ts";
import { type Step, storyOf } from "./story.ts";
import type { Example, Model, ModelSpecification } from "./words.ts";

/**
 * Writes a model as an Event Modeling document: a slice for each command with
 * its events, each read model or query, each policy and each external system.
 *
 * @example A slice that changes the state
 * ```ts
 * import { toEventModeling } from "@flowmade/aether/model";
 * import assert from "node:assert/strict";
 *
 * const { slices } = toEventModeling({
 *   name: "bank",
 *   aggregates: {
 *     account: { events: { Deposited: {} }, commands: { deposit: { emits: ["Deposited"] } } },
 *   },
 * });
 * assert.equal(slices[0]?.sliceType, "STATE_CHANGE");
 * ```
 */
export function toEventModeling(model: Model): EventModelingDocument {
  const board = boardOf(model);
  const slices = storyOf(model, board).map((step) =>
    sliceOf(model, board, step)
  );
  for (const note of board.notes) {
    if (note.kind !== "system") continue;
    slices.push({
      ...EMPTY,
      id: `slice ${note.id}`,
      title: note.name,
      sliceType: "AUTOMATION",
      processors: [elementOf(board, note)],
    });
  }
  return { slices: slices.map((slice, index) => ({ ...slice, index })) };
}

const EMPTY = {
  commands: [],
  events: [],
  readmodels: [],
  screens: [],
  processors: [],
  tables: [],
  specifications: [],
} as const;

function sliceOf(model: Model, board: Board, step: Step): EventModelingSlice {
  const { note, causes, effects } = step;
  const element = elementOf(board, note);
  const people = [...causes, ...effects].filter(({ kind }) =>
    kind === "person"
  );
  const head = {
    ...EMPTY,
    id: `slice ${note.id}`,
    title: note.name,
    ...(note.context === undefined ? {} : { context: note.context }),
    ...(note.aggregate === undefined ? {} : { aggregates: [note.aggregate] }),
    ...(people.length === 0 ? {} : {
      actors: people.map(({ name }) => ({ name, authRequired: false })),
      screens: people.map((person) => screenOf(person, note)),
    }),
  };
  if (note.kind === "policy") {
    return { ...head, sliceType: "AUTOMATION", processors: [element] };
  }
  if (note.kind === "readModel" || note.kind === "query") {
    return { ...head, sliceType: "STATE_VIEW", readmodels: [element] };
  }
  if (note.kind === "event") {
    return { ...head, sliceType: "STATE_CHANGE", events: [element] };
  }
  return {
    ...head,
    sliceType: "STATE_CHANGE",
    commands: [element],
    events: effects.filter(({ kind }) => kind === "event")
      .map((event) => elementOf(board, event)),
    specifications: (model.specifications ?? [])
      .filter(({ of, when }) => `${of}.${when.type}` === note.id)
      .map((spec, index) => specificationOf(spec, note, index)),
  };
}

const TYPES: Readonly<Partial<Record<Note["kind"], ElementType>>> = {
  command: "COMMAND",
  event: "EVENT",
  readModel: "READMODEL",
  query: "READMODEL",
  policy: "AUTOMATION",
  system: "AUTOMATION",
  person: "SCREEN",
};

function elementOf(board: Board, note: Note): EventModelingElement {
  const dependencies = board.arrows.flatMap(({ from, to }) => {
    if (from !== note.id && to !== note.id) return [];
    const other = board.note(from === note.id ? to : from)!;
    const link: EventModelingDependency = {
      // A person has a screen of its own in each slice.
      id: other.kind === "person" ? `${other.id} at ${note.id}` : other.id,
      type: from === note.id ? "OUTBOUND" : "INBOUND",
      title: other.name,
      elementType: TYPES[other.kind]!,
    };
    return [link];
  });
  const tags = [
    ...(note.pivotal ? ["pivotal"] : []),
    ...(note.kind === "query" ? ["query"] : []),
  ];
  return {
    id: note.id,
    title: note.name,
    type: TYPES[note.kind]!,
    fields: note.fields.map(fieldOf),
    dependencies,
    ...(note.text === "" ? {} : { description: note.text }),
    ...(note.aggregate === undefined ? {} : { aggregate: note.aggregate }),
    ...(note.context === undefined ? {} : { modelContext: note.context }),
    context: note.kind === "system" ? "EXTERNAL" : "INTERNAL",
    ...(tags.length > 0 ? { tags } : {}),
  };
}

function screenOf(person: Note, note: Note): EventModelingElement {
  const command = note.kind === "command";
  return {
    id: `${person.id} at ${note.id}`,
    title: person.name,
    type: "SCREEN",
    fields: [],
    dependencies: [{
      id: note.id,
      type: command ? "OUTBOUND" : "INBOUND",
      title: note.name,
      elementType: TYPES[note.kind]!,
    }],
    ...(person.text === "" ? {} : { description: person.text }),
  };
}

/** The format's names of types. */
const FIELD_TYPES: Readonly<Record<FieldType, string>> = Object
  .freeze({
    string: "String",
    number: "Double",
    integer: "Long",
    boolean: "Boolean",
    date: "Date",
    datetime: "DateTime",
    uuid: "UUID",
    object: "Custom",
    any: "Custom",
  });

function fieldOf(field: Field): EventModelingField {
  return {
    name: field.name,
    type: FIELD_TYPES[field.type],
    cardinality: field.list ? "List" : "Single",
    ...(field.optional ? { optional: true } : {}),
    ...(field.subject ? { idAttribute: true } : {}),
    ...(field.from.length > 0 ? { mapping: field.from.join(", ") } : {}),
    ...(field.fields.length > 0
      ? { subfields: field.fields.map(fieldOf) }
      : {}),
  };
}

function specificationOf(
  { of, name, given = [], when, then }: ModelSpecification,
  note: Note,
  index: number,
): EventModelingSpecification {
  const id = `specification ${index + 1} of ${note.id}`;
  const steps = (
    word: string,
    type: EventModelingStep["type"],
    examples: readonly Example[],
  ) =>
    examples.map(({ type: title, data }, place): EventModelingStep => ({
      id: `${id}, ${word} ${place + 1}`,
      title,
      type,
      linkedId: `${of}.${title}`,
      ...(isObject(data) ? { examples: [data] } : {}),
    }));
  return {
    id,
    title: name,
    linkedId: note.id,
    given: steps("given", "SPEC_EVENT", given),
    when: steps("when", "SPEC_COMMAND", [when]),
    then: "rejected" in then
      ? [{ id: `${id}, then 1`, title: then.rejected, type: "SPEC_ERROR" }]
      : steps("then", "SPEC_EVENT", then),
  };
}

function isObject(data: unknown): data is object {
  return typeof data === "object" && data !== null && !Array.isArray(data);
}
