/** Views in this process: shared by all who have the same log, as they would share a server. */
import { CommitHeader, PayloadTooLargeError } from "../event/mod.ts";
import type { CommitLog } from "../bus/mod.ts";
import {
  type Content,
  type Kept,
  OF,
  type ViewName,
  type ViewStore,
} from "./_views.ts";

type Items = Map<string, { readonly revision: number; readonly text: string }>;

/** The views over a log in this process. */
export class MemoryViews implements ViewStore {
  readonly #log: CommitLog;
  /** By version and name. */
  readonly #views: Map<string, Items>;

  /** Opens the views over a log. */
  constructor(log: CommitLog) {
    this.#log = log;
    let views = shared.get(log);
    if (views === undefined) shared.set(log, views = new Map());
    this.#views = views;
  }

  read(view: ViewName, item: string): Promise<Kept | undefined> {
    const found = this.#views.get(keyOf(view))?.get(item);
    if (found === undefined) return Promise.resolve(undefined);
    const { revision, text } = found;
    return Promise.resolve({ ...JSON.parse(text) as Content, revision });
  }

  // deno-lint-ignore require-await -- what is too large rejects
  async write(
    view: ViewName,
    item: string,
    content: Content,
    expected: number,
  ): Promise<number | undefined> {
    const text = JSON.stringify(content);
    if (text.length > LARGEST) {
      throw new PayloadTooLargeError(
        `Cannot write a document of "${view.name}" as it is larger than ${LARGEST} characters: got ${text.length}`,
      );
    }
    const key = keyOf(view);
    let items = this.#views.get(key);
    if (items === undefined) this.#views.set(key, items = new Map());
    if ((items.get(item)?.revision ?? 0) !== expected) return undefined;
    items.set(item, { revision: ++revisions, text });
    return revisions;
  }

  async *list(
    view: ViewName,
  ): AsyncGenerator<{ readonly key: string; readonly value: unknown }> {
    for (const [item, { text }] of [...this.#views.get(keyOf(view)) ?? []]) {
      if (!item.startsWith(OF)) continue;
      const { value } = JSON.parse(text) as Content;
      if (value !== undefined) yield { key: item.slice(OF.length), value };
    }
  }

  versions(name: string): Promise<number[]> {
    const versions: number[] = [];
    for (const key of this.#views.keys()) {
      const at = key.indexOf(" ");
      if (key.slice(at + 1) === name) versions.push(Number(key.slice(0, at)));
    }
    return Promise.resolve(versions.sort((a, b) => a - b));
  }

  remove(view: ViewName): Promise<void> {
    this.#views.delete(keyOf(view));
    return Promise.resolve();
  }

  commitAt(sequence: number): Promise<string | undefined> {
    const { headers } = this.#log.at(sequence) ?? {};
    return Promise.resolve(headers?.get(CommitHeader.commit) || undefined);
  }

  end(): Promise<number> {
    return Promise.resolve(this.#log.lastSequence);
  }
}

function keyOf({ name, version }: ViewName): string {
  return `${version} ${name}`;
}

const shared = new WeakMap<CommitLog, Map<string, Items>>();
/** As much as a server takes by default. */
const LARGEST = 1_048_576;
let revisions = 0;
