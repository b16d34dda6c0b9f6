/**
 * One actor in memory: its mailbox, and its state as of its last acknowledged
 * commit. Commands run one at a time; queries read the committed state, also
 * while a command runs; whatever comes before the actor is loaded waits for that.
 *
 * A log that cannot be replayed puts this one actor into quarantine: its calls
 * are refused until a pause is over, which doubles up to a minute, and then it is
 * loaded again, so that a repaired actor comes back by itself.
 */
import {
  type ActorAddress,
  type ActorSnapshot,
  AetherError,
  assertJson,
  type Clock,
  CorruptLogError,
  MovedError,
  OverloadedError,
  QuarantinedError,
  StoreUnavailableError,
} from "../event/mod.ts";
import type { EventStore } from "../store/mod.ts";
import { CommandRunner } from "./_command.ts";
import { ReaderContext, type Refer } from "./_context.ts";
import { handlerFailed, isThenable } from "./_decision.ts";
import type { AnyActor } from "./definition.ts";
import type { Job } from "./_job.ts";
import { frozenCopy } from "./_json.ts";
import { quarantine } from "./_replay.ts";
import { Replica } from "./_replica.ts";
import { Snapshotter } from "./_snapshotter.ts";

/** What an activation needs of the process it lives in. */
export interface Surroundings {
  /** Where events live. */
  readonly store: EventStore;
  /** Where time comes from. */
  readonly clock: Clock;
  /** Makes references for handlers. */
  readonly refer: Refer;
  /** Saves a snapshot; resolves to whether it makes sense to try another. */
  saveSnapshot(snapshot: ActorSnapshot): Promise<boolean>;
  /** An actor cannot be replayed. */
  quarantined(error: QuarantinedError): void;
}

/** One actor in memory. */
export class Activation {
  /** When it was last called, on the monotonic clock. */
  lastUsed: number;
  readonly #env: Surroundings;
  readonly #replica: Replica;
  readonly #runner: CommandRunner;
  readonly #snapshotter: Snapshotter;
  readonly #queue: Job[] = [];
  readonly #queries: Job[] = [];
  readonly #waiting = new Map<string, Job>();
  #busy: Job | undefined;
  #loaded = false;
  #loading = false;
  #pumping = false;
  #retired = false;
  #onDrained: (() => void) | undefined;
  #quarantine: { error: QuarantinedError; until: number } | undefined;
  #pause = FIRST_PAUSE;

  /** Makes an activation that loads when it is first called. */
  constructor(
    env: Surroundings,
    readonly definition: AnyActor,
    readonly address: ActorAddress,
  ) {
    this.#env = env;
    this.#replica = new Replica(definition, address, env.store);
    this.#snapshotter = new Snapshotter(definition.options.snapshotEvery, env);
    this.#runner = new CommandRunner(env, definition, this.#replica, {
      release: (job) => this.#release(job),
      finished: (job) => this.#release(job),
      committed: () => this.#snapshotter.onCommit(this.#replica),
      doubt: () => this.#loaded = false,
      broken: (error, job) => this.#broken(error, job),
    });
    this.lastUsed = env.clock.monotonic();
  }

  /** Whether nothing runs and nothing waits. */
  get idle(): boolean {
    return this.#busy === undefined && !this.#loading &&
      this.#queue.length === 0 && this.#queries.length === 0;
  }

  /** Whether it cannot be replayed just now. */
  get isQuarantined(): boolean {
    return this.#quarantine !== undefined;
  }

  /** Takes a command. */
  command(job: Job): void {
    if (this.#refuses(job)) return;
    const same = this.#sameAs(job);
    if (same !== undefined) return same.join(job);
    if (this.#isFull(job)) return;
    job.onGiveUp = this.#onGiveUp;
    this.#queue.push(job);
    this.#pump();
    if (job.stage !== "waiting") return;
    if (this.#busy !== job) this.#waiting.set(job.call.commandId, job);
    job.watch();
  }

  /** Takes a query. */
  query(job: Job): void {
    if (this.#refuses(job)) return;
    if (this.#loaded) return this.#read(job);
    if (this.#isFull(job)) return;
    this.#queries.push(job);
    job.watch();
    this.#pump();
  }

  /**
   * Takes nothing more: what waits is refused as moved, what runs is finished.
   *
   * @returns When nothing runs any more.
   */
  retire(): Promise<void> {
    this.#retired = true;
    this.#refuseWaiting(this.#movedAway());
    if (this.#busy === undefined) return Promise.resolve();
    return new Promise((resolve) => this.#onDrained = resolve);
  }

  /** Saves a snapshot if there is anything new to save. */
  async snapshot(): Promise<void> {
    if (this.#loaded) await this.#snapshotter.save(this.#replica);
  }

  // ---- the mailbox ----

  #refuses(job: Job): boolean {
    this.lastUsed = job.call.since;
    if (this.#retired) {
      job.fail(this.#movedAway());
      return true;
    }
    if (this.#quarantine === undefined) return false;
    if (this.#quarantine.until <= this.#env.clock.monotonic()) return false;
    job.fail(this.#quarantine.error);
    return true;
  }

  // The one that runs is in no map: most commands never wait, and a map that is
  // filled and emptied for each of them costs more than all else here.
  #sameAs(job: Job): Job | undefined {
    const { commandId } = job.call;
    if (this.#busy?.call.commandId === commandId) return this.#busy;
    return this.#waiting.size === 0 ? undefined : this.#waiting.get(commandId);
  }

  #isFull(job: Job): boolean {
    const { mailbox } = this.definition.options;
    if (this.#queue.length + this.#queries.length < mailbox) return false;
    const { id } = this.address;
    job.fail(
      new OverloadedError(
        `Cannot take "${job.call.name}" as ${mailbox} calls already wait for "${id}"`,
        { details: { actorId: id, mailbox } },
      ),
    );
    return true;
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#busy === undefined) {
      if (this.#queue.length === 0 && this.#queries.length === 0) break;
      if (!this.#loaded) {
        if (!this.#loading) this.#load();
        break;
      }
      const job = this.#queue.shift();
      if (job === undefined) break;
      this.#busy = job;
      if (this.#waiting.size > 0) this.#waiting.delete(job.call.commandId);
      this.#runner.run(job);
    }
    this.#pumping = false;
  }

  #release(job: Job): void {
    if (this.#busy !== job) return;
    this.#busy = undefined;
    this.#onDrained?.();
    this.#pump();
  }

  // A handler that was given up still runs, but nothing it returns can be stored
  // any more, so the next command need not wait for it.
  readonly #onGiveUp = (job: Job) => {
    const at = this.#queue.indexOf(job);
    if (at >= 0) {
      this.#queue.splice(at, 1);
      this.#waiting.delete(job.call.commandId);
    }
    this.#release(job);
  };

  #refuseWaiting(error: unknown): void {
    this.#waiting.clear();
    for (const job of this.#queue.splice(0)) job.fail(error);
    for (const job of this.#queries.splice(0)) job.fail(error);
  }

  #movedAway(): MovedError {
    const { id } = this.address;
    return new MovedError(`"${id}" leaves this node: nothing was done`, {
      details: { actorId: id },
    });
  }

  // ---- loading ----

  async #load(): Promise<void> {
    this.#loading = true;
    try {
      this.#snapshotter.version = await this.#replica.load();
      this.#loaded = true;
      this.#quarantine = undefined;
      this.#pause = FIRST_PAUSE;
    } catch (error) {
      this.#broken(error);
    }
    this.#loading = false;
    if (this.#loaded) {
      for (const job of this.#queries.splice(0)) {
        if (!job.settled) this.#read(job);
      }
    }
    this.#pump();
  }

  /** It could not be loaded, or read on, before anything was done for `job`. */
  #broken(error: unknown, job?: Job): void {
    this.#loaded = false;
    const isPassing = error instanceof AetherError &&
      !(error instanceof QuarantinedError) &&
      !(error instanceof CorruptLogError);
    if (!isPassing) return this.#enterQuarantine(error, job);
    // Reading leaves nothing in doubt.
    const told = error.ambiguous
      ? new StoreUnavailableError(error.message, { cause: error })
      : error;
    if (job === undefined) return this.#refuseWaiting(told);
    job.fail(told);
    this.#release(job);
  }

  #enterQuarantine(cause: unknown, job?: Job): void {
    const error = cause instanceof QuarantinedError ? cause : quarantine(
      this.address.id,
      cause instanceof Error ? cause.message : String(cause),
      cause,
    );
    const until = this.#env.clock.monotonic() + this.#pause;
    this.#quarantine = { error, until };
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    this.#env.quarantined(error);
    this.#refuseWaiting(error);
    if (job === undefined) return;
    job.fail(error);
    this.#release(job);
  }

  // ---- queries ----

  #read(job: Job): void {
    const { call } = job;
    const { state, version } = this.#replica;
    const ctx = new ReaderContext(call, version, this.#env.clock.now());
    let value: unknown;
    try {
      value = job.handler(state, call.input, ctx);
    } catch (error) {
      return this.#readFailed(job, error);
    }
    if (!isThenable(value)) return this.#tell(job, value);
    job.watch();
    value.then(
      (value) => this.#tell(job, value),
      (error) => this.#readFailed(job, error),
    );
  }

  #tell(job: Job, value: unknown): void {
    const { name } = job.call;
    try {
      if (value !== undefined) {
        const action = `Cannot answer "${name}" of "${this.address.id}"`;
        assertJson(value, "value", action);
      }
    } catch (error) {
      return this.#readFailed(job, error);
    }
    // A copy, so that no caller holds a part of the state.
    job.succeed(frozenCopy(value));
  }

  #readFailed(job: Job, error: unknown): void {
    job.fail(handlerFailed("query", this.address.id, job.call.name, error));
  }
}

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;
