/**
 * What git itself says of the end of the history: the other side of the proof.
 * Nothing here uses what the actors were fed with. Lines are newlines counted
 * in the blobs' bytes, and names come from a walk of their own.
 */
import { BlobReader } from "./blobs.ts";
import type { Kind } from "./file_actor.ts";
import { kindOfMode } from "./facts.ts";
import type { Git } from "./git.ts";
import { textOfPath } from "./path.ts";
import { records } from "./records.ts";
import { SAME_EVERYWHERE } from "./repository.ts";

/** One file at the end of the history. */
export interface HeadFile {
  readonly path: string;
  readonly kind: Kind;
  readonly blob: string;
  /** Lines of a text, counted in its bytes; 0 for all else. */
  readonly lines: number;
}

/** Reads every file of a commit. */
export async function* readHead(
  git: Git,
  target: string,
): AsyncGenerator<HeadFile> {
  const binary = await binaryFiles(git, target);
  await using blobs = new BlobReader(git);
  const ahead: Promise<HeadFile>[] = [];
  const tree = git.stream(["ls-tree", "-r", "-z", "--full-tree", target]);
  for await (const record of records(tree)) {
    const tab = record.indexOf(0x09);
    const path = textOfPath(record.subarray(tab + 1));
    const [mode = "", , blob = ""] = latin1.decode(record.subarray(0, tab))
      .split(" ");
    const kind = kindOfMode(mode) ?? (binary.has(path) ? "binary" : "text");
    const file = kind === "text"
      ? blobs.measure(blob).then(({ lines }) => ({ path, kind, blob, lines }))
      : Promise.resolve({ path, kind, blob, lines: 0 });
    // Not awaited at once: that one of them fails is told when its turn comes.
    file.catch(() => {});
    ahead.push(file);
    if (ahead.length >= 256) yield await ahead.shift()!;
  }
  for (const file of ahead) yield await file;
}

/** Every name that a file ever had on the mainline. */
export async function everyPath(
  git: Git,
  target: string,
): Promise<Set<string>> {
  const names = git.stream([
    "log",
    "--first-parent",
    "--diff-merges=first-parent",
    "--no-renames",
    "--name-only",
    "-z",
    ...SAME_EVERYWHERE.filter((option) => option !== "-M"),
    "--format=tformat:",
    target,
    "--",
  ]);
  const paths = new Set<string>();
  for await (const name of records(names)) {
    if (name.length > 0) paths.add(textOfPath(name));
  }
  return paths;
}

/** The files that git calls binary: it counts no lines in them. */
async function binaryFiles(git: Git, target: string): Promise<Set<string>> {
  const nothing = await git.text(["hash-object", "-t", "tree", "--stdin"]);
  const rows = git.stream([
    "diff-tree",
    "-r",
    "-z",
    "--numstat",
    "--no-renames",
    "--no-ext-diff",
    "--no-textconv",
    nothing,
    target,
  ]);
  const binary = new Set<string>();
  for await (const row of records(rows)) {
    if (row[0] === 0x2d) binary.add(textOfPath(row.subarray("-\t-\t".length)));
  }
  return binary;
}

const latin1 = new TextDecoder("latin1");
