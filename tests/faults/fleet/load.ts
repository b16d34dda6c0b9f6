/**
 * Calls at a steady rate, whatever becomes of them, on actors of which some are
 * far busier than others; and what each call was told, for the checker.
 */
import { type AetherError, ulid } from "../../../event/mod.ts";
import type { Aether } from "../../../mod.ts";
import type { Random } from "../../support/mod.ts";
import type { Entry, LoggedEvent } from "../checker/history.ts";
import { Tally } from "./tally.ts";

/** How calls are made. */
export interface LoadOptions {
  /** Calls a second; 300 by default. */
  readonly rate?: number;
  /** How many actors; 200 by default. */
  readonly actors?: number;
  /** Milliseconds a call may take; 10,000 by default. */
  readonly timeout?: number;
  /** How calls to be made are drawn. */
  readonly random: Random;
  /** Another one, whose journal is written on: one order of things for both. */
  readonly with?: Load;
}

/** What calls have come to. */
export interface LoadCounts {
  done: number;
  rejected: number;
  nothing: number;
  read: number;
  /** Ended otherwise, by code. */
  readonly failed: Map<string, number>;
}

/** Makes calls until it is stopped. */
export class Load {
  /** What was called and told, in the order of things. */
  readonly journal: Entry[];
  readonly counts: LoadCounts = {
    done: 0,
    rejected: 0,
    nothing: 0,
    read: 0,
    failed: new Map(),
  };
  /** Milliseconds each call took that was answered. */
  readonly latencies: number[] = [];
  /** Milliseconds the longest call took, however it ended. */
  longest = 0;
  readonly keys: readonly string[];
  readonly #client: Aether;
  readonly #options: Required<Omit<LoadOptions, "with">>;
  readonly #shares: readonly number[];
  readonly #underway = new Set<Promise<void>>();
  readonly #numbers: { last: number };
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(client: Aether, options: LoadOptions) {
    const { actors = 200, rate = 300, timeout = 10_000, random } = options;
    this.#client = client;
    const { with: other } = options;
    this.journal = other === undefined ? [] : other.journal;
    this.#numbers = other === undefined ? { last: 0 } : other.#numbers;
    this.#options = { actors, rate, timeout, random };
    this.keys = Array.from({ length: actors }, (_, i) => `k${i}`);
    this.#shares = zipf(actors);
  }

  /** Begins to call. */
  start(): void {
    const { rate } = this.#options;
    const began = performance.now();
    let made = 0;
    this.#timer = setInterval(() => {
      const due = Math.floor((performance.now() - began) / 1_000 * rate);
      // Whoever was held up catches up, but not with a burst without end.
      for (made = Math.max(made, due - rate); made < due; made++) this.#call();
    }, 5);
  }

  /** Calls no more, and waits until what is under way has ended. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    while (this.#underway.size > 0) await Promise.all(this.#underway);
  }

  /** Makes one call of an actor, on the record; resolves when it has ended. */
  add(key: string, timeout?: number): Promise<void> {
    return this.#track(this.#append(key, "add", 1, timeout));
  }

  /** The same, with a handler that takes as many milliseconds. */
  slowly(key: string, ms: number, timeout?: number): Promise<void> {
    return this.#track(this.#append(key, "slowly", ms, timeout));
  }

  /** All that the log has of these actors. */
  async log(): Promise<LoggedEvent[]> {
    const events: LoggedEvent[] = [];
    for await (const event of this.#client.store.read({ type: "tally" })) {
      const { actorId, commitId, sequence, version } = event;
      events.push({
        // One event a command: the command's id is the event's, in the record.
        id: event.commandId!,
        actorId,
        version,
        sequence,
        commitId,
      });
    }
    return events;
  }

  #call(): void {
    const { random } = this.#options;
    const key = this.keys[drawn(this.#shares, random.next())]!;
    const kind = random.next();
    if (kind < 0.68) this.#track(this.#append(key, "add", 1));
    else if (kind < 0.72) this.#track(this.#append(key, "spend", 1));
    else if (kind < 0.76) this.#track(this.#append(key, "spend", 1e9));
    else if (kind < 0.8) this.#track(this.#append(key, "leave", undefined));
    else this.#track(this.#read(key));
  }

  #track(call: Promise<void>): Promise<void> {
    const began = performance.now();
    this.#underway.add(call);
    return call.finally(() => {
      this.#underway.delete(call);
      this.longest = Math.max(this.longest, performance.now() - began);
    });
  }

  async #append(
    key: string,
    name: "add" | "spend" | "slowly" | "leave",
    input: number | undefined,
    timeout = this.#options.timeout,
  ): Promise<void> {
    const call = ++this.#numbers.last;
    const commandId = ulid();
    const actorId = `tally-${key}`;
    this.journal.push({
      type: "append",
      call,
      parts: [{ actorId, eventIds: [commandId] }],
    });
    const began = performance.now();
    try {
      const actor = this.#client.actor(Tally, key);
      const options = { commandId, timeout };
      const { events, version } = name === "leave"
        ? await actor.leave(undefined, options)
        : await actor[name](input!, options);
      this.latencies.push(performance.now() - began);
      if (events.length === 0) {
        this.counts.nothing++;
        this.journal.push({ type: "failed", call, code: "nothing" });
        return;
      }
      this.counts.done++;
      const { commitId } = events[0]!;
      this.journal.push({ type: "ok", call, commitId, versions: [version] });
    } catch (error) {
      const { ambiguous, code } = error as AetherError;
      if (code === "rejected") this.counts.rejected++;
      else this.#failed(code);
      this.journal.push(
        ambiguous ? { type: "unknown", call } : { type: "failed", call, code },
      );
    }
  }

  async #read(key: string): Promise<void> {
    const call = ++this.#numbers.last;
    const { timeout } = this.#options;
    this.journal.push({ type: "read", call, actorId: `tally-${key}` });
    try {
      const version = await this.#client.actor(Tally, key).version(
        undefined,
        { timeout },
      );
      this.counts.read++;
      this.journal.push({ type: "saw", call, version });
    } catch (error) {
      const { code } = error as AetherError;
      this.#failed(code);
      this.journal.push({ type: "failed", call, code });
    }
  }

  #failed(code: string): void {
    const { failed } = this.counts;
    failed.set(code, (failed.get(code) ?? 0) + 1);
  }
}

/** Sums of the shares that Zipf's law gives to the first, the second, … */
function zipf(count: number): number[] {
  const weights = Array.from({ length: count }, (_, i) => 1 / (i + 1));
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  return weights.map((weight) => sum += weight / all);
}

function drawn(sums: readonly number[], at: number): number {
  const found = sums.findIndex((sum) => at < sum);
  return found < 0 ? sums.length - 1 : found;
}
