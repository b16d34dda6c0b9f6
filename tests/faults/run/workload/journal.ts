/**
 * What callers did and were told, in the order of things, and what it comes to:
 * operations by kind and outcome, how long they took, what failed.
 */
import { AetherError } from "../../../../event/mod.ts";
import type { Entry } from "../../checker/mod.ts";

/** How a command ended. */
export interface Told {
  readonly outcome: "done" | "nothing" | "rejected" | "failed" | "unknown";
  /** Of one that is done: the actor's version behind it. */
  readonly version?: number;
  /** Of one that is done. */
  readonly commitId?: string;
  /** Of one that was rejected or failed. */
  readonly code?: string;
}

/** One command to be made. */
export interface CommandCall {
  /** Such as `transfer`. */
  readonly kind: string;
  readonly actorId: string;
  /** Names its event, too: a command makes one at most. */
  readonly commandId: string;
  /** Milliseconds it may take. */
  readonly timeout: number;
  /** The call whose command it repeats. */
  readonly again?: number;
  make(): Promise<{
    readonly version: number;
    readonly events: readonly { readonly commitId: string }[];
  }>;
}

/** One read to be made. */
export interface ReadCall {
  readonly kind: string;
  readonly actorId: string;
  readonly timeout: number;
  readonly linear: boolean;
  make(): Promise<{ readonly version: number }>;
}

/** Milliseconds by which a call may outlive its time, on a machine that has much to do. */
const MARGIN = 5_000;

/** Keeps the journal. */
export class Journal {
  readonly entries: Entry[] = [];
  /** How many calls ended how, by kind. */
  readonly operations = new Map<string, Map<string, number>>();
  /** Calls that failed, by code. */
  readonly failed = new Map<string, number>();
  /** Milliseconds of each call that was answered, in order. */
  readonly latencies: number[] = [];
  /** Calls that broke a promise by themselves: not typed, or too late. */
  readonly violations: string[] = [];
  /** Milliseconds by which a call was late at most. */
  latest = 0;
  readonly #underway = new Set<Promise<unknown>>();
  #calls = 0;

  /** Makes a command, on the record. */
  command(call: CommandCall): Promise<Told & { readonly call: number }> {
    return this.#track(this.#command(call));
  }

  /** Makes a read, on the record. */
  read(call: ReadCall): Promise<void> {
    return this.#track(this.#read(call));
  }

  /** The number of the next call, for those who write entries of their own. */
  next(): number {
    return ++this.#calls;
  }

  /** Counts an operation. */
  count(kind: string, outcome: string): void {
    let outcomes = this.operations.get(kind);
    if (outcomes === undefined) {
      this.operations.set(kind, outcomes = new Map());
    }
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }

  /** Resolves when all calls made so far have ended. */
  async ended(): Promise<void> {
    await Promise.allSettled([...this.#underway]);
  }

  async #command(
    { actorId, again, commandId, kind, make, timeout }: CommandCall,
  ): Promise<Told & { readonly call: number }> {
    const call = this.next();
    this.entries.push({
      type: "append",
      call,
      parts: [{ actorId, eventIds: [commandId] }],
      ...(again === undefined ? {} : { again }),
    });
    const told = await this.#tell(kind, actorId, timeout, make, (result) => {
      const { events: [event], version } = result;
      if (event === undefined) {
        this.entries.push({ type: "failed", call, code: "nothing" });
        return { outcome: "nothing" };
      }
      const { commitId } = event;
      this.entries.push({ type: "ok", call, commitId, versions: [version] });
      return { outcome: "done", version, commitId };
    }, ({ ambiguous, code }) => {
      if (ambiguous) {
        this.entries.push({ type: "unknown", call });
        return { outcome: "unknown", code };
      }
      this.entries.push({ type: "failed", call, code });
      return { outcome: code === "rejected" ? "rejected" : "failed", code };
    });
    return { ...told, call };
  }

  async #read(
    { actorId, kind, linear, make, timeout }: ReadCall,
  ): Promise<void> {
    const call = this.next();
    this.entries.push({ type: "read", call, actorId, mayBeStale: !linear });
    await this.#tell(kind, actorId, timeout, make, (state) => {
      const { version } = state;
      this.entries.push({ type: "saw", call, version, state });
      return { outcome: "done" };
    }, ({ code }) => {
      this.entries.push({ type: "failed", call, code });
      return { outcome: "failed", code };
    });
  }

  async #tell<T>(
    kind: string,
    actorId: string,
    timeout: number,
    make: () => Promise<T>,
    onDone: (result: T) => Told,
    onError: (error: AetherError) => Told,
  ): Promise<Told> {
    const began = performance.now();
    let told: Told;
    try {
      const result = await make();
      this.latencies.push(performance.now() - began);
      told = onDone(result);
    } catch (error) {
      if (!(error instanceof AetherError)) {
        this.violations.push(
          `"${kind}" of ${actorId} failed with an error without a code: ${error}`,
        );
      }
      told = onError(error as AetherError);
      const { code, outcome } = told;
      if (outcome !== "rejected") {
        this.failed.set(code!, (this.failed.get(code!) ?? 0) + 1);
      }
    }
    const late = performance.now() - began - timeout;
    this.latest = Math.max(this.latest, late);
    if (late > MARGIN) {
      this.violations.push(
        `"${kind}" of ${actorId} ended ${late | 0} ms after its time`,
      );
    }
    this.count(kind, told.code ?? told.outcome);
    return told;
  }

  #track<T>(call: Promise<T>): Promise<T> {
    this.#underway.add(call);
    return call.finally(() => this.#underway.delete(call));
  }
}
