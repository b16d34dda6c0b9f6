/**
 * Carries out one durable command: tries it until something has come of it, tells
 * the sender, and parks what cannot be done. A parked one is tried again, or given
 * up, when somebody asks for that.
 */
import {
  AetherError,
  type Clock,
  parseActorId,
  Rejected,
} from "../event/mod.ts";
import type {
  FoundParked,
  Inbox,
  InboxCommand,
  InboxPlace,
  ParkedBecause,
} from "../store/mod.ts";
import type { Blocks } from "./_blocks.ts";
import type { Call } from "./_call.ts";
import type { RejectedSend } from "./effects.ts";
import { freezeDeep } from "./_json.ts";
import type { Log } from "./log.ts";
import type { Outbox } from "./_outbox.ts";
import { toldId } from "./_promised.ts";

/** What a carrier works with. */
export interface CarrierOptions {
  /** Where commands wait. */
  readonly inbox: Inbox;
  /** For what senders are told. */
  readonly outbox: Outbox;
  /** Where time comes from. */
  readonly clock: Clock;
  /** Who is told. */
  readonly log: Log;
  /** Whether a type is hosted here, and its shard is this node's. */
  owns(type: string, shard: number): boolean;
  /** Hands a call to its actor on this node. */
  submit(
    call: Call,
    resolve: (answer: unknown) => void,
    reject: (error: unknown) => void,
  ): void;
  /** Failures after which a command is parked; 10 by default. */
  readonly failures?: number | undefined;
}

/** What a carrier has done. */
export interface CarrierStats {
  /** Durable commands carried out, rejected ones among them. */
  readonly carriedOut: number;
  /** Of them, those that were rejected. */
  readonly rejected: number;
  /** Commands parked. */
  readonly parked: number;
}

/** The shard a command is for. */
export interface Holding extends InboxPlace {
  /** Whether it is left to another node. */
  readonly isStopped: boolean;
  /** What blocks what comes behind it; undefined while that is not known. */
  readonly blocked: Blocks | undefined;
}

/** What became of an attempt. */
type Attempt =
  | { readonly kind: "done" }
  | { readonly kind: "rejected"; readonly rejection: Rejected }
  /** Not a failure of its own. */
  | { readonly kind: "passing" }
  /** It is not for this node any more. */
  | { readonly kind: "left" }
  | { readonly kind: "failed"; readonly error: Failure };

/** Why an attempt failed. */
type Failure = Pick<AetherError, "code" | "message">;

/** Carries out durable commands, each by itself. */
export class Carrier {
  readonly #options: CarrierOptions;
  readonly #limit: number;
  readonly #pauses = new Set<() => void>();
  #closed = false;
  #carriedOut = 0;
  #rejected = 0;
  #parked = 0;

  /** Does nothing yet. */
  constructor(options: CarrierOptions) {
    this.#options = options;
    this.#limit = options.failures ?? FAILURES;
  }

  /** What it has done. */
  get stats(): CarrierStats {
    return {
      carriedOut: this.#carriedOut,
      rejected: this.#rejected,
      parked: this.#parked,
    };
  }

  /** Tries nothing any more. */
  close(): void {
    this.#closed = true;
    this.wake();
  }

  /** Ends all pauses: what they wait for may be over. */
  wake(): void {
    for (const wake of [...this.#pauses]) wake();
  }

  /**
   * Carries out a command.
   *
   * @returns Whether it is done with: if not, it is left to whoever looks next.
   */
  async carryOut(place: Holding, command: InboxCommand): Promise<boolean> {
    if (command.parked !== undefined) return await this.#unpark(place, command);
    if (place.blocked?.has(command)) {
      const blocked = {
        message: "it stands behind one that failed",
        code: "",
      } as const;
      return await this.#park(place, command, "behind", blocked, 0);
    }
    const { attempt, attempts } = await this.#tryOut(place, command);
    switch (attempt.kind) {
      case "done":
        this.#carriedOut++;
        break;
      case "rejected": {
        this.#carriedOut++;
        this.#rejected++;
        const { rejection } = attempt;
        if (command.onRejected === undefined) {
          return await this.#park(
            place,
            command,
            "rejected",
            rejection,
            attempts,
          );
        }
        await this.#tell(command, rejection);
        break;
      }
      case "failed":
        return await this.#park(
          place,
          command,
          "failed",
          attempt.error,
          attempts,
        );
      default:
        return false;
    }
    await this.remove(command.sequence);
    return true;
  }

  /** Tries until it is done, rejected, not this node's any more, or has failed for good. */
  async #tryOut(
    place: Holding,
    command: InboxCommand,
    refuse?: Rejected,
  ): Promise<{ readonly attempt: Attempt; readonly attempts: number }> {
    let pause = PAUSE;
    for (let attempts = 1;;) {
      const attempt = await this.#attempt(place, command, refuse);
      if (attempt.kind === "failed") {
        if (attempts >= this.#limit) return { attempt, attempts };
        attempts++;
      } else if (attempt.kind !== "passing") return { attempt, attempts };
      await this.pause(pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }

  #attempt(
    place: Holding,
    command: InboxCommand,
    refuse: Rejected | undefined,
  ): Promise<Attempt> {
    const { clock, owns, submit } = this.#options;
    if (place.isStopped || this.#closed || !owns(place.type, place.shard)) {
      return Promise.resolve({ kind: "left" });
    }
    const since = clock.monotonic();
    const call: Call = {
      address: parseActorId(command.actorId),
      name: command.command,
      input: freezeDeep(command.input),
      commandId: command.commandId,
      attempt: 1,
      since,
      deadline: since + TIMEOUT,
      chain: [],
      correlationId: command.correlationId,
      causationId: command.causationId,
      traceparent: command.traceparent,
      durable: true,
      ...(command.timer === undefined ? {} : { timer: command.timer }),
      ...(refuse === undefined ? {} : { refuse }),
    };
    return new Promise((resolve) => {
      submit(
        call,
        () => resolve({ kind: "done" }),
        (error) => resolve(attemptOf(error)),
      );
    });
  }

  // ---- outcomes ----

  /** Tells the sender, as a durable command of its own. */
  async #tell(command: InboxCommand, rejection: Rejected): Promise<void> {
    const { reason: _reason, ...details } = rejection.details;
    const input: RejectedSend = {
      reason: rejection.reason,
      message: rejection.message,
      details,
      by: command.actorId,
      command: command.command,
      input: command.input ?? null,
    };
    const { correlationId, traceparent } = command;
    await this.#options.outbox.sendDurable({
      commandId: toldId(command.commandId),
      actorId: command.source,
      command: command.onRejected!,
      input,
      source: command.actorId,
      causationId: command.commandId,
      ...(correlationId === undefined ? {} : { correlationId }),
      ...(traceparent === undefined ? {} : { traceparent }),
    });
  }

  async #park(
    place: Holding,
    command: InboxCommand,
    because: ParkedBecause,
    { code, message }: Failure | {
      readonly code: "";
      readonly message: string;
    },
    attempts: number,
  ): Promise<boolean> {
    const { clock, inbox, log, outbox } = this.#options;
    const { sequence, ...parkedCommand } = command;
    const parked = {
      command: parkedCommand,
      because,
      reason: message,
      code: because === "rejected" ? "rejected" : code,
      attempts,
      at: new Date(clock.now()),
      order: sequence,
    };
    await outbox.untilDone(
      `a parked "${command.command}" of "${command.actorId}"`,
      () => inbox.park(parked),
    );
    place.blocked?.add(parked);
    this.#parked++;
    log({
      level: because === "behind" ? "info" : "warn",
      message: "a durable command is parked",
      actorId: command.actorId,
      command: command.command,
      commandId: command.commandId,
      because,
      attempts,
      reason: message,
    });
    await this.remove(sequence);
    return true;
  }

  /** Carries out what was asked for of a parked command. */
  async #unpark(place: Holding, order: InboxCommand): Promise<boolean> {
    const { inbox, outbox } = this.#options;
    const { actorId, commandId, sequence } = order;
    const found = await outbox.untilDone(
      `what is parked of "${actorId}"`,
      () => inbox.findParked(actorId, commandId),
    );
    if (found !== undefined) {
      const isOver = order.parked === "drop"
        ? await this.#drop(place, found)
        : await this.#replay(place, found);
      if (!isOver) return false;
    }
    await this.remove(sequence);
    return true;
  }

  async #replay(place: Holding, found: FoundParked): Promise<boolean> {
    // What was rejected stays so: its outcome is stored.
    if (found.because === "rejected") return true;
    const command = { ...found.command, sequence: found.order };
    const { attempt, attempts } = await this.#tryOut(place, command);
    switch (attempt.kind) {
      case "done":
        this.#carriedOut++;
        break;
      case "rejected":
        this.#carriedOut++;
        this.#rejected++;
        if (command.onRejected !== undefined) {
          await this.#tell(command, attempt.rejection);
          break;
        }
        await this.#parkAgain(found, "rejected", attempt.rejection, attempts);
        place.blocked?.remove(found);
        return true;
      case "failed":
        await this.#parkAgain(found, "failed", attempt.error, attempts);
        return true;
      default:
        return false;
    }
    await this.#forget(place, found);
    return true;
  }

  /** Sees to it that it is never carried out, and tells the sender where it asked. */
  async #drop(place: Holding, found: FoundParked): Promise<boolean> {
    if (found.because !== "rejected") {
      const command = { ...found.command, sequence: found.order };
      const refuse = new Rejected("dropped", "it was parked, and dropped");
      const { attempt } = await this.#tryOut(place, command, refuse);
      if (attempt.kind === "left" || attempt.kind === "passing") return false;
      // Of an actor that cannot be used nothing can be stored; nor can it be done.
      if (attempt.kind !== "done" && command.onRejected !== undefined) {
        await this.#tell(
          command,
          attempt.kind === "rejected" ? attempt.rejection : refuse,
        );
      }
    }
    await this.#forget(place, found);
    return true;
  }

  async #parkAgain(
    found: FoundParked,
    because: ParkedBecause,
    { code, message }: Failure | {
      readonly code: "";
      readonly message: string;
    },
    attempts: number,
  ): Promise<void> {
    const { clock, inbox, outbox } = this.#options;
    const { sequence: _sequence, ...parked } = found;
    await outbox.untilDone(
      `a parked "${found.command.command}"`,
      () =>
        inbox.park({
          ...parked,
          because,
          reason: message,
          code,
          attempts: found.attempts + attempts,
          at: new Date(clock.now()),
        }),
    );
  }

  async #forget(place: Holding, found: FoundParked): Promise<void> {
    await this.remove(found.sequence);
    place.blocked?.remove(found);
  }

  /** It is done with: nobody finds it any more. */
  remove(sequence: number): Promise<void> {
    const { inbox, outbox } = this.#options;
    return outbox.untilDone(
      `the end of a durable command`,
      () => inbox.remove(sequence),
    );
  }

  /** Waits, but not longer than it may go on. */
  pause(ms: number): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        this.#pauses.delete(done);
        resolve();
      };
      const cancel = this.#options.clock.timer(ms, done);
      this.#pauses.add(done);
    });
  }
}

function attemptOf(error: unknown): Attempt {
  if (error instanceof Rejected) return { kind: "rejected", rejection: error };
  if (!(error instanceof AetherError)) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: "failed", error: { code: "command_failed", message } };
  }
  switch (error.code) {
    case "moved":
    case "closed":
      return { kind: "left" };
    case "overloaded":
    case "store_unavailable":
    case "outcome_unknown":
    case "version_conflict":
      return { kind: "passing" };
    default:
      return { kind: "failed", error };
  }
}

/** Failures after which a command is parked. */
const FAILURES = 10;
/** Milliseconds before the second attempt; doubled for each one after. */
const PAUSE = 100;
/** Most milliseconds between two attempts. */
const LONGEST_PAUSE = 30_000;
/** Milliseconds an attempt may take. */
const TIMEOUT = 30_000;
