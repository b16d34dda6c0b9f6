/**
 * The documents of one view, as the process that folds them holds them: read once,
 * changed here, written by compare and swap.
 *
 * Each says up to which sequence it has seen its events. A view of one document is
 * its own checkpoint: document and checkpoint are one write. Where there is one for
 * each key, the checkpoint is written behind them; it may be late, and what is then
 * folded again is left out by the documents that have seen it.
 *
 * Every write carries the revision it was made from. Refused, another process has
 * folded too: all that is held here is let go of, and read again.
 */
import { assertJson } from "../event/mod.ts";
import {
  type Content,
  type Kept,
  type Mark,
  OF,
  ONE,
  STATE,
  type ViewStore,
} from "./_views.ts";
import type { AnyProjection } from "./definition.ts";

/** A document in memory. */
export interface Held {
  /** Where it is stored. */
  readonly item: string;
  /** What is stored there now, 0 for nothing. */
  revision: number;
  /** All its events up to here are in it. */
  sequence: number;
  /** Undefined for none. */
  value: unknown;
  /** Whether it has changed since it was read or written. */
  isChanged: boolean;
}

/** Another process has written what this one believed to be its own. */
export class Superseded extends Error {
  /** Says which projection. */
  constructor(name: string) {
    super(`another process has folded "${name}" too`);
  }
}

/** The documents of one view. */
export class Documents {
  /** The checkpoint: what is folded, and what is written of it. */
  position = 0;
  /** Where reading goes on. */
  after: Mark | undefined;
  readonly #projection: AnyProjection;
  readonly #store: ViewStore;
  readonly #held = new Map<string, Held>();
  #state: Held | undefined;
  #saved = 0;

  /** Holds nothing yet. */
  constructor(projection: AnyProjection, store: ViewStore) {
    this.#projection = projection;
    this.#store = store;
  }

  /** Whether the checkpoint is behind what was folded. */
  get isBehind(): boolean {
    return this.position > this.#saved;
  }

  /** Finds out how far it has got; the first time, says that there is such a view. */
  async open(): Promise<void> {
    const view = this.#projection;
    const [state, one] = await Promise.all([
      this.#store.read(view, STATE),
      this.#isOne ? this.#load(ONE) : undefined,
    ]);
    this.#state = heldOf(STATE, state);
    const content: Content = state ?? { sequence: 0 };
    this.position = content.sequence;
    this.after = content.after;
    if (one !== undefined && one.found.sequence > this.position) {
      this.position = one.found.sequence;
      this.after = one.found.after;
    }
    this.#saved = this.position;
    if (state === undefined) await this.#save(this.#state, this.#checkpoint);
  }

  /** Brings documents into memory. */
  async load(keys: Iterable<string>): Promise<void> {
    this.#evict();
    const missing: string[] = [];
    for (const key of new Set(keys)) {
      const item = this.#itemOf(key);
      const held = this.#held.get(item);
      if (held === undefined) missing.push(item);
      else {
        // The longest unused come first.
        this.#held.delete(item);
        this.#held.set(item, held);
      }
    }
    await inParallel(missing, (item) => this.#load(item));
  }

  /** A document in memory. */
  get(key: string): Held {
    return this.#held.get(this.#itemOf(key))!;
  }

  /**
   * Writes what has changed, and the checkpoint.
   *
   * @throws {Superseded} Another process has written.
   * @throws {InvalidArgumentError} `invalid_argument`: a document is not JSON.
   * @throws {PayloadTooLargeError} `payload_too_large`: a document is.
   */
  async flush(): Promise<void> {
    const changed = [...this.#held.values()].filter((held) => held.isChanged);
    for (const { value } of changed) {
      if (value === undefined) continue;
      assertJson(
        value,
        "document",
        `Cannot store a document of projection "${this.#projection.name}"`,
      );
    }
    await inParallel(changed, async (held) => {
      await this.#save(
        held,
        this.#isOne ? { ...this.#checkpoint, value: held.value } : held,
      );
      held.isChanged = false;
    });
    if (!this.#isOne || changed.length === 0) {
      await this.#save(this.#state!, this.#checkpoint);
    }
    this.#saved = this.position;
  }

  /** Lets go of all documents; what was not written is lost. */
  clear(): void {
    this.#held.clear();
  }

  get #isOne(): boolean {
    return this.#projection.key === undefined;
  }

  get #checkpoint(): Content {
    const { after, position } = this;
    return { sequence: position, ...(after === undefined ? {} : { after }) };
  }

  #itemOf(key: string): string {
    return this.#isOne ? ONE : OF + key;
  }

  async #load(item: string): Promise<{ found: Content } | undefined> {
    const found = await this.#store.read(this.#projection, item);
    this.#held.set(item, heldOf(item, found));
    return found === undefined ? undefined : { found };
  }

  async #save(held: Held, content: Content): Promise<void> {
    const { after, sequence, value } = content;
    const revision = await this.#store.write(
      this.#projection,
      held.item,
      {
        sequence,
        ...(after === undefined ? {} : { after }),
        ...(value === undefined ? {} : { value }),
      },
      held.revision,
    );
    if (revision === undefined) throw new Superseded(this.#projection.name);
    held.revision = revision;
  }

  // Between two batches nothing is changed that is not written.
  #evict(): void {
    for (const item of this.#held.keys()) {
      if (this.#held.size <= MOST) return;
      this.#held.delete(item);
    }
  }
}

/** Runs some at a time; rejects with the first failure once all have ended. */
async function inParallel<T>(
  items: readonly T[],
  run: (item: T) => Promise<unknown>,
): Promise<void> {
  for (let i = 0; i < items.length; i += AT_ONCE) {
    const settled = await Promise.allSettled(
      items.slice(i, i + AT_ONCE).map(run),
    );
    for (const outcome of settled) {
      if (outcome.status === "rejected") throw outcome.reason;
    }
  }
}

function heldOf(item: string, found: Kept | undefined): Held {
  return {
    item,
    revision: found?.revision ?? 0,
    sequence: found?.sequence ?? 0,
    value: found?.value,
    isChanged: false,
  };
}

/** Documents in memory at most, between two writes. */
const MOST = 1_000;
/** Requests under way at once. */
const AT_ONCE = 64;
