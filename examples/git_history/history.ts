/**
 * What `git log --raw --numstat -z` says, as values: one commit after the
 * other, each with the files it touched.
 *
 * git prints, each ended by NUL: the commit's id, parents, author and time;
 * then a raw entry for each file (modes, blobs, status) followed by its one or
 * two names; then a row for each file with the lines added and deleted.
 */
import { textOfPath } from "./path.ts";
import { records } from "./records.ts";

/** Added, deleted, modified, another type of thing, renamed, copied. */
export type Status = "A" | "D" | "M" | "T" | "R" | "C";

/** Lines added and deleted. */
export interface LineCount {
  readonly added: number;
  readonly deleted: number;
}

/** What a commit did to one file. */
export interface Change {
  readonly status: Status;
  /** The file's name, as `path.ts` writes it; the new one of a rename. */
  readonly path: string;
  /** The old name of a rename or copy. */
  readonly from?: string;
  readonly oldMode: string;
  readonly newMode: string;
  readonly oldBlob: string;
  readonly newBlob: string;
  /** As git counts them; absent where git calls either side binary. */
  readonly lines?: LineCount;
}

/** One step of the history. */
export interface Commit {
  readonly id: string;
  readonly parents: readonly string[];
  readonly author: string;
  /** Author's time, seconds since 1970. */
  readonly time: number;
  readonly changes: readonly Change[];
}

/** The `--format` that {@link parseHistory} reads. */
export const FORMAT = "tformat:commit %H%x00%P%x00%aN%x00%at";

/**
 * Reads commits from git's output as they are wanted.
 *
 * @throws {SyntaxError} the output is not of the expected form.
 */
export async function* parseHistory(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Commit> {
  const fields = records(chunks);
  const next = async () => {
    const { value, done } = await fields.next();
    if (done) throw new SyntaxError("git's output ends within a commit");
    return value;
  };
  let draft: Draft | undefined;
  try {
    for (;;) {
      const { value, done } = await fields.next();
      if (done) break;
      const field = value[0] === NEWLINE ? value.subarray(1) : value;
      if (field[0] === COLON) {
        const entry = parseEntry(text(field));
        const first = textOfPath(await next());
        const second = isPair(entry.status) ? textOfPath(await next()) : "";
        need(draft, field).entries.push(
          second === ""
            ? { ...entry, path: first }
            : { ...entry, path: second, from: first },
        );
      } else if (isDigit(field[0]!) || field[0] === MINUS) {
        const row = parseRow(field);
        if (row.path.length === 0) await next(); // the old name of a rename
        const path = textOfPath(row.path.length > 0 ? row.path : await next());
        need(draft, field).rows.set(path, row.lines);
      } else {
        if (draft !== undefined) yield finish(draft);
        draft = {
          id: parseHeader(text(field)),
          parents: text(await next()).split(" ").filter((id) => id !== ""),
          author: text(await next()),
          time: Number(text(await next())),
          entries: [],
          rows: new Map(),
        };
      }
    }
    if (draft !== undefined) yield finish(draft);
  } finally {
    await fields.return(undefined);
  }
}

/** A commit whose rows are not all there yet. */
interface Draft extends Omit<Commit, "changes"> {
  readonly entries: Change[];
  readonly rows: Map<string, LineCount | undefined>;
}

const NEWLINE = 0x0a;
const COLON = 0x3a;
const MINUS = 0x2d;
const TAB = 0x09;
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

function text(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isPair(status: Status): boolean {
  return status === "R" || status === "C";
}

function need(draft: Draft | undefined, field: Uint8Array): Draft {
  if (draft === undefined) throw unexpected(field);
  return draft;
}

function parseHeader(field: string): string {
  const match = /^commit ([0-9a-f]{40,64})$/.exec(field);
  if (match === null) throw unexpected(field);
  return match[1]!;
}

function parseEntry(field: string): Omit<Change, "path"> {
  const match = RAW.exec(field);
  if (match === null) throw unexpected(field);
  return {
    oldMode: match[1]!,
    newMode: match[2]!,
    oldBlob: match[3]!,
    newBlob: match[4]!,
    status: match[5] as Status,
  };
}

const RAW = /^:(\d{6}) (\d{6}) ([0-9a-f]+) ([0-9a-f]+) ([ADMTRC])\d*$/;

function parseRow(
  field: Uint8Array,
): { lines: LineCount | undefined; path: Uint8Array } {
  const first = field.indexOf(TAB);
  const second = field.indexOf(TAB, first + 1);
  if (first < 0 || second < 0) throw unexpected(field);
  const added = text(field.subarray(0, first));
  const deleted = text(field.subarray(first + 1, second));
  return {
    lines: added === "-"
      ? undefined
      : { added: Number(added), deleted: Number(deleted) },
    path: field.subarray(second + 1),
  };
}

function finish({ entries, rows, ...commit }: Draft): Commit {
  const changes = entries.map((entry): Change => {
    if (!rows.has(entry.path)) {
      throw new SyntaxError(
        `git counted no lines of ${entry.path} in commit ${commit.id}`,
      );
    }
    const lines = rows.get(entry.path);
    return lines === undefined ? entry : { ...entry, lines };
  });
  return { ...commit, changes };
}

function unexpected(field: Uint8Array | string): SyntaxError {
  const shown = typeof field === "string" ? field : text(field);
  return new SyntaxError(
    `Cannot read git's output: got ${JSON.stringify(shown.slice(0, 200))}`,
  );
}
