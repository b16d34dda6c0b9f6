/**
 * One command, from its turn in the mailbox to its answer:
 *
 *   decide on the state → append, expecting the log to end where the state does
 *   → take over the new state → answer
 *
 * An append that is refused says that somebody else wrote: what is new is read,
 * and the command decided again on it, unless it turns out that its own id is
 * among what is new (an earlier attempt of it, run by another node). An append
 * of which nothing is known leaves the state in doubt: it is loaded again before
 * it is used again.
 *
 * A command that comes again is given its first answer. An outcome without
 * events is not stored, unless it is that of an attempt after the first: then an
 * earlier one may still be under way somewhere, and what the caller is told has
 * to hold against it.
 */
import {
  AetherError,
  assertJson,
  type CommandRecord,
  CorruptLogError,
  CycleError,
  type NewEvent,
  OutcomeUnknownError,
  Rejected,
  type RememberedCommand,
  type StoredEvent,
  VersionConflictError,
} from "../event/mod.ts";
import type { AppendResult } from "../store/mod.ts";
import type { Surroundings } from "./_activation.ts";
import { HandlerContext } from "./_context.ts";
import {
  checkDecision,
  type Decided,
  handlerFailed,
  isThenable,
} from "./_decision.ts";
import type { AnyActor } from "./definition.ts";
import { type Job, timeIsUp } from "./_job.ts";
import type { Replica } from "./_replica.ts";

/** The answer to a command. */
export interface CommandAnswer {
  /** The actor's version behind the command. */
  readonly version: number;
  /** Its events, as stored. */
  readonly events: readonly StoredEvent[];
}

/** What an activation is told of its commands. */
export interface CommandEvents {
  /** The next one may run, though this one is not answered yet. */
  release(job: Job): void;
  /** It is answered. */
  finished(job: Job): void;
  /** The replica has moved on. */
  committed(): void;
  /** The replica may no longer be what the log says. */
  doubt(): void;
  /** The log could not be read; nothing was done. */
  broken(error: unknown, job: Job): void;
}

/** Runs the commands of one actor. */
export class CommandRunner {
  readonly #env: Surroundings;
  readonly #definition: AnyActor;
  readonly #replica: Replica;
  readonly #on: CommandEvents;

  /** Works on a replica, and tells its activation. */
  constructor(
    env: Surroundings,
    definition: AnyActor,
    replica: Replica,
    on: CommandEvents,
  ) {
    this.#env = env;
    this.#definition = definition;
    this.#replica = replica;
    this.#on = on;
  }

  /** Runs a command; the activation hears when it is done. */
  run(job: Job): void {
    const { attempt, commandId } = job.call;
    const known = this.#replica.memory.get(commandId);
    if (known !== undefined) this.#answerAgain(job, known);
    else if (attempt > 1 && !this.#replica.wouldRemember(commandId)) {
      this.#lookBack(job);
    } else this.#decide(job);
  }

  #decide(job: Job): void {
    const { call } = job;
    const { clock, refer } = this.#env;
    const time = job.conflicts > 0 ? clock.monotonic() : job.time(clock);
    if (time >= call.deadline) {
      return this.#fail(job, timeIsUp(call));
    }
    if (call.signal?.aborted) return this.#fail(job, call.signal.reason);
    const { state, version } = this.#replica;
    const ctx = new HandlerContext(job, version, clock.now(), refer);
    job.stage = "deciding";
    let returned: unknown;
    try {
      returned = job.handler(state, call.input, ctx);
    } catch (error) {
      return this.#refused(job, error);
    }
    if (!isThenable(returned)) return this.#decided(job, returned, ctx.now);
    job.watch();
    // A job that was given up meanwhile has left the mailbox already.
    returned.then(
      (value) => job.settled || this.#decided(job, value, ctx.now),
      (error) => job.settled || this.#refused(job, error),
    );
  }

  #decided(job: Job, returned: unknown, now: Date): void {
    const { actorId } = this.#replica.position;
    const { attempt, commandId, name } = job.call;
    let decided: Decided;
    try {
      decided = checkDecision(this.#definition, this.#replica.state, returned, {
        actorId,
        command: name,
        stamp: stampOf(job, now),
      });
    } catch (error) {
      return this.#fail(job, error);
    }
    const { events } = decided;
    if (events.length > 0 || attempt > 1) {
      this.#commit(job, decided, { id: commandId, events: events.length });
    } else this.#succeed(job, { version: this.#replica.version, events: [] });
  }

  #refused(job: Job, error: unknown): void {
    const { attempt, commandId, name } = job.call;
    if (!(error instanceof Rejected)) {
      return this.#fail(job, this.#handlerFailed(job, error));
    }
    const { reason, message, details } = error;
    const rejected = { reason, message, details };
    try {
      assertJson(rejected, "rejected", `Cannot reject "${name}"`);
    } catch (cause) {
      return this.#fail(job, this.#handlerFailed(job, cause));
    }
    if (attempt === 1) return this.#fail(job, error);
    const nothing = { events: [], state: this.#replica.state };
    this.#commit(job, nothing, { id: commandId, events: 0, rejected });
  }

  #commit(job: Job, decided: Decided, record: CommandRecord): void {
    const left = job.deadline - this.#env.clock.monotonic();
    if (left <= 0) return this.#fail(job, timeIsUp(job.call));
    job.unwatch();
    job.stage = "committing";
    const { position } = this.#replica;
    const options = {
      expectedVersion: position,
      commands: [record],
      timeout: Math.max(1, Math.ceil(left)),
    };
    this.#env.store.append(
      position.actorId,
      decided.events,
      decided.events.length > 0 ? options : { ...options, fence: true },
    ).then(
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
    const { version } = result;
    if (version !== this.#replica.version + decided.events.length) {
      this.#on.doubt(); // a store that counts otherwise
    }
    const now = this.#env.clock.now();
    this.#replica.committed(decided.state, result, record, now);
    if (record.rejected === undefined) {
      // Decoded by the store only if the caller looks at them.
      const answer = {
        version,
        get events() {
          return result.events;
        },
      };
      this.#succeed(job, answer);
    } else this.#fail(job, rejectedBy(record));
    this.#on.committed();
  }

  #notCommitted(job: Job, error: unknown): void {
    if (error instanceof VersionConflictError) {
      if (++job.conflicts > MAX_CONFLICTS) this.#fail(job, error);
      else this.#catchUp(job);
    } else if (error instanceof CorruptLogError) {
      this.#on.broken(error, job);
    } else if (error instanceof AetherError && !error.ambiguous) {
      this.#fail(job, error);
    } else {
      this.#on.doubt();
      this.#fail(job, outcomeUnknown(job, error));
    }
  }

  async #catchUp(job: Job): Promise<void> {
    try {
      await this.#replica.catchUp();
    } catch (error) {
      return this.#on.broken(error, job);
    }
    const known = this.#replica.memory.get(job.call.commandId);
    if (known !== undefined) return this.#answerAgain(job, known);
    job.stage = "waiting";
    this.#decide(job);
  }

  // ---- commands that come again ----

  async #lookBack(job: Job): Promise<void> {
    let known: RememberedCommand | undefined;
    try {
      const remember = await this.#replica.lookBack(job.call.commandId);
      // Given up meanwhile: another command may have run since.
      if (job.settled) return;
      known = remember();
    } catch (error) {
      if (!job.settled) this.#on.broken(error, job);
      return;
    }
    if (known !== undefined) this.#answerAgain(job, known);
    else this.#decide(job);
  }

  #answerAgain(job: Job, known: RememberedCommand): void {
    const { version } = known;
    if (known.rejected !== undefined) return this.#fail(job, rejectedBy(known));
    if (known.events === 0) return this.#succeed(job, { version, events: [] });
    job.unwatch();
    job.stage = "committing"; // it is done: it cannot be given up any more
    const reading = this.#eventsOf(known);
    // The mailbox need not wait for the store to find the events again.
    this.#on.release(job);
    reading.then(
      (events) => this.#succeed(job, { version, events }),
      (cause) => this.#fail(job, answerNotFound(job, known, cause)),
    );
  }

  async #eventsOf(command: RememberedCommand): Promise<StoredEvent[]> {
    const events: StoredEvent[] = [];
    const read = this.#env.store.read({
      actorId: this.#replica.position.actorId,
      from: command.version - command.events + 1,
      to: command.version,
    });
    for await (const event of read) events.push(event);
    return events;
  }

  #succeed(job: Job, answer: CommandAnswer): void {
    job.succeed(answer);
    this.#on.finished(job);
  }

  #fail(job: Job, error: unknown): void {
    job.fail(error);
    this.#on.finished(job);
  }

  #handlerFailed(job: Job, error: unknown): AetherError {
    // A cycle names its whole chain: nothing is gained by wrapping it.
    if (error instanceof CycleError) return error;
    const { actorId } = this.#replica.position;
    return handlerFailed("command", actorId, job.call.name, error);
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

function outcomeUnknown({ call }: Job, cause: unknown): OutcomeUnknownError {
  const { address, commandId, name } = call;
  return new OutcomeUnknownError(
    `"${name}" of "${address.id}" may or may not have been done: call again with command id "${commandId}" to find out`,
    {
      cause,
      details: {
        ...(cause instanceof AetherError ? cause.details : {}),
        actorId: address.id,
        commandId,
      },
    },
  );
}

function answerNotFound(
  { call }: Job,
  { id, version }: RememberedCommand,
  cause: unknown,
): OutcomeUnknownError {
  return new OutcomeUnknownError(
    `"${call.name}" of "${call.address.id}" was done at version ${version}, but its events could not be read: call again with command id "${id}"`,
    { cause, details: { commandId: id, version } },
  );
}

/** How often a command is decided again. */
const MAX_CONFLICTS = 8;
