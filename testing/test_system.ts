/** A system in memory whose time a test moves, and whose node a test may kill. */
import {
  ClosedError,
  formatActorId,
  parseActorId,
  type StoredEvent,
  StoreUnavailableError,
  ulid,
} from "../event/mod.ts";
import { EventBus } from "../bus/mod.ts";
import {
  type FoundParked,
  InMemoryEventStore,
  InMemoryLog,
} from "../store/mod.ts";
import type {
  ActorRef,
  Aether,
  AetherOptions,
  AnyActor,
  AskOptions,
  TypeName,
} from "../actor/mod.ts";
import { type AdvanceOptions, HeldClock } from "./held_clock.ts";
import { Life } from "./_life.ts";
import { untilQuiet } from "./_quiet.ts";

/** How a test system is to be. */
export interface TestSystemOptions extends
  Pick<
    AetherOptions,
    "actors" | "log" | "maxActivations" | "onError" | "parkAfter"
  > {
  /** The namespace; `test` by default. */
  readonly namespace?: string;
  /** The time at first; noon of 1 January 2026, UTC, by default. */
  readonly now?: Date;
  /**
   * Milliseconds of real time that handlers which wait for something outside are
   * waited for; 2,000 by default.
   */
  readonly patience?: number;
  /**
   * Commits that may follow each other without time moving on; 5,000 by default.
   * With more of them the system is taken for one that never becomes quiet.
   */
  readonly mostCommits?: number;
}

/** Where a node is to crash. */
export interface CrashAtCommit {
  /** At a commit of this actor, such as `account-ada`; of any by default. */
  readonly actorId?: string;
  /**
   * `"behind"` by default: the commit is stored, and nobody has heard of it.
   * `"before"`: it is decided, and not stored.
   */
  readonly place?: "before" | "behind";
}

/**
 * Actors on a log in memory, on a clock that the test moves, and a node that the
 * test may crash and start again. It is the runtime itself that runs here, with
 * its relay, its inbox, its timers and its sweeps.
 *
 * Nothing here waits for real time, and what happens is the same every time.
 * Before time moves, and behind each timer that fires, all is done that can be
 * done: commands that were sent are carried out, and timers that were set wait for
 * their time. A handler that waits for something outside this system is waited
 * for, a while. `Date.now()` and the runtime's own timers are not held: handlers
 * take the time from `ctx.now`.
 *
 * A crash leaves what is stored: commits, snapshots, the inbox with its timers and
 * what is parked. All else is lost, and nothing that the node still does gets
 * anywhere. Calls that wait for it reject: commands as `outcome_unknown` with
 * their id, queries as `moved`.
 *
 * @example A subscription that renews each month
 * ```ts
 * import { defineActor } from "@flowmade/aether";
 * import { TestSystem } from "@flowmade/aether/testing";
 * import assert from "node:assert/strict";
 *
 * const nextMonth = (now: Date) =>
 *   new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, now.getUTCDate()));
 * const Subscription = defineActor("subscription", {
 *   state: () => 0,
 *   events: { Started: (s) => s, Renewed: (months: number) => months + 1 },
 * }).commands({
 *   start(_s, _c: undefined, ctx) {
 *     ctx.schedule("renewal", nextMonth(ctx.now), "renew");
 *     return { type: "Started" };
 *   },
 *   renew(_s, _c: undefined, ctx) {
 *     ctx.schedule("renewal", nextMonth(ctx.now), "renew");
 *     return { type: "Renewed" };
 *   },
 * }).queries({ months: (s) => s });
 *
 * await using system = await TestSystem.start({
 *   actors: [Subscription],
 *   now: new Date("2026-01-01"),
 * });
 * const ada = system.actor(Subscription, "ada");
 * await ada.start();
 * await system.clock.advanceTo(new Date("2026-06-15"));
 * assert.equal(await ada.months(), 5);
 *
 * system.crash(); // nobody is there in July and August
 * await system.clock.advanceTo(new Date("2026-08-15"));
 * await system.restart();
 * assert.equal(await ada.months(), 6); // made up for once, late
 * ```
 * @example A crash between a commit and what it promises
 * ```ts
 * import { defineActor } from "@flowmade/aether";
 * import { TestSystem } from "@flowmade/aether/testing";
 * import assert from "node:assert/strict";
 *
 * const Account = defineActor("account", {
 *   state: () => 0,
 *   events: {
 *     Deposited: (s: number, e: { amount: number }) => s + e.amount,
 *     Withdrawn: (s: number, e: { amount: number }) => s - e.amount,
 *   },
 * }).commands({
 *   deposit: (_s, c: { amount: number }) => ({ type: "Deposited", data: c }),
 * }).queries({ balance: (s) => s });
 * const Bank = Account.commands({
 *   transfer(_s, c: { to: string; amount: number }, ctx) {
 *     ctx.send(Account, c.to).deposit({ amount: c.amount });
 *     return { type: "Withdrawn", data: { amount: c.amount } };
 *   },
 * });
 *
 * await using system = await TestSystem.start({ actors: [Bank] });
 * const [ada, bob] = [system.actor(Bank, "ada"), system.actor(Bank, "bob")];
 * await ada.deposit({ amount: 10 });
 *
 * system.crashAtCommit({ actorId: "account-ada" });
 * await assert.rejects(ada.transfer({ to: "bob", amount: 4 }), { code: "outcome_unknown" });
 * assert.deepEqual(await system.events("account-bob"), []);
 *
 * await system.restart();
 * assert.deepEqual([await ada.balance(), await bob.balance()], [6, 4]);
 * ```
 */
export class TestSystem implements AsyncDisposable {
  /** Time, which stands still until it is moved. */
  readonly clock: HeldClock;
  /** The log, the snapshots and the inbox, as another process sees them. */
  readonly store: InMemoryEventStore;
  /** Shows what is stored, and notices; it is no part of the node, and outlives it. */
  readonly bus: EventBus;
  readonly #options: TestSystemOptions;
  readonly #log: InMemoryLog;
  #life: Life | undefined;
  #lives = 0;
  #isClosed = false;

  private constructor(options: TestSystemOptions) {
    const { namespace = "test", now } = options;
    this.#options = options;
    this.#log = new InMemoryLog(namespace);
    this.clock = new HeldClock({
      ...(now === undefined ? {} : { now }),
      settle: ({ leaveRunning = false }) =>
        untilQuiet(this.#life, { ...PATIENT, ...options, leaveRunning }),
    });
    const { clock } = this;
    this.store = new InMemoryEventStore({ namespace, log: this.#log, clock });
    this.bus = new EventBus({ logs: [this.#log], clock });
  }

  /**
   * Makes a system, and starts its node.
   *
   * @throws {InvalidArgumentError} `invalid_argument`: an option breaks its rule.
   */
  static async start(options: TestSystemOptions): Promise<TestSystem> {
    const system = new TestSystem(options);
    try {
      await system.#start();
    } catch (error) {
      await system.close();
      throw error;
    }
    return system;
  }

  /** Whether there is a node: it is not, behind a crash. */
  get isUp(): boolean {
    return this.#life !== undefined && !this.#life.isOver;
  }

  /**
   * The node that runs.
   *
   * @throws {ClosedError} `closed`: none does.
   */
  get node(): Aether {
    return this.#alive("use the node").aether;
  }

  /**
   * Refers to an actor, as `aether.actor`. The reference is good for every node
   * there will be.
   *
   * @throws {InvalidArgumentError} `invalid_argument`: the key is empty or too long.
   */
  actor<Definition extends AnyActor>(
    definition: Definition | TypeName<Definition>,
    key: string,
  ): ActorRef<Definition> {
    const type = typeof definition === "string" ? definition : definition.type;
    const { id } = parseActorId(formatActorId(type, key));
    const shape = this.#life!.aether.actor(definition, key) as object;
    const methods = new Map<string, unknown>();
    return new Proxy(shape, {
      get: (_, name) => {
        const method = Reflect.get(shape, name);
        if (typeof method !== "function" || typeof name !== "string") {
          return method;
        }
        if (name === "toString") return method;
        if (!methods.has(name)) {
          methods.set(
            name,
            (input?: unknown, options?: AskOptions) =>
              this.#ask({ type, key, id, name }, input, options),
          );
        }
        return methods.get(name);
      },
    }) as ActorRef<Definition>;
  }

  /**
   * Lets happen what can happen now: what was sent is carried out, timers that
   * are due fire.
   *
   * @throws {AssertionError} It does not become quiet.
   */
  async settle(options?: AdvanceOptions): Promise<void> {
    await this.clock.advance(0, options);
  }

  /**
   * Crashes the node, now: what it has not stored is lost.
   *
   * @throws {ClosedError} `closed`: there is none.
   */
  crash(): void {
    this.#alive("crash").end();
  }

  /**
   * Has the node crash at its next commit, or the next one of one actor: just
   * behind it by default, so that neither the caller nor anybody whom the commit
   * promises something hears of it until another node is started.
   *
   * @throws {ClosedError} `closed`: there is none.
   */
  crashAtCommit({ actorId, place = "behind" }: CrashAtCommit = {}): void {
    this.#alive("crash").crashPoint = {
      isStored: place === "behind",
      actorId: actorId === undefined ? undefined : parseActorId(actorId).id,
    };
  }

  /**
   * Closes the node in peace, as for a new release: what its commits promise is
   * carried out, and snapshots are written.
   *
   * @throws {ClosedError} `closed`: there is none.
   * @throws {AssertionError} It does not become quiet; it runs on.
   */
  async stop(): Promise<void> {
    const life = this.#alive("stop");
    await this.settle();
    if (life.isOver) return;
    await life.aether.close();
    life.end();
  }

  /**
   * Starts a node on the same log: it carries out what the one before has left
   * undone, and fires the timers that were missed. One that runs is stopped first.
   *
   * @throws {ClosedError} `closed`: the whole system is.
   * @throws {AssertionError} It does not become quiet.
   */
  async restart(): Promise<void> {
    if (this.isUp) await this.stop();
    await this.#start();
  }

  /** What has happened, in order of the log; to one actor, or all. */
  async events(actorId?: string): Promise<readonly StoredEvent[]> {
    const found: StoredEvent[] = [];
    const read = this.store.read(actorId === undefined ? {} : { actorId });
    for await (const event of read) found.push(event);
    return found;
  }

  /** The durable commands that are parked, in order; `node.parked()` does more with them. */
  parked(): Promise<readonly FoundParked[]> {
    return this.store.inbox.parked();
  }

  /** Ends it all, the node as by a crash. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#life?.end();
    await this.bus.close();
    await this.store.close();
  }

  /** As {@link TestSystem.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #start(): Promise<void> {
    if (this.#isClosed) {
      throw new ClosedError(
        "Cannot start a node as this test system is closed",
      );
    }
    const { actors, log, maxActivations, onError, parkAfter } = this.#options;
    const life = new Life({
      log: this.#log,
      clock: this.clock,
      node: {
        actors,
        nodeId: `node-${++this.#lives}`,
        ...(log === undefined ? {} : { log }),
        ...(maxActivations === undefined ? {} : { maxActivations }),
        ...(onError === undefined ? {} : { onError }),
        ...(parkAfter === undefined ? {} : { parkAfter }),
      },
    });
    await life.start();
    this.#life = life;
    await this.settle();
  }

  #alive(action: string): Life {
    if (this.isUp) return this.#life!;
    throw new ClosedError(
      `Cannot ${action} as no node runs: restart() starts one`,
    );
  }

  #ask(
    { id, key, name, type }: {
      readonly type: string;
      readonly key: string;
      readonly id: string;
      readonly name: string;
    },
    input: unknown,
    options?: AskOptions,
  ): Promise<unknown> {
    const life = this.#life!;
    if (!this.isUp) {
      return Promise.reject(
        new StoreUnavailableError(
          `Cannot call "${name}" of "${id}" as no node runs: restart() starts one`,
          { details: { actorId: id } },
        ),
      );
    }
    const commandId = options?.commandId ?? ulid();
    const actor = life.aether.actor(type, key) as unknown as Record<
      string,
      (input: unknown, options: AskOptions) => Promise<unknown>
    >;
    const answer = actor[name]!(input, { ...options, commandId });
    const isQuery = this.#options.actors.some((actor) =>
      actor.type === type && actor.queryHandlers.has(name)
    );
    return life.answerOf(answer, {
      actorId: id,
      name,
      commandId: isQuery ? undefined : commandId,
    });
  }
}

const PATIENT = { patience: 2_000, mostCommits: 5_000 };
