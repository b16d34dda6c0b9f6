import type { EventBroadcaster } from "../bus/mod.ts";
import type { EventStore } from "../store/mod.ts";
import { testCatchUp } from "./_bus_catch_up.ts";
import { testCompeting } from "./_bus_competing.ts";
import { testFilters } from "./_bus_filters.ts";
import { testLifecycle } from "./_bus_lifecycle.ts";
import { testLive } from "./_bus_live.ts";
import { testNotices } from "./_bus_notices.ts";
import { testPatterns } from "./_bus_patterns.ts";
import { testSingle } from "./_bus_single.ts";
import { BusSuite } from "./_bus_suite.ts";

/** What the contract suite for buses is run on, and how. */
export interface BusContractOptions {
  /** Names the bus in the report. */
  readonly name: string;
  /** Groups cases: `describe` of `node:test`, vitest, jest … */
  readonly describe: (name: string, run: () => void) => unknown;
  /** Registers a case: `it` of the same. Give it a timeout of a minute or more. */
  readonly it: (name: string, run: () => Promise<void>) => unknown;
  /** Opens a store on a namespace, which is new at the first call. */
  readonly openStore: (namespace: string) => Promise<EventStore>;
  /** Opens a bus that shows what those stores hold; closed behind the case. */
  readonly openBus: () => Promise<EventBroadcaster>;
  /** Opens a bus as from another process; without it, cases use one bus. */
  readonly anotherBus?: () => Promise<EventBroadcaster>;
  /** Called behind each case, for each namespace it used. */
  readonly cleanup?: (namespace: string) => Promise<void> | void;
  /** Writes a message into an actor's log past every check; left out, such cases are too. */
  readonly writeRaw?: (
    namespace: string,
    actorId: string,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array,
    contentType: string,
  ) => Promise<void>;
  /** Seed of what is left to chance; random by default, and named in failures. */
  readonly seed?: number;
}

/**
 * Registers the cases every bus must pass: every stored event reaches every
 * subscription that wants it, in order per actor, and nothing is dropped silently.
 *
 * @param options The bus, its stores, and the functions of the test runner.
 * @example The in-process bus, under any runner that has describe and it
 * ```ts
 * import { busContract, InMemoryBuses } from "@flowmade/aether/testing";
 * import assert from "node:assert/strict";
 *
 * const cases: string[] = [];
 * const buses = new InMemoryBuses();
 * busContract({
 *   name: "in this process",
 *   describe: (_name, run) => run(), // of your runner
 *   it: (name, _run) => cases.push(name), // of your runner
 *   openStore: (namespace) => buses.openStore(namespace),
 *   openBus: () => buses.openBus(),
 *   writeRaw: buses.writeRaw,
 * });
 * assert.ok(cases.length >= 40);
 * ```
 */
export function busContract(options: BusContractOptions): void {
  const suite = new BusSuite(options);
  options.describe(`bus contract: ${options.name}`, () => {
    testLive(suite);
    testNotices(suite);
    testPatterns(suite);
    testCatchUp(suite);
    testFilters(suite);
    testLifecycle(suite);
    testSingle(suite);
    testCompeting(suite);
  });
}
