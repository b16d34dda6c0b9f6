/**
 * Somebody else who writes into actors' logs, below their owners: reads a
 * version, takes a moment, and appends behind what it has read. So an owner meets
 * conflicts, and what came in between refuses the outsider's write as stale.
 */
import { setTimeout as delay } from "node:timers/promises";
import { type AetherError, ulid } from "../../../../event/mod.ts";
import type { Aether } from "../../../../mod.ts";
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
      await this.#write(busy ? LOGS[0]! : this.#random.pick(LOGS));
    }
  }

  async #write(actorId: string): Promise<void> {
    const id = ulid();
    const { entries } = this.#journal;
    const [eventType, data] = actorId.startsWith("tally-")
      ? ["Added", { by: 1 }]
      : ["Deposited", { amount: 1 }];
    let call: number | undefined;
    let outcome = "done";
    try {
      const expectedVersion = this.#random.next() < 0.5
        ? "any"
        : await this.#client.store.getLatestVersion(actorId, {
          timeout: 10_000,
        });
      if (expectedVersion !== "any") await delay(this.#random.int(40));
      call = this.#journal.next();
      const parts = [{ actorId, eventIds: [id] }];
      entries.push({ type: "append", call, parts });
      const { commitId, version } = await this.#client.store.append(
        actorId,
        [{ id, eventType: eventType as string, data }],
        { expectedVersion, timeout: 10_000 },
      );
      entries.push({ type: "ok", call, commitId, versions: [version] });
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
    this.#journal.count("append by an outsider", outcome);
  }
}
