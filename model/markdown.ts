/** A model as a document: everything that stands on the board, to be read. */
import { type Board, boardOf, type Note, type NoteKind } from "./board.ts";
import { type Field, wordOfField } from "./field.ts";
import { toMermaid } from "./mermaid.ts";
import type { Example, Model, ModelSpecification } from "./words.ts";

/** What stands in the document. */
export interface MarkdownOptions {
  /** Whether a Mermaid flowchart comes first; `true` by default. */
  readonly diagram?: boolean;
}

/**
 * Writes a model as Markdown, as GitHub and most others read it.
 *
 * @example A heading for each aggregate
 * ```ts
 * import { toMarkdown } from "@flowmade/aether/model";
 * import assert from "node:assert/strict";
 *
 * const text = toMarkdown({ name: "bank", aggregates: { account: { text: "Holds money." } } });
 * assert.match(text, /## account\n\nHolds money\./);
 * ```
 */
export function toMarkdown(
  model: Model,
  { diagram = true }: MarkdownOptions = {},
): string {
  const board = boardOf(model);
  const parts = [
    `# ${prose(model.name)}${
      model.version === undefined ? "" : ` ${prose(model.version)}`
    }`,
    paragraph(model.text),
    diagram ? `\`\`\`mermaid\n${toMermaid(model)}\`\`\`` : "",
    ...contexts(model),
    ...Object.keys(model.aggregates ?? {}).flatMap((name) =>
      aggregate(model, board, name)
    ),
    ...listed(board, "policy", "Policies", (note) => [
      names(board, "to", note.id, "triggers", "whenever "),
      names(board, "from", note.id, "sends", "send "),
      names(board, "from", note.id, "calls", "call "),
    ]),
    ...readModels(board),
    ...listed(board, "person", "People", (note) => [
      names(board, "from", note.id, "gives", "gives "),
      names(board, "to", note.id, "is shown to", "looks at "),
    ]),
    ...listed(board, "system", "External systems", (note) => [
      names(board, "to", note.id, "is told to", "is told of "),
      names(board, "from", note.id, "sends", "sends "),
      names(board, "to", note.id, "calls", "is called by "),
    ]),
    ...glossary(model),
    ...sticking(board, "hotspot", "Hotspots"),
    ...sticking(board, "opportunity", "Opportunities"),
  ];
  return parts.filter((part) => part !== "").join("\n\n") + "\n";
}

function contexts(model: Model): string[] {
  const entries = Object.entries(model.contexts ?? {});
  if (entries.length === 0) return [];
  const rows = entries.map(([name, spec]) => [
    prose(name),
    [...spec.aggregates ?? [], ...spec.policies ?? [], ...spec.readModels ?? []]
      .map(code).join(", "),
    prose(spec.text ?? ""),
  ]);
  const relations = (model.relations ?? []).map(({ from, to, kind, text }) =>
    `- ${prose(from)} → ${prose(to)}: ${kind.replaceAll("_", " ")}${
      text === undefined ? "" : `. ${prose(text)}`
    }`
  );
  return [
    "## Contexts",
    table(["context", "holds", "remarks"], rows),
    relations.join("\n"),
  ];
}

function aggregate(model: Model, board: Board, name: string): string[] {
  const spec = model.aggregates![name]!;
  const own = (kind: NoteKind) =>
    board.notes.filter((note) => note.kind === kind && note.aggregate === name);
  const commands = own("command").map((note) => [
    code(note.name),
    fields(note.fields),
    linked(board, "from", note.id, "leads to"),
    linked(board, "from", note.id, "sends"),
    (spec.commands?.[note.name]?.rejects ?? []).map(code).join(", "),
    linked(board, "to", note.id, "gives", "sends"),
    prose(note.text),
  ]);
  const events = own("event").map((note) => [
    code(note.name) + (note.pivotal ? " (pivotal)" : ""),
    fields(note.fields),
    linked(board, "from", note.id, "triggers", "feeds", "is told to"),
    order(spec.events![note.name]!),
    prose(note.text),
  ]);
  const queries = own("query").map((note) => [
    code(note.name),
    fields(note.fields),
    linked(board, "from", note.id, "is shown to"),
    prose(note.text),
  ]);
  return [
    `## ${prose(name)}`,
    paragraph(spec.text),
    table(
      [
        "command",
        "input",
        "leads to",
        "sends",
        "refused as",
        "given by",
        "remarks",
      ],
      commands,
    ),
    table(["event", "data", "taken note of by", "order", "remarks"], events),
    table(["query", "answers", "asked by", "remarks"], queries),
    ...(model.specifications ?? []).filter(({ of }) => of === name)
      .map(specification),
  ];
}

function order(
  { first, last, after, notAfter }: {
    readonly first?: boolean;
    readonly last?: boolean;
    readonly after?: readonly string[];
    readonly notAfter?: readonly string[];
  },
): string {
  return [
    first ? "first" : "",
    last ? "last" : "",
    after === undefined ? "" : `after ${after.map(code).join(" or ")}`,
    notAfter === undefined
      ? ""
      : `never after ${notAfter.map(code).join(" or ")}`,
  ].filter((text) => text !== "").join(", ");
}

function specification(
  { name, given = [], when, then }: ModelSpecification,
): string {
  const list = (examples: readonly Example[]) =>
    examples.length === 0 ? "nothing" : examples.map(example).join(", ");
  const outcome = "rejected" in then
    ? `refused as ${code(then.rejected)}`
    : list(then);
  return [
    `**${prose(name)}**`,
    "",
    `- given ${list(given)}`,
    `- when ${example(when)}`,
    `- then ${outcome}`,
  ].join("\n");
}

function readModels(board: Board): string[] {
  return listed(board, "readModel", "Read models", (note) => [
    fields(note.fields),
    names(board, "to", note.id, "feeds", "from "),
    names(board, "from", note.id, "is shown to", "for "),
  ]);
}

function listed(
  board: Board,
  kind: NoteKind,
  title: string,
  say: (note: Note) => string[],
): string[] {
  const notes = board.notes.filter((note) => note.kind === kind);
  if (notes.length === 0) return [];
  const lines = notes.map((note) => {
    const said = [...say(note), prose(note.text)].filter((text) => text !== "");
    return `- **${prose(note.name)}**${
      said.length === 0 ? "" : `: ${said.join("; ")}`
    }`;
  });
  return [`## ${title}`, lines.join("\n")];
}

function sticking(board: Board, kind: NoteKind, title: string): string[] {
  const notes = board.notes.filter((note) => note.kind === kind);
  if (notes.length === 0) return [];
  const lines = notes.map(({ name, on, settled, text }) =>
    `- ${on === undefined ? "" : `${code(on)}: `}${prose(name)}${
      settled ? ` Settled: ${prose(text)}` : ""
    }`
  );
  return [`## ${title}`, lines.join("\n")];
}

function glossary(model: Model): string[] {
  const entries = Object.entries(model.glossary ?? {});
  if (entries.length === 0) return [];
  const lines = entries.map(([term, meaning]) => {
    const { text, context, avoid = [] } = typeof meaning === "string"
      ? { text: meaning }
      : meaning;
    const where = context === undefined ? "" : ` (${prose(context)})`;
    const instead = avoid.length === 0
      ? ""
      : ` Not: ${avoid.map(prose).join(", ")}.`;
    return `- **${prose(term)}**${where}: ${prose(text)}${instead}`;
  });
  return ["## Glossary", lines.join("\n")];
}

function linked(
  board: Board,
  end: "from" | "to",
  id: string,
  ...kinds: readonly string[]
): string {
  const other = end === "from" ? "to" : "from";
  return board.arrows
    .filter((arrow) => arrow[end] === id && kinds.includes(arrow.kind))
    .map((arrow) => code(shortName(board, arrow[other])))
    .join(", ");
}

function names(
  board: Board,
  end: "from" | "to",
  id: string,
  kind: string,
  word: string,
): string {
  const list = linked(board, end, id, kind);
  return list === "" ? "" : word + list;
}

function shortName(board: Board, id: string): string {
  const note = board.note(id)!;
  return note.aggregate === undefined
    ? note.name
    : `${note.aggregate}.${note.name}`;
}

function fields(list: readonly Field[]): string {
  return list.map((field) => {
    const marks = [
      field.personal ? "personal" : "",
      field.subject ? "subject" : "",
    ].filter((mark) => mark !== "");
    const marked = marks.length === 0 ? "" : ` (${marks.join(", ")})`;
    return `${code(`${field.name}: ${wordOfField(field)}`)}${marked}`;
  }).join(", ");
}

function example({ type, data }: Example): string {
  return data === undefined
    ? code(type)
    : code(`${type} ${JSON.stringify(data)}`);
}

/** A table, without the columns that are empty; nothing where there is no row. */
function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  if (rows.length === 0) return "";
  const used = head.map((_, column) => rows.some((row) => row[column] !== ""));
  const line = (cells: readonly string[]) =>
    `| ${
      cells.filter((_, column) => used[column])
        .map((cell) => cell.replaceAll(/(?<!\\)\|/g, "\\|")).join(" | ")
    } |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)]
    .join("\n");
}

/** Text in which nothing is read as Markdown, HTML or a table. */
function prose(text: string): string {
  return text.replaceAll(/[\\`*_[\]<>|#~$]/g, "\\$&").replaceAll(/\s+/g, " ");
}

function paragraph(text: string | undefined): string {
  return text === undefined ? "" : prose(text);
}

/** Text in a fixed font; a fence longer than any in the text. */
function code(text: string): string {
  const longest = Math.max(
    0,
    ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length),
  );
  const fence = "`".repeat(longest + 1);
  const space = longest > 0 ? " " : "";
  const safe = text.replaceAll(/\s+/g, " ");
  return `${fence}${space}${safe}${space}${fence}`;
}
