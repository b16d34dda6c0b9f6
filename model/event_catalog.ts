/**
 * A model as the folder of an EventCatalog: contexts are domains; aggregates,
 * policies, read models and external systems are services that send and receive
 * messages; the story is a flow. What has no place there (hotspots, glossary,
 * specifications) stands in the domain's or service's text, or not at all.
 *
 * Source: {@link https://www.eventcatalog.dev/docs | EventCatalog}.
 */
import { InvalidArgumentError } from "../event/mod.ts";
import { type Board, boardOf, type Note } from "./board.ts";
import { wordOfField } from "./field.ts";
import { schemaOf } from "./json_schema.ts";
import type { Model } from "./words.ts";

/** What the catalog says beside the model. */
export interface EventCatalogOptions {
  /** Version of all that is in it; the model's by default, or `1.0.0`. */
  readonly version?: string;
  /** Id of the team that owns all of it; a file for the team is written, too. */
  readonly team?: string;
}

/**
 * Writes a model as the files of an EventCatalog.
 *
 * @returns Each file's text by its path in the catalog.
 * @throws {InvalidArgumentError} `invalid_argument`: the version is not semantic.
 * @example A file for each note
 * ```ts
 * import { toEventCatalog } from "@flowmade/aether/model";
 * import assert from "node:assert/strict";
 *
 * const files = toEventCatalog({ name: "bank", aggregates: { account: { events: { Deposited: {} } } } });
 * assert(files.has("events/account.Deposited/index.mdx"));
 * ```
 */
export function toEventCatalog(
  model: Model,
  { version = model.version ?? "1.0.0", team }: EventCatalogOptions = {},
): ReadonlyMap<string, string> {
  if (!/^\d+\.\d+\.\d+(-[\w.-]+)?(\+[\w.-]+)?$/.test(version)) {
    throw new InvalidArgumentError(
      `Cannot write a catalog as its version is semantic, such as 1.2.0: got ${
        JSON.stringify(version)
      }`,
    );
  }
  return new Catalog(model, version, team).write();
}

/** A message or a service that is referred to. */
interface Pointer {
  readonly id: string;
  readonly version: string;
}

const FOLDERS: Readonly<Partial<Record<Note["kind"], string>>> = {
  event: "events",
  command: "commands",
  query: "queries",
  aggregate: "services",
  policy: "services",
  readModel: "services",
  system: "services",
};

class Catalog {
  readonly #model: Model;
  readonly #board: Board;
  readonly #version: string;
  readonly #team: string | undefined;
  readonly #files = new Map<string, string>();

  constructor(model: Model, version: string, team: string | undefined) {
    this.#model = model;
    this.#board = boardOf(model);
    this.#version = version;
    this.#team = team;
  }

  write(): ReadonlyMap<string, string> {
    for (const note of this.#board.notes) {
      const folder = FOLDERS[note.kind];
      if (folder === undefined) continue;
      if (folder === "services") this.#service(note);
      else this.#message(folder, note);
    }
    for (const name of Object.keys(this.#model.contexts ?? {})) {
      this.#domain(name);
    }
    this.#flow();
    if (this.#team !== undefined) {
      const name = this.#team;
      const summary = `Owns ${this.#model.name}.`;
      this.#put(`teams/${name}.mdx`, { id: name, name, summary }, [
        mdx(summary),
      ]);
    }
    return this.#files;
  }

  #message(folder: string, note: Note): void {
    const id = idOf(note);
    const lines = [
      `The ${note.kind} \`${note.name}\` of ${mdx(note.aggregate!)}.`,
      "",
    ];
    const told = note.fields.map((field) =>
      `- \`${field.name}\`: ${wordOfField(field)}${
        field.personal ? " (personal)" : ""
      }${field.text === "" ? "" : `. ${mdx(field.text)}`}`
    );
    const schema = note.fields.length === 0
      ? {}
      : { schemaPath: "schema.json" };
    this.#put(
      `${folder}/${id}/index.mdx`,
      { ...this.#head(id, note.name, note.text), ...schema },
      [...lines, ...told],
    );
    if (note.fields.length === 0) return;
    this.#files.set(
      `${folder}/${id}/schema.json`,
      JSON.stringify(schemaOf(note.fields), null, 2) + "\n",
    );
  }

  #service(note: Note): void {
    const id = idOf(note);
    const { sends, receives } = this.#traffic(note);
    this.#put(`services/${id}/index.mdx`, {
      ...this.#head(id, note.name, note.text),
      sends: sends.map((one) => this.#point(one)),
      receives: receives.map((one) => this.#point(one)),
      ...(note.kind === "system" ? { externalSystem: true } : {}),
    }, [`${SERVICES[note.kind]} \`${note.name}\`.`]);
  }

  /** Which messages a service sends and which it receives. */
  #traffic(note: Note): { sends: string[]; receives: string[] } {
    const { notes, arrows } = this.#board;
    if (note.kind === "aggregate") {
      const own = notes.filter(({ aggregate }) => aggregate === note.name);
      const ids = (isIt: (note: Note) => boolean) =>
        own.filter(isIt).map((one) => one.id);
      const sent = arrows.filter(({ from, kind }) =>
        kind === "sends" && own.some(({ id }) => id === from)
      ).map(({ to }) => to);
      return {
        sends: [
          ...new Set([...ids(({ kind }) => kind === "event"), ...sent]),
        ],
        receives: ids(({ kind }) => kind !== "event"),
      };
    }
    return {
      sends: arrows.filter(({ from, kind }) =>
        from === note.id && kind === "sends"
      ).map(({ to }) => to),
      receives: arrows.filter(({ to, kind }) =>
        to === note.id && (kind === "triggers" || kind === "feeds" ||
          kind === "is told to")
      ).map(({ from }) => from),
    };
  }

  #domain(name: string): void {
    const services = this.#board.notes.filter(({ context, kind }) =>
      context === name && FOLDERS[kind] === "services"
    ).map((note) => this.#point(note.id));
    const relations = (this.#model.relations ?? [])
      .filter(({ from, to }) => from === name || to === name)
      .map(({ from, to, kind }) =>
        `- ${mdx(from)} → ${mdx(to)}: ${kind.replaceAll("_", " ")}`
      );
    this.#put(`domains/${name}/index.mdx`, {
      ...this.#head(name, name, this.#model.contexts![name]!.text ?? ""),
      services,
    }, [`The context ${mdx(name)}.`, "", ...relations]);
  }

  /** The whole board as one flow, in the order of its notes. */
  #flow(): void {
    const { notes, arrows } = this.#board;
    const told = notes.filter(({ kind }) => STEPS.has(kind));
    const known = new Set(told.map(({ id }) => id));
    const steps = told.map((note) => {
      const next = arrows.filter(({ from, to }) =>
        from === note.id && known.has(to)
      ).map(({ to }) => to);
      return {
        id: note.id,
        title: note.name,
        ...this.#stepOf(note),
        ...(next.length > 0 ? { next_steps: next } : {}),
      };
    });
    const id = this.#model.name.replaceAll(/[^A-Za-z0-9_-]+/g, "-");
    this.#put(`flows/${id}/index.mdx`, {
      ...this.#head(id, this.#model.name, this.#model.text ?? ""),
      steps,
    }, ["<NodeGraph />"]);
  }

  #stepOf({ id, kind, name }: Note): Readonly<Record<string, unknown>> {
    if (kind === "person") return { actor: { name } };
    if (kind === "system") return { externalSystem: { name } };
    const pointer = this.#point(id);
    return kind === "event" || kind === "command" || kind === "query"
      ? { message: pointer }
      : { service: pointer };
  }

  #point(id: string): Pointer {
    return { id: idOf(this.#board.note(id)!), version: this.#version };
  }

  #head(
    id: string,
    name: string,
    text: string,
  ): Readonly<Record<string, unknown>> {
    return {
      id,
      name,
      version: this.#version,
      summary: text === "" ? name : text,
      ...(this.#team === undefined ? {} : { owners: [this.#team] }),
    };
  }

  #put(
    path: string,
    head: Readonly<Record<string, unknown>>,
    lines: readonly string[],
  ): void {
    // JSON is YAML, and needs no rules of its own for quotes.
    const front = Object.entries(head).map(([key, value]) =>
      `${key}: ${JSON.stringify(value)}`
    );
    const body = lines.length === 0 ? "" : `\n${lines.join("\n").trim()}\n`;
    this.#files.set(path, `---\n${front.join("\n")}\n---\n${body}`);
  }
}

const SERVICES: Readonly<Partial<Record<Note["kind"], string>>> = {
  aggregate: "The aggregate",
  policy: "The policy",
  readModel: "The read model",
  system: "The external system",
};

const STEPS: ReadonlySet<Note["kind"]> = new Set<Note["kind"]>([
  "event",
  "command",
  "query",
  "policy",
  "readModel",
  "person",
  "system",
]);

/** The id under which a note stands in the catalog, which is a folder's name too. */
function idOf({ id }: Note): string {
  return id.replace(":", ".");
}

/** Text in which MDX reads nothing but text. */
function mdx(text: string): string {
  return text.replaceAll(/[\\`*_[\]<>{}#|]/g, "\\$&").replaceAll(/\s+/g, " ");
}
