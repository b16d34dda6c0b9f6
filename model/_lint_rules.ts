/** What each rule of the linter looks for. */
import type { Board, Note } from "./board.ts";
import type { Field } from "./field.ts";
import { isPastTense } from "./_past_tense.ts";
import type { Model } from "./words.ts";

/** What a rule found: where, and what is so there. */
export interface Found {
  /** The note's id. */
  readonly at: string;
  /** What is so. */
  readonly message: string;
}

/** What a rule looks at. */
export interface Looked {
  readonly model: Model;
  readonly board: Board;
}

/** Looks at a model. */
export type Look = (looked: Looked) => Found[];

/** `event-past-tense` */
export const lookAtTense: Look = ({ board }) =>
  of(board, "event").filter(({ name }) => !isPastTense(name)).map((note) => ({
    at: note.id,
    message: `"${note.name}" does not tell of something that happened`,
  }));

/** `command-without-event` */
export const lookAtCommands: Look = ({ board }) =>
  of(board, "command")
    .filter(({ id }) => !board.arrows.some(({ from }) => from === id))
    .map(({ id }) => ({ at: id, message: `"${id}" leads to no event` }));

/** `event-without-cause` */
export const lookAtCauses: Look = ({ board }) =>
  of(board, "event")
    .filter(({ id }) => !board.arrows.some(({ to }) => to === id))
    .map(({ id }) => ({ at: id, message: `no command leads to "${id}"` }));

/** `event-unhandled` */
export const lookAtHandling: Look = ({ board }) => {
  const told = new Set(of(board, "query").map(({ aggregate }) => aggregate));
  return of(board, "event")
    .filter(({ id, aggregate }) =>
      !told.has(aggregate) && !board.arrows.some(({ from }) => from === id)
    )
    .map(({ id }) => ({
      at: id,
      message:
        `no policy, read model or system takes note of "${id}", and its aggregate has no query that tells of it`,
    }));
};

/** `policy-without-trigger` */
export const lookAtTriggers: Look = ({ board }) =>
  of(board, "policy")
    .filter(({ id }) => !board.arrows.some(({ to }) => to === id))
    .map(({ id, name }) => ({
      at: id,
      message: `no event triggers "${name}"`,
    }));

/** `policy-without-effect` */
export const lookAtPolicies: Look = ({ board }) =>
  of(board, "policy")
    .filter(({ id }) => !board.arrows.some(({ from }) => from === id))
    .map(({ id, name }) => ({
      at: id,
      message: `"${name}" sends no command and calls no system`,
    }));

/** `field-without-source` */
export const lookAtSources: Look = ({ board }) => {
  const found: Found[] = [];
  for (const view of of(board, "readModel")) {
    const sources = board.arrows.flatMap(({ from, to }) =>
      to === view.id ? [from] : []
    );
    const carried = new Set(
      sources.flatMap((id) => board.note(id)?.fields.map(nameOf) ?? []),
    );
    for (const field of view.fields) {
      const missing = field.from.length > 0
        ? field.from.filter((from) => !isCarried(board, sources, from))
        : carried.has(field.name)
        ? []
        : [`an event's field "${field.name}"`];
      if (missing.length === 0) continue;
      found.push({
        at: `${view.id}.${field.name}`,
        message: `"${field.name}" of "${view.name}" has no source: ${
          missing.join(", ")
        } is in none of its events`,
      });
    }
  }
  return found;
};

/** `aggregate-in-two-contexts` */
export const lookAtContexts: Look = ({ model }) =>
  Object.keys(model.aggregates ?? {}).flatMap((name) => {
    const contexts = Object.entries(model.contexts ?? {})
      .filter(([, spec]) => spec.aggregates?.includes(name))
      .map(([context]) => context);
    return contexts.length < 2 ? [] : [{
      at: name,
      message: `"${name}" lies in ${contexts.join(" and ")}`,
    }];
  });

/** `open-hotspot` */
export const lookAtHotspots: Look = ({ board }) =>
  of(board, "hotspot").filter(({ settled }) => !settled).map((note) => ({
    at: note.on ?? note.id,
    message: `open: ${note.name}`,
  }));

/** `personal-without-subject` */
export const lookAtPersonal: Look = ({ model, board }) => {
  const found: Found[] = [];
  for (const event of of(board, "event")) {
    const personal = flat(event.fields).filter((field) => field.personal);
    if (personal.length === 0) continue;
    if (model.aggregates![event.aggregate!]!.keyIsSubject) continue;
    if (flat(event.fields).some(({ subject }) => subject)) continue;
    found.push({
      at: event.id,
      message: `"${event.id}" says something about a person (${
        personal.map(nameOf).join(", ")
      }) and not about whom`,
    });
  }
  return found;
};

function of(board: Board, kind: Note["kind"]): Note[] {
  return board.notes.filter((note) => note.kind === kind);
}

function isCarried(
  board: Board,
  sources: readonly string[],
  path: string,
): boolean {
  const event = sources.find((id) => path === id || path.startsWith(`${id}.`));
  if (event === undefined) return false;
  let fields = board.note(event)?.fields ?? [];
  for (const part of path.slice(event.length + 1).split(".")) {
    if (part === "") continue;
    const field = fields.find(({ name }) => name === part);
    if (field === undefined) return false;
    fields = field.fields;
  }
  return true;
}

function flat(fields: readonly Field[]): Field[] {
  return fields.flatMap((field) => [field, ...flat(field.fields)]);
}

function nameOf({ name }: Field): string {
  return name;
}
