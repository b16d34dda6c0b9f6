/**
 * A node among others: what it takes in, what it sends, and who lives where.
 *
 * It joins the cluster's manager with the actors here: what the map gives to this
 * node it listens for; what it is to release it stops to take, finishes what runs,
 * and says so. What it holds in memory is of one generation of a shard: where the
 * map names another one, it is let go of, and loaded anew when it is called.
 */
import { type Clock, type Subjects, subjectsOf } from "../event/mod.ts";
import { type Connection, Link } from "../nats/mod.ts";
import {
  ClusterManager,
  type HeldShard,
  isFirstGeneration,
} from "../cluster/mod.ts";
import type { Call } from "./_call.ts";
import { Deadlines } from "./_deadlines.ts";
import type { Effects } from "./_effects.ts";
import type { Tenure } from "./_activation.ts";
import type { Host } from "./_host.ts";
import { Inbound } from "./_inbound.ts";
import type { Log } from "./log.ts";
import { Outbound } from "./_outbound.ts";
import { Placement } from "./_placement.ts";
import type { Elsewhere } from "./_router.ts";

/** What a node among others is made of. */
export interface ClusterOptions {
  /** Its connection. */
  readonly connection: Connection;
  /** Its second connection, where it has one. */
  readonly bulk: Connection | undefined;
  /** Whose actors. */
  readonly namespace: string;
  /** Which nodes belong together. */
  readonly cluster: string;
  /** This node. */
  readonly nodeId: string;
  /** Its share of the shards, relative to that of others. */
  readonly weight?: number | undefined;
  /** Copies of the cluster's bucket if it is created. */
  readonly replicas?: 1 | 3 | 5 | undefined;
  /** `false` never creates the bucket. */
  readonly provision?: boolean | undefined;
  /** The actors here. */
  readonly host: Host;
  /** Carries out what they promise; undefined where nothing can be promised. */
  readonly effects: Effects | undefined;
  /** Where time comes from. */
  readonly clock: Clock;
  /** Who is told. */
  readonly log: Log;
  /** Gets a call answered wherever its actor lives. */
  ask(call: Call): Promise<unknown>;
}

/** A node among others. */
export class Cluster implements Elsewhere {
  /** The nodes, the leader and the maps. */
  readonly manager: ClusterManager;
  /** Who lives where. */
  readonly placement: Placement;
  readonly #options: ClusterOptions;
  readonly #link: Link;
  readonly #deadlines: Deadlines;
  readonly #inbound: Inbound;
  readonly #outbound: Outbound;
  /** The shards that were assigned to this node when it looked last. */
  #assigned: ReadonlySet<string> = new Set();
  /** The life of this node whose mark is kept. */
  #markedRun: string | undefined;

  /** Takes part in nothing yet. */
  constructor(options: ClusterOptions) {
    const { clock, connection, host, namespace, nodeId } = options;
    const subjects: Subjects = subjectsOf(namespace);
    const link = new Link(connection);
    const types = [...host.definitions.keys()];
    this.#options = options;
    this.#link = link;
    this.#deadlines = new Deadlines(clock);
    this.manager = new ClusterManager(connection, nodeId, {
      cluster: options.cluster,
      hosts: types.map((type) => ({ namespace, type })),
      observes: types.length === 0,
      clock,
      log: options.log,
      release: (shard) => this.#release(shard),
      ...(options.bulk === undefined ? {} : { bulkConnection: options.bulk }),
      ...(options.weight === undefined ? {} : { weight: options.weight }),
      ...(options.replicas === undefined ? {} : { replicas: options.replicas }),
      ...(options.provision === undefined
        ? {}
        : { provision: options.provision }),
    });
    this.placement = new Placement({
      manager: this.manager,
      link,
      namespace,
      types,
      clock,
      hasCall: (commandId) => this.#inbound.has(commandId),
    });
    this.#inbound = new Inbound({
      connection,
      link,
      subjects,
      host,
      clock,
      nodeId,
      held: (type, shard) => this.placement.held(type, shard),
      assigned: () => this.placement.assigned(),
      ask: options.ask,
    });
    this.#outbound = new Outbound({
      link,
      subjects,
      placement: this.placement,
      clock,
      deadlines: this.#deadlines,
      nodeId,
      local: (call) =>
        new Promise((resolve, reject) => host.submit(call, resolve, reject)),
    });
  }

  /** As {@link Elsewhere.owns}. */
  owns(type: string, shard: number): boolean {
    return this.placement.held(type, shard) !== undefined;
  }

  /** Another node has a shard in a later generation: the map has changed. */
  outdated(): void {
    this.manager.refresh().catch(() => {});
  }

  /** By what right a shard is this node's; a doubtful one where it is not. */
  tenure(type: string, shard: number): Tenure {
    return this.placement.held(type, shard) ?? DOUBTFUL;
  }

  /** As {@link Elsewhere.ask}. */
  ask(call: Call): Promise<unknown> {
    return this.#outbound.ask(call);
  }

  /** Joins the others, and takes requests. */
  async join(): Promise<void> {
    const { connection, host } = this.#options;
    const { effects } = this.#options;
    this.placement.onLost = (lost) => {
      effects?.lost(lost);
      host.releaseShard(lost.type, lost.shard);
    };
    this.placement.onChange = () => {
      this.#inbound.follow();
      this.#outbound.moved();
      this.#followEffects();
    };
    await effects?.recover();
    this.#inbound.openAsks();
    await this.manager.start();
    if (effects !== undefined) {
      this.placement.isReady = () => this.#markedRun === this.manager.run;
      await this.#mark();
    }
    this.placement.start();
    await this.#ready();
    effects?.take(host);
    await connection.flush();
  }

  /** Begins the mark of this life of this node; before that it answers for nothing. */
  async #mark(): Promise<void> {
    const { run } = this.manager;
    await this.#options.effects!.relay.start(run);
    this.#markedRun = run;
  }

  /** Sweeps what was seized, and takes what waits for the shards that have come. */
  #followEffects(): void {
    const { effects } = this.#options;
    if (effects === undefined) return;
    if (this.#markedRun !== this.manager.run) {
      this.#mark().catch(() => {}); // closed meanwhile
    }
    const seized = new Map<string, HeldShard[]>();
    const before = this.#assigned;
    const assigned = new Set<string>();
    const anew: HeldShard[] = [];
    let isMore = false;
    for (const held of this.placement.assigned()) {
      const { generation, late, shard, type } = held;
      const key = `${type}/${shard}/${generation}`;
      assigned.add(key);
      if (before.has(key)) continue;
      isMore = true;
      if (late === undefined) {
        // In this map nobody ever had it: but it may have taken another's place.
        if (isFirstGeneration(generation)) anew.push(held);
        continue;
      }
      const together = seized.get(late.join());
      if (together === undefined) seized.set(late.join(), [held]);
      else together.push(held);
    }
    this.#assigned = assigned;
    for (const places of seized.values()) {
      effects.relay.sweep(places, places[0]!.late!).catch(() => {});
    }
    if (anew.length > 0) {
      const live = new Set(this.manager.nodes().map(({ run }) => run));
      effects.relay.sweepAnew(anew, (run) => live.has(run)).catch(() => {});
    }
    if (isMore) effects.look();
  }

  /** Waits until the leader has given the shards of the types here to nodes. */
  async #ready(): Promise<void> {
    const { clock, host } = this.#options;
    const until = clock.monotonic() + READY;
    for (const type of host.definitions.keys()) {
      while (this.placement.ownerOf(type, 0) === undefined) {
        const left = until - clock.monotonic();
        if (left <= 0) return; // calls wait for it, too
        await this.placement.changed(left);
      }
    }
  }

  /** Hands over what this node has, and takes no more requests. */
  async leave(): Promise<void> {
    this.#inbound.closeAsks();
    await this.manager.stop();
    this.#inbound.close();
    await this.#flush();
  }

  /** Gives the calls to other nodes up to `grace` ms to be answered. */
  drain(grace: number): Promise<void> {
    return this.#outbound.drain(grace);
  }

  /** Ends all of it, once what ran has been answered. */
  async close(): Promise<void> {
    await this.manager.stop();
    this.#inbound.close();
    await this.#flush();
    this.#outbound.close();
    this.placement.close();
    this.#deadlines.clear();
    await this.#link.close();
  }

  async #release(shard: HeldShard): Promise<void> {
    const { effects, host } = this.#options;
    this.placement.releasing(shard);
    await Promise.all([
      effects?.release(shard),
      this.#inbound.release(shard),
      host.releaseShard(shard.type, shard.shard),
    ]);
    // An append of which nobody knows must be fenced off: the leader seizes the
    // shard when it has waited long enough.
    if (host.hasDoubts(shard.type, shard.shard)) return new Promise(() => {});
    // What its commits promise is carried out before anybody else has it.
    await effects?.relay.release(shard);
    await this.#flush(); // the answers go out before the shard does
  }

  async #flush(): Promise<void> {
    const { connection } = this.#options;
    if (this.#link.connected) await connection.flush().catch(() => {});
  }
}

const DOUBTFUL: Tenure = Object.freeze({
  generation: undefined,
  fence: Infinity,
});
/** Milliseconds that joining waits for the first map. */
const READY = 5_000;
