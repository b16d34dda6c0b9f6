/**
 * Two processes fold one log, at once and in any order; writes get lost on the way
 * there or on the way back, processes die and start anew. Whatever happens, each
 * stored document is the fold of its events up to the sequence it names.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  InMemoryLog,
  type StoredEvent,
  StoreUnavailableError,
} from "@flowmade/aether";
import { Documents, Superseded } from "../../projection/_documents.ts";
import { Folder, Stuck } from "../../projection/_fold.ts";
import { MemoryViews } from "../../projection/_memory_views.ts";
import {
  type Content,
  OF,
  ONE,
  type ViewName,
  type ViewStore,
} from "../../projection/_views.ts";
import { type AnyProjection, defineProjection } from "../../projection/mod.ts";
import { LONG, NIGHTLY, seed } from "../event/_property.ts";

const KEYS = ["a", "b", "c"];

/** What becomes of a write. */
type Fate = "done" | "lost" | "unanswered" | "another first";

interface Step {
  /** Which of the two processes. */
  readonly who: 0 | 1;
  /** How many commits it folds. */
  readonly commits: number;
  /** What becomes of its writes, in turn; then all are done. */
  readonly fates: readonly Fate[];
  /** Whether it dies first. */
  readonly dies: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  who: fc.constantFrom(0 as const, 1 as const),
  commits: fc.integer({ min: 1, max: 6 }),
  fates: fc.array(
    fc.constantFrom<Fate>(
      "done",
      "done",
      "lost",
      "unanswered",
      "another first",
    ),
    { maxLength: 4 },
  ),
  dies: fc.boolean(),
});

/** A log: for each commit, the documents its events belong to. */
const log = fc.array(
  fc.array(fc.constantFrom(...KEYS), { minLength: 1, maxLength: 3 }),
  { minLength: 1, maxLength: 25 },
);

/** Events with holes between their commits, as fences leave them. */
function eventsOf(commits: readonly (readonly string[])[]): StoredEvent[][] {
  return commits.map((keys, i) =>
    keys.map((key, j) => ({
      id: `${i}.${j}`,
      eventType: "E",
      actorId: `order-${key}`,
      version: i * 10 + j + 1,
      data: null,
      timestamp: new Date(0),
      sequence: i * 2 + 1,
      commitId: `c${i}`,
    }))
  );
}

class UnsureViews implements ViewStore {
  fates: Fate[] = [];
  /** Runs the other process where it is to be first. */
  onOther: () => Promise<void> = () => Promise.resolve();
  readonly #views: ViewStore;

  constructor(views: ViewStore) {
    this.#views = views;
  }

  async write(
    view: ViewName,
    item: string,
    content: Content,
    expected: number,
  ): Promise<number | undefined> {
    const fate = this.fates.shift() ?? "done";
    if (fate === "lost") throw new StoreUnavailableError("lost");
    if (fate === "another first") await this.onOther();
    const written = await this.#views.write(view, item, content, expected);
    if (fate === "unanswered") throw new StoreUnavailableError("unanswered");
    return written;
  }
  read: ViewStore["read"] = (...args) => this.#views.read(...args);
  list: ViewStore["list"] = (...args) => this.#views.list(...args);
  versions: ViewStore["versions"] = (...args) => this.#views.versions(...args);
  remove: ViewStore["remove"] = (...args) => this.#views.remove(...args);
  commitAt: ViewStore["commitAt"] = (...args) => this.#views.commitAt(...args);
  end: ViewStore["end"] = (...args) => this.#views.end(...args);
}

/** One process: what it holds is lost when it dies. */
class Process {
  readonly store: UnsureViews;
  readonly #projection: AnyProjection;
  readonly #events: readonly StoredEvent[][];
  #documents: Documents | undefined;

  constructor(
    projection: AnyProjection,
    views: ViewStore,
    events: readonly StoredEvent[][],
  ) {
    this.store = new UnsureViews(views);
    this.#projection = projection;
    this.#events = events;
  }

  die(): void {
    this.#documents = undefined;
  }

  /** Folds the next commits; false where there is none. */
  async fold(commits: number): Promise<boolean> {
    try {
      if (this.#documents === undefined) {
        const documents = new Documents(this.#projection, this.store);
        await documents.open();
        this.#documents = documents;
      }
      const { after } = this.#documents;
      const next = this.#events.filter(([first]) =>
        first!.sequence > (after?.sequence ?? 0)
      ).slice(0, commits);
      if (next.length === 0) return false;
      const position = next.at(-1)![0]!.sequence;
      const folder = new Folder(this.#projection, this.#documents);
      await folder.fold({ events: next.flat(), position });
    } catch (error) {
      this.die();
      if (error instanceof Stuck) throw error;
      if (
        !(error instanceof Superseded) &&
        !(error instanceof StoreUnavailableError)
      ) throw error;
    }
    return true;
  }
}

const fold = (ids: readonly string[], { id }: { readonly id: string }) => [
  ...ids,
  id,
];

const projections: [string, AnyProjection][] = [
  [
    "one document",
    defineProjection("one", {
      initial: () => [] as string[],
      on: { order: { E: fold } },
    }),
  ],
  [
    "a document for each key",
    defineProjection("many", {
      initial: () => [] as string[],
      key: (event) => event.actorId,
      on: { order: { E: fold } },
    }),
  ],
];

describe("folding", () => {
  for (const [what, projection] of projections) {
    it(`into ${what} is exact, whatever is lost`, LONG, async () => {
      const outcome = await fc.check(
        fc.asyncProperty(log, fc.array(step, { maxLength: 25 }), async (
          commits,
          steps,
        ) => {
          const events = eventsOf(commits);
          const views = new MemoryViews(new InMemoryLog("fold"));
          const items = projection.key === undefined
            ? [ONE]
            : KEYS.map((key) => `${OF}order-${key}`);
          const check = async () => {
            for (const item of items) {
              const kept = await views.read(projection, item);
              const wanted = events.flat().filter(({ actorId, sequence }) =>
                sequence <= (kept?.sequence ?? 0) &&
                (item === ONE || item === OF + actorId)
              ).map(({ id }) => id);
              assert.deepEqual(kept?.value ?? [], wanted);
            }
          };
          const processes = [0, 1].map(() =>
            new Process(projection, views, events)
          );
          for (const [i, { store }] of processes.entries()) {
            store.onOther = async () => {
              const fates = processes[1 - i]!.store.fates.splice(0);
              await processes[1 - i]!.fold(2);
              processes[1 - i]!.store.fates.push(...fates);
            };
          }
          for (const { commits, dies, fates, who } of steps) {
            const process = processes[who]!;
            if (dies) process.die();
            process.store.fates = [...fates];
            await process.fold(commits);
            process.store.fates = [];
            await check();
          }
          for (let rounds = 0; await processes[0]!.fold(3); rounds++) {
            assert.ok(rounds < 100, "it goes on");
          }
          await check();
          const all = events.flat().map(({ id }) => id).sort();
          const seen: string[] = [];
          for (const item of items) {
            const kept = await views.read(projection, item);
            seen.push(...kept?.value as string[] ?? []);
          }
          assert.deepEqual(seen.sort(), all);
        }),
        { numRuns: NIGHTLY ? 20_000 : 300, seed: seed() },
      );
      if (outcome.failed) throw new Error(fc.defaultReportMessage(outcome));
    });
  }
});
