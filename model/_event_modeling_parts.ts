/** A model while it is put together from slices, in which notes come again and again. */
import { checkModel } from "./define.ts";
import { nameOf } from "./_event_modeling_names.ts";
import { emptyRecord } from "./_own.ts";
import type { Model, ModelSpecification } from "./words.ts";

interface Described {
  fields?: object;
  text?: string;
}

/** An aggregate in the making. */
export interface AggregateParts {
  readonly events: Record<string, Described & { pivotal?: true }>;
  readonly commands: Record<
    string,
    Described & { emits?: string[]; sends?: string[]; by?: string[] }
  >;
  readonly queries: Record<string, Described & { by?: string[] }>;
}

/** All notes that were met so far. */
export class Parts {
  readonly people = emptyRecord<{ text?: string }>();
  readonly policies = emptyRecord<
    { text?: string; on: string[]; sends: string[]; calls: string[] }
  >();
  readonly readModels = emptyRecord<
    Described & { from: string[]; shownTo: string[] }
  >();
  readonly systems = emptyRecord<
    { text?: string; on: string[]; sends: string[] }
  >();
  readonly specifications: ModelSpecification[] = [];
  readonly #aggregates = emptyRecord<AggregateParts>();
  readonly #contexts = emptyRecord<
    { aggregates: string[]; policies: string[]; readModels: string[] }
  >();

  /** An aggregate, as far as it is known. */
  aggregate(name: string): AggregateParts {
    return this.#aggregates[name] ??= {
      events: emptyRecord(),
      commands: emptyRecord(),
      queries: emptyRecord(),
    };
  }

  /** Puts a note into a context, where it has one. */
  context(
    part: "aggregates" | "policies" | "readModels",
    name: string,
    context: string | undefined,
  ): void {
    if (context === undefined || context === "") return;
    const into = this.#contexts[nameOf(context)] ??= {
      aggregates: [],
      policies: [],
      readModels: [],
    };
    add(into[part], name);
  }

  /** The model they make; what is empty is left out. */
  model(name: string): Model {
    const parts = withoutEmpty({
      name,
      aggregates: this.#aggregates,
      people: this.people,
      policies: this.policies,
      readModels: this.readModels,
      systems: this.systems,
      contexts: this.#contexts,
      specifications: this.specifications,
    });
    return checkModel(parts as Model);
  }
}

/** Adds a name to a list that does not have it. */
export function add(list: string[], name: string): void {
  if (!list.includes(name)) list.push(name);
}

/** Leaves out lists and records in which nothing is. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value) || typeof value !== "object" || value === null) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, part]) => {
      if (Array.isArray(part) && part.length === 0) return [];
      if (
        PARTS.has(key) && typeof part === "object" &&
        Object.keys(part).length === 0
      ) return [];
      return [[key, withoutEmpty(part)]];
    }),
  );
}

const PARTS: ReadonlySet<string> = new Set([
  "aggregates",
  "people",
  "policies",
  "readModels",
  "systems",
  "contexts",
  "events",
  "commands",
  "queries",
]);
