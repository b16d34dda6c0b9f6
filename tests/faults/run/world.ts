/** The world of a run: servers, nodes, callers, and whatever ends unasked. */
import type { Random } from "../../support/mod.ts";
import type { Aether } from "../../../mod.ts";
import { Fleet, type NodeOptions } from "../fleet/fleet.ts";
import type { FleetNode } from "../fleet/process.ts";
import type { NodeStart, World } from "./fault.ts";
import { Commands, TALLY_KEYS } from "./workload/commands.ts";
import { Journal } from "./workload/journal.ts";
import { Load } from "./workload/load.ts";
import { Outsider } from "./workload/outsider.ts";
import { Repeats } from "./workload/repeats.ts";
import { Watchers } from "./workload/watchers.ts";

/** How a world is made up. */
export interface WorldOptions {
  readonly replicas: 1 | 3;
  readonly random: Random;
  /** Calls a second. */
  readonly rate: number;
  /** Milliseconds a call may take. */
  readonly timeout: number;
}

/** Milliseconds in which a node ends that was asked to. */
const LEAVES_WITHIN = 60_000;
/** Milliseconds in which shards are shared evenly, on a machine that has much to do. */
const SETTLES_WITHIN = 90_000;
/** Milliseconds in which servers are a cluster again. */
const READY_WITHIN = 120_000;

/** A world with a load that runs. */
export class RunWorld implements World, AsyncDisposable {
  readonly journal = new Journal();
  /** Ends of processes that nobody asked for, and rejections nobody took. */
  readonly accidents: string[] = [];
  /** Every node there was, each life of it. */
  readonly lives: FleetNode[] = [];
  readonly keys: readonly string[] = TALLY_KEYS;
  readonly commands: Commands;
  readonly outsider: Outsider;
  readonly watchers: Watchers;
  readonly #fleet: Fleet;
  readonly #random: Random;
  readonly #timeout: number;
  readonly #repeats: Repeats;
  readonly #load: Load;
  readonly #expected = new Set<FleetNode>();
  /** How each node was started, to be started the same way again. */
  readonly #starts = new Map<string, NodeStart>();

  /** Starts servers, nodes and subscribers, and makes the first calls. */
  static async start(options: WorldOptions): Promise<RunWorld> {
    const { replicas } = options;
    const script = new URL("./workload/node.ts", import.meta.url);
    const fleet = await Fleet.start({ nodes: 3, replicas, script });
    try {
      const watchers = await Watchers.start(fleet.client);
      const world = new RunWorld(fleet, watchers, options);
      await world.#first();
      return world;
    } catch (error) {
      await fleet[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(
    fleet: Fleet,
    watchers: Watchers,
    { random, rate, timeout }: WorldOptions,
  ) {
    const { client } = fleet;
    const { journal } = this;
    this.#fleet = fleet;
    this.#random = random;
    this.watchers = watchers;
    this.#timeout = timeout;
    this.commands = new Commands(client, random, timeout);
    this.outsider = new Outsider(client, journal, random);
    this.#repeats = new Repeats(journal, random);
    this.#load = new Load(
      this.commands,
      journal,
      this.#repeats,
      random,
      rate,
    );
    for (const node of fleet.nodes.values()) this.#watch(node);
  }

  get namespace(): string {
    return this.#fleet.namespace;
  }

  get replicas(): 1 | 3 {
    return this.#fleet.options.replicas;
  }

  get servers(): Fleet["servers"] {
    return this.#fleet.servers;
  }

  get nodes(): ReadonlyMap<string, FleetNode> {
    return this.#fleet.nodes;
  }

  get client(): Aether {
    return this.#fleet.client;
  }

  get latencies(): readonly number[] {
    return this.journal.latencies;
  }

  /** Begins to call. */
  begin(): void {
    this.#load.start();
    this.outsider.start();
  }

  /** Calls no more, and waits until all calls have ended. */
  async end(): Promise<void> {
    await this.outsider.stop();
    await this.#load.stop();
  }

  async startNode(name: string, how: NodeStart = {}): Promise<FleetNode> {
    this.#starts.set(name, how);
    const node = await this.#fleet.startNode(name, optionsOf(how));
    this.#watch(node);
    return node;
  }

  async restartNode(name: string, how: NodeStart = {}): Promise<FleetNode> {
    const node = this.#fleet.nodes.get(name);
    if (node === undefined) throw new Error(`there is no node ${name}`);
    this.expectEnd(name);
    node.signal("SIGTERM");
    const timer = setTimeout(() => {
      this.accidents.push(
        `${name} (${node.runtime}) had not left ${LEAVES_WITHIN} ms after it was asked to`,
      );
      node.signal("SIGKILL");
    }, LEAVES_WITHIN);
    const end = await node.ended;
    clearTimeout(timer);
    if (end !== "SIGTERM") {
      this.accidents.push(`${name} (${node.runtime}) left with ${end}`);
    }
    return await this.startNode(name, how);
  }

  expectEnd(name: string): void {
    const node = this.#fleet.nodes.get(name);
    if (node !== undefined) this.#expected.add(node);
  }

  ownerOf(key: string): string | undefined {
    return this.#fleet.ownerOf(key);
  }

  shares(): Record<string, number> {
    return this.#fleet.shares();
  }

  settled(timeout: number = SETTLES_WITHIN): Promise<void> {
    return this.#fleet.settled(timeout);
  }

  call(key: string, timeout?: number): Promise<number> {
    return this.#timed(this.commands.add(key, timeout));
  }

  async callBy(client: Aether, key: string, timeout?: number): Promise<number> {
    const commands = new Commands(client, this.#random, this.#timeout);
    const began = this.now();
    // Never again: by then that client may be closed.
    await this.journal.command(commands.add(key, timeout));
    return this.now() - began;
  }

  slowly(key: string, ms: number, timeout?: number): Promise<number> {
    return this.#timed(this.commands.slowly(key, ms, timeout));
  }

  async block(key: string, ms: number, timeout?: number): Promise<number> {
    const began = this.now();
    // Never again: it would make the next owner stand still, too.
    await this.journal.command(this.commands.block(key, ms, timeout));
    return this.now() - began;
  }

  failed(): ReadonlyMap<string, number> {
    return this.journal.failed;
  }

  ended(): Promise<void> {
    return this.journal.ended();
  }

  now(): number {
    return performance.now();
  }

  /** Brings up whatever a fault has left down, so that others can go on. */
  async recover(): Promise<void> {
    for (const server of this.servers.servers) {
      server.resume();
      if (!server.running) await server.restart();
    }
    await this.servers.ready(READY_WITHIN);
    for (const node of this.nodes.values()) node.signal("SIGCONT");
    for (const name of this.#starts.keys()) {
      if (!this.nodes.has(name)) await this.startNode(name);
    }
    await this.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes.values()) this.#expected.add(node);
    for (const server of this.servers.servers) server.resume();
    await this.#fleet[Symbol.asyncDispose]();
  }

  async #first(): Promise<void> {
    const calls = this.commands.first();
    for (let i = 0; i < calls.length; i += 32) {
      await Promise.all(
        calls.slice(i, i + 32).map((call) => this.#repeats.make(call)),
      );
    }
  }

  async #timed(call: ReturnType<Commands["add"]>): Promise<number> {
    const began = this.now();
    await this.#repeats.make(call);
    return this.now() - began;
  }

  #watch(node: FleetNode): void {
    const { name, runtime } = node;
    if (!this.#starts.has(name)) this.#starts.set(name, {});
    this.lives.push(node);
    node.ended.then((how) => {
      this.accidents.push(...node.unhandled);
      if (this.#expected.has(node)) return;
      this.accidents.push(`${name} (${runtime}) ended: ${how}`);
    });
  }
}

function optionsOf(
  { activations, clock, heap, through }: NodeStart,
): NodeOptions {
  return {
    ...(through === undefined ? {} : { urls: [through.url] }),
    heap,
    env: {
      ...(through === undefined ? {} : { AETHER_FAULT_PROXY: "1" }),
      ...(clock === undefined
        ? {}
        : { AETHER_FAULT_CLOCK: clock.map(String).join() }),
      ...(activations === undefined
        ? {}
        : { AETHER_FAULT_ACTIVATIONS: String(activations) }),
    },
  };
}
