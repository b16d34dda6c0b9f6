/**
 * One life of a node in a test. It reaches the world by three things: its store,
 * its clock and its handlers. All three can be cut off at once, which is a crash
 * as far as anybody can tell: what is not stored by then never will be, what is
 * promised and not carried out is left to the next life, and nothing that this one
 * still does gets anywhere.
 *
 * It also knows what it is busy with, so that a test can wait for that.
 */
import { type Clock, MovedError, OutcomeUnknownError } from "../event/mod.ts";
import { InMemoryEventStore, type InMemoryLog } from "../store/mod.ts";
import {
  Aether,
  type AetherOptions,
  type AnyActor,
  type AnyHandler,
} from "../actor/mod.ts";
import { type Cut, NEVER, severable, SeverableClock } from "./_severed.ts";
import { turn } from "./_turn.ts";

/** Where a node is to die by itself. */
export interface CrashPoint {
  /** At a commit of this actor; of any by default. */
  readonly actorId?: string | undefined;
  /** Whether the commit is stored. */
  readonly isStored: boolean;
}

/** What a life is begun with. */
export interface LifeOptions {
  /** The log it shares with those before and behind it. */
  readonly log: InMemoryLog;
  /** Where time comes from. */
  readonly clock: Clock;
  /** The rest of what the node is started with. */
  readonly node:
    & Pick<
      AetherOptions,
      "log" | "maxActivations" | "nodeId" | "onError" | "parkAfter"
    >
    & { readonly actors: readonly AnyActor[] };
}

/** A handler that has not come to an end. */
export interface Running {
  /** Such as `"pay" of "account-ada"`. */
  readonly what: string;
  /** Resolves when it has. */
  readonly ended: Promise<unknown>;
}

/** One life of a node. */
export class Life implements Cut {
  /** Where it is to die by itself. */
  crashPoint: CrashPoint | undefined;
  readonly #options: LifeOptions;
  readonly #clock: SeverableClock;
  readonly #store: InMemoryEventStore;
  readonly #running = new Set<Running>();
  /** Callers that wait for it. */
  readonly #waiting = new Set<() => void>();
  #aether: Aether | undefined;
  #isOver = false;
  #appending = 0;
  #commits = 0;
  readonly #lastActors = new Set<string>();

  /** Begins nothing yet. */
  constructor(options: LifeOptions) {
    this.#options = options;
    const { clock, log } = options;
    this.#clock = new SeverableClock(clock);
    const { namespace } = log;
    this.#store = new InMemoryEventStore({
      namespace,
      log,
      clock: this.#clock,
    });
  }

  /** Starts the node. */
  async start(): Promise<void> {
    const { node } = this.#options;
    const { namespace } = this.#options.log;
    const store = severable(this.#store, this, {
      inbox: severable(this.#store.inbox, this),
      append: (...args) => this.#append(...args),
    });
    const { log, onError } = node;
    this.#aether = await Aether.start({
      ...node,
      namespace,
      store,
      clock: this.#clock,
      actors: node.actors.map((actor) => this.#cover(actor)),
      log: (entry) => {
        if (!this.#isOver) log?.(entry);
      },
      onError: (failure) => {
        if (!this.#isOver) onError?.(failure);
      },
    });
  }

  /** The node. */
  get aether(): Aether {
    return this.#aether!;
  }

  /** Whether it has ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Commits it has stored. */
  get commits(): number {
    return this.#commits;
  }

  /** Some actors of its last commits. */
  get lastActors(): readonly string[] {
    return [...this.#lastActors];
  }

  /** Whether something of it goes on by itself: then a turn is not enough. */
  get isAppending(): boolean {
    return this.#appending > 0;
  }

  /** Handlers that wait for something. */
  get running(): readonly Running[] {
    return [...this.#running];
  }

  /** Ends it, with all that is not stored. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#clock.cut();
    this.#running.clear();
    this.#store.close();
    for (const lose of [...this.#waiting]) lose();
  }

  /** Waits for an answer of it, which may die before it answers. */
  answerOf(
    answer: Promise<unknown>,
    call: {
      readonly actorId: string;
      readonly name: string;
      readonly commandId: string | undefined;
    },
  ): Promise<unknown> {
    const waits = new Promise((resolve, reject) => {
      const lose = () => {
        this.#waiting.delete(lose);
        // Whoever does not look at it is not to be troubled by the crash.
        waits.catch(() => {});
        reject(lost(call));
      };
      this.#waiting.add(lose);
      // It may have died of this very call. Whoever asks sees the promise first.
      if (this.#isOver) Promise.resolve().then(lose);
      answer.then(
        (value) => this.#waiting.delete(lose) && resolve(value),
        (error) => this.#waiting.delete(lose) && reject(error),
      );
    });
    return waits;
  }

  async #append(
    ...[actorId, events, options]: Parameters<InMemoryEventStore["append"]>
  ): ReturnType<InMemoryEventStore["append"]> {
    if (this.#isOver) return NEVER;
    this.#appending++;
    this.#note(actorId);
    // Actors that never stop to set each other off would otherwise never give
    // the test its turn again.
    if (++this.#commits % COMMITS_A_TURN === 0) await turn();
    const point = this.crashPoint;
    const isHere = point !== undefined &&
      (point.actorId === undefined || point.actorId === actorId);
    if (isHere && !point.isStored) this.end();
    if (this.#isOver) return NEVER;
    try {
      const result = await this.#store.append(actorId, events, options);
      if (isHere) this.end();
      return this.#isOver ? NEVER : result;
    } catch (error) {
      if (this.#isOver) return NEVER;
      throw error;
    } finally {
      this.#appending--;
    }
  }

  #note(actorId: string): void {
    this.#lastActors.delete(actorId);
    this.#lastActors.add(actorId);
    if (this.#lastActors.size <= LAST_ACTORS) return;
    const [longestAgo] = this.#lastActors;
    this.#lastActors.delete(longestAgo!);
  }

  // ---- handlers ----

  #cover(actor: AnyActor): AnyActor {
    // Whatever is wrong with it, the node says so.
    if (!(actor?.commandHandlers instanceof Map)) return actor;
    const covered = (handlers: AnyActor["commandHandlers"]) =>
      new Map(
        [...handlers].map(([name, handler]) => [
          name,
          this.#coverHandler(name, handler),
        ]),
      );
    return {
      ...actor,
      commandHandlers: covered(actor.commandHandlers),
      queryHandlers: covered(actor.queryHandlers),
    };
  }

  #coverHandler(name: string, handler: AnyHandler): AnyHandler {
    const run: AnyHandler = (state, input, ctx) => {
      if (this.#isOver) return NEVER;
      const returned = handler(state, input, ctx);
      return isThenable(returned)
        ? this.#watch(name, ctx, Promise.resolve(returned))
        : returned;
    };
    // A node tells by the kind of a handler that it has to wait for it.
    return handler instanceof AsyncFunction
      ? async (state, input, ctx) => await run(state, input, ctx)
      : run;
  }

  #watch(
    name: string,
    ctx: unknown,
    returned: Promise<unknown>,
  ): Promise<unknown> {
    const { actorId, signal } = ctx as {
      readonly actorId: string;
      readonly signal?: AbortSignal;
    };
    const running: Running = {
      what: `"${name}" of "${actorId}"`,
      ended: returned.then(() => {}, () => {}),
    };
    const over = () => this.#running.delete(running);
    this.#running.add(running);
    running.ended.then(over);
    // Given up, it may run on, but nobody waits for it.
    signal?.addEventListener("abort", over, { once: true });
    return returned;
  }
}

function lost(
  { actorId, commandId, name }: {
    readonly actorId: string;
    readonly name: string;
    readonly commandId: string | undefined;
  },
): Error {
  if (commandId === undefined) {
    return new MovedError(
      `Cannot answer "${name}" of "${actorId}" as the node crashed: ask again when another is started`,
      { details: { actorId } },
    );
  }
  return new OutcomeUnknownError(
    `"${name}" of "${actorId}" may or may not have been done as the node crashed: call again with command id "${commandId}" to find out`,
    { details: { actorId, commandId } },
  );
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}

const AsyncFunction = (async () => {}).constructor as new () => object;
/** Commits behind which the test gets a turn. */
const COMMITS_A_TURN = 100;
/** Actors that are named where commits do not end. */
const LAST_ACTORS = 5;
