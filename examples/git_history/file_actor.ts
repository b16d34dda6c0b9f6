/**
 * A file of the repository as an actor: what happened to it, as events.
 *
 * Each event carries the lines it added and deleted, so that what a file holds
 * is the sum over its events; a file that goes away deletes all it has.
 */
import { defineActor, Rejected } from "@flowmade/aether";

/** What a path stands for. Lines are counted in text only. */
export type Kind = "text" | "binary" | "symlink" | "submodule";

/** Which step of the history an event belongs to. */
export interface Stamp {
  readonly commit: string;
  readonly author: string;
  /** Author's time, in ISO 8601. */
  readonly time: string;
}

/** Lines that came and went with an event. */
export interface Sum {
  readonly added: number;
  readonly deleted: number;
}

/** What is there now. */
export interface Content {
  /** git's name for exactly this content. */
  readonly blob: string;
  readonly kind: Kind;
}

/** A file came to be; `from` names the file it was before, after a rename. */
export type FileAdded = Stamp & Sum & Content & {
  readonly path: string;
  readonly from?: string;
};
/** A text has other lines than before, or another mode. */
export type LinesChanged = Stamp & Sum & Content;
/** Something that is not counted in lines changed, or text became such or was it. */
export type ContentReplaced = Stamp & Sum & Content;
/** The file lives on under another name; what is here now is nothing. */
export type FileRenamed = Stamp & Sum & { readonly to: string };
/** The file is gone. */
export type FileDeleted = Stamp & Sum;

/** A file as its events add up. */
export interface FileState {
  readonly kind: Kind | "none";
  readonly lines: number;
}

/** One file of the history; its key is the file's name. */
export const File = defineActor("file", {
  state: (): FileState => ({ kind: "none", lines: 0 }),
  events: {
    FileAdded: (s: FileState, e: FileAdded) => next(s, e, e.kind),
    LinesChanged: (s: FileState, e: LinesChanged) => next(s, e, e.kind),
    ContentReplaced: (s: FileState, e: ContentReplaced) => next(s, e, e.kind),
    FileRenamed: (s: FileState, e: FileRenamed) => next(s, e, "none"),
    FileDeleted: (s: FileState, e: FileDeleted) => next(s, e, "none"),
  },
}).commands({
  add(s, c: Omit<FileAdded, "deleted">) {
    if (s.kind !== "none") {
      throw new Rejected("is_there", `${c.path} is there already`);
    }
    return { type: "FileAdded", data: { ...c, deleted: 0 } };
  },
  change(s, c: LinesChanged) {
    if (s.kind !== "text") {
      throw new Rejected("no_text", `lines change in what is ${s.kind}`);
    }
    if (s.lines + c.added < c.deleted) {
      throw new Rejected(
        "too_few_lines",
        `${c.deleted} of ${s.lines} lines deleted`,
      );
    }
    return { type: "LinesChanged", data: c };
  },
  replace(s, c: Omit<ContentReplaced, "deleted">) {
    expectThere(s);
    return { type: "ContentReplaced", data: { ...c, deleted: s.lines } };
  },
  rename(s, c: Stamp & { to: string }) {
    expectThere(s);
    return { type: "FileRenamed", data: { ...c, added: 0, deleted: s.lines } };
  },
  remove(s, c: Stamp & { lines?: number }) {
    expectThere(s);
    const { lines, ...stamp } = c;
    if (lines !== undefined && lines !== s.lines) {
      throw new Rejected(
        "lines_differ",
        `${lines} lines deleted of ${s.lines}`,
      );
    }
    return {
      type: "FileDeleted",
      data: { ...stamp, added: 0, deleted: s.lines },
    };
  },
}).queries({
  lines: (s) => s.lines,
  kind: (s) => s.kind,
});

function next(s: FileState, e: Sum, kind: FileState["kind"]): FileState {
  return { kind, lines: s.lines + e.added - e.deleted };
}

function expectThere(s: FileState): void {
  if (s.kind === "none") {
    throw new Rejected("not_there", "there is no such file");
  }
}
