/**
 * Where on the board each note stands: its column in time, its row in a lane.
 *
 * From the top: hotspots and opportunities; people and systems, above what they
 * give or are called by; policies; for each lane its commands and, below, its
 * events; read models and queries. Every note has a cell of its own, except that
 * the people and systems are shown again wherever they act.
 */
import type { Board, Note } from "./board.ts";
import { storyOf } from "./story.ts";
import type { Model } from "./words.ts";

/** What a row of the board holds. */
export interface Row {
  /** Unique among the rows. */
  readonly key: string;
  /** The lane it belongs to: what stands at its left. */
  readonly lane: string;
}

/** A note in its cell. */
export interface Placed {
  readonly note: Note;
  readonly row: string;
  readonly column: number;
}

/** Several notes in one cell, one below the other. */
export interface Stack {
  readonly row: string;
  readonly column: number;
  readonly notes: readonly Note[];
}

/** All cells. */
export interface Grid {
  readonly rows: readonly Row[];
  readonly columns: number;
  readonly placed: readonly Placed[];
  readonly stacks: readonly Stack[];
}

/** The row of hotspots and opportunities. */
export const STICKING = "sticking";
/** The row of people and systems. */
export const ACTING = "acting";
const POLICIES = "policies";
const VIEWS = "views";

/** Lays a board out in columns and rows. */
export function gridOf(model: Model, board: Board): Grid {
  const laneOf = lanesOf(model);
  const lanes = [...new Set(Object.keys(model.aggregates ?? {}).map(laneOf))];
  const rows: Row[] = [
    { key: STICKING, lane: "Hotspots, opportunities" },
    { key: ACTING, lane: "People, systems" },
    { key: POLICIES, lane: "Policies" },
    ...lanes.flatMap((lane) => [
      { key: `commands ${lane}`, lane },
      { key: `events ${lane}`, lane },
    ]),
    { key: VIEWS, lane: "Read models" },
  ];
  const cells = new Cells();
  const acting: Stack[] = [];
  let next = 0;
  for (const { note, causes, effects } of storyOf(model, board)) {
    const lane = note.aggregate === undefined ? "" : laneOf(note.aggregate);
    if (note.kind === "command") {
      const column = cells.put(note, `commands ${lane}`, next);
      const people = causes.filter(isActing);
      if (people.length > 0) {
        acting.push({ row: ACTING, column, notes: people });
      }
      const events = effects.filter((event) =>
        event.kind === "event" && !cells.has(event.id)
      );
      for (const [index, event] of events.entries()) {
        cells.put(event, `events ${lane}`, column + index);
      }
      next = column + Math.max(1, events.length);
    } else if (note.kind === "policy") {
      const column = cells.put(note, POLICIES, next);
      const systems = effects.filter(isActing);
      if (systems.length > 0) {
        acting.push({ row: ACTING, column, notes: systems });
      }
      next = column + 1;
    } else if (note.kind === "event") {
      if (cells.has(note.id)) continue;
      next = cells.put(note, `events ${lane}`, next) + 1;
    } else {
      const ready = Math.max(
        0,
        ...causes.map(({ id }) => cells.columnOf(id) ?? 0),
      );
      const column = cells.put(
        note,
        VIEWS,
        causes.length === 0 ? Math.max(0, next - 1) : ready,
      );
      next = Math.max(next, column + 1);
    }
  }
  // People and systems that do nothing yet stand at the end.
  const busy = new Set(
    acting.flatMap(({ notes }) => notes.map(({ id }) => id)),
  );
  const idle = board.notes.filter((note) =>
    isActing(note) && !busy.has(note.id)
  );
  if (idle.length > 0) {
    acting.push({ row: ACTING, column: next++, notes: idle });
  }
  const sticking = new Map<number, Note[]>();
  for (const note of board.notes) {
    if (note.kind !== "hotspot" && note.kind !== "opportunity") continue;
    const column = columnOf(note.on, cells, acting);
    sticking.set(column, [...sticking.get(column) ?? [], note]);
  }
  const stacks = [
    ...acting,
    ...[...sticking].map(([column, notes]) => ({
      row: STICKING,
      column,
      notes,
    })),
  ];
  return { rows, columns: Math.max(1, next), placed: cells.placed, stacks };
}

/** Whether a note is shown wherever it acts. */
export function isActing({ kind }: Note): boolean {
  return kind === "person" || kind === "system";
}

/** The column of what something sticks to; the first where there is none. */
function columnOf(
  id: string | undefined,
  cells: Cells,
  acting: readonly Stack[],
): number {
  if (id === undefined) return 0;
  return cells.columnOf(id) ??
    acting.find(({ notes }) => notes.some((note) => note.id === id))?.column ??
    cells.placed.find(({ note }) => note.aggregate === id)?.column ?? 0;
}

function lanesOf(model: Model): (aggregate: string) => string {
  const lanes = new Map<string, string>();
  for (const [lane, names] of Object.entries(model.swimlanes ?? {})) {
    for (const name of names) lanes.set(name, lane);
  }
  return (aggregate) => lanes.get(aggregate) ?? aggregate;
}

/** Cells that are taken. */
class Cells {
  readonly placed: Placed[] = [];
  readonly #columns = new Map<string, number>();
  /** The first column behind what a row holds. */
  readonly #free = new Map<string, Set<number>>();

  has(id: string): boolean {
    return this.#columns.has(id);
  }

  columnOf(id: string): number | undefined {
    return this.#columns.get(id);
  }

  /** Puts a note into a row, at a column or the next free one behind it. */
  put(note: Note, row: string, at: number): number {
    let taken = this.#free.get(row);
    if (taken === undefined) this.#free.set(row, taken = new Set());
    let column = at;
    while (taken.has(column)) column++;
    taken.add(column);
    this.#columns.set(note.id, column);
    this.placed.push({ note, row, column });
    return column;
  }
}
