/**
 * The commands of one actor, from their turn in the mailbox to their answers:
 *
 *   decide on the state → append, expecting the log to end where the state does
 *   → take over the new state → answer
 *
 * One commit is under way at a time. What waits when it is stored is decided
 * next, one command after another, each on the state behind the one before it,
 * and goes into one message together (a *group*). Every answer of a group waits
 * for it, rejections too: they were decided on a state that is not stored yet.
 *
 * An append that is refused says that somebody else wrote: what is new is read,
 * and the whole group decided again on it, but for those commands that turn out
 * to be among what is new (an earlier attempt, run by another node). An append of
 * which nothing is known leaves the state in doubt: it is loaded again, and the
 * next answer is preceded by a commit, so that the message in doubt is either
 * found in the log or refused for good before anybody hears of its absence.
 *
 * A handler that is async holds the mailbox, so nothing decided may wait for it:
 * it is started on stored state only, when nothing else is under way.
 *
 * A command that comes again is given its first answer.
 */
import {
  AetherError,
  type Clock,
  CommandFailedError,
  type CommandRecord,
  CorruptLogError,
  type RememberedCommand,
  StoreUnavailableError,
  type Timer,
  VersionConflictError,
} from "../event/mod.ts";
import type { AppendResult, EventStore } from "../store/mod.ts";
import { isAsync, isThenable, noteAsync } from "./_async.ts";
import { HandlerContext, type Refer } from "./_context.ts";
import type { AnyActor } from "./definition.ts";
import { Group, type Outcome } from "./_group.ts";
import { type Job, outcomeUnknown, timeIsUp } from "./_job.ts";
import type { Mailbox } from "./_mailbox.ts";
import { isDue, isDurable, notDue, outcomeOf, refusalOf } from "./_outcome.ts";
import type { Promised, PromisedCommit } from "./_relay.ts";
import { answerAgain } from "./_repeat.ts";
import type { Replica } from "./_replica.ts";

/** What commands need of the process they run in. */
export interface CommandSurroundings {
  /** Where events live. */
  readonly store: EventStore;
  /** Where time comes from. */
  readonly clock: Clock;
  /** Makes references for handlers. */
  readonly refer: Refer;
  /**
   * A commit that promises something is about to be stored; what is promised is
   * for whoever is told to carry out.
   */
  promise(commit: PromisedCommit): Promised | undefined;
  /** Another writer of an actor was first. */
  onConflict(actorId: string): void;
}

/** Whose commands they are: it is told what becomes of them. */
export interface CommandOwner {
  /** They can go on; `together` were answered by one message. */
  onFree(together: number): void;
  /** The replica has moved on. */
  onCommitted(): void;
  /** The replica is not what the log says: it has to be loaded again. */
  onStale(): void;
  /** Something was sent of which nobody knows whether it is stored. */
  onDoubt(): void;
  /** The log could not be read. Returns what callers are told: nothing was done. */
  onBroken(error: unknown): unknown;
  /** So many handlers failed one after another; 0 when one did not. */
  onFaults(count: number): void;
  /** The commit that has to come before any answer could not be stored. */
  onNotFenced(error: unknown): void;
}

/** The option of an append that names the generation it is written in. */
export function inGeneration(
  generation: number | undefined,
): { readonly generation?: number } {
  return generation === undefined ? {} : { generation };
}

/** Runs the commands of one actor. */
export class CommandRunner {
  /** Whether a commit has to come before the next answer. */
  mustWrite = false;
  /** The generation of the shard, kept with each commit. */
  generation: number | undefined;
  readonly #env: CommandSurroundings;
  readonly #definition: AnyActor;
  readonly #replica: Replica;
  readonly #mailbox: Mailbox;
  readonly #owner: CommandOwner;
  #deciding: Job | undefined;
  #group: Group | undefined;
  #isCommitting = false;
  #most = MOST_COMMANDS;
  #mostBytes = MOST_BYTES;
  #fences = 0;
  #faults = 0;
  #now: number | undefined;

  /** Works on a replica, and tells its owner. */
  constructor(
    env: CommandSurroundings,
    definition: AnyActor,
    replica: Replica,
    mailbox: Mailbox,
    owner: CommandOwner,
  ) {
    this.#env = env;
    this.#definition = definition;
    this.#replica = replica;
    this.#mailbox = mailbox;
    this.#owner = owner;
  }

  /** Whether something is under way that the mailbox has to wait for. */
  get busy(): boolean {
    return this.#isCommitting || this.#deciding !== undefined;
  }

  /** Whether something is decided that is not on its way yet. */
  get isOpen(): boolean {
    return this.#group !== undefined && !this.busy;
  }

  /** The same command, where it waits or is under way. */
  findSame({ call, isUnheardOf }: Job): Job | undefined {
    if (isUnheardOf) return undefined;
    const { commandId } = call;
    // One that never waited is in no map: it runs, or is the first of its group.
    const first = this.#deciding ?? this.#group?.jobs[0];
    if (first?.call.commandId === commandId) return first;
    return this.#group?.findUnheardOf(commandId) ??
      this.#mailbox.find(commandId);
  }

  /** Takes commands from the mailbox until there is something to wait for. */
  run(): void {
    this.#now = undefined;
    while (!this.busy) {
      const job = this.#mailbox.first;
      if (job !== undefined && !this.#isFull) this.#next(job);
      else if (this.#group !== undefined) this.#commit();
      else return;
    }
  }

  /** Stores what is decided, and takes nothing more. */
  flush(): void {
    if (this.isOpen) this.#commit();
  }

  /** Stores the commit that has to come before the next answer. */
  fence(): void {
    this.#commit();
  }

  /** A command was given up. Nothing it returns can be stored any more. */
  gaveUp(job: Job): void {
    this.#mailbox.remove(job);
    if (this.#deciding !== job) return;
    this.#deciding = undefined;
    if (job.runs > 0) this.#count(true);
    this.#owner.onFree(1);
  }

  // ---- deciding ----

  get #isFull(): boolean {
    return this.#group !== undefined && this.#group.size >= this.#most;
  }

  #next(job: Job): void {
    const { call } = job;
    const { clock } = this.#env;
    // One look at the clock for all that are decided together.
    const now = job.hasWaited ? this.#now ??= clock.monotonic() : call.since;
    if (now >= call.deadline) {
      return this.#refuse(job, timeIsUp(call));
    }
    if (call.signal?.aborted) return this.#refuse(job, call.signal.reason);
    const known = job.known ?? this.#replica.answered(call.commandId);
    if (known !== undefined) return this.#answerAgain(job, known);
    const mustLookBack = this.#mustLookBack(job);
    const mustConfirm = !job.isNew && !isDue(job, this.#timers);
    if (this.#group !== undefined || this.mustWrite) {
      const mustRead = mustLookBack || mustConfirm;
      if (mustRead || isAsync(job.handler)) return this.#commit();
    }
    this.#mailbox.take();
    if (mustConfirm) this.#confirm(job);
    else if (mustLookBack) this.#lookBack(job);
    else if (job.running !== undefined) this.#waitForRun(job, job.running);
    else this.#decide(job);
  }

  get #timers(): ReadonlyMap<string, Timer> | undefined {
    return (this.#group ?? this.#replica).timers;
  }

  #decide(job: Job): void {
    const { clock, refer } = this.#env;
    const known = this.#group ?? this.#replica;
    const { state, version } = known;
    const base = { state, version };
    const definition = this.#definition;
    const { refuse } = job.call;
    job.stage = "deciding";
    if (refuse !== undefined) {
      return this.#decided(job, refusalOf(job, state, refuse));
    }
    if (!isDue(job, known.timers)) return this.#decided(job, notDue(state));
    const ctx = new HandlerContext(job, definition, known, clock.now(), refer);
    job.runs++;
    let returned: unknown;
    let promised: Promise<unknown> | undefined;
    try {
      returned = job.handler(state, job.call.input, ctx);
      // What is thenable may be anything; a promise made of it is one.
      if (isThenable(returned)) promised = Promise.resolve(returned);
    } catch (error) {
      return this.#decided(job, refusalOf(job, state, error));
    }
    if (promised === undefined) {
      const effects = ctx.effects();
      const { now } = ctx;
      return this.#decided(
        job,
        outcomeOf(definition, job, base, returned, now, effects),
      );
    }
    noteAsync(job.handler);
    if (this.#group !== undefined || this.mustWrite) {
      // Only now it turns out to be async: its turn comes again on stored state.
      job.running = promised;
      this.#mailbox.putBack([job]);
      return this.#commit();
    }
    this.#deciding = job;
    job.watch();
    promised.then(
      (value) => {
        if (this.#deciding !== job) return; // given up, the mailbox went on
        const effects = ctx.effects();
        this.#returned(
          job,
          outcomeOf(definition, job, base, value, ctx.now, effects),
        );
      },
      (error) => {
        if (this.#deciding !== job) return;
        this.#returned(job, refusalOf(job, state, error));
      },
    );
  }

  #returned(job: Job, outcome: Outcome): void {
    this.#deciding = undefined;
    this.#decided(job, outcome);
    this.#owner.onFree(1);
  }

  #decided(job: Job, outcome: Outcome): void {
    const { error, record } = outcome;
    if (error instanceof CommandFailedError) this.#count(true);
    else if (this.#faults > 0) this.#count(false);
    if (
      record === undefined && this.#group === undefined && !this.mustWrite
    ) {
      // On stored state, and nothing to store: there is nothing to wait for.
      if (error !== undefined) job.fail(error);
      else job.succeed({ version: this.#replica.version, events: [] });
      return this.#mailbox.forget(job);
    }
    const group = this.#group ??= this.#begin();
    if (!group.add(job, outcome, this.#mostBytes)) {
      this.#mailbox.putBack([job]);
      return this.#commit();
    }
    // It is on its way from here on, and cannot be given up.
    job.stage = "committing";
    job.isKept = record !== undefined;
  }

  #count(isFault: boolean): void {
    this.#faults = isFault ? this.#faults + 1 : 0;
    if (this.#faults % FAULTS === 0) this.#owner.onFaults(this.#faults);
  }

  #refuse(job: Job, error: unknown): void {
    if (this.#mailbox.first === job) this.#mailbox.take();
    job.fail(error);
    this.#mailbox.forget(job);
  }

  async #waitForRun(job: Job, run: Promise<unknown>): Promise<void> {
    this.#deciding = job;
    try {
      await run;
    } catch { /* it counts no more */ }
    job.running = undefined;
    if (this.#deciding !== job) return;
    this.#deciding = undefined;
    this.#decide(job);
    this.#owner.onFree(1);
  }

  // ---- storing ----

  #commit(): void {
    const group = this.#group ??= this.#begin();
    const now = this.#env.clock.monotonic();
    let deadline = group.size === 0 ? now + FENCE_TIMEOUT : -Infinity;
    for (const job of group.jobs) deadline = Math.max(deadline, job.deadline);
    if (deadline <= now) {
      return this.#endGroup(group, (job) => timeIsUp(job.call));
    }
    // Alone, it gets its last word from the store. Of several each has its own
    // deadline, and the message that of the most patient.
    const [first] = group.jobs;
    if (group.size === 1) first!.unwatch();
    else first?.watch();
    this.#isCommitting = true;
    const { behind, commitId, effects, events, records } = group;
    const options = {
      expectedVersion: behind,
      commitId,
      commands: records,
      timeout: Math.max(1, Math.ceil(deadline - now)),
      ...(effects.length === 0 ? {} : { effects }),
      ...inGeneration(this.generation),
    };
    const promised = effects.length === 0 ? undefined : this.#env.promise({
      commitId,
      effects,
      behind,
      version: group.version,
    });
    this.#env.store.append(
      behind.actorId,
      events,
      events.length > 0 ? options : { ...options, fence: true },
    ).then(
      (result) => {
        promised?.stored(result.sequence);
        this.#committed(group, records, result);
      },
      (error) => {
        const isKnown = error instanceof AetherError && !error.ambiguous;
        if (isKnown) promised?.notStored();
        else promised?.unknown();
        this.#notCommitted(group, error);
      },
    );
  }

  #begin(): Group {
    const { position, state, timers, version } = this.#replica;
    return new Group(state, version, position, timers);
  }

  #committed(
    group: Group,
    records: readonly CommandRecord[],
    result: AppendResult,
  ): void {
    this.#isCommitting = false;
    this.#group = undefined;
    this.mustWrite = false;
    this.#fences = 0;
    this.#most = Math.min(this.#most * 2, MOST_COMMANDS);
    // A store that counts otherwise:
    if (result.version !== group.version) this.#owner.onStale();
    const now = this.#env.clock.now();
    const { state, timers } = group;
    this.#replica.committed(state, result, records, timers, now);
    group.answer(result);
    for (const job of group.jobs) this.#mailbox.forget(job);
    this.#owner.onCommitted();
    this.#owner.onFree(group.size);
  }

  #notCommitted(group: Group, error: unknown): void {
    if (error instanceof VersionConflictError) {
      this.#conflicted(group, error);
    } else if (error instanceof CorruptLogError) {
      const told = this.#owner.onBroken(error);
      this.#isCommitting = false;
      this.#endGroup(group, () => told);
      this.#owner.onFree(group.size);
    } else if (error instanceof AetherError && !error.ambiguous) {
      this.#refused(group, error);
    } else {
      this.#unknown(group, error);
    }
  }

  /** Somebody else wrote: all are decided again, so often. */
  async #conflicted(group: Group, error: unknown): Promise<void> {
    this.#env.onConflict(this.#replica.position.actorId);
    this.#group = undefined;
    if (group.size === 0 && ++this.#fences > MAX_CONFLICTS) {
      this.#fences = 0;
      this.#owner.onNotFenced(error);
    }
    const again: Job[] = [];
    for (const job of group.jobs) {
      if (++job.conflicts > MAX_CONFLICTS) this.#refuse(job, error);
      else again.push(job);
    }
    this.#mailbox.putBack(again);
    try {
      await this.#replica.catchUp();
    } catch {
      this.#owner.onStale(); // whoever loads it says what is wrong
    }
    this.#isCommitting = false;
    this.#owner.onFree(1);
  }

  /** Nothing was stored: for good, if the same message would be refused again. */
  #refused(group: Group, error: AetherError): void {
    this.#isCommitting = false;
    if (group.size > 1 && !error.retryable && error.code !== "closed") {
      // One of them is to blame, or all together are too much.
      this.#group = undefined;
      this.#most = Math.ceil(group.size / 2);
      if (error.code === "payload_too_large") {
        this.#mostBytes = Math.ceil(group.bytes / 2);
      }
      this.#mailbox.putBack(group.jobs);
    } else if (group.size === 0) {
      this.#group = undefined;
      this.#owner.onNotFenced(error);
    } else this.#endGroup(group, () => error);
    this.#owner.onFree(1);
  }

  /** Nobody knows whether it was stored. */
  #unknown(group: Group, cause: unknown): void {
    this.#isCommitting = false;
    this.#group = undefined;
    this.mustWrite = true;
    this.#owner.onDoubt();
    const again: Job[] = [];
    for (const [i, job] of group.jobs.entries()) {
      // Where nothing of a command is in the message, nothing of it is in doubt;
      // but what it was refused with is not to be told either.
      if (group.keeps(i)) this.#refuse(job, outcomeUnknown(job.call, cause));
      else again.push(job);
    }
    this.#mailbox.putBack(again);
    if (group.size === 0) this.#owner.onNotFenced(unreachable(cause));
    this.#owner.onFree(1);
  }

  #endGroup(group: Group, errorOf: (job: Job) => unknown): void {
    this.#group = undefined;
    for (const job of group.jobs) this.#refuse(job, errorOf(job));
  }

  // ---- commands that come again ----

  /**
   * Whether the log has to be asked for a command that is not remembered: if an
   * attempt of it may have been stored. A first attempt under an id that was given
   * is taken for one where it would be remembered otherwise: somebody may have kept
   * the id for a repetition, until ids as young as it are forgotten here.
   */
  #mustLookBack(job: Job): boolean {
    const { commandId, timer } = job.call;
    if (job.isNew || job.known !== undefined) return false;
    if (job.isUnheardOf) return false;
    // While its timer is live the command was not done.
    if (timer !== undefined) return false;
    return isDurable(job)
      ? !this.#replica.wouldRemember(commandId)
      : this.#replica.mayHaveForgotten(commandId, this.#env.clock.now());
  }

  /**
   * Its timer is not live, as far as is known here. But an alarm that is dropped
   * does not ring again: another owner may have set it. The end of the log tells.
   */
  async #confirm(job: Job): Promise<void> {
    this.#deciding = job;
    job.watch();
    let broken: unknown;
    try {
      await this.#replica.catchUp();
    } catch (error) {
      this.#owner.onStale();
      broken = this.#owner.onBroken(error);
    }
    if (this.#deciding !== job) return; // given up
    this.#deciding = undefined;
    if (broken !== undefined) this.#refuse(job, broken);
    else {
      job.isNew = true;
      this.#mailbox.putBack([job]);
    }
    this.#owner.onFree(1);
  }

  /** Looks for a command in the log, and for those that wait with the same question. */
  async #lookBack(job: Job): Promise<void> {
    this.#deciding = job;
    job.watch();
    const others = this.#mailbox.all.filter((other) =>
      this.#mustLookBack(other)
    );
    const asking = [job, ...others];
    const ids = new Set(asking.map(({ call }) => call.commandId));
    let broken: unknown;
    try {
      const found = await this.#replica.lookBack(
        ids,
        asking.some(isDurable) ? undefined : this.#env.clock.now(),
        () => this.#deciding === job,
      );
      // Given up meanwhile: other commands may have run since.
      if (this.#deciding !== job) return;
      for (const one of asking) {
        one.known = found.get(one.call.commandId);
        one.isNew = one.known === undefined;
      }
    } catch (error) {
      broken = error;
    }
    if (this.#deciding !== job) return;
    this.#deciding = undefined;
    if (broken !== undefined) this.#refuse(job, this.#owner.onBroken(broken));
    else this.#mailbox.putBack([job]);
    this.#owner.onFree(1);
  }

  #answerAgain(job: Job, known: RememberedCommand): void {
    if (this.#mailbox.first === job) this.#mailbox.take();
    const answering = answerAgain(this.#env.store, job, known);
    // The mailbox need not wait for the store to find the events again.
    if (answering === undefined) this.#mailbox.forget(job);
    else answering.then(() => this.#mailbox.forget(job));
  }
}

function unreachable(cause: unknown): StoreUnavailableError {
  return new StoreUnavailableError(
    "Cannot answer as it could not be made sure that nobody else writes: nothing was done",
    { cause },
  );
}

/** How often a command is decided again. */
const MAX_CONFLICTS = 8;
/** After so many faults in a row something is to be done about it. */
const FAULTS = 5;
/** How many commands go into one message. */
const MOST_COMMANDS = 256;
/** How many bytes of events go into one message, about. */
const MOST_BYTES = 512 * 1024;
/** Milliseconds a commit without commands may take. */
const FENCE_TIMEOUT = 10_000;
