/**
 * A model as a board to look at: notes in swimlanes along a line of time, as
 * SVG, with no browser and no font to measure. The line of time is broken into
 * bands, as text is into lines, so that a board of a thousand notes is read by
 * scrolling down and nothing on it gets small.
 *
 * Every note says what it is in a word, not by its colour alone; has a title
 * that a screen reader reads; and shows all that it carries. An arrow that would
 * leave its band is written on the note instead, by the other note's number.
 */
import { InvalidArgumentError } from "../event/mod.ts";
import { type Board, boardOf, boardOfContexts, type Note } from "./board.ts";
import { COLOURS } from "./_colours.ts";
import { wordOfField } from "./field.ts";
import {
  type Band,
  BAND_HEAD,
  type Box,
  LABEL,
  type Layout,
  layoutOf,
  lineHeight,
  MARGIN,
  NOTE_WIDTH,
  PAD,
} from "./_svg_layout.ts";
import { escapeXml, wrap } from "./_svg_text.ts";
import type { Model } from "./words.ts";

/** How a board is drawn. */
export interface SvgOptions {
  /** Columns in a band; 10 by default, 1 to 1,000. */
  readonly columns?: number;
  /** Only these contexts, and the people and systems around them; all by default. */
  readonly contexts?: readonly string[];
}

const INK = "#1b1b1f";
const LINE = "#5b5b66";
const HEADING = 22;

/**
 * Draws a model as a board.
 *
 * @returns An SVG document.
 * @throws {InvalidArgumentError} `invalid_argument`: the number of columns
 * breaks its rule.
 * @example A note for every event
 * ```ts
 * import { toSvg } from "@flowmade/aether/model";
 * import assert from "node:assert/strict";
 *
 * const svg = toSvg({ name: "bank", aggregates: { account: { events: { Deposited: {} } } } });
 * assert.match(svg, /<title>event account\.Deposited<\/title>/);
 * ```
 */
export function toSvg(model: Model, options: SvgOptions = {}): string {
  const { columns = 10, contexts } = options;
  if (!Number.isSafeInteger(columns) || columns < 1 || columns > 1000) {
    throw new InvalidArgumentError(
      `Cannot draw "${model.name}" as columns is a whole number from 1 to 1000: got ${columns}`,
    );
  }
  const board = contexts === undefined
    ? boardOf(model)
    : boardOfContexts(model, contexts);
  const title = model.version === undefined
    ? model.name
    : `${model.name} ${model.version}`;
  const top = MARGIN + 34;
  const layout = layoutOf(model, board, columns, top);
  const { width } = layout;
  const heading = wrap(title, HEADING, width - 2 * MARGIN, true)[0]!;
  const legend = legendOf(board, layout);
  const height = layout.bottom + legend.height + MARGIN;
  const id = `board-${model.name.replaceAll(/[^A-Za-z0-9]+/g, "-")}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="graphics-document" aria-labelledby="${id}-title" aria-describedby="${id}-desc" font-family="Helvetica, Arial, sans-serif">`,
    `<title id="${id}-title">${escapeXml(title)}</title>`,
    `<desc id="${id}-desc">${escapeXml(describe(model, board, layout))}</desc>`,
    `<defs><marker id="${id}-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="${LINE}"/></marker></defs>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(MARGIN, MARGIN + 18, heading, HEADING, true),
    ...layout.bands.map((band, index) =>
      drawBand(band, index, layout, board, `${id}-tip`)
    ),
    legend.svg,
    "</svg>",
    "",
  ].join("\n");
}

function drawBand(
  band: Band,
  index: number,
  { width, bands }: Layout,
  board: Board,
  tip: string,
): string {
  const right = width - MARGIN;
  const axis = band.y + BAND_HEAD / 2;
  const label = bands.length === 1
    ? "time"
    : `time ${index + 1}/${bands.length}`;
  return [
    `<g role="group" aria-label="${
      escapeXml(`part ${index + 1} of ${bands.length}`)
    }">`,
    text(MARGIN, axis + 4, label, 11),
    `<path d="M${
      MARGIN + LABEL
    } ${axis}H${right}" stroke="${LINE}" stroke-width="1.3" marker-end="url(#${tip})"/>`,
    ...band.lanes.map((lane, row) => {
      const lines = wrap(lane.name, 12, LABEL - 16, true);
      return `<rect x="${MARGIN}" y="${lane.y}" width="${
        right - MARGIN
      }" height="${lane.height}" fill="${
        row % 2 === 0 ? "#f6f6f8" : "#eeeef2"
      }"/>` +
        lines.map((line, at) =>
          text(MARGIN + 8, lane.y + 22 + at * 16, line, 12, true)
        ).join("");
    }),
    ...band.pivots.map((x) =>
      `<path d="M${x} ${band.y + BAND_HEAD}V${
        band.y + band.height
      }" stroke="${COLOURS.event.stroke}" stroke-width="3" stroke-dasharray="8 5"/>`
    ),
    `<g fill="none" stroke="${LINE}" stroke-width="1.3" aria-hidden="true">`,
    ...band.links.map(([from, to]) => drawLink(from, to, tip)),
    "</g>",
    ...band.boxes.map((box) => drawNote(box, board)),
    "</g>",
  ].join("\n");
}

/** From the nearer side of one note to that of the other. */
function drawLink(from: Box, to: Box, tip: string): string {
  const middle = NOTE_WIDTH / 2;
  const sticks = from.note.on !== undefined;
  const end = sticks ? `stroke-dasharray="4 3"` : `marker-end="url(#${tip})"`;
  const below = to.y >= from.y + from.height;
  const above = from.y >= to.y + to.height;
  if (from.x === to.x && (below || above)) {
    const [y1, y2] = below
      ? [from.y + from.height, to.y - 1]
      : [from.y, to.y + to.height + 1];
    return `<path d="M${from.x + middle} ${y1}V${y2}" ${end}/>`;
  }
  const forward = to.x > from.x;
  const x1 = forward ? from.x + NOTE_WIDTH : from.x;
  const x2 = forward ? to.x - 1 : to.x + NOTE_WIDTH + 1;
  const [y1, y2] = [from.y + from.height / 2, to.y + to.height / 2];
  // In the same column: out and in on the same side.
  if (from.x === to.x) {
    return `<path d="M${x1} ${y1}C${x1 - 16} ${y1} ${x1 - 16} ${y2} ${
      to.x - 1
    } ${y2}" ${end}/>`;
  }
  const bend = Math.min(60, Math.abs(x2 - x1) / 2 + 8) * (forward ? 1 : -1);
  return `<path d="M${x1} ${y1}C${x1 + bend} ${y1} ${
    x2 - bend
  } ${y2} ${x2} ${y2}" ${end}/>`;
}

function drawNote({ note, x, y, height, lines }: Box, board: Board): string {
  const { fill, stroke } = COLOURS[note.kind];
  const border = note.pivotal ? 3 : 1.2;
  let at = y + PAD - 1;
  const texts = lines.map(({ text: line, size, bold }) => {
    at += lineHeight(size);
    return text(x + PAD, at - Math.ceil(size * 0.3), line, size, bold);
  });
  return `<g role="img"><title>${escapeXml(titleOf(note, board))}</title>` +
    `<rect x="${x}" y="${y}" width="${NOTE_WIDTH}" height="${height}" rx="2" fill="${fill}" stroke="${stroke}" stroke-width="${border}"${
      note.settled ? ` stroke-dasharray="3 3"` : ""
    }/>${texts.join("")}</g>`;
}

/** All that is to be said of a note, in a sentence or two. */
function titleOf(note: Note, board: Board): string {
  const name = note.aggregate === undefined
    ? note.name
    : `${note.aggregate}.${note.name}`;
  const parts = [
    `${note.kind === "readModel" ? "read model" : note.kind} ${name}`,
  ];
  if (note.pivotal) parts.push("pivotal");
  if (note.on !== undefined) parts.push(`on ${note.on}`);
  if (note.text !== "") {
    parts.push(note.settled ? `settled: ${note.text}` : note.text);
  }
  if (note.fields.length > 0) {
    parts.push(
      `fields: ${
        note.fields.map((field) => `${field.name} ${wordOfField(field)}`)
          .join(", ")
      }`,
    );
  }
  for (const { from, to, kind } of board.arrows) {
    if (from === note.id) parts.push(`${kind} ${nameOf(board, to)}`);
  }
  return parts.join("; ");
}

function nameOf(board: Board, id: string): string {
  return board.note(id)?.name ?? id;
}

function describe(model: Model, board: Board, { bands }: Layout): string {
  const counts = KINDS.flatMap(([kind, one, several]) => {
    const count = board.notes.filter((note) => note.kind === kind).length;
    return count === 0 ? [] : [`${count} ${count === 1 ? one : several}`];
  });
  return [
    ...(model.text === undefined ? [] : [model.text]),
    `An event storming board with ${
      counts.join(", ") || "no notes"
    }, told from left to right in ${bands.length} ${
      bands.length === 1 ? "part" : "parts"
    }.`,
  ].join(" ");
}

const KINDS = [
  ["person", "person", "people"],
  ["command", "command", "commands"],
  ["event", "event", "events"],
  ["policy", "policy", "policies"],
  ["readModel", "read model", "read models"],
  ["query", "query", "queries"],
  ["system", "external system", "external systems"],
  ["hotspot", "hotspot", "hotspots"],
  ["opportunity", "opportunity", "opportunities"],
] as const;

function legendOf(
  board: Board,
  { bottom }: Layout,
): { svg: string; height: number } {
  const kinds = KINDS.filter(([kind]) =>
    board.notes.some((note) => note.kind === kind)
  );
  const items = kinds.map(([kind, word], index) => {
    const { fill, stroke } = COLOURS[kind];
    const x = MARGIN + (index % 5) * 130;
    const y = bottom + Math.floor(index / 5) * 26;
    return `<rect x="${x}" y="${y}" width="16" height="16" rx="2" fill="${fill}" stroke="${stroke}"/>` +
      text(x + 22, y + 12, word, 11);
  });
  return {
    svg: `<g role="group" aria-label="legend">\n${items.join("\n")}\n</g>`,
    height: Math.ceil(kinds.length / 5) * 26,
  };
}

function text(
  x: number,
  y: number,
  content: string,
  size: number,
  bold = false,
): string {
  const weight = bold ? ` font-weight="bold"` : "";
  return `<text x="${x}" y="${y}" font-size="${size}"${weight} fill="${INK}">${
    escapeXml(content)
  }</text>`;
}
