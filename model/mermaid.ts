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
 * assert.match(text, /tf 02 evt Deposited ->> 01/);
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
    const used = board.notes.some((note) => note.kind === kind);
    if (!used || kind === "aggregate") continue;
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

/**
 * Frames in the order of the story. Mermaid guesses arrows from one frame to the
 * next unless a frame names its sources, or resets the flow and so has none:
 * here every frame does one or the other, but for a policy, which can be given
 * its arrow from an event by the guess alone.
 *
 * Events stand in one lane: Mermaid 12.0 opens a new lane for each entity that
 * has a namespace, and not one for each namespace.
 */
function eventModel(model: Model, board: Board): string {
  const frames = new Frames(board);
  for (const step of storyOf(model, board)) {
    if (step.note.kind === "command") frames.command(step);
    else if (step.note.kind === "policy") frames.policy(step);
    else if (step.note.kind === "event") frames.add("evt", step.note);
    else frames.view(step);
  }
  const { lines } = frames;
  if (lines.length > MOST_FRAMES) {
    throw new InvalidArgumentError(
      `Cannot draw "${model.name}" as an event model has at most ${MOST_FRAMES} frames: got ${lines.length}; draw it context by context`,
    );
  }
  return ["eventmodeling", "", ...lines].join("\n") + "\n";
}

class Frames {
  readonly lines: string[] = [];
  readonly #names = new Map<string, number>();
  /** The number of the frame in which a note came last. */
  readonly #last = new Map<string, string>();

  constructor(board: Board) {
    for (const { name, kind } of board.notes) {
      if (kind === "aggregate") continue;
      this.#names.set(name, (this.#names.get(name) ?? 0) + 1);
    }
  }

  command({ note, causes, effects }: Step): void {
    // A command may come from a person or a processor; one that another command
    // sends is drawn without its source.
    const sources = causes.filter(({ kind }) => kind !== "command").map((
      cause,
    ) =>
      cause.kind === "policy"
        ? this.#last.get(cause.id)
        : this.add(cause.kind === "person" ? "ui" : "pcr", cause)
    );
    const number = this.add("cmd", note, sources);
    for (const event of effects) {
      if (event.kind === "event") this.add("evt", event, [number]);
    }
  }

  policy({ note, causes: [trigger] }: Step): void {
    if (trigger === undefined) {
      this.add("pcr", note);
      return;
    }
    // An event further back is told once more, for the guess to find it.
    const latest = String(this.lines.length).padStart(2, "0");
    if (this.#last.get(trigger.id) !== latest) this.add("evt", trigger);
    this.add("pcr", note, "guess");
  }

  view({ note, causes, effects }: Step): void {
    const sources = causes.map(({ id }) => this.#last.get(id));
    const number = this.add("rmo", note, sources);
    for (const reader of effects) {
      if (reader.kind === "person") this.add("ui", reader, [number]);
    }
  }

  /** Adds a frame and tells its number. */
  add(
    kind: string,
    note: Note,
    sources: readonly (string | undefined)[] | "guess" = [],
  ): string {
    const number = String(this.lines.length + 1).padStart(2, "0");
    const named = sources === "guess"
      ? []
      : sources.filter((source) => source !== undefined);
    const word = sources === "guess" || named.length > 0 ? "tf" : "rf";
    const from = named.map((source) => ` ->> ${source}`).join("");
    this.lines.push(
      `${word} ${number} ${kind} ${this.#identifier(note)}${from}`,
    );
    this.#last.set(note.id, number);
    return number;
  }

  /** A name as Mermaid's event model takes it: letters, digits and "_". */
  #identifier({ name, aggregate, kind }: Note): string {
    const full = this.#names.get(name) === 1
      ? name
      : `${aggregate ?? kind}_${name}`;
    return full.replaceAll(/\W/g, "_");
  }
}

/**
 * Text for a quoted label: what Mermaid or HTML would read otherwise is a code.
 * A label without text, or with a character that has no shape, is none to Mermaid.
 */
function label(text: string): string {
  return text.replaceAll(/[\p{Control}\s]+/gu, " ")
    .replaceAll(/[\p{Surrogate}\ufffe\uffff]/gu, "\ufffd")
    .replaceAll(/[#"<>&`\\]/g, (char) => `#${char.charCodeAt(0)};`)
    .trim() || " ";
}

/** Text for a line of its own. */
function line(text: string): string {
  return text.replaceAll(/[\p{Control}\s#;%{}]+/gu, " ")
    .replaceAll(/[\p{Surrogate}\ufffe\uffff]/gu, "\ufffd")
    .trim() || " ";
}
