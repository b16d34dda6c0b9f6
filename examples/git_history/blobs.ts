/**
 * Counts the lines in blobs by their bytes, with one git for all of them.
 * Blobs stream through: none is held in memory as a whole.
 */
import type { ChildProcess } from "node:child_process";
import { ended, type Git, GitError } from "./git.ts";

/** What the bytes of a blob say. */
export interface BlobFacts {
  /** Bytes. */
  readonly size: number;
  /** Newlines, and one more for a last line without one. */
  readonly lines: number;
  /** A NUL among the first 8,000 bytes: git takes such content for binary. */
  readonly nul: boolean;
}

/** Asks `git cat-file --batch` for one blob after the other. */
export class BlobReader implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #end: Promise<void>;
  readonly #waiting: PromiseWithResolvers<BlobFacts>[] = [];
  #failed: unknown;
  #line: number[] = [];
  #blob: {
    size: number;
    seen: number;
    lines: number;
    nul: boolean;
    last: number;
  } | undefined;

  /** Starts git; {@link BlobReader.close} ends it. */
  constructor(git: Git) {
    const args = ["cat-file", "--batch"];
    this.#child = git.start(args);
    this.#end = ended(this.#child, args);
    this.#child.stdin!.on("error", () => {});
    this.#child.stdout!.on("data", (chunk: Uint8Array) => this.#take(chunk));
    this.#end.then(
      () => this.#fail(new GitError("git cat-file has ended")),
      (error) => this.#fail(error),
    );
  }

  /**
   * Counts a blob. Calls may overlap; git answers in order.
   *
   * @throws {GitError} there is no such blob.
   */
  measure(blob: string): Promise<BlobFacts> {
    if (this.#failed !== undefined) return Promise.reject(this.#failed);
    const waiting = Promise.withResolvers<BlobFacts>();
    this.#waiting.push(waiting);
    this.#child.stdin!.write(`${blob}\n`);
    return waiting.promise;
  }

  /** Ends git and waits for it. */
  async close(): Promise<void> {
    this.#child.stdin!.end();
    await this.#end.catch(() => {});
  }

  /** As {@link BlobReader.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #take(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      at = this.#blob === undefined
        ? this.#takeHeader(chunk, at)
        : this.#takeContent(chunk, at);
    }
  }

  /** `<id> blob <size>`, up to the line's end. */
  #takeHeader(chunk: Uint8Array, at: number): number {
    while (at < chunk.length && chunk[at] !== NEWLINE) {
      this.#line.push(chunk[at++]!);
    }
    if (at === chunk.length) return at;
    const header = String.fromCharCode(...this.#line);
    this.#line = [];
    const match = /^[0-9a-f]+ blob (\d+)$/.exec(header);
    if (match !== null) {
      const size = Number(match[1]);
      this.#blob = { size, seen: 0, lines: 0, nul: false, last: NEWLINE };
    } else {
      this.#waiting.shift()!.reject(
        new GitError(`Cannot read a blob: git says "${header}"`),
      );
    }
    return at + 1;
  }

  /** The blob's bytes, and the newline that git puts behind them. */
  #takeContent(chunk: Uint8Array, at: number): number {
    const blob = this.#blob!;
    const piece = chunk.subarray(at, at + blob.size - blob.seen);
    if (piece.length > 0) {
      for (
        let newline = piece.indexOf(NEWLINE);
        newline >= 0;
        newline = piece.indexOf(NEWLINE, newline + 1)
      ) blob.lines++;
      const nul = blob.seen < LOOKED_AT
        ? piece.subarray(0, LOOKED_AT - blob.seen).indexOf(0)
        : -1;
      if (nul >= 0) blob.nul = true;
      blob.last = piece[piece.length - 1]!;
      blob.seen += piece.length;
    }
    if (at + piece.length === chunk.length) return chunk.length;
    this.#blob = undefined;
    this.#waiting.shift()!.resolve({
      size: blob.size,
      lines: blob.lines + (blob.last === NEWLINE ? 0 : 1),
      nul: blob.nul,
    });
    return at + piece.length + 1;
  }

  #fail(error: unknown): void {
    this.#failed = error;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
  }
}

const NEWLINE = 0x0a;
const LOOKED_AT = 8_000;
