/**
 * A model as a board: every note once, and an arrow for every way in which one
 * leads to another. What draws, writes or checks a model starts from here.
 */
import { type Field, fieldsOf } from "./field.ts";
import type { Model } from "./words.ts";

/** What stands on a note. */
export type NoteKind =
  | "event"
  | "command"
  | "query"
  | "aggregate"
  | "policy"
  | "readModel"
  | "person"
  | "system"
  | "hotspot"
  | "opportunity";

/** One note of a board. */
export interface Note {
  /** Its reference, such as `account.Deposited`; `hotspot:1` for the first of them. */
  readonly id: string;
  /** What it is. */
  readonly kind: NoteKind;
  /** What it says; the text of a hotspot or an opportunity. */
  readonly name: string;
  /** The aggregate it belongs to: events, commands and queries have one. */
  readonly aggregate?: string;
  /** The bounded context it lies in, where it lies in one. */
  readonly context?: string;
  /** For people; empty where there is none. */
  readonly text: string;
  /** What it carries, takes or shows. */
  readonly fields: readonly Field[];
  /** Whether another part of the story begins behind it. */
  readonly pivotal: boolean;
  /** The note that a hotspot or an opportunity sticks to. */
  readonly on?: string;
  /** Whether a hotspot was settled. */
  readonly settled: boolean;
}

/** In which way one note leads to another. */
export type ArrowKind =
  | "gives"
  | "leads to"
  | "triggers"
  | "sends"
  | "calls"
  | "is told to"
  | "feeds"
  | "is shown to";

/** From one note to another. */
export interface Arrow {
  /** Where it starts: a note's id. */
  readonly from: string;
  /** Where it ends: a note's id. */
  readonly to: string;
  /** What it says: from *kind* to. */
  readonly kind: ArrowKind;
}

/** Notes and arrows. */
export interface Board {
  /** Every note once, in the order of the model. */
  readonly notes: readonly Note[];
  /** Every arrow once. */
  readonly arrows: readonly Arrow[];
  /** Finds a note by its id. */
  note(id: string): Note | undefined;
}

/**
 * Lays a model out as notes and arrows.
 *
 * @example Who leads to what
 * ```ts
 * import { boardOf } from "@flowmade/aether/model";
 * import assert from "node:assert/strict";
 *
 * const { arrows } = boardOf({
 *   name: "bank",
 *   aggregates: {
 *     account: { events: { Deposited: {} }, commands: { deposit: { emits: ["Deposited"] } } },
 *   },
 * });
 * assert.deepEqual(arrows, [
 *   { from: "account.deposit", to: "account.Deposited", kind: "leads to" },
 * ]);
 * ```
 */
export function boardOf(model: Model): Board {
  const notes = [...aggregateNotes(model), ...otherNotes(model)];
  const byId = new Map(notes.map((note) => [note.id, note]));
  return { notes, arrows: arrowsOf(model), note: (id) => byId.get(id) };
}

/** Only what lies in some contexts, and the people and systems it has to do with. */
export function boardOfContexts(
  model: Model,
  contexts: readonly string[],
): Board {
  const whole = boardOf(model);
  const inside = new Set(
    whole.notes.filter(({ context }) =>
      context !== undefined && contexts.includes(context)
    ).map(({ id }) => id),
  );
  const outside = new Set(
    whole.notes.filter(({ kind }) => kind === "person" || kind === "system")
      .map(({ id }) => id),
  );
  const arrows = whole.arrows.filter(({ from, to }) =>
    (inside.has(from) || inside.has(to)) &&
    (inside.has(from) || outside.has(from)) &&
    (inside.has(to) || outside.has(to))
  );
  const met = new Set(arrows.flatMap(({ from, to }) => [from, to]));
  const notes = whole.notes.filter(({ id, on }) =>
    inside.has(id) || met.has(id) || (on !== undefined && inside.has(on))
  );
  const byId = new Map(notes.map((note) => [note.id, note]));
  return { notes, arrows, note: (id) => byId.get(id) };
}

const NOTHING = {
  text: "",
  fields: [] as readonly Field[],
  pivotal: false,
  settled: false,
};

function aggregateNotes(model: Model): Note[] {
  const notes: Note[] = [];
  for (const [name, spec] of Object.entries(model.aggregates ?? {})) {
    const context = contextOf(model, "aggregates", name);
    notes.push({
      ...NOTHING,
      id: name,
      kind: "aggregate",
      name,
      ...context,
      text: spec.text ?? "",
    });
    for (const [part, kind] of PARTS) {
      for (const [member, inner] of Object.entries(spec[part] ?? {})) {
        notes.push({
          ...NOTHING,
          id: `${name}.${member}`,
          kind,
          name: member,
          aggregate: name,
          ...context,
          text: inner.text ?? "",
          fields: fieldsOf(inner.fields),
          pivotal: "pivotal" in inner && inner.pivotal === true,
        });
      }
    }
  }
  return notes;
}

const PARTS = [
  ["commands", "command"],
  ["events", "event"],
  ["queries", "query"],
] as const;

function otherNotes(model: Model): Note[] {
  const notes: Note[] = [];
  const add = (note: Pick<Note, "id" | "kind" | "name"> & Partial<Note>) =>
    notes.push({ ...NOTHING, ...note });
  for (const [name, { text = "" }] of Object.entries(model.policies ?? {})) {
    const context = contextOf(model, "policies", name);
    add({ id: `policy:${name}`, kind: "policy", name, text, ...context });
  }
  for (const [name, view] of Object.entries(model.readModels ?? {})) {
    add({
      id: `readModel:${name}`,
      kind: "readModel",
      name,
      text: view.text ?? "",
      fields: fieldsOf(view.fields),
      ...contextOf(model, "readModels", name),
    });
  }
  for (const [name, { text = "" }] of Object.entries(model.people ?? {})) {
    add({ id: `person:${name}`, kind: "person", name, text });
  }
  for (const [name, { text = "" }] of Object.entries(model.systems ?? {})) {
    add({ id: `system:${name}`, kind: "system", name, text });
  }
  for (const [index, hotspot] of (model.hotspots ?? []).entries()) {
    add({
      id: `hotspot:${index + 1}`,
      kind: "hotspot",
      name: hotspot.text,
      text: hotspot.settled ?? "",
      settled: hotspot.settled !== undefined,
      ...(hotspot.on === undefined ? {} : { on: hotspot.on }),
    });
  }
  for (const [index, { on, text }] of (model.opportunities ?? []).entries()) {
    add({
      id: `opportunity:${index + 1}`,
      kind: "opportunity",
      name: text,
      ...(on === undefined ? {} : { on }),
    });
  }
  return notes;
}

function arrowsOf(model: Model): Arrow[] {
  const arrows = new Map<string, Arrow>();
  const add = (from: string, kind: ArrowKind, to: string) =>
    arrows.set(`${from} ${kind} ${to}`, { from, to, kind });
  for (const [name, aggregate] of Object.entries(model.aggregates ?? {})) {
    for (const [member, spec] of Object.entries(aggregate.commands ?? {})) {
      const id = `${name}.${member}`;
      for (const by of spec.by ?? []) add(`person:${by}`, "gives", id);
      for (const event of spec.emits ?? []) {
        add(id, "leads to", `${name}.${event}`);
      }
      for (const command of spec.sends ?? []) add(id, "sends", command);
    }
    for (const [member, spec] of Object.entries(aggregate.queries ?? {})) {
      for (const by of spec.by ?? []) {
        add(`${name}.${member}`, "is shown to", `person:${by}`);
      }
    }
  }
  for (const [name, policy] of Object.entries(model.policies ?? {})) {
    const id = `policy:${name}`;
    for (const event of policy.on ?? []) add(event, "triggers", id);
    for (const command of policy.sends ?? []) add(id, "sends", command);
    for (const system of policy.calls ?? []) {
      add(id, "calls", `system:${system}`);
    }
  }
  for (const [name, system] of Object.entries(model.systems ?? {})) {
    const id = `system:${name}`;
    for (const command of system.sends ?? []) add(id, "sends", command);
    for (const event of system.on ?? []) add(event, "is told to", id);
  }
  for (const [name, view] of Object.entries(model.readModels ?? {})) {
    const id = `readModel:${name}`;
    for (const event of view.from ?? []) add(event, "feeds", id);
    for (const by of view.shownTo ?? []) add(id, "is shown to", `person:${by}`);
  }
  return [...arrows.values()];
}

function contextOf(
  model: Model,
  part: "aggregates" | "policies" | "readModels",
  name: string,
): { context?: string } {
  for (const [context, spec] of Object.entries(model.contexts ?? {})) {
    if (spec[part]?.includes(name)) return { context };
  }
  return {};
}
