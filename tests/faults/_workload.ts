/**
 * Writers that write whatever happens, and the journal of what they were told.
 *
 * Each writer has an actor of its own, where nobody else is in its way, and
 * shares a few with all others, where conflicts are the rule. It mixes every
 * way there is to append.
 *
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import {
  AetherError,
  type ErrorCode,
  ulid,
  VersionConflictError,
} from "../../event/mod.ts";
import type {
  ActorPosition,
  AppendOptions,
  JetStreamEventStore,
} from "../../store/mod.ts";
import type { Random } from "../support/mod.ts";
import {
  checkHistory,
  type Entry,
  type LoggedEvent,
  type StaleRead,
} from "./checker/history.ts";

/** Whether the long form was asked for. */
export const nightly: boolean = process.env.AETHER_NIGHTLY === "1";

/** How to write. */
export interface WorkloadOptions {
  readonly random: Random;
  /** How many write at once; 64 by default. */
  readonly writers?: number;
  /** Milliseconds each call may take; 5,000 by default. */
  readonly timeout?: number;
  /** Share of calls that read an actor's version through any of the stores; 0.05 by default. */
  readonly reads?: number;
  /** Bytes of data in each event; 40 by default. */
  readonly size?: number;
  /** Milliseconds between two calls of a writer; 0 by default. */
  readonly pause?: number;
}

/** What the writers met. */
export interface Figures {
  /** Appends acknowledged. */
  readonly acked: number;
  /** Versions read. */
  readonly reads: number;
  /** Appends surely not done, by code. */
  readonly failed: Readonly<Record<string, number>>;
  /** Appends whose outcome is unknown. */
  readonly unknown: number;
  /** Acknowledgements lost and found by looking. */
  readonly settled: number;
  /** Messages sent again. */
  readonly resent: number;
  /** Longest time without any acknowledgement, in milliseconds. */
  readonly longestGap: number;
  /** Most milliseconds by which a call outlasted its deadline. */
  readonly overrun: number;
}

/** Codes an append may end with while the network and the servers misbehave. */
const EXPECTED = new Set<ErrorCode>([
  "version_conflict",
  "store_unavailable",
  "outcome_unknown",
]);

/** Running writers. */
export class Workload {
  readonly journal: Entry[] = [];
  /** Errors that are not among those a caller should have to expect. */
  readonly surprises: unknown[] = [];
  readonly #stores: readonly JetStreamEventStore[];
  readonly #random: Random;
  readonly #timeout: number;
  readonly #pause: number;
  readonly #text: string;
  readonly #share: number;
  readonly #lastAck: number[];
  #running: readonly Promise<void>[] = [];
  readonly #failed: Record<string, number> = {};
  readonly #listeners = new Set<() => void>();
  #stopping = false;
  #calls = 0;
  #acked = 0;
  #reads = 0;
  #unknown = 0;
  #overrun = 0;
  #newestAck = performance.now();
  #longestGap = 0;

  /** Starts to write; writers take the stores in turn. */
  constructor(
    stores: readonly JetStreamEventStore[],
    options: WorkloadOptions,
  ) {
    this.#stores = stores;
    this.#random = options.random;
    this.#timeout = options.timeout ?? 5_000;
    this.#pause = options.pause ?? 0;
    this.#text = "x".repeat(options.size ?? 40);
    this.#share = options.reads ?? 0.05;
    this.#lastAck = new Array<number>(options.writers ?? 64).fill(0);
    this.resume();
  }

  /** What the writers have met so far. */
  get figures(): Figures {
    const sum = (count: "settled" | "resent") =>
      this.#stores.reduce((total, store) => total + store.stats()[count], 0);
    return {
      acked: this.#acked,
      reads: this.#reads,
      failed: { ...this.#failed },
      unknown: this.#unknown,
      settled: sum("settled"),
      resent: sum("resent"),
      longestGap: Math.round(this.#longestGap),
      overrun: Math.round(this.#overrun),
    };
  }

  /** Resolves when so many more appends have been acknowledged. */
  acked(count: number, within = 20_000): Promise<void> {
    const goal = this.#acked + count;
    return this.#until(
      () => this.#acked >= goal,
      within,
      () => `${count} more acknowledgements: ${goal - this.#acked} are missing`,
    );
  }

  /** Resolves when each writer has had an acknowledgement from now on; says after how many ms. */
  async eachAcked(within = 20_000): Promise<number> {
    const start = performance.now();
    const waiting = () => this.#lastAck.filter((at) => at < start).length;
    await this.#until(
      () => waiting() === 0,
      within,
      () => `an acknowledgement for each writer: ${waiting()} have none`,
    );
    return Math.round(performance.now() - start);
  }

  /** Goes on after {@link stop}. */
  resume(): void {
    this.#stopping = false;
    this.#running = this.#lastAck.map((_, i) => this.#write(i));
  }

  /** Lets each writer finish its call. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#running);
  }

  /**
   * Stops, and holds the journal against the log, read by `reader`.
   *
   * @param onStaleRead Told of stale reads, where some are to be expected.
   * @returns The log.
   */
  async verify(
    reader: JetStreamEventStore,
    onStaleRead?: (read: StaleRead) => void,
  ): Promise<LoggedEvent[]> {
    await this.stop();
    const surprises = new Set(this.surprises.map(String));
    assert.deepEqual([...surprises], [], "errors nobody should have to expect");
    const log: LoggedEvent[] = [];
    for await (const event of reader.read({ timeout: 20_000 })) log.push(event);
    const problems = checkHistory(this.journal, log, onStaleRead);
    assert.equal(
      problems.length,
      0,
      `${problems.length} problems:\n${problems.slice(0, 10).join("\n")}`,
    );
    // What read() shows of each actor is what the actor's own log holds.
    const { actorId, version } = log[this.#random.int(log.length)]!;
    const events = await reader.getEvents(actorId);
    assert.deepEqual(
      events.map(({ id }) => id),
      log.filter((event) => event.actorId === actorId).map(({ id }) => id),
    );
    assert(events.length >= version);
    return log;
  }

  async #write(index: number): Promise<void> {
    const store = this.#stores[index % this.#stores.length]!;
    const random = this.#random;
    const positions = new Map<string, ActorPosition>();
    const versions = new Map<string, number>();
    const own = `own-${index}`;
    while (!this.#stopping) {
      const actorId = random.next() < 0.6 ? own : `shared-${random.int(16)}`;
      const kind = random.next();
      try {
        if (random.next() < this.#share) {
          const any = random.pick(this.#stores);
          versions.set(actorId, await this.#read(any, actorId, kind < 0.5));
        } else if (kind < 0.05) {
          const other = `pair-${random.int(8)}`;
          const [first] = await this.#appendAll(index, store, [actorId, other]);
          versions.set(actorId, first!);
        } else if (kind < 0.2) {
          const version = versions.get(actorId) ??
            await this.#read(store, actorId);
          await this.#save(index, store, actorId, version + 1);
          versions.set(actorId, version + 1);
        } else {
          const position = positions.get(actorId);
          const version = versions.get(actorId);
          const expectedVersion = kind < 0.35 && position !== undefined
            ? position
            : kind < 0.5 && version !== undefined
            ? version
            : "any";
          const count = random.next() < 0.3 ? 2 + random.int(4) : 1;
          const result = await this.#append(index, store, actorId, count, {
            expectedVersion,
          });
          positions.set(actorId, result.position);
          versions.set(actorId, result.version);
        }
      } catch (error) {
        positions.delete(actorId);
        versions.delete(actorId);
        if (
          error instanceof VersionConflictError && error.actorId === actorId
        ) {
          versions.set(actorId, error.actualVersion);
        }
      }
      if (this.#pause > 0) await delay(this.#pause * (0.5 + random.next()));
    }
  }

  #append(
    writer: number,
    store: JetStreamEventStore,
    actorId: string,
    count: number,
    options: AppendOptions,
  ) {
    const events = this.#newEvents(count);
    const parts = [{ actorId, eventIds: events.map(({ id }) => id) }];
    return this.#call(writer, parts, async () => {
      const timeout = this.#timeout;
      const result = await store.append(actorId, events, {
        ...options,
        timeout,
      });
      const { commitId, version } = result;
      return { commitId, versions: [version], result };
    });
  }

  #appendAll(
    writer: number,
    store: JetStreamEventStore,
    actorIds: readonly string[],
  ) {
    const appends = actorIds.map((actorId) => ({
      actorId,
      events: this.#newEvents(1),
    }));
    const parts = appends.map(({ actorId, events }) => ({
      actorId,
      eventIds: events.map(({ id }) => id),
    }));
    return this.#call(writer, parts, async () => {
      const results = await store.appendAll(appends, {
        timeout: this.#timeout,
      });
      const versions = results.map(({ version }) => version);
      return { commitId: results[0]!.commitId, versions, result: versions };
    });
  }

  #save(
    writer: number,
    store: JetStreamEventStore,
    actorId: string,
    version: number,
  ) {
    const id = ulid();
    return this.#call(writer, [{ actorId, eventIds: [id] }], async () => {
      const { commitId } = await store.saveEvent({
        id,
        actorId,
        version,
        eventType: "Saved",
        data: {},
        timestamp: new Date(),
      }, { timeout: this.#timeout });
      return { commitId, versions: [version], result: undefined };
    });
  }

  async #call<T>(
    writer: number,
    parts: readonly { actorId: string; eventIds: string[] }[],
    run: () => Promise<{ commitId: string; versions: number[]; result: T }>,
  ): Promise<T> {
    const call = ++this.#calls;
    const start = performance.now();
    this.journal.push({ type: "append", call, parts });
    try {
      const { commitId, result, versions } = await run();
      this.journal.push({ type: "ok", call, commitId, versions });
      this.#tookAck(writer);
      return result;
    } catch (error) {
      const code = this.#codeOf(error);
      if (code === "outcome_unknown") {
        this.journal.push({ type: "unknown", call });
        this.#unknown++;
      } else {
        this.journal.push({ type: "failed", call, code });
        this.#failed[code] = (this.#failed[code] ?? 0) + 1;
      }
      throw error;
    } finally {
      this.#ended(start);
    }
  }

  async #read(
    store: JetStreamEventStore,
    actorId: string,
    whole = false,
  ): Promise<number> {
    const call = ++this.#calls;
    const start = performance.now();
    this.journal.push({ type: "read", call, actorId });
    try {
      const timeout = this.#timeout;
      const version = whole
        ? await lastLoaded(store, actorId, timeout)
        : await store.getLatestVersion(actorId, { timeout });
      this.#reads++;
      this.journal.push({ type: "saw", call, version });
      return version;
    } catch (error) {
      this.journal.push({ type: "failed", call, code: this.#codeOf(error) });
      throw error;
    } finally {
      this.#ended(start);
    }
  }

  #codeOf(error: unknown): string {
    const code = error instanceof AetherError ? error.code : undefined;
    if (code !== undefined && EXPECTED.has(code)) return code;
    this.surprises.push(error);
    return "surprise";
  }

  #newEvents(count: number) {
    const data = { text: this.#text };
    return Array.from({ length: count }, () => ({
      id: ulid(),
      eventType: "Written",
      data,
    }));
  }

  #tookAck(writer: number): void {
    const now = performance.now();
    this.#longestGap = Math.max(this.#longestGap, now - this.#newestAck);
    this.#newestAck = now;
    this.#lastAck[writer] = now;
    this.#acked++;
    for (const look of [...this.#listeners]) look();
  }

  #ended(start: number): void {
    const took = performance.now() - start;
    this.#overrun = Math.max(this.#overrun, took - this.#timeout);
  }

  #until(
    isSo: () => boolean,
    within: number,
    missing: () => string,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        settle();
      };
      const look = () => isSo() && end(resolve);
      const timer = setTimeout(() => {
        const { failed, unknown } = this.figures;
        const met = JSON.stringify({ ...failed, unknown });
        end(() =>
          reject(new Error(`not within ${within} ms: ${missing()}; met ${met}`))
        );
      }, within);
      this.#listeners.add(look);
      look();
    });
  }
}

/** The version of the last event that a load brings: not that of the position it tells. */
async function lastLoaded(
  store: JetStreamEventStore,
  actorId: string,
  timeout: number,
): Promise<number> {
  const { commits } = await store.load(actorId, { timeout });
  return commits.at(-1)?.events.at(-1)?.version ?? 0;
}

/** One line that says what a test's writers met. */
export function report(title: string, figures: object): void {
  console.log(`${title}: ${JSON.stringify(figures)}`);
}
