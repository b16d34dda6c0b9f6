import type { EventStore, SnapshotStore } from "../store/mod.ts";
import { Suite } from "./_suite.ts";
import { testAppends } from "./_store_appends.ts";
import { testAppendAll } from "./_store_append_all.ts";
import { testCalls } from "./_store_calls.ts";
import { testExpectations } from "./_store_expectations.ts";
import { testFaults } from "./_store_faults.ts";
import { testFences } from "./_store_fences.ts";
import { testIds } from "./_store_ids.ts";
import { testLists } from "./_store_lists.ts";
import { testLoads } from "./_store_loads.ts";
import { testRaces } from "./_store_races.ts";
import { testReads } from "./_store_reads.ts";
import { testSnapshots } from "./_store_snapshots.ts";
import { testValues } from "./_store_values.ts";

/** A store that keeps events and snapshots. */
export type Store = EventStore & SnapshotStore;

/** What can happen to a log behind the stores' backs; each is tested where it can be made to. */
export interface StoreFaults {
  /** Writes a message into an actor's log past every check; `contentType` is one more header. */
  writeRaw?(
    namespace: string,
    actorId: string,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array,
    contentType: string,
  ): Promise<void>;
  /** Removes a commit from the log. */
  deleteCommit?(namespace: string, sequence: number): Promise<void>;
  /** Removes all commits of a namespace, so that it starts anew; snapshots stay. */
  recreate?(namespace: string): Promise<void>;
  /** Overwrites the body of an actor's snapshot. */
  writeSnapshot?(
    namespace: string,
    actorId: string,
    body: Uint8Array,
  ): Promise<void>;
}

/** What the contract suite is run on, and how. */
export interface StoreContractOptions {
  /** Names the store in the report. */
  readonly name: string;
  /** Groups cases: `describe` of `node:test`, vitest, jest … */
  readonly describe: (name: string, run: () => void) => unknown;
  /** Registers a case: `it` of the same. Give it a timeout of a minute or more. */
  readonly it: (name: string, run: () => Promise<void>) => unknown;
  /** Opens a store on a namespace, which is new at the first call. */
  readonly open: (namespace: string) => Promise<Store>;
  /**
   * Opens a second store on a namespace, as from another process: over a
   * connection of its own; `open` by default.
   */
  readonly another?: (namespace: string) => Promise<Store>;
  /** Called behind each case, for each namespace it used. */
  readonly cleanup?: (namespace: string) => Promise<void> | void;
  /** What can be made to go wrong; none by default. */
  readonly faults?: StoreFaults;
  /** How many snapshots a store did not keep as they were too large. */
  readonly snapshotsTooLarge?: (store: Store) => number;
  /** How many bytes the stores of `open` have received so far. */
  readonly received?: () => number;
  /** How many bytes the stores of `open` have sent so far. */
  readonly sent?: () => number;
  /** Most bytes of one commit; 1 MiB by default. */
  readonly maxPayload?: number;
  /** How often one store reads right after another's append; 10,000 by default. */
  readonly pairs?: number;
  /** Events of the long actor; 10,000 by default, at least 200. */
  readonly longActor?: number;
  /** Seed of what is left to chance; random by default, and named in failures. */
  readonly seed?: number;
}

/**
 * Registers the cases every event store must pass: versions without gap or
 * repeat, one writer, all or none, reading what was written, and loud failure.
 *
 * @param options The store, and the functions of the test runner.
 * @example The in-memory store, under any runner that has describe and it
 * ```ts
 * import { InMemoryStores, storeContract } from "@flowmade/aether/testing";
 * import assert from "node:assert/strict";
 *
 * const cases: string[] = [];
 * const stores = new InMemoryStores();
 * storeContract({
 *   name: "in memory",
 *   describe: (_name, run) => run(), // of your runner
 *   it: (name, _run) => cases.push(name), // of your runner
 *   open: (namespace) => stores.open(namespace),
 *   faults: stores,
 * });
 * assert.ok(cases.length > 60);
 * ```
 */
export function storeContract(options: StoreContractOptions): void {
  const suite = new Suite(options);
  options.describe(`store contract: ${options.name}`, () => {
    testAppends(suite);
    testExpectations(suite);
    testRaces(suite);
    testFences(suite);
    testAppendAll(suite);
    testReads(suite);
    testLoads(suite);
    testLists(suite);
    testIds(suite);
    testValues(suite);
    testSnapshots(suite);
    testCalls(suite);
    testFaults(suite);
  });
}
