/** What all cases of the store contract share. */
import assert from "node:assert/strict";
import {
  AetherError,
  type ErrorCode,
  type NewEvent,
  ulid,
  VersionConflictError,
} from "../event/mod.ts";
import { type Chance, chance } from "./_random.ts";
import type {
  Store,
  StoreContractOptions,
  StoreFaults,
} from "./store_contract.ts";

/** Registers cases, each with a namespace of its own. */
export class Suite {
  readonly options: StoreContractOptions;
  readonly faults: StoreFaults;
  readonly maxPayload: number;
  readonly pairs: number;
  readonly longActor: number;
  readonly seed: number;

  constructor(options: StoreContractOptions) {
    this.options = options;
    this.faults = options.faults ?? {};
    this.maxPayload = options.maxPayload ?? 1_048_576;
    this.pairs = options.pairs ?? 10_000;
    this.longActor = Math.max(200, options.longActor ?? 10_000);
    this.seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
  }

  /** Groups cases. */
  group(name: string, run: () => void): void {
    this.options.describe(name, run);
  }

  /** Registers a case; what it opens is closed behind it. */
  test(name: string, run: (t: Case) => Promise<void>): void {
    this.options.it(name, async () => {
      const t = await Case.start(this);
      try {
        await run(t);
      } finally {
        await t.end();
      }
    });
  }
}

/** One case while it runs. */
export class Case {
  readonly suite: Suite;
  /** One that no other case has, of one token of 25 characters. */
  readonly namespace: string;
  /** Open on that namespace. */
  readonly store: Store;
  readonly #opened: Store[];
  readonly #namespaces = new Set<string>();

  private constructor(suite: Suite, namespace: string, store: Store) {
    this.suite = suite;
    this.namespace = namespace;
    this.store = store;
    this.#opened = [store];
    this.#namespaces.add(namespace);
  }

  static async start(suite: Suite): Promise<Case> {
    const namespace = `contract-${ulid().slice(-16)}`;
    return new Case(suite, namespace, await suite.options.open(namespace));
  }

  /** Opens another store, on the case's namespace where no other is named. */
  async another(namespace: string = this.namespace): Promise<Store> {
    const { another, open } = this.suite.options;
    this.#namespaces.add(namespace);
    const store = await (another ?? open)(namespace);
    this.#opened.push(store);
    return store;
  }

  /** Chance that the suite's seed repeats; failures should name the seed. */
  chance(): Chance {
    return chance(this.suite.seed);
  }

  async end(): Promise<void> {
    for (const store of this.#opened) await store.close();
    for (const namespace of this.#namespaces) {
      await this.suite.options.cleanup?.(namespace);
    }
  }
}

/** Events that say how much: `deposits(1, 2)` are two. */
export function deposits(...amounts: number[]): NewEvent[] {
  return amounts.map((amount) => ({
    eventType: "Deposited",
    data: { amount },
  }));
}

/** So many events of amounts 1, 2, 3 … behind a version. */
export function someDeposits(count: number, behind: number = 0): NewEvent[] {
  return deposits(...Array.from({ length: count }, (_, i) => behind + i + 1));
}

/** The sum of what events say. */
export function sum(events: readonly { readonly data: unknown }[]): number {
  return events.reduce(
    (total, { data }) => total + (data as { amount: number }).amount,
    0,
  );
}

/** All that an iterable yields. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Runs and expects an error of a code, which it returns. */
export async function refused(
  code: ErrorCode,
  run: () => unknown,
): Promise<AetherError> {
  let result: unknown;
  try {
    result = await run();
  } catch (error) {
    assert.ok(
      error instanceof AetherError,
      `expected an error of code ${code}, got ${error}`,
    );
    assert.equal(error.code, code, error.message);
    return error;
  }
  assert.fail(
    `expected an error of code ${code}, got ${JSON.stringify(result)}`,
  );
}

/** Runs and expects a conflict, which it returns. */
export async function conflicting(
  run: () => unknown,
): Promise<VersionConflictError> {
  const error = await refused("version_conflict", run);
  assert.ok(error instanceof VersionConflictError);
  return error;
}

/** Expects an actor's log to be versions 1 to n, as every way of reading shows it. */
export async function assertLog(
  store: Store,
  actorId: string,
  version: number,
): Promise<void> {
  const events = await store.getEvents(actorId);
  assert.deepEqual(
    events.map((event) => event.version),
    Array.from({ length: version }, (_, i) => i + 1),
  );
  assert.equal(await store.getLatestVersion(actorId), version);
  const { commits, position } = await store.load(actorId, { schema: false });
  assert.equal(position.version, version);
  assert.deepEqual(commits.flatMap((commit) => commit.events), events);
}

/** Splits what settled into values and errors. */
export async function settle<T>(
  calls: readonly Promise<T>[],
): Promise<{ readonly values: T[]; readonly errors: unknown[] }> {
  const values: T[] = [];
  const errors: unknown[] = [];
  for (const result of await Promise.allSettled(calls)) {
    if (result.status === "fulfilled") values.push(result.value);
    else errors.push(result.reason);
  }
  return { values, errors };
}
