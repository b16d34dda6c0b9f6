/** Where everything on a drawn board is, in pixels, and what is written on it. */
import type { Arrow, Board, Note } from "./board.ts";
import { wordOfField } from "./field.ts";
import { ACTING, type Grid, gridOf, isActing, STICKING } from "./_svg_grid.ts";
import { wrap } from "./_svg_text.ts";
import type { Model } from "./words.ts";

export const NOTE_WIDTH = 140;
export const MARGIN = 20;
export const PAD = 8;
export const LABEL = 112;
export const BAND_HEAD = 24;
const GAP = 20;
const COLUMN = NOTE_WIDTH + GAP;
const ROW_PAD = 9;
const BELOW = 4;
const BETWEEN = 28;
const SMALL = 10;
const LARGE = 13;

/** A line of writing. */
export interface Line {
  readonly text: string;
  readonly size: number;
  readonly bold: boolean;
}

/** A note where it is drawn. */
export interface Box {
  readonly note: Note;
  readonly x: number;
  readonly y: number;
  readonly height: number;
  readonly lines: readonly Line[];
}

/** A lane of a band. */
export interface Lane {
  readonly name: string;
  readonly y: number;
  readonly height: number;
}

/** A stretch of time. */
export interface Band {
  readonly y: number;
  readonly height: number;
  readonly lanes: readonly Lane[];
  readonly boxes: readonly Box[];
  /** From one box to another, both in this band. */
  readonly links: readonly (readonly [Box, Box])[];
  /** Where lines stand behind pivotal events. */
  readonly pivots: readonly number[];
}

/** The whole drawing, below its heading. */
export interface Layout {
  readonly width: number;
  readonly bottom: number;
  readonly bands: readonly Band[];
}

/** Height of a line of writing of some size. */
export function lineHeight(size: number): number {
  return Math.ceil(size * 1.3);
}

/** Finds a place for everything. */
export function layoutOf(
  model: Model,
  board: Board,
  most: number,
  top: number,
): Layout {
  const shared = new Set(Object.values(model.swimlanes ?? {}).flat());
  return new Layouter(board, gridOf(model, board), most, shared).layout(top);
}

class Layouter {
  readonly #board: Board;
  readonly #grid: Grid;
  readonly #columns: number;
  /** Aggregates whose lane does not tell which they are. */
  readonly #shared: ReadonlySet<string>;
  readonly #numbers = new Map<string, number>();
  readonly #bands = new Map<string, number>();

  constructor(
    board: Board,
    grid: Grid,
    most: number,
    shared: ReadonlySet<string>,
  ) {
    this.#board = board;
    this.#shared = shared;
    this.#grid = grid;
    this.#columns = Math.min(most, grid.columns);
    const rows = new Map(grid.rows.map(({ key }, index) => [key, index]));
    const sticking = grid.stacks.filter(({ row }) => row === STICKING)
      .flatMap(({ notes, ...cell }) =>
        notes.map((note) => ({ note, ...cell }))
      );
    const inTime = [...grid.placed, ...sticking].sort((a, b) =>
      a.column - b.column || rows.get(a.row)! - rows.get(b.row)!
    );
    for (const [index, { note, column }] of inTime.entries()) {
      this.#numbers.set(note.id, index + 1);
      this.#bands.set(note.id, Math.floor(column / this.#columns));
    }
  }

  layout(top: number): Layout {
    const bands: Band[] = [];
    let y = top;
    const count = Math.ceil(this.#grid.columns / this.#columns);
    for (let index = 0; index < count; index++) {
      const band = this.#band(index, y);
      bands.push(band);
      y += band.height + BETWEEN;
    }
    return {
      width: 2 * MARGIN + LABEL + this.#columns * COLUMN,
      bottom: y,
      bands,
    };
  }

  #band(band: number, top: number): Band {
    const start = band * this.#columns;
    const isHere = ({ column }: { readonly column: number }) =>
      Math.floor(column / this.#columns) === band;
    const x = (column: number) =>
      MARGIN + LABEL + (column - start) * COLUMN + GAP / 2;
    const placed = this.#grid.placed.filter(isHere);
    const stacks = this.#grid.stacks.filter(isHere);
    const boxes: Box[] = [];
    const lanes: Lane[] = [];
    let y = top + BAND_HEAD;
    for (const { key, lane } of this.#grid.rows) {
      const from = y;
      if (key === ACTING || key === STICKING) {
        for (const { row, column, notes } of stacks) {
          if (row !== key) continue;
          let at = from + ROW_PAD;
          for (const note of notes) {
            const lines = key === ACTING
              ? actingLines(note)
              : this.#linesOf(note);
            const height = heightOf(lines);
            boxes.push({ note, x: x(column), y: at, height, lines });
            at += height + BELOW;
          }
          y = Math.max(y, at - BELOW + ROW_PAD);
        }
      } else {
        const here = placed.filter(({ row }) => row === key).map((cell) => ({
          ...cell,
          lines: this.#linesOf(cell.note),
        }));
        const height = Math.max(0, ...here.map(({ lines }) => heightOf(lines)));
        for (const { note, column, lines } of here) {
          boxes.push({
            note,
            x: x(column),
            y: y + ROW_PAD,
            height,
            lines,
          });
        }
        if (here.length > 0) y += height + 2 * ROW_PAD;
      }
      if (y === from) continue;
      const last = lanes.at(-1);
      // The commands and the events of a lane are one lane.
      if (last?.name === lane) {
        lanes[lanes.length - 1] = { ...last, height: y - last.y };
      } else lanes.push({ name: lane, y: from, height: y - from });
    }
    const pivots = placed.filter(({ note }) => note.pivotal).map(({ column }) =>
      x(column) + NOTE_WIDTH + GAP / 2
    );
    const links = this.#links(boxes);
    return { y: top, height: y - top, lanes, boxes, links, pivots };
  }

  #links(boxes: readonly Box[]): (readonly [Box, Box])[] {
    const links: (readonly [Box, Box])[] = [];
    for (const arrow of this.#board.arrows) {
      if (isWritten(arrow)) continue;
      const from = boxes.filter(({ note }) => note.id === arrow.from);
      const to = boxes.filter(({ note }) => note.id === arrow.to);
      for (const start of from) {
        for (const end of to) {
          // People and systems stand in the column of what they have to do with.
          const acts = isActing(start.note) || isActing(end.note);
          if (!acts || start.x === end.x) links.push([start, end]);
        }
      }
    }
    for (const box of boxes) {
      if (box.note.on === undefined) continue;
      const on = boxes.find(({ note, x }) =>
        note.id === box.note.on && (!isActing(note) || x === box.x)
      );
      if (on !== undefined) links.push([box, on]);
    }
    return links;
  }

  #linesOf(note: Note): Line[] {
    const number = this.#numbers.get(note.id)!;
    const word = note.kind === "readModel" ? "read model" : note.kind;
    const sticks = note.kind === "hotspot" || note.kind === "opportunity";
    const { aggregate } = note;
    const of = aggregate !== undefined &&
        (note.kind === "query" || this.#shared.has(aggregate))
      ? ` of ${aggregate}`
      : "";
    return [
      ...written(
        `${number}  ${word}${of}${note.pivotal ? ", pivotal" : ""}`,
        SMALL,
      ),
      ...written(note.name, sticks ? 11 : LARGE, !sticks),
      ...note.fields.flatMap((field) =>
        written(`${field.name}: ${wordOfField(field)}`, SMALL)
      ),
      ...(note.settled ? written(`settled: ${note.text}`, SMALL) : []),
      ...this.#footers(note).flatMap((footer) => written(footer, SMALL)),
    ];
  }

  /** What is written instead of an arrow. */
  #footers(note: Note): string[] {
    const { id } = note;
    const band = this.#bands.get(id);
    const name = (other: string) => this.#board.note(other)?.name ?? other;
    const onward: string[] = [];
    const back: string[] = [];
    const footers: string[] = [];
    for (const arrow of this.#board.arrows) {
      const { from, to, kind } = arrow;
      if (from === id && kind === "is shown to") {
        footers.push(`for ${name(to)}`);
      }
      if (from === id && kind === "is told to") {
        footers.push(`tells ${name(to)}`);
      }
      if (isWritten(arrow)) continue;
      const [other, list] = from === id
        ? [to, onward]
        : to === id
        ? [from, back]
        : ["", []];
      const otherBand = this.#bands.get(other);
      if (otherBand === undefined || otherBand === band) continue;
      list.push(`#${this.#numbers.get(other)}`);
    }
    if (note.on !== undefined) {
      const otherBand = this.#bands.get(note.on);
      if (otherBand !== band) {
        const number = this.#numbers.get(note.on);
        footers.push(number === undefined ? `on ${note.on}` : `on #${number}`);
      }
    }
    if (onward.length > 0) footers.push(`→ ${onward.join(" ")}`);
    if (back.length > 0) footers.push(`← ${back.join(" ")}`);
    return footers;
  }
}

function isWritten({ kind }: Arrow): boolean {
  return kind === "is shown to" || kind === "is told to";
}

function actingLines(note: Note): Line[] {
  return [...written(note.kind, SMALL), ...written(note.name, 11, true)];
}

function written(text: string, size: number, bold = false): Line[] {
  return wrap(text, size, NOTE_WIDTH - 2 * PAD, bold).map((line) => ({
    text: line,
    size,
    bold,
  }));
}

function heightOf(lines: readonly Line[]): number {
  return lines.reduce((sum, { size }) => sum + lineHeight(size), 2 * PAD - 2);
}
