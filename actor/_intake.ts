/**
 * Carries out the durable commands for the actors of this node.
 *
 * They wait in the inbox until they are done with: what they came to is stored
 * with the actor's commit, the sender told where it asked, and only then are they
 * removed. So whoever owns the shard next finds all that is not done with, and may
 * find some that is; those are answered from what their actor remembers.
 *
 * Each actor has a lane: one command at a time, in the order of the inbox. One that
 * fails is tried again, with pauses that double, and blocks its lane, no other. After
 * so many failures it is parked, and what comes behind it from the same source is
 * parked as well, so that order is kept, until somebody has it replayed or dropped.
 * Trouble with the store, or a move, is no failure of the command: it is waited out.
 *
 * A shard costs nothing while nothing comes: the inbox says when something does. As
 * that may be lost on the way, it is asked every few seconds where commands wait,
 * with one request for all shards.
 */
import {
  AetherError,
  type CancelTimer,
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
import type { Call } from "./_call.ts";
import type { RejectedSend } from "./effects.ts";
import { freezeDeep } from "./_json.ts";
import type { Log } from "./log.ts";
import type { Outbox } from "./_outbox.ts";
import { toldId } from "./_promised.ts";

/** What an intake works with. */
export interface IntakeOptions {
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

/** What an intake has done. */
export interface IntakeStats {
  /** Durable commands carried out, rejected ones among them. */
  readonly carriedOut: number;
  /** Of them, those that were rejected. */
  readonly rejected: number;
  /** Commands parked. */
  readonly parked: number;
  /** Messages in the inbox that were no commands, and were removed. */
  readonly refused: number;
}

/** What is known of one shard of one type. */
interface Place extends InboxPlace {
  /** Where to read on. */
  next: number;
  /** The highest sequence that is known to be there. */
  wanted: number;
  isReading: boolean;
  isStopped: boolean;
  /** Whether there was no room to read on. */
  isFull: boolean;
  /** Sequences of commands that were read and are not done with. */
  readonly held: Set<number>;
  readonly lanes: Map<string, Lane>;
  /** Ids of parked commands that block what comes behind them, by actor and source. */
  blocked: Map<string, Set<string>> | undefined;
  readonly onIdle: (() => void)[];
}

/** The commands of one actor. */
interface Lane {
  readonly waiting: InboxCommand[];
  /** Where it goes on behind those, if there was no room for more. */
  rest: number | undefined;
  /** The last sequence for which there was no room. */
  last: number;
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

/** Carries out durable commands. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #limit: number;
  readonly #places = new Map<string, Place>();
  readonly #queue: (() => void)[] = [];
  readonly #pauses = new Set<() => void>();
  #running = 0;
  #isLooking = false;
  #lookAgain = false;
  #stop: () => void = () => {};
  #cancelLook: CancelTimer | undefined;
  #closed = false;
  #carriedOut = 0;
  #rejected = 0;
  #parked = 0;
  #refused = 0;

  /** Takes nothing yet. */
  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#limit = options.failures ?? FAILURES;
  }

  /** What it has done. */
  get stats(): IntakeStats {
    return {
      carriedOut: this.#carriedOut,
      rejected: this.#rejected,
      parked: this.#parked,
      refused: this.#refused,
    };
  }

  /** Begins to take. */
  start(): void {
    const { inbox } = this.#options;
    this.#stop = inbox.onArrival((place, sequence) => {
      if (this.#closed || !this.#options.owns(place.type, place.shard)) return;
      this.#arrived(place, sequence);
    });
    this.look();
  }

  /** Looks where commands wait; to be called when shards have come, too. */
  look(): void {
    if (this.#closed) return;
    if (this.#isLooking) {
      this.#lookAgain = true;
      return;
    }
    this.#cancelLook?.();
    this.#isLooking = true;
    this.#lookAround().catch(() => {}).then(() => {
      this.#isLooking = false;
      if (this.#closed) return;
      if (this.#lookAgain) {
        this.#lookAgain = false;
        return this.look();
      }
      const { clock, inbox } = this.#options;
      if (inbox.tellsAll) return;
      this.#cancelLook = clock.timer(LOOK, () => this.look());
    });
  }

  /**
   * Takes nothing more for a shard.
   *
   * @returns When what runs is done with.
   */
  release(place: InboxPlace): Promise<void> {
    const known = this.#places.get(keyOf(place));
    if (known === undefined) return Promise.resolve();
    this.#places.delete(keyOf(place));
    known.isStopped = true;
    for (const wake of [...this.#pauses]) wake();
    if (known.lanes.size === 0 && !known.isReading) return Promise.resolve();
    return new Promise((resolve) => known.onIdle.push(resolve));
  }

  /** Takes nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stop();
    this.#cancelLook?.();
    await Promise.all(
      [...this.#places.values()].map((place) => this.release(place)),
    );
  }

  // ---- finding ----

  async #lookAround(): Promise<void> {
    const { inbox, owns } = this.#options;
    for (let from: number | undefined = 1; from !== undefined;) {
      const found: Awaited<ReturnType<Inbox["places"]>> = await inbox.places(
        from,
      );
      for (const place of found.places) {
        if (this.#closed) return;
        if (owns(place.type, place.shard)) this.#arrived(place, undefined);
      }
      from = found.next;
    }
  }

  #arrived(where: InboxPlace, sequence: number | undefined): void {
    const key = keyOf(where);
    let place = this.#places.get(key);
    if (place === undefined) {
      place = {
        type: where.type,
        shard: where.shard,
        next: 1,
        wanted: 0,
        isReading: false,
        isStopped: false,
        isFull: false,
        held: new Set(),
        lanes: new Map(),
        blocked: undefined,
        onIdle: [],
      };
      this.#places.set(key, place);
    }
    if (sequence === undefined) {
      // Found by looking: it may well be known, then nothing is behind it.
      this.#read(place);
      return;
    }
    // A lower one than before: the stream was made anew.
    if (sequence < place.next && sequence < place.wanted) place.next = 1;
    place.wanted = Math.max(place.wanted, sequence);
    this.#read(place);
  }

  async #read(place: Place): Promise<void> {
    if (place.isReading) return;
    place.isReading = true;
    const { inbox, log } = this.#options;
    try {
      place.blocked ??= await this.#blockedOf(place);
      for (let misses = 0; this.#mayRead(place);) {
        const page = await inbox.read(place, place.next, { limit: PAGE });
        if (place.isStopped) break;
        for (const { reason, sequence } of page.broken) {
          this.#refused++;
          const { shard, type } = place;
          const message = "a message in the inbox is no command";
          log({ level: "error", message, type, shard, sequence, reason });
          this.#remove(sequence);
        }
        const isNew = page.last >= place.next;
        place.next = Math.max(place.next, page.last + 1);
        for (const command of page.commands) this.#take(place, command);
        if (page.more) continue;
        if (place.wanted < place.next) break;
        // What came while this was read is read at once.
        if (isNew) continue;
        if (++misses > MISSES) break;
        // A replica that is behind.
        await this.#pause(misses * 5);
      }
    } catch (error) {
      const { code, message: reason } = error as AetherError;
      const message = "durable commands could not be read";
      log({ level: "warn", message, place: keyOf(place), code, reason });
    }
    place.isReading = false;
    this.#settle(place);
  }

  #mayRead(place: Place): boolean {
    place.isFull = place.held.size >= WINDOW;
    return !place.isStopped && !this.#closed && !place.isFull;
  }

  async #blockedOf(place: Place): Promise<Map<string, Set<string>>> {
    const blocked = new Map<string, Set<string>>();
    for (const parked of await this.#options.inbox.parked(place)) {
      block(blocked, parked);
    }
    return blocked;
  }

  // ---- lanes ----

  #take(place: Place, command: InboxCommand): void {
    const { actorId, sequence } = command;
    if (place.held.has(sequence)) return;
    let lane = place.lanes.get(actorId);
    if (lane === undefined) {
      lane = { waiting: [], rest: undefined, last: 0 };
      place.lanes.set(actorId, lane);
      this.#work(place, actorId, lane);
    }
    if (lane.rest !== undefined || lane.waiting.length >= LANE) {
      // One that is blocked must not take the room of others.
      lane.rest = Math.min(lane.rest ?? sequence, sequence);
      lane.last = Math.max(lane.last, sequence);
    } else this.#hold(place, lane, command);
  }

  #hold(place: Place, lane: Lane, command: InboxCommand): void {
    if (place.held.has(command.sequence)) return;
    place.held.add(command.sequence);
    lane.waiting.push(command);
  }

  async #work(place: Place, actorId: string, lane: Lane): Promise<void> {
    await this.#turn();
    try {
      while (!place.isStopped && await this.#hasMore(place, actorId, lane)) {
        const command = lane.waiting[0]!;
        if (!await this.#carryOut(place, command)) break;
        lane.waiting.shift();
        place.held.delete(command.sequence);
        if (place.isFull && place.held.size <= WINDOW / 2) this.#read(place);
      }
    } catch (error) {
      // The next look, or the next owner, goes on.
      const { code, message: reason } = error as AetherError;
      const message = "durable commands wait for another look";
      this.#options.log({ level: "debug", message, actorId, code, reason });
    }
    this.#running--;
    this.#queue.shift()?.();
    // What was left here is there still, and is read again.
    const left = lane.waiting[0]?.sequence ?? lane.rest;
    for (const { sequence } of lane.waiting) place.held.delete(sequence);
    if (left !== undefined) place.next = Math.min(place.next, left);
    place.lanes.delete(actorId);
    this.#settle(place);
  }

  /** Whether there is a next one in a lane; reads those for which there was no room. */
  async #hasMore(
    place: Place,
    actorId: string,
    lane: Lane,
  ): Promise<boolean> {
    while (lane.waiting.length === 0 && lane.rest !== undefined) {
      const { inbox } = this.#options;
      const page = await inbox.read(place, lane.rest, { limit: LANE, actorId });
      for (const command of page.commands) this.#hold(place, lane, command);
      lane.rest = page.more || page.last < lane.last
        ? Math.max(page.last + 1, lane.rest)
        : undefined;
      // A replica that is behind: left to the next look.
      if (page.last === 0) return false;
    }
    return lane.waiting.length > 0;
  }

  #settle(place: Place): void {
    if (place.isReading || place.lanes.size > 0) return;
    for (const done of place.onIdle.splice(0)) done();
  }

  /** Waits until another lane may run. */
  async #turn(): Promise<void> {
    if (this.#running >= LANES) {
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    }
    this.#running++;
  }

  /** Returns whether the command is done with. */
  async #carryOut(place: Place, command: InboxCommand): Promise<boolean> {
    if (command.parked !== undefined) return await this.#unpark(place, command);
    if (place.blocked?.has(blockOf(command))) {
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
    await this.#remove(command.sequence);
    return true;
  }

  /** Tries until it is done, rejected, not this node's any more, or has failed for good. */
  async #tryOut(
    place: Place,
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
      await this.#pause(pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }

  #attempt(
    place: Place,
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
    place: Place,
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
    if (place.blocked !== undefined) block(place.blocked, parked);
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
    await this.#remove(sequence);
    return true;
  }

  /** Carries out what was asked for of a parked command. */
  async #unpark(place: Place, order: InboxCommand): Promise<boolean> {
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
    await this.#remove(sequence);
    return true;
  }

  async #replay(place: Place, found: FoundParked): Promise<boolean> {
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
        unblock(place.blocked, found);
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
  async #drop(place: Place, found: FoundParked): Promise<boolean> {
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

  async #forget(place: Place, found: FoundParked): Promise<void> {
    await this.#remove(found.sequence);
    unblock(place.blocked, found);
  }

  #remove(sequence: number): Promise<void> {
    const { inbox, outbox } = this.#options;
    return outbox.untilDone(
      `the end of a durable command`,
      () => inbox.remove(sequence),
    );
  }

  /** Waits, but not longer than it may go on. */
  #pause(ms: number): Promise<void> {
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

function keyOf({ shard, type }: InboxPlace): string {
  return `${type}/${shard}`;
}

function blockOf(
  { actorId, source }: { readonly actorId: string; readonly source: string },
): string {
  return `${actorId} ${source}`;
}

function block(
  blocked: Map<string, Set<string>>,
  { because, command }: Pick<FoundParked, "because" | "command">,
): void {
  // What was rejected has come to an end: order is kept.
  if (because === "rejected") return;
  const key = blockOf(command);
  const ids = blocked.get(key) ?? new Set();
  ids.add(command.commandId);
  blocked.set(key, ids);
}

function unblock(
  blocked: Map<string, Set<string>> | undefined,
  { command }: FoundParked,
): void {
  const key = blockOf(command);
  const ids = blocked?.get(key);
  ids?.delete(command.commandId);
  if (ids?.size === 0) blocked!.delete(key);
}

/** Failures after which a command is parked. */
const FAILURES = 10;
/** Milliseconds before the second attempt; doubled for each one after. */
const PAUSE = 100;
/** Most milliseconds between two attempts. */
const LONGEST_PAUSE = 30_000;
/** Milliseconds an attempt may take. */
const TIMEOUT = 30_000;
/** Commands read at a time. */
const PAGE = 128;
/** Commands of one shard that may be read ahead. */
const WINDOW = 1_024;
/** Commands of one actor that may be. */
const LANE = 64;
/** Lanes that may run at the same time. */
const LANES = 256;
/** How often it is looked again for what is known to be there. */
const MISSES = 5;
/** Milliseconds between two looks around. */
const LOOK = 5_000;
