/** From an Event Modeling document to a model. */
import type {
  EventModelingDependency,
  EventModelingDocument,
  EventModelingElement,
  EventModelingSlice,
  EventModelingSpecification,
  EventModelingStep,
} from "./event_modeling_format.ts";
import { add, Parts } from "./_event_modeling_parts.ts";
import { checkDocument } from "./_event_modeling_check.ts";
import { camel, fieldSpecs, nameOf, pascal } from "./_event_modeling_names.ts";
import { fieldsOf } from "./field.ts";
import { specsOfFields } from "./observe.ts";
import type { Example, Model } from "./words.ts";

/** What the document does not say. */
export interface FromEventModelingOptions {
  /** The model's name. */
  readonly name: string;
  /** The aggregate of what names none; `"domain"` by default. */
  readonly aggregate?: string;
}

/**
 * Reads a model from an Event Modeling document, one that `toEventModeling` or a
 * modeling tool wrote.
 *
 * Titles become names: `Item Added` is `ItemAdded`, a command `Add Item` is
 * `addItem`. What leads to what is read from dependencies, and where a slice has
 * none, from what stands in it together. An element that comes in several slices
 * is one note.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: not such a document, naming
 * the place; or as `checkModel`.
 * @example There and back
 * ```ts
 * import { defineModel, fromEventModeling, toEventModeling } from "@flowmade/aether/model";
 * import assert from "node:assert/strict";
 *
 * const bank = defineModel({
 *   name: "bank",
 *   aggregates: {
 *     account: { events: { Deposited: {} }, commands: { deposit: { emits: ["Deposited"] } } },
 *   },
 * });
 * assert.deepEqual(fromEventModeling(toEventModeling(bank), { name: "bank" }), bank);
 * ```
 */
export function fromEventModeling(
  document: unknown,
  options: FromEventModelingOptions,
): Model {
  checkDocument(document);
  return new Importer(document, options).read();
}

/** Where an element of the document stands in the model. */
interface Place {
  readonly kind:
    | "event"
    | "command"
    | "query"
    | "readModel"
    | "policy"
    | "system"
    | "person";
  readonly aggregate: string;
  readonly name: string;
}

class Importer {
  readonly #document: EventModelingDocument;
  readonly #options: FromEventModelingOptions;
  readonly #places = new Map<string, Place>();
  readonly #parts = new Parts();

  constructor(
    document: EventModelingDocument,
    options: FromEventModelingOptions,
  ) {
    this.#document = document;
    this.#options = options;
  }

  read(): Model {
    const { slices } = this.#document;
    for (const slice of slices) this.#place(slice);
    for (const slice of slices) this.#link(slice);
    for (const slice of slices) {
      for (const specification of slice.specifications) {
        this.#specify(slice, specification);
      }
    }
    return this.#parts.model(this.#options.name);
  }

  #place(slice: EventModelingSlice): void {
    for (const event of slice.events) {
      const { name, aggregate } = this.#member(slice, event, "event", pascal);
      this.#parts.aggregate(aggregate).events[name] ??= {
        ...described(event),
        ...(event.tags?.includes("pivotal") ? { pivotal: true } : {}),
      };
      this.#parts.context(
        "aggregates",
        aggregate,
        event.modelContext ?? slice.context,
      );
    }
    for (const command of slice.commands) {
      const { name, aggregate } = this.#member(
        slice,
        command,
        "command",
        camel,
      );
      this.#parts.aggregate(aggregate).commands[name] ??= described(command);
      this.#parts.context(
        "aggregates",
        aggregate,
        command.modelContext ?? slice.context,
      );
    }
    for (const view of slice.readmodels) {
      if (view.tags?.includes("query")) {
        const { name, aggregate } = this.#member(slice, view, "query", camel);
        this.#parts.aggregate(aggregate).queries[name] ??= described(view);
        continue;
      }
      const name = this.#other(view, "readModel");
      this.#parts.readModels[name] ??= {
        ...described(view),
        from: [],
        shownTo: [],
      };
      this.#parts.context(
        "readModels",
        name,
        view.modelContext ?? slice.context,
      );
    }
    for (const processor of slice.processors) {
      const text = textOf(processor);
      if (processor.context === "EXTERNAL") {
        const name = this.#other(processor, "system");
        this.#parts.systems[name] ??= { ...text, on: [], sends: [] };
        continue;
      }
      const name = this.#other(processor, "policy");
      this.#parts.policies[name] ??= { ...text, on: [], sends: [], calls: [] };
      this.#parts.context(
        "policies",
        name,
        processor.modelContext ?? slice.context,
      );
    }
    for (const screen of slice.screens) {
      const name = this.#other(screen, "person");
      this.#parts.people[name] ??= textOf(screen);
    }
    for (const { name } of slice.actors ?? []) {
      this.#parts.people[nameOf(name)] ??= {};
    }
  }

  #link(slice: EventModelingSlice): void {
    const actors = (slice.actors ?? []).map(({ name }) => nameOf(name));
    for (const element of slice.commands) {
      const { aggregate, name } = this.#places.get(element.id)!;
      const command = this.#parts.aggregate(aggregate).commands[name]!;
      const told = this.#refs(element, "OUTBOUND", "event")
        .filter((place) => place.aggregate === aggregate);
      const events = told.length > 0
        ? told
        : slice.events.map(({ id }) => this.#places.get(id)!);
      for (const event of events) add(command.emits ??= [], event.name);
      for (const actor of actors) add(command.by ??= [], actor);
      for (const sent of this.#refs(element, "OUTBOUND", "command")) {
        add(command.sends ??= [], refOf(sent));
      }
    }
    for (const element of slice.readmodels) {
      const place = this.#places.get(element.id)!;
      if (place.kind === "query") {
        const query = this.#parts.aggregate(place.aggregate)
          .queries[place.name]!;
        for (const actor of actors) add(query.by ??= [], actor);
        continue;
      }
      const view = this.#parts.readModels[place.name]!;
      for (const event of this.#refs(element, "INBOUND", "event")) {
        add(view.from, refOf(event));
      }
      for (const actor of actors) add(view.shownTo, actor);
    }
    for (const element of slice.processors) {
      const { kind, name } = this.#places.get(element.id)!;
      const into = kind === "system"
        ? this.#parts.systems[name]!
        : this.#parts.policies[name]!;
      for (const event of this.#refs(element, "INBOUND", "event")) {
        add(into.on, refOf(event));
      }
      for (const command of this.#refs(element, "OUTBOUND", "command")) {
        add(into.sends, refOf(command));
      }
      for (const system of this.#refs(element, "OUTBOUND", "system")) {
        if (kind === "policy") {
          add(this.#parts.policies[name]!.calls, system.name);
        }
      }
    }
  }

  #specify(
    slice: EventModelingSlice,
    { title, given, when, then }: EventModelingSpecification,
  ): void {
    const [command] = when;
    const at = this.#stepPlace(command, slice.commands);
    if (command === undefined || at === undefined) return;
    const examples = (steps: readonly EventModelingStep[]): Example[] =>
      steps.flatMap((step) => {
        const place = this.#stepPlace(step, slice.events);
        if (step.type !== "SPEC_EVENT" || place === undefined) return [];
        return [exampleOf(place.name, step)];
      });
    const refusal = then.find(({ type }) => type === "SPEC_ERROR");
    const before = examples(given);
    this.#parts.specifications.push({
      of: at.aggregate,
      name: title,
      ...(before.length > 0 ? { given: before } : {}),
      when: exampleOf(at.name, command),
      then: refusal === undefined
        ? examples(then)
        : { rejected: refusal.title },
    });
  }

  #stepPlace(
    step: EventModelingStep | undefined,
    elements: readonly EventModelingElement[],
  ): Place | undefined {
    if (step === undefined) return undefined;
    const linked = step.linkedId === undefined
      ? undefined
      : this.#places.get(step.linkedId);
    if (linked !== undefined) return linked;
    const same = elements.find(({ title }) => title === step.title);
    return same === undefined ? undefined : this.#places.get(same.id);
  }

  #refs(
    element: EventModelingElement,
    direction: EventModelingDependency["type"],
    kind: Place["kind"],
  ): Place[] {
    return element.dependencies.flatMap(({ id, type }) => {
      const place = this.#places.get(id);
      return type === direction && place?.kind === kind ? [place] : [];
    });
  }

  #member(
    slice: EventModelingSlice,
    element: EventModelingElement,
    kind: Place["kind"],
    style: (title: string) => string,
  ): Place {
    const aggregate = nameOf(
      element.aggregate || slice.aggregates?.[0] ||
        (this.#options.aggregate ?? "domain"),
    );
    const place = { kind, aggregate, name: nameOf(element.title, style) };
    this.#places.set(element.id, place);
    return place;
  }

  #other(element: EventModelingElement, kind: Place["kind"]): string {
    const name = nameOf(element.title);
    this.#places.set(element.id, { kind, aggregate: "", name });
    return name;
  }
}

function refOf({ aggregate, name }: Place): string {
  return `${aggregate}.${name}`;
}

function exampleOf(type: string, { examples }: EventModelingStep): Example {
  const [data] = examples ?? [];
  return data === undefined ? { type } : { type, data };
}

function described(
  element: EventModelingElement,
): { text?: string; fields?: object } {
  const fields = fieldSpecs(element.fields);
  return {
    ...textOf(element),
    ...(element.fields.length === 0
      ? {}
      : { fields: specsOfFields(fieldsOf(fields)) }),
  };
}

function textOf({ description }: EventModelingElement): { text?: string } {
  return description === undefined || description === ""
    ? {}
    : { text: description };
}
