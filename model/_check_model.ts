/** What can be wrong with a model: names, keys, references. */
import { type Fields, fieldsOf } from "./field.ts";
import { shapeProblems } from "./_model_shape.ts";
import { own } from "./_own.ts";
import type { Aggregate, Model, Specification } from "./words.ts";

/** Says all that is wrong with a model; nothing where it is well. */
export function problemsOf(model: Model): string[] {
  const problems = shapeProblems(model);
  // What is not built like a model cannot be followed.
  if (problems.length > 0) return problems;
  if (model.name === "") problems.push("a model has a name: got an empty one");
  for (const part of NAMED) {
    for (const name of Object.keys(model[part] ?? {})) {
      if (!NAME.test(name)) problems.push(badName(part, name));
    }
  }
  for (const [name, aggregate] of entries(model.aggregates)) {
    checkAggregate(model, name, aggregate, problems);
  }
  checkOthers(model, problems);
  return problems;
}

const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,127}$/;
const NAMED = [
  "aggregates",
  "people",
  "policies",
  "readModels",
  "systems",
  "contexts",
] as const;

function badName(part: string, name: string): string {
  return `${part} are named by a letter and up to 127 letters, digits, "_" or "-": got ${
    JSON.stringify(name)
  }`;
}

function checkAggregate(
  model: Model,
  name: string,
  aggregate: Aggregate,
  problems: string[],
): void {
  const seen = new Set<string>();
  for (const part of ["events", "commands", "queries"] as const) {
    for (
      const [member, spec] of entries<{ fields?: Fields }>(aggregate[part])
    ) {
      const at = `${name}.${member}`;
      if (!NAME.test(member)) problems.push(badName(part, at));
      if (seen.has(member)) problems.push(`"${at}" stands for two notes`);
      seen.add(member);
      checkFields(at, spec.fields, problems);
    }
  }
  const events = aggregate.events ?? {};
  for (const [event, { after, notAfter }] of entries(aggregate.events)) {
    expect(`${name}.${event}.after`, after, events, problems);
    expect(`${name}.${event}.notAfter`, notAfter, events, problems);
  }
  for (const [command, { emits, by }] of entries(aggregate.commands)) {
    expect(`${name}.${command}.emits`, emits, events, problems);
    expect(`${name}.${command}.by`, by, model.people, problems);
  }
  for (const [query, { by }] of entries(aggregate.queries)) {
    expect(`${name}.${query}.by`, by, model.people, problems);
  }
}

function checkOthers(model: Model, problems: string[]): void {
  const { events, commands, notes } = referencesOf(model);
  for (const [name, aggregate] of entries(model.aggregates)) {
    for (const [command, { sends }] of entries(aggregate.commands)) {
      expect(`${name}.${command}.sends`, sends, commands, problems);
    }
  }
  for (const [name, policy] of entries(model.policies)) {
    expect(`policy ${name}.on`, policy.on, events, problems);
    expect(`policy ${name}.sends`, policy.sends, commands, problems);
    expect(`policy ${name}.calls`, policy.calls, model.systems, problems);
  }
  for (const [name, view] of entries(model.readModels)) {
    checkFields(name, view.fields, problems);
    expect(`read model ${name}.from`, view.from, events, problems);
    expect(`read model ${name}.shownTo`, view.shownTo, model.people, problems);
  }
  for (const [name, system] of entries(model.systems)) {
    expect(`system ${name}.on`, system.on, events, problems);
    expect(`system ${name}.sends`, system.sends, commands, problems);
  }
  for (const [name, context] of entries(model.contexts)) {
    const at = `context ${name}`;
    expect(`${at}.aggregates`, context.aggregates, model.aggregates, problems);
    expect(`${at}.policies`, context.policies, model.policies, problems);
    expect(`${at}.readModels`, context.readModels, model.readModels, problems);
  }
  for (const { from, to } of model.relations ?? []) {
    expect("a relation", [from, to], model.contexts, problems);
  }
  for (
    const { on } of [...model.hotspots ?? [], ...model.opportunities ?? []]
  ) {
    if (on !== undefined) {
      expect(
        "a hotspot or opportunity",
        [on],
        notes,
        problems,
      );
    }
  }
  for (const [term, meaning] of entries(model.glossary)) {
    if (typeof meaning === "string" || meaning.context === undefined) continue;
    expect(`term ${term}`, [meaning.context], model.contexts, problems);
  }
  for (const [lane, aggregates] of entries(model.swimlanes)) {
    expect(`lane ${lane}`, aggregates, model.aggregates, problems);
  }
  expect("the timeline", model.timeline, timed(model, commands), problems);
  for (const specification of model.specifications ?? []) {
    checkSpecification(model, specification.of, specification, problems);
  }
}

function checkSpecification(
  model: Model,
  of: string,
  { name, given, when, then }: Specification,
  problems: string[],
): void {
  const at = `specification "${name}"`;
  expect(at, [of], model.aggregates, problems);
  const aggregate = own(model.aggregates, of) ?? {};
  const names = (examples: readonly { type: string }[] = []) =>
    examples.map((example) => example.type);
  expect(at, names(given), aggregate.events, problems);
  expect(at, [when.type], aggregate.commands, problems);
  if ("rejected" in then) return;
  expect(at, names(then), aggregate.events, problems);
}

function timed(model: Model, commands: object): object {
  return {
    ...commands,
    ...Object.fromEntries(
      Object.keys(model.policies ?? {}).map((name) => [`policy:${name}`, true]),
    ),
  };
}

/** All references a model has, each in a record of its kind. */
function referencesOf(
  model: Model,
): { events: object; commands: object; notes: object } {
  const [events, commands, notes] = [{}, {}, {}] as Record<string, true>[];
  for (const [name, aggregate] of entries(model.aggregates)) {
    notes![name] = true;
    for (const event of Object.keys(aggregate.events ?? {})) {
      events![`${name}.${event}`] = notes![`${name}.${event}`] = true;
    }
    for (const command of Object.keys(aggregate.commands ?? {})) {
      commands![`${name}.${command}`] = notes![`${name}.${command}`] = true;
    }
    for (const query of Object.keys(aggregate.queries ?? {})) {
      notes![`${name}.${query}`] = true;
    }
  }
  for (const [prefix, part] of PREFIXED) {
    for (const name of Object.keys(model[part] ?? {})) {
      notes![`${prefix}:${name}`] = true;
    }
  }
  return { events: events!, commands: commands!, notes: notes! };
}

const PREFIXED = [
  ["policy", "policies"],
  ["readModel", "readModels"],
  ["person", "people"],
  ["system", "systems"],
] as const;

function expect(
  place: string,
  names: readonly string[] | undefined,
  known: object | undefined,
  problems: string[],
): void {
  for (const name of names ?? []) {
    if (Object.hasOwn(known ?? {}, name)) continue;
    problems.push(
      `${place} refers to what is not there: ${JSON.stringify(name)}`,
    );
  }
}

function checkFields(
  at: string,
  fields: Fields | undefined,
  problems: string[],
): void {
  try {
    fieldsOf(fields);
  } catch (error) {
    problems.push(`${at}: ${(error as Error).message}`);
  }
}

function entries<T>(
  record: Readonly<Record<string, T>> | undefined,
): [string, T][] {
  return Object.entries(record ?? {});
}
