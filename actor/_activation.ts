/**
 * One actor in memory: its mailbox, and its state as of its last acknowledged
 * commit. Commands run one at a time; queries read the committed state, also
 * while a command runs; whatever comes before the actor is loaded waits for that.
 *
 * Where another node may still believe that the actor is its own, a commit has
 * to come before anything is answered (a *fence*): behind it, whatever the other
 * one still writes is refused by the store. The same goes for an append of this
 * node whose outcome is unknown, even for the actor's next life here.
 *
 * An actor whose handlers fail again and again is loaded anew, at most once a
 * second at first and once a minute at last, in case they have damaged its state.
 *
 * A log that cannot be replayed puts this one actor into quarantine: its calls
 * are refused until a pause is over, which doubles up to a minute, and then it is
 * loaded again, so that a repaired actor comes back by itself.
 */
import {
  type ActorAddress,
  type ActorSnapshot,
  AetherError,
  CorruptLogError,
  MovedError,
  OverloadedError,
  QuarantinedError,
  StoreUnavailableError,
  VersionConflictError,
} from "../event/mod.ts";
import {
  type CommandOwner,
  CommandRunner,
  type CommandSurroundings,
  inGeneration,
} from "./_command.ts";
import type { AnyActor } from "./definition.ts";
import type { Job } from "./_job.ts";
import { Mailbox } from "./_mailbox.ts";
import { type QueryOwner, QueryRunner } from "./_query.ts";
import { quarantine as quarantined } from "./_replay.ts";
import { Replica } from "./_replica.ts";
import { Snapshotter } from "./_snapshotter.ts";

/** By what right a shard is a process's. */
export interface Tenure {
  /** The shard's generation, kept with each commit; undefined where there is none. */
  readonly generation: number | undefined;
  /**
   * The generation in which the shard was last seized, 0 for never. An owner before
   * that may still have an append under way, which counts unless a commit of that
   * generation or a later one stands in its place: so one has to, before anything
   * is answered.
   */
  readonly fence: number;
}

/** What an activation needs of the process it lives in. */
export interface Surroundings extends CommandSurroundings {
  /** By what right an actor's shard is this process's. */
  tenure(address: ActorAddress): Tenure;
  /** Another process has the shard in a later generation. */
  outdated(address: ActorAddress): void;
  /** Whether it is unknown what became of an append to it. */
  isInDoubt(address: ActorAddress): boolean;
  /** It became unknown, or is known now. */
  doubt(address: ActorAddress, inDoubt: boolean): void;
  /** Saves a snapshot; resolves to whether it makes sense to try another. */
  saveSnapshot(snapshot: ActorSnapshot): Promise<boolean>;
  /** It is loaded anew, as so many handlers failed one after another. */
  reloads(address: ActorAddress, faults: number): void;
  /** An actor cannot be replayed. */
  cannotReplay(error: QuarantinedError): void;
}

/** Why an actor cannot be replayed. */
export interface Quarantine {
  /** What is wrong. */
  readonly error: QuarantinedError;
  /** When the next call loads it again, on the monotonic clock. */
  readonly until: number;
}

/** One actor in memory. */
export class Activation implements CommandOwner, QueryOwner {
  /** When it was last called, on the monotonic clock. */
  lastUsed: number;
  readonly #env: Surroundings;
  readonly #mailbox = new Mailbox();
  readonly #replica: Replica;
  readonly #runner: CommandRunner;
  readonly #reader: QueryRunner;
  readonly #snapshotter: Snapshotter;
  /** Queries that wait until the actor is loaded and may answer. */
  #queries: Job[] = [];
  #isLoaded = false;
  #isLoading = false;
  #isPumping = false;
  #isGathering = false;
  #isRetired = false;
  readonly #tenure: Tenure;
  #isInDoubt: boolean;
  #onDrained: (() => void) | undefined;
  #quarantine: Quarantine | undefined;
  #pause = FIRST_PAUSE;
  #reloadAt = -Infinity;
  #reloadPause = FIRST_PAUSE;

  /** Makes an activation that loads when it is first called. */
  constructor(
    env: Surroundings,
    readonly definition: AnyActor,
    readonly address: ActorAddress,
  ) {
    this.#env = env;
    this.#replica = new Replica(definition, address, env.store);
    this.#snapshotter = new Snapshotter(definition.options.snapshotEvery, env);
    this.#runner = new CommandRunner(
      env,
      definition,
      this.#replica,
      this.#mailbox,
      this,
    );
    this.#reader = new QueryRunner(env.clock, this.#replica, address.id, this);
    this.#isInDoubt = env.isInDoubt(address);
    this.#tenure = env.tenure(address);
    this.#runner.generation = this.#tenure.generation;
    // Whether it has to is known when it is loaded.
    this.#runner.mustWrite = this.#isInDoubt || this.#tenure.fence > 0;
    this.lastUsed = env.clock.monotonic();
  }

  /** Whether nothing runs and nothing waits. */
  get idle(): boolean {
    return !this.#runner.busy && !this.#isLoading && !this.#reader.busy &&
      this.#mailbox.length === 0 && this.#queries.length === 0;
  }

  /** Why it cannot be replayed, and until when nobody tries; undefined if it can. */
  get quarantine(): Quarantine | undefined {
    return this.#quarantine;
  }

  /** Takes a command. */
  command(job: Job): void {
    if (this.#refuses(job)) return;
    const same = this.#runner.findSame(job);
    if (same !== undefined) return same.join(job);
    if (this.#isFull(job)) return;
    job.onGiveUp = this.#onGiveUp;
    this.#mailbox.add(job);
    this.#pump();
    if (job.stage !== "waiting") return;
    this.#mailbox.index(job);
    job.watch();
  }

  /** Takes a query. */
  query(job: Job): void {
    if (this.#refuses(job)) return;
    if (this.#mayAnswer) return this.#reader.run(job);
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
  async retire(): Promise<void> {
    this.#isRetired = true;
    this.#refuseWaiting(this.#movedAway());
    if (this.#runner.busy) {
      await new Promise<void>((resolve) => this.#onDrained = resolve);
    }
    if (this.#isInDoubt) await this.#settleDoubt();
  }

  /** Saves a snapshot if there is anything new to save. */
  async snapshot(): Promise<void> {
    if (this.#isLoaded) await this.#snapshotter.save(this.#replica);
  }

  // ---- what its commands and queries tell and ask ----

  /** As {@link CommandOwner.onFree}. */
  onFree(together: number): void {
    if (this.#isRetired) {
      this.#refuseWaiting(this.#movedAway());
      this.#runner.flush();
      if (!this.#runner.busy) this.#onDrained?.();
    } else if (this.#isOutdated) this.#giveWay();
    else if (together > 1) this.#gather();
    else this.#pump();
  }

  /** As {@link CommandOwner.onCommitted}. */
  onCommitted(): void {
    if (this.#isInDoubt) {
      this.#isInDoubt = false;
      this.#env.doubt(this.address, false);
    }
    this.#snapshotter.onCommit(this.#replica);
  }

  /** As {@link CommandOwner.onStale}. */
  onStale(): void {
    this.#isLoaded = false;
  }

  /** As {@link CommandOwner.onDoubt}. */
  onDoubt(): void {
    this.#isLoaded = false;
    this.#isInDoubt = true;
    this.#env.doubt(this.address, true);
  }

  /** As {@link CommandOwner.onBroken}. */
  onBroken(error: unknown): unknown {
    const isPassing = error instanceof AetherError &&
      !(error instanceof QuarantinedError) &&
      !(error instanceof CorruptLogError);
    if (!isPassing) return this.#enterQuarantine(error);
    // Reading leaves nothing in doubt.
    return error.ambiguous
      ? new StoreUnavailableError(error.message, { cause: error })
      : error;
  }

  /** As {@link QueryOwner.isCurrent}. */
  get isCurrent(): boolean {
    return this.#isLoaded;
  }

  /** As {@link QueryOwner.isAtRest}. */
  get isAtRest(): boolean {
    return this.#isLoaded && !this.#runner.busy;
  }

  /** As {@link CommandOwner.onFaults}. */
  onFaults(count: number): void {
    if (count === 0) {
      this.#reloadPause = FIRST_PAUSE;
      return;
    }
    // A state that is not plain data may have been damaged by what failed.
    const now = this.#env.clock.monotonic();
    if (now < this.#reloadAt) return;
    this.#reloadAt = now + this.#reloadPause;
    this.#reloadPause = Math.min(this.#reloadPause * 2, LONGEST_PAUSE);
    this.#isLoaded = false;
    this.#env.reloads(this.address, count);
  }

  /** As {@link CommandOwner.onNotFenced}. */
  onNotFenced(error: unknown): void {
    this.#refuseQueries(error);
  }

  // ---- the mailbox ----

  #refuses(job: Job): boolean {
    this.lastUsed = job.call.since;
    if (this.#isRetired) {
      job.fail(this.#movedAway());
      return true;
    }
    if (this.#quarantine === undefined) return false;
    if (this.#quarantine.until <= this.#env.clock.monotonic()) return false;
    job.fail(this.#quarantine.error);
    return true;
  }

  #isFull(job: Job): boolean {
    const { mailbox } = this.definition.options;
    if (this.#mailbox.length + this.#queries.length < mailbox) return false;
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
    if (this.#isPumping || this.#isGathering) return;
    this.#isPumping = true;
    while (!this.#runner.busy) {
      if (!this.#isLoaded) {
        this.#runner.flush();
        if (this.#runner.busy) break;
      }
      if (
        this.#mailbox.length === 0 && this.#queries.length === 0 &&
        !this.#runner.isOpen
      ) break;
      if (!this.#isLoaded) {
        if (!this.#isLoading) this.#load();
        break;
      }
      if (this.#mayAnswer) this.#answerQueries();
      this.#runner.run();
      if (this.#runner.busy) break;
      if (this.#runner.mustWrite && this.#queries.length > 0) {
        this.#runner.fence();
      }
    }
    this.#isPumping = false;
  }

  /**
   * Several were answered at once: whoever of them calls again does so within
   * the next few turns, and all those calls make one group again.
   */
  async #gather(): Promise<void> {
    if (this.#isGathering) return;
    this.#isGathering = true;
    for (let turn = 0; turn < TURNS; turn++) await undefined;
    this.#isGathering = false;
    this.#pump();
  }

  // A handler that was given up still runs, but nothing it returns can be stored
  // any more, so the next command need not wait for it.
  readonly #onGiveUp = (job: Job) => this.#runner.gaveUp(job);

  #refuseWaiting(error: unknown): void {
    for (const job of this.#mailbox.drain()) job.fail(error);
    this.#refuseQueries(error);
  }

  #refuseQueries(error: unknown): void {
    const refused = this.#queries;
    this.#queries = [];
    for (const job of refused) job.fail(error);
  }

  /**
   * Sees to it that the message in doubt is in the log, or can never come into
   * it, before the actor lives on elsewhere; as well as it can be done by now.
   */
  async #settleDoubt(): Promise<void> {
    try {
      await this.#replica.load(SETTLE_TIMEOUT);
      await this.#env.store.append(this.address.id, [], {
        expectedVersion: this.#replica.position,
        fence: true,
        timeout: SETTLE_TIMEOUT,
        ...inGeneration(this.#tenure.generation),
      });
    } catch (error) {
      // Whoever else wrote has settled it.
      if (!(error instanceof VersionConflictError)) return;
    }
    this.#env.doubt(this.address, false);
  }

  /** Whether an owner of a later generation has written: the shard is not ours. */
  get #isOutdated(): boolean {
    const { generation = 0 } = this.#replica.position;
    return generation > (this.#tenure.generation ?? Infinity);
  }

  /** What it knows may be told no more, nor written behind what the later one knows. */
  #giveWay(): void {
    this.#isLoaded = false;
    this.#refuseWaiting(this.#movedAway());
    this.#runner.flush();
    this.#env.outdated(this.address);
  }

  #movedAway(): MovedError {
    const { id } = this.address;
    return new MovedError(`"${id}" leaves this node: nothing was done`, {
      details: { actorId: id },
    });
  }

  // ---- loading ----

  async #load(): Promise<void> {
    this.#isLoading = true;
    // What is loaded may remember less than what was held against the log.
    for (const job of this.#mailbox.all) job.isNew = false;
    try {
      this.#snapshotter.onLoad(await this.#replica.load());
      this.#isLoaded = true;
      if (this.#isOutdated) this.#giveWay();
      const { generation = 0 } = this.#replica.position;
      this.#runner.mustWrite &&= this.#isInDoubt ||
        generation < this.#tenure.fence;
      this.#quarantine = undefined;
      this.#pause = FIRST_PAUSE;
    } catch (error) {
      this.#refuseWaiting(this.onBroken(error));
    }
    this.#isLoading = false;
    this.#pump();
  }

  #enterQuarantine(cause: unknown): QuarantinedError {
    const error = cause instanceof QuarantinedError ? cause : quarantined(
      this.address.id,
      cause instanceof Error ? cause.message : String(cause),
      cause,
    );
    const until = this.#env.clock.monotonic() + this.#pause;
    this.#isLoaded = false;
    this.#quarantine = { error, until };
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    this.#env.cannotReplay(error);
    this.#refuseWaiting(error);
    return error;
  }

  // ---- queries ----

  /** Whether the state in memory may be told. */
  get #mayAnswer(): boolean {
    return this.#isLoaded && !this.#runner.mustWrite;
  }

  #answerQueries(): void {
    if (this.#queries.length === 0) return;
    const waiting = this.#queries;
    this.#queries = [];
    for (const job of waiting) {
      if (!job.settled) this.#reader.run(job);
    }
  }
}

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;
/** Milliseconds each step of settling a doubt may take. */
const SETTLE_TIMEOUT = 2_000;
/** How many turns of the microtask queue an answer takes to a caller's next call. */
const TURNS = 8;
