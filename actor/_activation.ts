/**
 * One actor in memory: its state as of its last acknowledged commit, and its
 * mailbox. Commands run one at a time:
 *
 *   decide on the state → append, expecting the log to end where the state does
 *   → take over the new state → answer
 *
 * An append that is refused says that somebody else wrote: what is new is read,
 * and the command decided again on it, unless it turns out that its own id is
 * among what is new (an earlier attempt of it, run by another node). An append
 * of which nothing is known leaves the state in doubt: it is thrown away, and
 * the next call loads it. A log that cannot be replayed puts this one actor into
 * quarantine; it is tried again after a pause that doubles up to a minute.
 *
 * A command's outcome without events is not stored, unless it is an attempt
 * after the first: then an earlier attempt may still be under way somewhere, and
 * what the caller is told has to hold against it.
 */
import {
  type ActorAddress,
  type ActorSnapshot,
  AetherError,
  assertJson,
  type Clock,
  type CommandRecord,
  CorruptLogError,
  CycleError,
  isUlid,
  MovedError,
  type NewEvent,
  OutcomeUnknownError,
  OverloadedError,
  QuarantinedError,
  Rejected,
  type RememberedCommand,
  type StoredEvent,
  StoreUnavailableError,
  ulidTime,
  VersionConflictError,
} from "../event/mod.ts";
import type {
  ActorPosition,
  AppendResult,
  EventStore,
  LoadedActor,
} from "../store/mod.ts";
import { HandlerContext, ReaderContext, type Refer } from "./_context.ts";
import {
  checkDecision,
  type Decided,
  type Decider,
  handlerFailed,
} from "./_decision.ts";
import type { AnyActor } from "./definition.ts";
import { type Job, timeIsUp } from "./_job.ts";
import { frozenCopy } from "./_json.ts";
import { CommandMemory } from "./_memory.ts";
import { applyCommits, quarantine, replay } from "./_replay.ts";

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

/** The answer to a command. */
export interface CommandAnswer {
  /** The actor's version behind the command. */
  readonly version: number;
  /** Its events, as stored. */
  readonly events: readonly StoredEvent[];
}

/** One actor in memory. */
export class Activation {
  /** When it was last called, on the monotonic clock. */
  lastUsed: number;
  readonly #env: Surroundings;
  readonly #id: string;
  readonly #queue: Job[] = [];
  readonly #queries: Job[] = [];
  readonly #underway = new Map<string, Job>();
  readonly #memory = new CommandMemory();
  #busy: Job | undefined;
  #loaded = false;
  #loading = false;
  #pumping = false;
  #retired = false;
  #onDrained: (() => void) | undefined;
  #quarantine: { error: QuarantinedError; until: number } | undefined;
  #quarantinePause = FIRST_PAUSE;
  #state: unknown;
  #version = 0;
  #position: ActorPosition;
  #commitId: string | undefined;
  #snapshotVersion = 0;
  #snapshotAt = -Infinity;
  #snapshotting = false;
  #snapshots = true;

  /** Makes an activation that loads when it is first called. */
  constructor(
    env: Surroundings,
    readonly definition: AnyActor,
    readonly address: ActorAddress,
  ) {
    this.#env = env;
    this.#id = address.id;
    this.#position = { actorId: address.id, version: 0, trail: [] };
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
    const { commandId } = job.call;
    const same = this.#underway.get(commandId);
    if (same !== undefined) return same.join(job);
    if (this.#isFull(job)) return;
    this.#underway.set(commandId, job);
    job.onGiveUp = this.#onGiveUp;
    this.#queue.push(job);
    this.#pump();
    if (job.stage === "waiting") job.watch();
  }

  /** Takes a query: it reads the committed state, also while a command runs. */
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
    this.#refuseWaiting(
      new MovedError(
        `"${this.#id}" is leaving this node: nothing was done`,
        { details: { actorId: this.#id } },
      ),
    );
    if (this.#busy === undefined) return Promise.resolve();
    return new Promise((resolve) => this.#onDrained = resolve);
  }

  /** Saves a snapshot if there is anything new to save. */
  async snapshot(): Promise<void> {
    if (this.#version > this.#snapshotVersion) await this.#saveSnapshot();
  }

  #refuses(job: Job): boolean {
    this.lastUsed = this.#env.clock.monotonic();
    if (this.#retired) {
      job.fail(new MovedError(`"${this.#id}" has left this node`));
      return true;
    }
    if (this.#quarantine === undefined) return false;
    if (this.#quarantine.until <= this.lastUsed) return false;
    job.fail(this.#quarantine.error);
    return true;
  }

  #isFull(job: Job): boolean {
    const { mailbox } = this.definition.options;
    if (this.#queue.length + this.#queries.length < mailbox) return false;
    job.fail(
      new OverloadedError(
        `Cannot take "${job.call.name}" as ${mailbox} calls already wait for "${this.#id}"`,
        { details: { actorId: this.#id, mailbox } },
      ),
    );
    return true;
  }

  readonly #onGiveUp = (job: Job) => {
    this.#underway.delete(job.call.commandId);
    if (this.#busy === job) {
      // Its handler still runs, but nothing it returns can be stored any more.
      this.#release();
      return;
    }
    const at = this.#queue.indexOf(job);
    if (at >= 0) this.#queue.splice(at, 1);
  };

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#busy === undefined) {
        if (this.#queue.length === 0 && this.#queries.length === 0) break;
        if (!this.#loaded) {
          if (!this.#loading) this.#load();
          break;
        }
        const job = this.#queue.shift();
        if (job === undefined) break;
        this.#busy = job;
        this.#start(job);
      }
    } finally {
      this.#pumping = false;
    }
  }

  #release(): void {
    this.#busy = undefined;
    if (this.#onDrained !== undefined) this.#onDrained();
    this.#pump();
  }

  #finish(job: Job): void {
    this.#underway.delete(job.call.commandId);
    if (this.#busy === job) this.#release();
  }

  #succeed(job: Job, answer: CommandAnswer): void {
    job.succeed(answer);
    this.#finish(job);
  }

  #fail(job: Job, error: unknown): void {
    job.fail(error);
    this.#finish(job);
  }

  // ---- one command ----

  #start(job: Job): void {
    const known = this.#memory.get(job.call.commandId);
    if (known !== undefined) return this.#answerAgain(job, known);
    if (job.call.attempt > 1 && !this.#wouldRemember(job.call.commandId)) {
      this.#rememberAll(job);
      return;
    }
    this.#decide(job);
  }

  #decide(job: Job): void {
    const { call } = job;
    const { clock } = this.#env;
    if (clock.monotonic() >= call.deadline) {
      return this.#fail(job, timeIsUp(call));
    }
    if (call.signal?.aborted) return this.#fail(job, call.signal.reason);
    const now = clock.now();
    const ctx = new HandlerContext(job, this.#version, now, this.#env.refer);
    job.stage = "deciding";
    let returned: unknown;
    try {
      returned = job.handler(this.#state, call.input, ctx);
    } catch (error) {
      return this.#refused(job, error);
    }
    if (!isThenable(returned)) return this.#decided(job, returned, ctx);
    job.watch();
    // A job that was given up meanwhile has released the mailbox already.
    returned.then(
      (value) => job.settled || this.#decided(job, value, ctx),
      (error) => job.settled || this.#refused(job, error),
    );
  }

  #decided(job: Job, returned: unknown, ctx: HandlerContext): void {
    const { call } = job;
    const decider: Decider = {
      actorId: this.#id,
      command: call.name,
      stamp: stampOf(job, ctx.now),
    };
    let decided: Decided;
    try {
      decided = checkDecision(
        this.definition,
        this.#state,
        returned,
        decider,
      );
    } catch (error) {
      return this.#fail(job, error);
    }
    const record = { id: call.commandId, events: decided.events.length };
    if (decided.events.length > 0 || call.attempt > 1) {
      return this.#commit(job, decided, record);
    }
    this.#succeed(job, { version: this.#version, events: [] });
  }

  #refused(job: Job, error: unknown): void {
    const { call } = job;
    if (!(error instanceof Rejected)) {
      const passed = error instanceof CycleError
        ? error
        : handlerFailed("command", this.#id, call.name, error);
      return this.#fail(job, passed);
    }
    const { reason, message, details } = error;
    try {
      assertJson(
        { reason, message, details },
        "rejected",
        `Cannot reject "${call.name}"`,
      );
    } catch (cause) {
      return this.#fail(
        job,
        handlerFailed("command", this.#id, call.name, cause),
      );
    }
    if (call.attempt === 1) return this.#fail(job, error);
    const rejected = { reason, message, details };
    this.#commit(job, { events: [], state: this.#state }, {
      id: call.commandId,
      events: 0,
      rejected,
    });
  }

  #commit(job: Job, decided: Decided, record: CommandRecord): void {
    const { clock, store } = this.#env;
    const left = job.deadline - clock.monotonic();
    if (left <= 0) return this.#fail(job, timeIsUp(job.call));
    job.unwatch();
    job.stage = "committing";
    const options = {
      expectedVersion: this.#position,
      commands: [record],
      timeout: Math.max(1, Math.ceil(left)),
      ...(decided.events.length === 0 ? { fence: true } : {}),
    };
    store.append(this.#id, decided.events, options).then(
      (result) => this.#committed(job, decided, record, result),
      (error) => this.#notCommitted(job, error),
    );
  }

  #committed(
    job: Job,
    decided: Decided,
    record: CommandRecord,
    result: AppendResult,
  ): void {
    if (result.version !== this.#version + decided.events.length) {
      this.#loaded = false; // a store that counts otherwise: look again
    }
    this.#state = decided.state;
    this.#version = result.version;
    this.#position = result.position;
    this.#commitId = result.commitId;
    this.#memory.add(record, result.version, this.#env.clock.now());
    if (record.rejected === undefined) {
      this.#succeed(job, { version: result.version, events: result.events });
    } else this.#fail(job, rejectedBy(record));
    const { snapshotEvery } = this.definition.options;
    if (result.version - this.#snapshotVersion >= snapshotEvery) {
      if (this.#mayWriteSnapshot()) this.#saveSnapshot();
    }
  }

  #notCommitted(job: Job, error: unknown): void {
    if (error instanceof VersionConflictError) {
      if (++job.conflicts > MAX_CONFLICTS) return this.#fail(job, error);
      this.#catchUp(job);
      return;
    }
    if (error instanceof CorruptLogError) {
      return this.#enterQuarantine(error, job);
    }
    if (error instanceof AetherError && !error.ambiguous) {
      return this.#fail(job, error);
    }
    this.#loaded = false;
    const { commandId, name } = job.call;
    this.#fail(
      job,
      new OutcomeUnknownError(
        `"${name}" of "${this.#id}" may or may not have been done: look for command "${commandId}", or call again with this id`,
        {
          cause: error,
          details: {
            ...(error instanceof AetherError ? error.details : {}),
            actorId: this.#id,
            commandId,
          },
        },
      ),
    );
  }

  async #catchUp(job: Job): Promise<void> {
    let loaded: LoadedActor;
    try {
      loaded = await this.#env.store.load(this.#id, {
        after: this.#position,
        timeout: LOAD_TIMEOUT,
      });
      this.#takeOver(
        loaded,
        applyCommits(
          this.definition,
          this.#id,
          { state: this.#state, version: this.#version },
          loaded.commits,
        ),
      );
    } catch (error) {
      return this.#loadFailed(error, job);
    }
    const known = this.#memory.get(job.call.commandId);
    if (known !== undefined) return this.#answerAgain(job, known);
    job.stage = "waiting";
    this.#decide(job);
  }

  // ---- commands that come again ----

  #answerAgain(job: Job, known: RememberedCommand): void {
    if (known.rejected !== undefined) {
      return this.#fail(job, rejectedBy(known));
    }
    if (known.events === 0) {
      return this.#succeed(job, { version: known.version, events: [] });
    }
    // The mailbox need not wait for the store to find the events again.
    job.unwatch();
    job.stage = "committing";
    const events = this.#eventsOf(known);
    if (this.#busy === job) this.#release();
    events.then(
      (events) => this.#succeed(job, { version: known.version, events }),
      (cause) =>
        this.#fail(
          job,
          new OutcomeUnknownError(
            `"${job.call.name}" of "${this.#id}" was done at version ${known.version}, but its events could not be read: call again with id "${known.id}"`,
            { cause, details: { commandId: known.id, version: known.version } },
          ),
        ),
    );
  }

  async #eventsOf(command: RememberedCommand): Promise<StoredEvent[]> {
    const events: StoredEvent[] = [];
    const read = this.#env.store.read({
      actorId: this.#id,
      from: command.version - command.events + 1,
      to: command.version,
    });
    for await (const event of read) events.push(event);
    return events;
  }

  /** Whether the memory reaches back to before the command's id was made. */
  #wouldRemember(commandId: string): boolean {
    const { since } = this.#memory;
    if (since === -Infinity) return true;
    return isUlid(commandId) && ulidTime(commandId) - CLOCK_SKEW > since;
  }

  async #rememberAll(job: Job): Promise<void> {
    try {
      const all = await this.#env.store.load(this.#id, {
        schema: false,
        timeout: LOAD_TIMEOUT,
      });
      if (job.settled) return; // given up: another command may have run since
      this.#memory.clear();
      let known: RememberedCommand | undefined;
      for (const commit of all.commits) {
        this.#memory.addCommit(commit);
        known ??= this.#memory.get(job.call.commandId);
      }
      if (known !== undefined) return this.#answerAgain(job, known);
    } catch (error) {
      return this.#loadFailed(error, job);
    }
    this.#decide(job);
  }

  // ---- queries ----

  #read(job: Job): void {
    const { call } = job;
    const ctx = new ReaderContext(call, this.#version, this.#env.clock.now());
    let value: unknown;
    try {
      value = job.handler(this.#state, call.input, ctx);
    } catch (error) {
      return job.fail(handlerFailed("query", this.#id, call.name, error));
    }
    if (!isThenable(value)) return this.#tell(job, value);
    job.watch();
    value.then(
      (value) => this.#tell(job, value),
      (error) => job.fail(handlerFailed("query", this.#id, call.name, error)),
    );
  }

  #tell(job: Job, value: unknown): void {
    const { name } = job.call;
    try {
      if (value !== undefined) {
        assertJson(value, "value", `Cannot answer "${name}" of "${this.#id}"`);
      }
      // A copy, so that no caller holds a part of the state.
      job.succeed(frozenCopy(value));
    } catch (error) {
      job.fail(handlerFailed("query", this.#id, name, error));
    }
  }

  // ---- loading ----

  async #load(): Promise<void> {
    this.#loading = true;
    try {
      const { schema } = this.definition.options;
      const loaded = await this.#env.store.load(this.#id, {
        schema,
        timeout: LOAD_TIMEOUT,
      });
      this.#memory.clear();
      if (loaded.snapshot !== undefined) this.#memory.restore(loaded.snapshot);
      this.#commitId = loaded.snapshot?.commitId;
      this.#snapshotVersion = loaded.snapshot?.version ?? 0;
      this.#takeOver(loaded, replay(this.definition, this.#id, loaded));
      this.#loaded = true;
      this.#loading = false;
      this.#quarantine = undefined;
      this.#quarantinePause = FIRST_PAUSE;
    } catch (error) {
      this.#loading = false;
      this.#loadFailed(error);
    }
    if (this.#loaded) {
      for (const job of this.#queries.splice(0)) {
        if (!job.settled) this.#read(job);
      }
    }
    this.#pump();
  }

  #takeOver(
    loaded: LoadedActor,
    { state, version }: { state: unknown; version: number },
  ): void {
    if (version !== loaded.position.version) {
      throw quarantine(
        this.#id,
        `its log ends at version ${loaded.position.version}, but its events at ${version}`,
      );
    }
    for (const commit of loaded.commits) this.#memory.addCommit(commit);
    this.#state = state;
    this.#version = version;
    this.#position = loaded.position;
    this.#commitId = loaded.commits.at(-1)?.commitId ?? this.#commitId;
  }

  #loadFailed(error: unknown, job?: Job): void {
    this.#loaded = false;
    const passing = error instanceof AetherError &&
      !(error instanceof QuarantinedError) &&
      !(error instanceof CorruptLogError);
    if (!passing) return this.#enterQuarantine(error, job);
    // Nothing was appended by a job that was loading.
    const told = error.ambiguous
      ? new StoreUnavailableError(error.message, { cause: error })
      : error;
    if (job !== undefined) this.#fail(job, told);
    else this.#refuseWaiting(told);
  }

  #enterQuarantine(cause: unknown, job?: Job): void {
    this.#loaded = false;
    const error = cause instanceof QuarantinedError ? cause : quarantine(
      this.#id,
      cause instanceof Error ? cause.message : String(cause),
      cause,
    );
    this.#quarantine = {
      error,
      until: this.#env.clock.monotonic() + this.#quarantinePause,
    };
    this.#quarantinePause = Math.min(this.#quarantinePause * 2, LONGEST_PAUSE);
    this.#env.quarantined(error);
    this.#refuseWaiting(error);
    if (job !== undefined) this.#fail(job, error);
  }

  #refuseWaiting(error: unknown): void {
    for (const job of this.#queue.splice(0)) {
      this.#underway.delete(job.call.commandId);
      job.fail(error);
    }
    for (const job of this.#queries.splice(0)) job.fail(error);
  }

  // ---- snapshots ----

  #mayWriteSnapshot(): boolean {
    // One with many remembered commands is large: at most one a second then.
    return this.#memory.size <= MANY_COMMANDS ||
      this.#env.clock.monotonic() - this.#snapshotAt >= 1_000;
  }

  async #saveSnapshot(): Promise<void> {
    if (this.#snapshotting || !this.#snapshots || !this.#loaded) return;
    this.#snapshotting = true;
    const version = this.#version;
    // Also when it fails: the next try is another n events away.
    this.#snapshotVersion = version;
    this.#snapshotAt = this.#env.clock.monotonic();
    const again = await this.#env.saveSnapshot({
      actorId: this.#id,
      version,
      state: this.#state,
      timestamp: new Date(this.#env.clock.now()),
      schema: this.definition.options.schema,
      commands: this.#memory.newest(),
      ...(this.#position.trail.length > 0
        ? { sequence: this.#position.trail[0]! }
        : {}),
      ...(this.#commitId === undefined ? {} : { commitId: this.#commitId }),
    });
    this.#snapshotting = false;
    if (!again) this.#snapshots = false;
  }
}

function stampOf(
  { call }: Job,
  timestamp: Date,
): Omit<NewEvent, "eventType" | "data"> {
  const { commandId, correlationId, causationId, traceparent } = call;
  if (
    correlationId === undefined && causationId === undefined &&
    traceparent === undefined
  ) return { commandId, timestamp };
  return {
    commandId,
    timestamp,
    metadata: {
      ...(correlationId === undefined ? {} : { correlationId }),
      ...(causationId === undefined ? {} : { causationId }),
      ...(traceparent === undefined ? {} : { traceparent }),
    },
  };
}

function rejectedBy(record: CommandRecord): Rejected {
  const { reason, message, details } = record.rejected!;
  return new Rejected(reason, message, details);
}

function isThenable(value: unknown): value is Promise<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}

/** How often a command is decided again. */
const MAX_CONFLICTS = 8;
const LOAD_TIMEOUT = 10_000;
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;
const MANY_COMMANDS = 256;
/** How far apart the wall clocks of nodes may be. */
const CLOCK_SKEW = 60_000;
