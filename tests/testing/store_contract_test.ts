/**
 * The suite is only worth what it catches: stores with one seeded bug each, and
 * for each the suite must fail; without a bug it must pass.
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type {
  ActorSnapshot,
  Event,
  NewEvent,
  StoredEvent,
} from "../../event/mod.ts";
import {
  type ActorAppend,
  type AppendAllOptions,
  type AppendOptions,
  type AppendResult,
  type CallOptions,
  InMemoryEventStore,
  InMemoryLog,
  type ListActorsOptions,
  type LoadedActor,
  type LoadOptions,
  type ReadOptions,
} from "../../store/mod.ts";
import {
  InMemoryStores,
  type Store,
  storeContract,
  type StoreFaults,
} from "../../testing/mod.ts";

type Options = ConstructorParameters<typeof InMemoryEventStore>[0];
type Mutant = new (options: Options) => Store;

const STRICT = InMemoryEventStore;

/** Runs cases of the suite on stores of a class; tells how many, and which failed. */
async function run(
  store: Mutant,
  { faults = true, only = "" } = {},
): Promise<{ cases: number; failed: string[] }> {
  const registered: [string, () => Promise<void>][] = [];
  const groups: string[] = [];
  const logs = new Map<string, InMemoryLog>();
  const logOf = (namespace: string) => {
    if (!logs.has(namespace)) logs.set(namespace, new InMemoryLog(namespace));
    return logs.get(namespace)!;
  };
  const hooks: StoreFaults = {
    writeRaw: (namespace, actorId, headers, body, contentType) => {
      logOf(namespace).write(actorId, {
        headers: { ...headers, "content-type": contentType },
        body,
      });
      return Promise.resolve();
    },
    deleteCommit: (namespace, sequence) => {
      logOf(namespace).remove(sequence);
      return Promise.resolve();
    },
    recreate: (namespace) => {
      logOf(namespace).recreate();
      return Promise.resolve();
    },
    writeSnapshot: (namespace, actorId, body) => {
      logOf(namespace).writeSnapshot(actorId, body);
      return Promise.resolve();
    },
  };
  storeContract({
    name: "mutant",
    describe: (name, register) => {
      groups.push(name);
      register();
      groups.pop();
    },
    it: (name, body) => {
      const path = [...groups, name].join(" > ");
      if (path.includes(only)) registered.push([path, body]);
    },
    open: (namespace) =>
      Promise.resolve(new store({ namespace, log: logOf(namespace) })),
    pairs: 70,
    longActor: 400,
    seed: 1,
    snapshotsTooLarge: (opened) =>
      (opened as InMemoryEventStore).stats().snapshotsTooLarge,
    ...(faults ? { faults: hooks } : {}),
  });
  const failed: string[] = [];
  for (const [name, body] of registered) {
    try {
      await body();
    } catch {
      failed.push(name);
    }
  }
  return { cases: registered.length, failed };
}

/** Changes what is yielded. */
async function* mapped<T>(
  items: AsyncIterable<T>,
  change: (items: T[]) => T[],
): AsyncGenerator<T> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  yield* change(all);
}

/** Each bug with the case that must catch it. */
const MUTANTS: Readonly<Record<string, readonly [string, Mutant]>> = {
  "the expectation is ignored": [
    "version 2 is refused by 3 events",
    class extends STRICT {
      override append(
        actorId: string,
        events: readonly NewEvent[],
        options: AppendOptions = {},
      ) {
        return super.append(actorId, events, {
          ...options,
          expectedVersion: "any",
        });
      }
    },
  ],
  "positions are compared by version only": [
    "refuses whoever holds the position before it",
    class extends STRICT {
      override append(
        actorId: string,
        events: readonly NewEvent[],
        options: AppendOptions = {},
      ) {
        const { expectedVersion } = options;
        return super.append(
          actorId,
          events,
          typeof expectedVersion === "object" && expectedVersion !== null
            ? { ...options, expectedVersion: expectedVersion.version }
            : options,
        );
      }
    },
  ],
  '"exists" means "any"': [
    '"exists" is refused by 0 events',
    class extends STRICT {
      override append(
        actorId: string,
        events: readonly NewEvent[],
        options: AppendOptions = {},
      ) {
        return super.append(
          actorId,
          events,
          options.expectedVersion === "exists"
            ? { ...options, expectedVersion: "any" }
            : options,
        );
      }
    },
  ],
  "checking and writing are two steps": [
    "appends that expect version 2 one wins",
    class extends STRICT {
      override async append(
        actorId: string,
        events: readonly NewEvent[],
        options: AppendOptions = {},
      ): Promise<AppendResult> {
        const { expectedVersion } = options;
        if (typeof expectedVersion !== "number") {
          return await super.append(
            actorId,
            events,
            options,
          );
        }
        const met = await super.getLatestVersion(actorId) === expectedVersion;
        await Promise.resolve();
        return await super.append(
          actorId,
          events,
          met ? { ...options, expectedVersion: "any" } : options,
        );
      }
    },
  ],
  "a conflict does not tell the newer events": [
    "version 0 is refused by 3 events",
    class extends STRICT {
      override async append(
        actorId: string,
        events: readonly NewEvent[],
        options?: AppendOptions,
      ): Promise<AppendResult> {
        try {
          return await super.append(actorId, events, options);
        } catch (error) {
          const spoilt = error as { newerEvents?: readonly unknown[] };
          if (spoilt.newerEvents !== undefined) {
            Object.assign(spoilt, {
              newerEvents: [],
            });
          }
          throw error;
        }
      }
    },
  ],
  "saveEvent() takes any version": [
    "saveEvent() takes the next version only",
    class extends STRICT {
      override async saveEvent(
        event: Event,
        options?: CallOptions,
      ): Promise<StoredEvent> {
        const version = 1 + await super.getLatestVersion(event.actorId);
        return await super.saveEvent({ ...event, version }, options);
      }
    },
  ],
  "the call's metadata is lost": [
    "gives the call's metadata to events that have none",
    class extends STRICT {
      override append(
        actorId: string,
        events: readonly NewEvent[],
        options: AppendOptions = {},
      ) {
        const { metadata: _metadata, ...rest } = options;
        return super.append(actorId, events, rest);
      }
    },
  ],
  "the commands of a commit are lost": [
    "keeps the commands a commit answers",
    class extends STRICT {
      override append(
        actorId: string,
        events: readonly NewEvent[],
        options: AppendOptions = {},
      ) {
        const { commands: _commands, ...rest } = options;
        return super.append(actorId, events, rest);
      }
    },
  ],
  "the commit id is made anew": [
    "keeps the commit id it is given",
    class extends STRICT {
      override append(
        actorId: string,
        events: readonly NewEvent[],
        options: AppendOptions = {},
      ) {
        const { commitId: _commitId, ...rest } = options;
        return super.append(actorId, events, rest);
      }
    },
  ],
  "a fence is not written": [
    "refuses whoever holds the position before it",
    class extends STRICT {
      override async append(
        actorId: string,
        events: readonly NewEvent[],
        options: AppendOptions = {},
      ): Promise<AppendResult> {
        if (events.length > 0) {
          return await super.append(
            actorId,
            events,
            options,
          );
        }
        const { position } = await super.load(actorId, { schema: false });
        const commitId = options.commitId ?? "";
        return {
          version: position.version,
          events: [],
          sequence: 0,
          commitId,
          position,
        };
      }
    },
  ],
  "what JSON changes is changed silently": [
    "a Date: is refused",
    class extends STRICT {
      override append(
        actorId: string,
        events: readonly NewEvent[],
        options?: AppendOptions,
      ) {
        const laundered = events.map((event) =>
          event.data === undefined ? event : {
            ...event,
            data: JSON.parse(JSON.stringify(event.data) ?? "null") as unknown,
          }
        );
        return super.append(actorId, laundered, options);
      }
    },
  ],
  "data is read behind the call": [
    "changed after the call: changes nothing",
    class extends STRICT {
      override async append(
        actorId: string,
        events: readonly NewEvent[],
        options?: AppendOptions,
      ): Promise<AppendResult> {
        await Promise.resolve();
        return await super.append(actorId, events, options);
      }
    },
  ],
  "appendAll() is one append after another": [
    "leaves no trace of any when one conflicts",
    class extends STRICT {
      override async appendAll(
        appends: readonly ActorAppend[],
        options: AppendAllOptions = {},
      ): Promise<readonly AppendResult[]> {
        const results: AppendResult[] = [];
        for (const { actorId, events, expectedVersion = "any" } of appends) {
          results.push(
            await super.append(actorId, events, {
              ...options,
              expectedVersion,
            }),
          );
        }
        return results;
      }
    },
  ],
  "reading forgets `to`": [
    "forward by type",
    class extends STRICT {
      override read(options: ReadOptions = {}) {
        const { to: _to, ...rest } = options;
        return super.read(rest);
      }
    },
  ],
  "reading forgets `from`": [
    "backward by namespace",
    class extends STRICT {
      override read(options: ReadOptions = {}) {
        const { from: _from, ...rest } = options;
        return super.read(rest);
      }
    },
  ],
  "a limit counts commits": [
    "a limit may fall inside a commit",
    class extends STRICT {
      override read(options: ReadOptions = {}) {
        const { limit = Infinity, ...rest } = options;
        return mapped(super.read(rest), (events) => {
          const commits = [...new Set(events.map((event) => event.sequence))]
            .slice(0, limit);
          return events.filter((event) => commits.includes(event.sequence));
        });
      }
    },
  ],
  "backward turns commits round, not their events": [
    "backward by actor",
    class extends STRICT {
      override read(options: ReadOptions = {}) {
        const events = super.read(options);
        if (options.direction !== "backward") return events;
        return mapped(
          events,
          (all) =>
            all.toSorted((a, b) =>
              b.sequence - a.sequence || a.version - b.version
            ),
        );
      }
    },
  ],
  "a reading goes on into what is new": [
    "what is appended while it runs does not show",
    class extends STRICT {
      override async *read(
        options: ReadOptions = {},
      ): AsyncGenerator<StoredEvent> {
        let last: StoredEvent | undefined;
        for await (const event of super.read(options)) yield last = event;
        if (last === undefined || options.direction === "backward") return;
        const actors = options.actorId !== undefined;
        if (options.to !== undefined || options.limit !== undefined) return;
        yield* super.read({
          ...options,
          from: (actors ? last.version : last.sequence) + 1,
        });
      }
    },
  ],
  "reading ends quietly when the store closes": [
    "none looks complete that is not",
    class extends STRICT {
      override async *read(
        options: ReadOptions = {},
      ): AsyncGenerator<StoredEvent> {
        let seen = 0;
        try {
          for await (const event of super.read(options)) {
            seen++;
            yield event;
          }
        } catch (error) {
          if (
            seen === 0 || (error as { code?: string }).code !== "closed"
          ) throw error;
        }
      }
    },
  ],
  "load() forgets `after`": [
    "brings only what lies behind a position",
    class extends STRICT {
      override load(actorId: string, options: LoadOptions = {}) {
        const { after: _after, ...rest } = options;
        return super.load(actorId, rest);
      }
    },
  ],
  "load() answers from memory": [
    "what one store has appended, another reads at once",
    class extends STRICT {
      readonly #loaded = new Map<string, LoadedActor>();
      override async load(
        actorId: string,
        options: LoadOptions = {},
      ): Promise<LoadedActor> {
        const known = this.#loaded.get(actorId);
        if (
          known !== undefined && Object.keys(options).length === 0
        ) return known;
        const loaded = await super.load(actorId, options);
        if (Object.keys(options).length === 0) {
          this.#loaded.set(actorId, loaded);
        }
        return loaded;
      }
    },
  ],
  "load() leaves out fences": [
    "is loaded, with the commands it answers",
    class extends STRICT {
      override async load(
        actorId: string,
        options: LoadOptions = {},
      ): Promise<LoadedActor> {
        const loaded = await super.load(actorId, options);
        return {
          ...loaded,
          commits: loaded.commits.filter(({ events }) => events.length > 0),
        };
      }
    },
  ],
  "trails are cut short": [
    "names the last 17 commits in its position",
    class extends STRICT {
      override async load(
        actorId: string,
        options: LoadOptions = {},
      ): Promise<LoadedActor> {
        const loaded = await super.load(actorId, options);
        const { position } = loaded;
        return {
          ...loaded,
          position: { ...position, trail: position.trail.slice(0, 16) },
        };
      }
    },
  ],
  "versions are read late": [
    "what one store has appended, another reads at once",
    class extends STRICT {
      #before = new Map<string, number>();
      override async getLatestVersion(
        actorId: string,
        options?: CallOptions,
      ): Promise<number> {
        const version = await super.getLatestVersion(actorId, options);
        const before = this.#before.get(actorId) ?? version;
        this.#before.set(actorId, version);
        return before;
      }
    },
  ],
  "actors are listed by name": [
    "names each actor once, by its last activity",
    class extends STRICT {
      override listActors(options?: ListActorsOptions) {
        return mapped(super.listActors(options), (ids) => ids.toSorted());
      }
    },
  ],
  "actors are listed for each commit": [
    "names each actor once, by its last activity",
    class extends STRICT {
      override async *listActors(
        options: ListActorsOptions = {},
      ): AsyncGenerator<string> {
        for await (const id of super.listActors(options)) {
          for await (const _ of super.read({ actorId: id })) yield id;
        }
      }
    },
  ],
  "the type of a list is a prefix": [
    "names the actors of one type",
    class extends STRICT {
      override listActors(options: ListActorsOptions = {}) {
        const { type = "", ...rest } = options;
        return mapped(
          super.listActors(rest),
          (ids) => ids.filter((id) => id.startsWith(type)),
        );
      }
    },
  ],
  "an older snapshot is said to be kept": [
    "newer ones win over older ones",
    class extends STRICT {
      override async saveSnapshot(
        snapshot: ActorSnapshot,
        options?: CallOptions,
      ): Promise<boolean> {
        await super.saveSnapshot(snapshot, options);
        return true;
      }
    },
  ],
  "a snapshot of another schema is used": [
    "of another schema are as good as none",
    class extends STRICT {
      override async getLatestSnapshot(
        actorId: string,
        options: CallOptions & { readonly schema?: number } = {},
      ): Promise<ActorSnapshot | undefined> {
        return await super.getLatestSnapshot(actorId, options) ??
          await super.getLatestSnapshot(actorId, { ...options, schema: 2 });
      }
    },
  ],
  "a snapshot that is too large throws": [
    "that are too large are not kept",
    class extends STRICT {
      override async saveSnapshot(
        snapshot: ActorSnapshot,
        options?: CallOptions,
      ): Promise<boolean> {
        if (
          JSON.stringify(snapshot.state)?.length > 1_000_000
        ) throw new RangeError("too large");
        return await super.saveSnapshot(snapshot, options);
      }
    },
  ],
  "a snapshot forgets commands": [
    "snapshots > remember commands",
    class extends STRICT {
      override saveSnapshot(
        snapshot: ActorSnapshot,
        options?: CallOptions,
      ): Promise<boolean> {
        const { commands: _commands, ...rest } = snapshot;
        return super.saveSnapshot(rest, options);
      }
    },
  ],
  "signals are ignored": [
    "append() does nothing behind an aborted signal",
    class extends STRICT {
      override append(
        actorId: string,
        events: readonly NewEvent[],
        options: AppendOptions = {},
      ) {
        const { signal: _signal, ...rest } = options;
        return super.append(actorId, events, rest);
      }
    },
  ],
  "timeouts are not checked": [
    "getEvents() refuses timeouts that are none",
    class extends STRICT {
      override getEvents(
        actorId: string,
        from?: number,
        options: CallOptions = {},
      ) {
        const { timeout: _timeout, ...rest } = options;
        return super.getEvents(actorId, from, rest);
      }
    },
  ],
  "closing closes nothing": [
    "refuses every later call",
    class extends STRICT {
      override async close(): Promise<void> {}
    },
  ],
  "a broken log reads as an empty one": [
    "a missing message > the middle",
    class extends STRICT {
      override async load(
        actorId: string,
        options: LoadOptions = {},
      ): Promise<LoadedActor> {
        try {
          return await super.load(actorId, options);
        } catch (error) {
          if ((error as { code?: string }).code !== "corrupt_log") throw error;
          return { commits: [], position: { actorId, version: 0, trail: [] } };
        }
      }
    },
  ],
  "saveEvent() answers the id as it was spelt": [
    "that differ in normal form only are one actor",
    class extends STRICT {
      override async saveEvent(
        event: Event,
        options?: CallOptions,
      ): Promise<StoredEvent> {
        return {
          ...await super.saveEvent(event, options),
          actorId: event.actorId,
        };
      }
    },
  ],
};

describe("storeContract()", () => {
  it("passes a store that keeps the contract", async () => {
    const { cases, failed } = await run(STRICT);
    assert.deepEqual(failed, []);
    assert.ok(cases > 200, `${cases} cases`);
  });

  it("registers fewer cases where nothing can be made to go wrong", async () => {
    const all = await run(STRICT);
    const some = await run(STRICT, { faults: false });
    assert.deepEqual(some.failed, []);
    assert.ok(some.cases < all.cases);
  });

  it("opens second stores by `another` where it is given", async () => {
    const stores = new InMemoryStores();
    const opened: string[] = [];
    const cases = new Map<string, () => Promise<void>>();
    storeContract({
      name: "counted",
      describe: (_name, register) => register(),
      it: (name, body) => cases.set(name, body),
      open: (namespace) => (opened.push("open"), stores.open(namespace)),
      another: (namespace) => (opened.push("another"), stores.open(namespace)),
      cleanup: (namespace) => {
        opened.push("cleanup");
        stores.forget(namespace);
      },
    });
    await cases.get("takes appends and saves of two stores in turn")!();
    assert.deepEqual(opened, ["open", "another", "cleanup"]);
  });

  for (const [bug, [caughtBy, mutant]] of Object.entries(MUTANTS)) {
    it(`catches that ${bug}`, async () => {
      const { cases, failed } = await run(mutant, { only: caughtBy });
      assert.ok(cases > 0, `no case "${caughtBy}"`);
      assert.equal(failed.length, cases);
      const sound = await run(STRICT, { only: caughtBy });
      assert.deepEqual(sound, { cases, failed: [] });
    });
  }
});
