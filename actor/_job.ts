/** A call inside its activation: who waits for it, and how far it has come. */
import {
  AetherError,
  CommandFailedError,
  DeadlineExceededError,
  MovedError,
  OutcomeUnknownError,
  type RememberedCommand,
} from "../event/mod.ts";
import type { Call } from "./_call.ts";
import type { AnyHandler } from "./definition.ts";
import type { Deadlines, Timed } from "./_deadlines.ts";

/**
 * How far a job has come. Until it is `committing` it can be given up, and
 * nothing was done; then the store's answer is waited for, at most until the
 * deadline.
 */
export type Stage = "waiting" | "deciding" | "committing" | "settled";

/** What a job needs of the process it runs in. */
export interface JobSurroundings {
  /** Watches deadlines. */
  readonly deadlines: Deadlines;
  /** Whether there is somebody to carry out what a decision promises. */
  readonly keepsPromises: boolean;
  /** A handler failed, other than by `Rejected`. */
  failed(call: Call, error: CommandFailedError): void;
}

/** A call that an activation works on. */
export class Job implements Timed {
  /** How far it has come. */
  stage: Stage = "waiting";
  /** How often it was decided again after a conflict. */
  conflicts = 0;
  /** How often its handler was started. */
  runs = 0;
  /** Whether its own effect is in the message that is being stored. */
  isKept = false;
  /** Whether it was looked for in the log, and not found. */
  isNew = false;
  /** What was found of it there. */
  known: RememberedCommand | undefined;
  /** A run of its handler that counts no more, and is not over yet. */
  running: Promise<unknown> | undefined;
  /** Tells the activation that the job was given up; set by it. */
  onGiveUp: ((job: Job) => void) | undefined;
  readonly #env: JobSurroundings;
  readonly #resolve: (answer: unknown) => void;
  readonly #reject: (error: unknown) => void;
  #joined: Job[] | undefined;
  #leader: Job | undefined;
  #isTold = false;
  #watched = false;
  #waited = false;
  #controller: AbortController | undefined;
  #onAbort: (() => void) | undefined;

  /** Takes a call, what is to be run for it, and who waits for it. */
  constructor(
    readonly call: Call,
    readonly handler: AnyHandler,
    env: JobSurroundings,
    resolve: (answer: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.#env = env;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /**
   * Whether no other call can have its id yet: it was made for this one, and this
   * is its first attempt.
   */
  get isUnheardOf(): boolean {
    return this.call.hasNewId === true && this.call.attempt === 1;
  }

  /** As {@link JobSurroundings.keepsPromises}. */
  get keepsPromises(): boolean {
    return this.#env.keepsPromises;
  }

  /** When it has to be answered, on the monotonic clock. */
  get deadline(): number {
    return this.call.deadline;
  }

  /**
   * Whether it ever had to wait. If not, it is no older than its call, and needs
   * no look at the clock.
   */
  get hasWaited(): boolean {
    return this.#waited;
  }

  /** Whether it was answered or given up. */
  get settled(): boolean {
    return this.stage === "settled";
  }

  /** Aborts when the job is given up. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  /** Ends the job when its time is over or its caller gives up, from now on. */
  watch(): void {
    if (this.#watched || this.settled) return;
    this.#watched = true;
    this.#waited = true;
    this.#env.deadlines.add(this);
    const { signal } = this.call;
    if (signal === undefined) return;
    this.#onAbort = () => this.giveUp(signal.reason);
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Stops that: from now on the job has its one answer to wait for. */
  unwatch(): void {
    if (!this.#watched) return;
    this.#watched = false;
    this.#env.deadlines.remove(this);
    if (this.#onAbort !== undefined) {
      this.call.signal!.removeEventListener("abort", this.#onAbort);
    }
  }

  /** Answers as this job is answered: it is the same command. */
  join(job: Job): void {
    (this.#joined ??= []).push(job);
    job.#leader = this;
    job.watch();
  }

  /** Answers it and whoever joined. */
  succeed(answer: unknown): void {
    if (!this.#settle()) return;
    tell(this.#isTold ? undefined : this.#resolve, answer);
    if (this.#joined === undefined) return;
    for (const job of this.#joined) job.succeed(answer);
  }

  /** Refuses it and whoever joined. */
  fail(error: unknown): void {
    if (!this.#settle()) return;
    if (error instanceof CommandFailedError && this.#leader === undefined) {
      this.#env.failed(this.call, error);
    }
    tell(this.#isTold ? undefined : this.#reject, error);
    if (this.#joined === undefined) return;
    for (const job of this.#joined) job.fail(error);
  }

  /** The deadline passed. */
  expire(): void {
    const { stage, isKept } = this.#leader ?? this;
    if (stage !== "committing") return this.giveUp(timeIsUp(this.call));
    // The message is on its way. Whoever has more time waits for what becomes of it.
    const error = isKept ? outcomeUnknown(this.call) : timeIsUp(this.call);
    if (this.#leader !== undefined) return this.fail(error);
    this.#isTold = true;
    tell(this.#reject, error);
  }

  /** Ends it before anything was done; whoever joined may try again. */
  giveUp(reason: unknown): void {
    if (this.stage === "committing" || !this.#settle()) return;
    this.#controller?.abort(reason);
    tell(this.#reject, reason);
    for (const job of this.#joined ?? []) {
      job.fail(
        new MovedError(
          `The command "${this.call.commandId}" this one joined was given up: try again`,
        ),
      );
    }
    this.onGiveUp?.(this);
  }

  #settle(): boolean {
    if (this.settled) return false;
    this.unwatch();
    this.stage = "settled";
    return true;
  }
}

// Whoever cannot be told must not keep the others from being told.
function tell(
  listener: ((value: unknown) => void) | undefined,
  value: unknown,
): void {
  try {
    listener?.(value);
  } catch { /* theirs */ }
}

/** Makes the error for a call whose time is over before anything was done. */
export function timeIsUp(call: Call): DeadlineExceededError {
  return new DeadlineExceededError(
    `Cannot do "${call.name}" of "${call.address.id}" as its time is over: nothing was done`,
    { details: { actorId: call.address.id, commandId: call.commandId } },
  );
}

/** Makes the error for a call that may have been done, with what is known of it. */
export function outcomeUnknown(
  { address, commandId, name }: Call,
  cause?: unknown,
): OutcomeUnknownError {
  return new OutcomeUnknownError(
    `"${name}" of "${address.id}" may or may not have been done: call again with command id "${commandId}" to find out`,
    {
      ...(cause === undefined ? {} : { cause }),
      details: {
        ...(cause instanceof AetherError ? cause.details : {}),
        actorId: address.id,
        commandId,
      },
    },
  );
}
