/**
 * Makes git repositories, byte by byte and the same every time, through
 * `git fast-import`: any file name, any mode, any graph, no working tree.
 */
import { Buffer } from "node:buffer";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** Text or bytes. */
export type Bytes = string | Uint8Array;

/** One file of a commit; no content deletes it. */
export interface FileChange {
  readonly path: Bytes;
  readonly content?: Bytes;
  /** `100644` by default; a submodule's content is a commit's id. */
  readonly mode?: "100644" | "100755" | "120000" | "160000";
}

/** A file with a content. */
export function put(
  path: Bytes,
  content: Bytes,
  mode: FileChange["mode"] = "100644",
): FileChange {
  return { path, content, mode };
}

/** A file that goes. */
export function drop(path: Bytes): FileChange {
  return { path };
}

/** So many lines that tell which file they belong to. */
export function lines(name: string, count: number): string {
  return Array.from({ length: count }, (_, i) => `${name} ${i}\n`).join("");
}

/** A repository in the making. */
export class GitBuilder {
  readonly #parts: Bytes[] = [];
  #marks = 0;

  /**
   * Adds a commit.
   *
   * @param parents Marks of earlier commits; the last one by default.
   * @returns Its mark.
   */
  commit(
    author: string,
    changes: readonly FileChange[],
    parents: readonly number[] = this.#marks === 0 ? [] : [this.#marks],
  ): number {
    const mark = ++this.#marks;
    const who = `${author} <${author.toLowerCase()}@example.org> ${
      1_700_000_000 + mark * 60
    } +0000`;
    this.#parts.push(
      `commit refs/heads/main\nmark :${mark}\nauthor ${who}\ncommitter ${who}\ndata 1\nc\n`,
    );
    parents.forEach((parent, index) =>
      this.#parts.push(`${index === 0 ? "from" : "merge"} :${parent}\n`)
    );
    for (const { path, content, mode = "100644" } of changes) {
      if (content === undefined) this.#parts.push(`D ${quoted(path)}\n`);
      else if (mode === "160000") {
        this.#parts.push(`M ${mode} ${content} ${quoted(path)}\n`);
      } else {
        const bytes = Buffer.from(content as string);
        this.#parts.push(`M ${mode} inline ${quoted(path)}\n`);
        this.#parts.push(`data ${bytes.length}\n`, bytes, "\n");
      }
    }
    return mark;
  }

  /** Makes the repository; its branch is `main`. */
  write({ bare = true }: { bare?: boolean } = {}): TemporaryRepository {
    const repository = emptyRepository({ bare });
    repository.git(["fast-import", "--quiet", "--force"], this.stream());
    return repository;
  }

  /** All of it as `git fast-import` reads it. */
  stream(): Uint8Array {
    return Buffer.concat(
      this.#parts.map((part) => Buffer.from(part as string)),
    );
  }
}

/** A repository in a temporary folder. */
export class TemporaryRepository implements Disposable {
  /** Makes it for a folder that is its own. */
  constructor(readonly path: string) {}

  /** Runs git in it; throws its words where it fails. */
  git(args: readonly string[], input: Bytes = ""): string {
    return runGit(["-C", this.path, ...args], input);
  }

  /** Removes it. */
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A repository without commits. */
export function emptyRepository(
  { bare = true }: { bare?: boolean } = {},
): TemporaryRepository {
  const path = mkdtempSync(join(tmpdir(), "aether-git-"));
  runGit([
    "init",
    "--quiet",
    "--initial-branch=main",
    ...(bare ? ["--bare"] : []),
    path,
  ], "");
  return new TemporaryRepository(path);
}

function runGit(args: readonly string[], input: Bytes): string {
  const { status, stdout, stderr } = spawnSync("git", [...args], {
    input: Buffer.from(input as string),
    env: {
      ...process.env,
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
    },
  });
  if (status !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
  return stdout.toString();
}

/** A path as fast-import reads it: every byte that is not plain in octal. */
function quoted(path: Bytes): string {
  let text = "";
  for (const byte of Buffer.from(path as string)) {
    text += /[A-Za-z0-9._/-]/.test(String.fromCharCode(byte))
      ? String.fromCharCode(byte)
      : "\\" + byte.toString(8).padStart(3, "0");
  }
  return `"${text}"`;
}
