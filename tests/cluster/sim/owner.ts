/**
 * A small runtime of actors on top of a cluster, by the rules that a real one
 * follows: it answers only for shards that it holds at the moment of the answer,
 * puts a commit into the log of an actor that has none since its shard was seized
 * before it answers anything, appends behind what it has read, answers after the log has,
 * and releases a shard when nothing of it runs any more and the outcome of every
 * append is known.
 */
import type { ClusterManager, HeldShard } from "../../../cluster/mod.ts";
import { isFault } from "../../../nats/mod.ts";
import type { Commit, SimEventLog, StoredCommit } from "./event_log.ts";
import type { SimProcess } from "./process.ts";
import type { SimWorld } from "./world.ts";

/** What all shards of a simulated cluster are of. */
export const TYPE = { namespace: "sim", type: "account" } as const;

/** What a client asks an owner. */
export interface Ask {
  /** The command's id, the same with each attempt. */
  readonly id: string;
  readonly actor: string;
  readonly shard: number;
  readonly generation: number;
  readonly kind: "command" | "rejection" | "query";
  readonly attempt: number;
  /** Milliseconds after which nothing is started any more. */
  readonly left: number;
}

/** What an owner answers. */
export interface Reply {
  readonly kind: "done" | "rejected" | "queried" | "moved" | "unknown";
  readonly version: number;
}

/** What an owner tells a checker. */
export interface OwnerWatch {
  /** It answers from what it knows of an actor. */
  answered(process: SimProcess, ask: Ask, reply: Reply, last: number): void;
  /** It sends a commit for the first time. */
  appending(process: SimProcess, ask: Ask): void;
}

interface Activation {
  readonly generation: number;
  version: number;
  sequence: number;
  /** The latest generation that has a commit. */
  newest: number;
  /** Versions by command; what was rejected has the version it was rejected at. */
  readonly outcomes: Map<string, { version: number; isEvent: boolean }>;
}

/** The actors of one process. */
export class Owner {
  /** Whether it puts a commit in before the first answer after a seizure. */
  fences = true;
  readonly #world: SimWorld;
  readonly #process: SimProcess;
  readonly #log: SimEventLog;
  readonly #watch: OwnerWatch;
  readonly #manager: () => ClusterManager;
  readonly #activations = new Map<string, Activation>();
  readonly #mailboxes = new Map<string, Promise<unknown>>();
  readonly #running = new Map<string, number>();
  readonly #waiting = new Map<string, () => void>();
  #commits = 0;

  constructor(
    world: SimWorld,
    process: SimProcess,
    log: SimEventLog,
    watch: OwnerWatch,
    manager: () => ClusterManager,
  ) {
    this.#world = world;
    this.#process = process;
    this.#log = log;
    this.#watch = watch;
    this.#manager = manager;
  }

  /** Answers one ask; of one actor, one at a time. */
  answer(ask: Ask): Promise<Reply> {
    const until = this.#process.clock.monotonic() + ask.left;
    const before = this.#mailboxes.get(ask.actor) ?? Promise.resolve();
    const shard = keyOf(ask);
    this.#enter(shard);
    const done = before.then(() => this.#run(ask, until))
      .catch((): Reply => ({ kind: "moved", version: 0 }))
      .finally(() => this.#leave(shard));
    this.#mailboxes.set(ask.actor, done);
    return done;
  }

  /** Fulfilled when nothing of a shard runs any more. */
  release(shard: HeldShard): Promise<void> {
    const key = keyOf(shard);
    if (!this.#running.has(key)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.set(key, resolve));
  }

  async #run(ask: Ask, until: number): Promise<Reply> {
    const { clock } = this.#process;
    for (let tries = 0; tries < 8; tries++) {
      if (clock.monotonic() > until || this.#held(ask) === undefined) break;
      const activation = await this.#activate(ask);
      // A handler takes its time.
      if (ask.kind !== "query") await this.#pause(this.#world.dice.int(20));
      const held = this.#held(ask);
      if (held === undefined || activation === undefined) break;
      // A later owner has written: this one does not know yet that it is none.
      if (activation.newest > ask.generation) break;
      const reply = await this.#decide(ask, held, activation, until);
      if (reply !== undefined) return reply;
      this.#activations.delete(ask.actor);
    }
    return { kind: "moved", version: 0 };
  }

  /** Answers, or says by `undefined` that it has to look again. */
  async #decide(
    ask: Ask,
    held: HeldShard,
    activation: Activation,
    until: number,
  ): Promise<Reply | undefined> {
    const needsFence = this.fences && activation.newest < held.fence;
    const known = activation.outcomes.get(ask.id);
    const isNew = known === undefined && ask.kind === "command";
    const isStored = isNew ||
      (known === undefined && ask.kind === "rejection" && ask.attempt > 1);
    if (isStored || needsFence) {
      const commit: Commit = {
        id: `${this.#process.name}-${++this.#commits}`,
        actor: ask.actor,
        expected: activation.sequence,
        generation: ask.generation,
        command: isStored ? ask.id : undefined,
        version: activation.version + (isNew ? 1 : 0),
        isEvent: isNew,
      };
      this.#watch.appending(this.#process, ask);
      const outcome = await this.#append(commit, ask, until);
      if (outcome === "refused") return undefined;
      if (outcome === "unknown") {
        this.#activations.delete(ask.actor);
        return { kind: "unknown", version: 0 };
      }
      take(activation, { ...commit, sequence: outcome });
      if (!isStored) return await this.#decideAgain(ask, activation, until);
      return this.#reply(ask, activation, isNew ? "done" : "rejected");
    }
    if (known !== undefined) {
      const kind = known.isEvent ? "done" : "rejected";
      return this.#reply(ask, activation, kind, known.version);
    }
    const kind = ask.kind === "query" ? "queried" : "rejected";
    return this.#reply(ask, activation, kind);
  }

  /** After a fence: the shard may have gone meanwhile. */
  #decideAgain(
    ask: Ask,
    activation: Activation,
    until: number,
  ): Promise<Reply | undefined> {
    const held = this.#held(ask);
    if (held === undefined) {
      return Promise.resolve({ kind: "moved", version: 0 });
    }
    return this.#decide(ask, held, activation, until);
  }

  #reply(
    ask: Ask,
    { sequence, version }: Activation,
    kind: Reply["kind"],
    at: number = version,
  ): Reply {
    const reply = { kind, version: at };
    this.#watch.answered(this.#process, ask, reply, sequence);
    return reply;
  }

  #held({ generation, shard }: Ask): HeldShard | undefined {
    const held = this.#manager().held(TYPE, shard);
    return held?.generation === generation ? held : undefined;
  }

  async #activate(ask: Ask): Promise<Activation | undefined> {
    const known = this.#activations.get(ask.actor);
    if (known?.generation === ask.generation) return known;
    for (let tries = 0; tries < 3; tries++) {
      try {
        const commits = await this.#log.load(this.#process, ask.actor, 1_000);
        const activation: Activation = {
          generation: ask.generation,
          version: 0,
          sequence: 0,
          newest: 0,
          outcomes: new Map(),
        };
        for (const commit of commits) take(activation, commit);
        this.#activations.set(ask.actor, activation);
        return activation;
      } catch (error) {
        if (!isFault(error)) throw error;
        await this.#pause(50);
      }
    }
    return undefined;
  }

  /**
   * Appends until the log says what became of it: ours behind the expected
   * commit, stored; another's, refused for good; none, the same once more.
   */
  async #append(
    commit: Commit,
    ask: Ask,
    until: number,
  ): Promise<number | "refused" | "unknown"> {
    const key = keyOf(ask);
    this.#enter(key);
    const settled = this.#settle(commit).finally(() => this.#leave(key));
    const left = until - this.#process.clock.monotonic();
    const late = new Promise<"unknown">((resolve) => {
      const cancel = this.#process.clock.timer(
        Math.max(1, left),
        () => resolve("unknown"),
      );
      settled.then(cancel);
    });
    return await Promise.race([settled, late]);
  }

  async #settle(commit: Commit): Promise<number | "refused"> {
    for (let pause = 20;; pause = Math.min(2 * pause, 500)) {
      try {
        const answer = await this.#log.append(this.#process, commit, 1_000);
        if (answer.kind === "stored") return answer.sequence;
      } catch (error) {
        if (!isFault(error)) throw error;
      }
      try {
        const commits = await this.#log.load(
          this.#process,
          commit.actor,
          1_000,
        );
        const slot = commits.find(({ sequence }) => sequence > commit.expected);
        if (slot !== undefined) {
          return slot.id === commit.id ? slot.sequence : "refused";
        }
      } catch (error) {
        if (!isFault(error)) throw error;
      }
      await this.#pause(pause);
    }
  }

  #enter(key: string): void {
    this.#running.set(key, (this.#running.get(key) ?? 0) + 1);
  }

  #leave(key: string): void {
    const left = this.#running.get(key)! - 1;
    if (left > 0) return void this.#running.set(key, left);
    this.#running.delete(key);
    this.#waiting.get(key)?.();
    this.#waiting.delete(key);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#process.clock.timer(ms, resolve));
  }
}

function take(activation: Activation, commit: StoredCommit): void {
  const { command, generation, isEvent, sequence, version } = commit;
  activation.version = version;
  activation.sequence = sequence;
  activation.newest = Math.max(activation.newest, generation);
  if (command !== undefined) {
    activation.outcomes.set(command, { version, isEvent });
  }
}

function keyOf(
  { generation, shard }: {
    readonly generation: number;
    readonly shard: number;
  },
): string {
  return `${shard}/${generation}`;
}
