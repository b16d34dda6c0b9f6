/**
 * Somebody else who writes into actors' logs, below their owners: reads a
 * version, takes a moment, and appends behind what it has read, to one log or to
 * two at once. So an owner meets conflicts, and what came in between refuses the
 * outsider's write as stale.
 */
import { setTimeout as delay } from "node:timers/promises";
import {
  type AetherError,
  type NewEvent,
  ulid,
} from "../../../../event/mod.ts";
import type { Aether } from "../../../../mod.ts";
import type {
  ActorAppend,
  AppendResult,
  ExpectedVersion,
} from "../../../../store/mod.ts";
import type { Random } from "../../../support/mod.ts";
import { OPEN_KEYS, TALLY_KEYS } from "./commands.ts";
import type { Journal } from "./journal.ts";

/** Every third one: the logs of the others only their owners write. */
const LOGS: readonly string[] = [
  ...TALLY_KEYS.filter((_, i) => i % 3 === 1).map((key) => `tally-${key}`),
  ...OPEN_KEYS.filter((_, i) => i % 3 === 1).map((key) => `account-${key}`),
];

/** Whether the outsider may have written there. */
export function mayBeOutsiders(actorId: string): boolean {
  return LOGS.includes(actorId);
}

/** Writes now and then. */
export class Outsider {
  /** Writes that were refused, as something was written since it had read. */
  refused = 0;
  readonly #client: Aether;
  readonly #journal: Journal;
  readonly #random: Random;
  #isOver = false;
  #running: Promise<void> | undefined;

  constructor(client: Aether, journal: Journal, random: Random) {
    this.#client = client;
    this.#journal = journal;
    this.#random = random;
  }

  /** Begins. */
  start(): void {
    this.#running = this.#run();
  }

  /** Ends, when what is under way is known. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      await delay(50 + this.#random.int(300));
      // The busiest ones most often: that is where two writers meet.
      const busy = this.#random.next() < 0.5;
      const first = busy ? LOGS[0]! : this.#random.pick(LOGS);
      const second = this.#random.pick(LOGS);
      // Now and then two of them at once: in both logs, or in neither.
      const isDouble = this.#random.next() < 0.3 && second !== first;
      await this.#write(isDouble ? [first, second] : [first]);
    }
  }

  async #write(actorIds: readonly string[]): Promise<void> {
    const { entries } = this.#journal;
    let call: number | undefined;
    let outcome = "done";
    try {
      const appends = await this.#drafts(actorIds);
      call = this.#journal.next();
      const parts = appends.map(({ actorId, events }) => ({
        actorId,
        eventIds: events.map(({ id }) => id),
      }));
      entries.push({ type: "append", call, parts });
      const [first, ...others] = await this.#append(appends);
      const { commitId } = first!;
      const versions = [first!, ...others].map(({ version }) => version);
      entries.push({ type: "ok", call, commitId, versions });
    } catch (error) {
      const { ambiguous, code } = error as AetherError;
      outcome = code ?? String(error);
      if (code === "version_conflict") this.refused++;
      if (call !== undefined) {
        entries.push(
          ambiguous
            ? { type: "unknown", call }
            : { type: "failed", call, code: outcome },
        );
      }
    }
    const kind = actorIds.length > 1 ? "append to two" : "append";
    this.#journal.count(`${kind} by an outsider`, outcome);
  }

  async #drafts(actorIds: readonly string[]): Promise<Draft[]> {
    const isOpen = this.#random.next() < 0.5;
    const drafts = await Promise.all(actorIds.map(async (actorId) => {
      const event = actorId.startsWith("tally-")
        ? { eventType: "Added", data: { by: 1 } }
        : { eventType: "Deposited", data: { amount: 1 } };
      const expectedVersion = isOpen
        ? "any" as const
        : await this.#client.store.getLatestVersion(actorId, {
          timeout: TIMEOUT,
        });
      return { actorId, events: [{ id: ulid(), ...event }], expectedVersion };
    }));
    if (!isOpen) await delay(this.#random.int(40));
    return drafts;
  }

  async #append(drafts: readonly Draft[]): Promise<readonly AppendResult[]> {
    const { store } = this.#client;
    const options = { timeout: TIMEOUT };
    if (drafts.length > 1) return await store.appendAll(drafts, options);
    const { actorId, events, expectedVersion } = drafts[0]!;
    return [
      await store.append(actorId, events, { ...options, expectedVersion }),
    ];
  }
}

/** An append of one event. */
interface Draft extends ActorAppend {
  readonly events: readonly (NewEvent & { readonly id: string })[];
  readonly expectedVersion: ExpectedVersion;
}

/** Milliseconds a write may take. */
const TIMEOUT = 10_000;
