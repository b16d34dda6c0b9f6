/**
 * Clients of the actors: they ask the owner that the map names, look again when
 * it is another one or says nothing, and keep to one command id all the way.
 */
import { ClusterManager } from "../../../cluster/mod.ts";
import { parseActorId } from "../../../event/mod.ts";
import { isFault } from "../../../nats/mod.ts";
import { type Ask, type Reply, TYPE } from "./owner.ts";
import type { SimProcess } from "./process.ts";
import type { SimWorld } from "./world.ts";

/** One call as its client has seen it. */
export interface Call {
  readonly id: string;
  readonly actor: string;
  readonly shard: number;
  readonly kind: Ask["kind"];
  readonly began: number;
  /** What was answered; undefined while it runs, `unknown` when time was up. */
  reply: Reply | undefined;
  ended: number;
}

/** What clients tell a checker. */
export interface ClientWatch {
  began(call: Call): void;
  ended(call: Call): void;
}

/** How clients behave. */
export interface ClientOptions {
  /** How many of them. */
  readonly clients: number;
  /** How many actors they use. */
  readonly actors: number;
  /** Milliseconds between two calls of one client, about. */
  readonly every: number;
  /** How many of ten calls change something. */
  readonly changes: number;
}

/** Clients in a process that looks on. */
export class Clients {
  /** Calls that have begun. */
  readonly calls: Call[] = [];
  readonly #world: SimWorld;
  readonly #process: SimProcess;
  readonly #watch: ClientWatch;
  readonly #options: ClientOptions;
  readonly #manager: ClusterManager;
  readonly #messenger;
  readonly #actors: readonly { readonly id: string; readonly shard: number }[];
  #isOver = false;

  constructor(
    world: SimWorld,
    process: SimProcess,
    watch: ClientWatch,
    options: ClientOptions,
  ) {
    this.#world = world;
    this.#process = process;
    this.#watch = watch;
    this.#options = options;
    const ports = world.portsOf(process);
    this.#messenger = ports.messenger;
    this.#manager = new ClusterManager(ports, process.node, {
      cluster: "sim",
      observes: true,
    });
    this.#actors = Array.from({ length: options.actors }, (_, index) => {
      const id = `account-${index}`;
      return { id, shard: parseActorId(id).shard };
    });
  }

  /** Begins to call. */
  async start(): Promise<void> {
    await this.#manager.start();
    for (let i = 0; i < this.#options.clients; i++) this.#live();
  }

  /** Begins no more calls. */
  end(): void {
    this.#isOver = true;
  }

  /** Calls that have neither ended nor run out of time. */
  get open(): number {
    return this.calls.filter(({ reply }) => reply === undefined).length;
  }

  async #live(): Promise<void> {
    const { dice } = this.#world;
    while (!this.#isOver) {
      await this.#pause(dice.between(0, 2 * this.#options.every));
      if (this.#isOver) return;
      const { id: actor, shard } = this.#actors[
        Math.floor(this.#actors.length * dice.next() ** 2)
      ]!;
      const of10 = dice.int(10);
      const kind = of10 < this.#options.changes
        ? "command"
        : dice.chance(0.5)
        ? "query"
        : "rejection";
      const call: Call = {
        id: `c${this.calls.length}`,
        actor,
        shard,
        kind,
        began: this.#world.scheduler.now,
        reply: undefined,
        ended: Infinity,
      };
      this.calls.push(call);
      this.#watch.began(call);
      call.reply = await this.#call(call);
      call.ended = this.#world.scheduler.now;
      this.#watch.ended(call);
    }
  }

  async #call({ actor, id, kind, shard }: Call): Promise<Reply> {
    const { clock } = this.#process;
    const isImpatient = this.#world.dice.chance(0.2);
    const until = clock.monotonic() + (isImpatient ? SHORT : DEADLINE);
    for (let attempt = 1;; attempt++) {
      const left = until - clock.monotonic();
      if (left <= 0) return { kind: "unknown", version: 0 };
      const owner = this.#manager.ownerOf(actor, TYPE.namespace);
      if (owner === undefined) {
        await this.#look();
        attempt--; // nobody was asked
        continue;
      }
      const { generation } = owner;
      const ask: Ask = { id, actor, shard, generation, kind, attempt, left };
      const reply = await this.#ask(owner.node, owner.run, ask);
      if (reply !== undefined && reply.kind !== "moved") {
        if (reply.kind !== "unknown") return reply;
      }
      await this.#look();
    }
  }

  async #ask(node: string, run: string, ask: Ask): Promise<Reply | undefined> {
    const suspect = () => this.#manager.suspect(node);
    const cancel = this.#process.clock.timer(250, suspect);
    try {
      const timeout = Math.min(ask.left, 1_000);
      return await this.#messenger.request(
        topicOf(run),
        ask,
        timeout,
      ) as Reply;
    } catch (error) {
      if (!isFault(error)) throw error;
      suspect();
      return undefined;
    } finally {
      cancel();
    }
  }

  async #look(): Promise<void> {
    await this.#pause(20 + this.#world.dice.int(60));
    await this.#manager.refresh().catch(() => {});
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#process.clock.timer(ms, resolve));
  }
}

/** Where a life of a node is asked. */
export function topicOf(run: string): string {
  return `do.${run.slice(0, run.indexOf("-"))}`;
}

/** Milliseconds a call may take. */
const DEADLINE = 10_000;
/** Milliseconds after which some give up. */
const SHORT = 800;
