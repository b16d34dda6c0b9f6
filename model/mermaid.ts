/**
 * A model as Mermaid text: a flowchart in the colours of sticky notes, and the
 * `eventmodeling` diagram of Mermaid 11.15 and later.
 *
 * Mermaid itself bounds what it draws: 50,000 characters and 500 arrows unless
 * it is told otherwise (`maxTextSize`, `maxEdges`), and 999 frames in an event
 * model. Draw a large model context by context, or with `toSvg`.
 *
 * Sources: {@link https://mermaid.js.org/syntax/flowchart | flowchart},
 * {@link https://mermaid.js.org/syntax/eventmodeling | eventmodeling}.
 */
import { InvalidArgumentError } from "../event/mod.ts";
import { type Board, boardOf, boardOfContexts, type Note } from "./board.ts";
import { COLOURS } from "./_colours.ts";
import { type Step, storyOf } from "./story.ts";
import type { Model } from "./words.ts";

/** What is drawn, and how. */
export interface MermaidOptions {
  /** A flowchart, or Mermaid's own event model; `"flowchart"` by default. */
  readonly diagram?: "flowchart" | "eventmodeling";
  /** Only these contexts, and the people and systems around them; all by default. */
  readonly contexts?: readonly string[];
}

/**
 * Writes a model as Mermaid text.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: an event model of more than
 * 999 frames, or a context that is not in the model.
 * @example A command and its event
 * ```ts
 * import { toMermaid } from "@flowmade/aether/model";
 * import assert from "node:assert/strict";
 *
 * const text = toMermaid({
 *   name: "bank",
 *   aggregates: {
 *     account: { events: { Deposited: {} }, commands: { deposit: { emits: ["Deposited"] } } },
 *   },
 * }, { diagram: "eventmodeling" });
 * assert.match(text, /tf 02 evt account\.Deposited/);
 * ```
 */
export function toMermaid(model: Model, options: MermaidOptions = {}): string {
  for (const context of options.contexts ?? []) {
    if (Object.hasOwn(model.contexts ?? {}, context)) continue;
    throw new InvalidArgumentError(
      `Cannot draw context "${context}" as "${model.name}" has no such context: known are ${
        Object.keys(model.contexts ?? {}).join(", ") || "none"
      }`,
    );
  }
  const board = options.contexts === undefined
    ? boardOf(model)
    : boardOfContexts(model, options.contexts);
  return options.diagram === "eventmodeling"
    ? eventModel(model, board)
    : flowchart(model, board);
}

function flowchart(model: Model, board: Board): string {
  const ids = new Map(
    board.notes.map(({ id }, index) => [id, `n${index + 1}`]),
  );
  const lines = [
    "flowchart LR",
    `  accTitle: ${line(model.name)}`,
    ...(model.text === undefined ? [] : [`  accDescr: ${line(model.text)}`]),
  ];
  const draw = (note: Note, indent: string) =>
    lines.push(
      `${indent}${ids.get(note.id)}["${label(note.name)}"]:::${note.kind}`,
    );
  const inContext = (context: string | undefined, indent: string) => {
    for (const note of board.notes) {
      if (note.context !== context || note.aggregate !== undefined) continue;
      if (note.kind !== "aggregate") {
        draw(note, indent);
        continue;
      }
      lines.push(
        `${indent}subgraph ${ids.get(note.id)}["${label(note.name)}"]`,
      );
      for (const part of board.notes) {
        if (part.aggregate === note.name) draw(part, `${indent}  `);
      }
      lines.push(`${indent}end`);
    }
  };
  const contexts = new Set(board.notes.flatMap((note) => note.context ?? []));
  for (const [index, context] of [...contexts].entries()) {
    lines.push(`  subgraph c${index + 1}["${label(context)}"]`);
    inContext(context, "    ");
    lines.push("  end");
  }
  inContext(undefined, "  ");
  for (const { from, to, kind } of board.arrows) {
    lines.push(`  ${ids.get(from)} -->|${kind}| ${ids.get(to)}`);
  }
  for (const note of board.notes) {
    const on = note.on === undefined ? undefined : ids.get(note.on);
    if (on !== undefined) lines.push(`  ${ids.get(note.id)} -.- ${on}`);
  }
  for (const [kind, { fill, stroke, text }] of Object.entries(COLOURS)) {
    if (kind === "aggregate") continue;
    lines.push(
      `  classDef ${kind} fill:${fill},stroke:${stroke},color:${text}`,
    );
  }
  const { fill, stroke, text } = COLOURS.aggregate;
  for (const note of board.notes) {
    if (note.kind !== "aggregate") continue;
    lines.push(
      `  style ${ids.get(note.id)} fill:${fill},stroke:${stroke},color:${text}`,
    );
  }
  return lines.join("\n") + "\n";
}

const MOST_FRAMES = 999;

/** Frames in the order of the story; each slice starts with a frame that resets the flow. */
function eventModel(model: Model, board: Board): string {
  const frames: string[] = [];
  const last = new Map<string, string>();
  const frame = (kind: string, note: Note, sources?: readonly string[]) => {
    const number = String(frames.length + 1).padStart(2, "0");
    const reset = sources !== undefined;
    const from = (sources ?? []).map((source) => ` ->> ${source}`).join("");
    last.set(LATEST, number);
    frames.push(
      `${reset ? "rf" : "tf"} ${number} ${kind} ${identifier(note)}${from}`,
    );
    return number;
  };
  for (const step of storyOf(model, board)) {
    if (step.note.kind === "command") commandFrames(step, frame, last);
    else if (step.note.kind === "policy") policyFrames(step, frame, last);
    else if (step.note.kind === "event") {
      last.set(step.note.id, frame("evt", step.note, []));
    } else viewFrames(step, frame, last);
  }
  if (frames.length > MOST_FRAMES) {
    throw new InvalidArgumentError(
      `Cannot draw "${model.name}" as an event model has at most ${MOST_FRAMES} frames: got ${frames.length}; draw it context by context`,
    );
  }
  return ["eventmodeling", "", ...frames].join("\n") + "\n";
}

/** Under which the frame that was written last is kept: no note has this id. */
const LATEST = "";

type Frame = (
  kind: string,
  note: Note,
  sources?: readonly string[],
) => string;

function commandFrames(
  { note, causes, effects }: Step,
  frame: Frame,
  last: Map<string, string>,
): void {
  const own = causes
    .filter(({ kind }) => kind !== "policy")
    .map((cause) => frame(cause.kind === "person" ? "ui" : "pcr", cause, []));
  const sent = causes.filter(({ kind }) => kind === "policy")
    .flatMap(({ id }) => last.get(id) ?? []);
  const command = frame("cmd", note, [...own, ...sent]);
  for (const event of effects) {
    if (event.kind !== "event") continue;
    // One event follows by itself; several name their command.
    const only = effects.length === 1;
    last.set(event.id, frame("evt", event, only ? undefined : [command]));
  }
}

function policyFrames(
  { note, causes }: Step,
  frame: Frame,
  last: Map<string, string>,
): void {
  const trigger = causes[0];
  // Mermaid draws an arrow from an event to a processor only where one follows
  // the other, so an event further back is told once more.
  const follows = trigger !== undefined &&
    last.get(trigger.id) === last.get(LATEST);
  if (trigger !== undefined && !follows) frame("evt", trigger, []);
  last.set(note.id, frame("pcr", note, trigger === undefined ? [] : undefined));
}

function viewFrames(
  { note, causes, effects }: Step,
  frame: Frame,
  last: Map<string, string>,
): void {
  frame("rmo", note, causes.flatMap(({ id }) => last.get(id) ?? []));
  const reader = effects.find(({ kind }) => kind === "person");
  if (reader !== undefined) frame("ui", reader);
}

/** A name as Mermaid's event model takes it: letters, digits and "_". */
function identifier({ name, aggregate, kind }: Note): string {
  const safe = (text: string) =>
    text.replaceAll(/\W/g, "_").replace(/^\d/, "_$&");
  return kind === "event" && aggregate !== undefined
    ? `${safe(aggregate)}.${safe(name)}`
    : safe(name);
}

/** Text for a quoted label: what Mermaid or HTML would read otherwise is a code. */
function label(text: string): string {
  return text.replaceAll(/[#"<>&`\\]/g, (char) => `#${char.charCodeAt(0)};`)
    .replaceAll(/\s+/g, " ");
}

/** Text for a line of its own. */
function line(text: string): string {
  return text.replaceAll(/[\s#;%{}]+/g, " ").trim();
}
