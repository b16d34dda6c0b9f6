/**
 * What a path stands for at one step, by git's own rule: mode first, then the
 * attribute `diff`, then size and bytes. Needed where the rows of the history do
 * not say it: next to a binary side git counts no lines.
 */
import type { ChildProcess } from "node:child_process";
import { BlobReader } from "./blobs.ts";
import type { Kind } from "./file_actor.ts";
import { ended, type Git } from "./git.ts";
import { pathOfText } from "./path.ts";
import { records } from "./records.ts";

/** What is to be known of one version of a file. */
export interface FileFacts {
  readonly kind: Kind;
  /** Lines of a text; 0 for all else. */
  readonly lines: number;
}

/** Finds out about a version of a file. */
export type LookUp = (
  path: string,
  mode: string,
  blob: string,
) => Promise<FileFacts>;

/** Answers with two git processes, started when first needed. */
export class FactFinder implements AsyncDisposable {
  readonly #git: Git;
  #blobs: BlobReader | undefined;
  #attributes: AttributeReader | undefined;
  #bigFile: Promise<number> | undefined;
  readonly #drivers = new Map<string, Promise<boolean | undefined>>();

  /** Makes it for a repository; {@link FactFinder.close} ends its processes. */
  constructor(git: Git) {
    this.#git = git;
  }

  /** See {@link LookUp}. */
  readonly lookUp: LookUp = async (path, mode, blob) => {
    const kind = kindOfMode(mode);
    if (kind !== undefined) return { kind, lines: 0 };
    this.#blobs ??= new BlobReader(this.#git);
    const { size, lines, nul } = await this.#blobs.measure(blob);
    const binary = await this.#byAttribute(path) ??
      (nul || size > await this.#bigFileSize());
    return binary ? { kind: "binary", lines: 0 } : { kind: "text", lines };
  };

  /** Ends what runs. */
  async close(): Promise<void> {
    await Promise.all([this.#blobs?.close(), this.#attributes?.close()]);
  }

  /** As {@link FactFinder.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #byAttribute(path: string): Promise<boolean | undefined> {
    this.#attributes ??= new AttributeReader(this.#git);
    const value = await this.#attributes.read(path);
    if (value === "set") return false;
    if (value === "unset") return true;
    if (value === "unspecified") return undefined;
    let driver = this.#drivers.get(value);
    if (driver === undefined) {
      driver = this.#git.maybe([
        "config",
        "--type=bool",
        "--get",
        `diff.${value}.binary`,
      ]).then((text) => text === undefined ? undefined : text === "true");
      this.#drivers.set(value, driver);
    }
    return await driver;
  }

  #bigFileSize(): Promise<number> {
    return this.#bigFile ??= this.#git.maybe([
      "config",
      "--type=int",
      "--get",
      "core.bigFileThreshold",
    ]).then((text) => text === undefined ? 512 * 1024 * 1024 : Number(text));
  }
}

/** What a mode says by itself; `undefined` for a regular file. */
export function kindOfMode(mode: string): Kind | undefined {
  if (mode === "120000") return "symlink";
  if (mode === "160000") return "submodule";
  return undefined;
}

/** Asks `git check-attr` for the attribute `diff` of one path after the other. */
class AttributeReader {
  readonly #child: ChildProcess;
  readonly #answers: AsyncGenerator<Uint8Array>;
  #last: Promise<unknown> = Promise.resolve();
  readonly #end: Promise<void>;

  constructor(git: Git) {
    const args = ["check-attr", "-z", "--stdin", "diff"];
    this.#child = git.start(args);
    this.#child.stdin!.on("error", () => {});
    this.#end = ended(this.#child, args);
    this.#answers = records(this.#child.stdout!);
  }

  read(path: string): Promise<string> {
    const answer = this.#last.catch(() => {}).then(async () => {
      this.#child.stdin!.write(Uint8Array.of(...pathOfText(path), 0));
      await this.#answers.next(); // the path
      await this.#answers.next(); // the attribute's name
      const { value, done } = await this.#answers.next();
      if (!done) return new TextDecoder().decode(value);
      await this.#end;
      throw new Error("git check-attr has ended");
    });
    this.#last = answer;
    return answer;
  }

  async close(): Promise<void> {
    this.#child.stdin!.end();
    await this.#end.catch(() => {});
  }
}
