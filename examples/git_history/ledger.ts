/**
 * The list of what was acknowledged, one line a command, in a file: the process
 * that proves the run has nothing else to go by than this, git and the log.
 */
import { Buffer } from "node:buffer";
import { closeSync, createReadStream, openSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Answer } from "./driver.ts";
import type { Step } from "./plan.ts";

/** One acknowledged command. */
export interface Acknowledged {
  readonly key: string;
  readonly commandId: string;
  /** Versions and ids of its events. */
  readonly events: readonly (readonly [version: number, id: string])[];
}

/** Writes the list. */
export class LedgerWriter implements Disposable {
  readonly #file: number;
  #lines: string[] = [];

  /** Starts an empty list. */
  constructor(path: string) {
    this.#file = openSync(path, "w");
  }

  /** Notes an answer. */
  add(step: Step, answer: Answer): void {
    const { key, commandId } = step;
    const events = answer.events.map(({ version, id }) => [version, id]);
    this.#lines.push(JSON.stringify({ key, commandId, events }) + "\n");
    if (this.#lines.length >= 1_000) this.#flush();
  }

  /** Writes what is left and closes the file. */
  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  /** As {@link LedgerWriter.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #flush(): void {
    const bytes = Buffer.from(this.#lines.join(""));
    this.#lines = [];
    for (let at = 0; at < bytes.length;) at += writeSync(this.#file, bytes, at);
  }
}

/** Reads the list. */
export async function* readLedger(path: string): AsyncGenerator<Acknowledged> {
  for await (const line of createInterface({ input: createReadStream(path) })) {
    yield JSON.parse(line);
  }
}
