/**
 * The queries of one actor. Most are answered from the state in memory. A linear
 * one is answered from what the store has at its end, read after it was asked;
 * those that come while such a read is under way share the next one.
 */
import { type Clock, frozenJson } from "../event/mod.ts";
import { isThenable } from "./_async.ts";
import { ReaderContext } from "./_context.ts";
import { handlerFailed } from "./_decision.ts";
import type { Job } from "./_job.ts";
import type { Replayed } from "./_replay.ts";
import type { Replica } from "./_replica.ts";

/** Whose queries they are. */
export interface QueryOwner {
  /** Whether the state in memory is one of the log's. */
  readonly isCurrent: boolean;
  /** Whether, moreover, no command is under way that was decided on it. */
  readonly isAtRest: boolean;
  /** The log could not be read. Returns what callers are told. */
  onBroken(error: unknown): unknown;
}

/** Answers the queries of one actor. */
export class QueryRunner {
  readonly #clock: Clock;
  readonly #replica: Replica;
  readonly #actorId: string;
  readonly #owner: QueryOwner;
  /** Those that wait until the end of the log was read. */
  #linear: Job[] = [];
  #isReading = false;

  /** Answers from a replica. */
  constructor(
    clock: Clock,
    replica: Replica,
    actorId: string,
    owner: QueryOwner,
  ) {
    this.#clock = clock;
    this.#replica = replica;
    this.#actorId = actorId;
    this.#owner = owner;
  }

  /** Whether the end of the log is being read. */
  get busy(): boolean {
    return this.#isReading;
  }

  /** Answers a query; the state in memory may be told. */
  run(job: Job): void {
    if (!job.call.linear) return this.#readFrom(job, this.#replica);
    job.watch();
    this.#linear.push(job);
    if (!this.#isReading) this.#readAhead();
  }

  /** Answers from all that was stored when the read began, and so behind the calls. */
  async #readAhead(): Promise<void> {
    this.#isReading = true;
    while (this.#linear.length > 0) {
      const jobs = this.#linear;
      this.#linear = [];
      try {
        const ahead = await this.#replica.lookAhead();
        if (this.#owner.isAtRest) this.#replica.takeOver(ahead);
        const { isCurrent } = this.#owner;
        const isNewer = isCurrent && this.#replica.version > ahead.version;
        for (const job of jobs) {
          if (!job.settled) {
            this.#readFrom(job, isNewer ? this.#replica : ahead);
          }
        }
      } catch (error) {
        const told = this.#owner.onBroken(error);
        for (const job of jobs) job.fail(told);
      }
    }
    this.#isReading = false;
  }

  #readFrom(job: Job, { state, version }: Replayed): void {
    const { call } = job;
    const ctx = new ReaderContext(call, version, this.#clock.now());
    let value: unknown;
    let promised: Promise<unknown> | undefined;
    try {
      value = job.handler(state, call.input, ctx);
      if (isThenable(value)) promised = Promise.resolve(value);
    } catch (error) {
      return this.#readFailed(job, error);
    }
    if (promised === undefined) return this.#tell(job, value);
    job.watch();
    promised.then(
      (value) => this.#tell(job, value),
      (error) => this.#readFailed(job, error),
    );
  }

  #tell(job: Job, value: unknown): void {
    let copy: unknown;
    try {
      // A copy, so that no caller holds a part of the state.
      if (value !== undefined) {
        const action = `Cannot answer "${job.call.name}" of "${this.#actorId}"`;
        copy = frozenJson(value, "value", action);
      }
    } catch (error) {
      return this.#readFailed(job, error);
    }
    job.succeed(copy);
  }

  #readFailed(job: Job, error: unknown): void {
    job.fail(handlerFailed("query", this.#actorId, job.call.name, error));
  }
}
