/**
 * A node among others: it makes itself known, stands for election, probes and is
 * probed, follows the maps, and holds the shards they give to it.
 *
 * What it may answer for: a shard that the map gives to this life of this node
 * and that it has not released; and only while it is connected, its record stands
 * by its own monotonic clock, and it has proved itself since it last stood still
 * (an event loop that did not run for a second) or was cut off. To prove itself
 * it renews its record: an evicted node has none.
 *
 * A node that has lost its record holds nothing any more, and comes back as
 * another life of itself.
 */
import {
  type AetherError,
  type CancelTimer,
  InvalidArgumentError,
  parseActorId,
} from "../event/mod.ts";
import type { Connection } from "../nats/mod.ts";
import { Allocator } from "./_allocator.ts";
import { Changes } from "./_changes.ts";
import { Custody } from "./_custody.ts";
import { Detector } from "./_detector.ts";
import { isCount, isRecord, shardListOf } from "./_heard.ts";
import { LeaderElection } from "./leader_election.ts";
import {
  checkNode,
  checkOptions,
  type ClusterManagerOptions,
} from "./_manager_options.ts";
import { connectCluster } from "./nats_cluster.ts";
import { NodeDiscovery } from "./node_discovery.ts";
import type { ClusterPorts } from "./ports.ts";
import { ShardManager } from "./shard_manager.ts";
import { familyOf, type ShardMap } from "./shard_map.ts";
import type {
  ClusterChange,
  ClusterLog,
  HeldShard,
  LeaderInfo,
  NodeInfo,
  ShardedType,
  ShardOwner,
} from "./types.ts";

export type { ClusterManagerOptions };

/**
 * A node of a cluster.
 *
 * @example A node takes its share of the shards of a type
 * ```ts
 * import { connect, shardOf } from "@flowmade/aether";
 * import { ClusterManager } from "@flowmade/aether/cluster";
 *
 * export async function main(nodeId: string, stopped: Promise<void>) {
 *   const nc = await connect({ servers: "nats://localhost:4222" });
 *   const type = { namespace: "jobs", type: "job" };
 *   const manager = new ClusterManager(nc, nodeId, {
 *     cluster: "jobs",
 *     hosts: [type],
 *     release: ({ shard }) => console.log(`finishing what runs in ${shard}`),
 *   });
 *   await manager.start();
 *   if (manager.isLeader()) console.log("leads in epoch", manager.leader()?.epoch);
 *   const isMine = manager.held(type, shardOf("job-42")) !== undefined;
 *   console.log(isMine ? "job-42 is mine" : manager.ownerOf("job-42")?.node);
 *   await stopped;
 *   await manager.stop(); // hands over what it has
 *   await nc.close();
 * }
 * ```
 */
export class ClusterManager implements AsyncDisposable {
  /** This node's name. */
  readonly nodeId: string;
  readonly #open: () => Promise<ClusterPorts & Partial<AsyncDisposable>>;
  readonly #options: ClusterManagerOptions;
  readonly #log: ClusterLog;
  readonly #changes = new Changes<ClusterChange>();
  #parts: Parts | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #stopped = false;
  #isProven = false;
  #proving = false;
  #rejoining = false;
  #heardLeader = -Infinity;
  #lastLook = 0;
  #cancelLook: CancelTimer = () => {};
  #stopListening: () => void = () => {};
  #tellReleased = false;
  #lookingFor = "";
  #suspected = new Map<string, number>();

  /**
   * Takes part in nothing until started.
   *
   * @param world A connection to NATS, which stays open, or the ports of a world
   * of your own.
   * @param nodeId This node's name: 1 to 64 letters, digits, `_` or `-`, unlike
   * that of any other node.
   * @param options How it takes part.
   * @throws {InvalidArgumentError} `invalid_argument`: the name or an option
   * breaks its rule.
   */
  constructor(
    world: Connection | ClusterPorts,
    nodeId: string,
    options: ClusterManagerOptions = {},
  ) {
    this.nodeId = checkNode(nodeId);
    this.#options = checkOptions(nodeId, options);
    this.#log = options.log ?? (() => {});
    this.#open = "control" in world
      ? () => Promise.resolve(world)
      : () => connectCluster(world, options);
  }

  /**
   * Joins the cluster.
   *
   * @throws {InvalidArgumentError} `invalid_argument`: a node of this name runs.
   * @throws {StoreUnavailableError} `store_unavailable`: NATS cannot be reached.
   * @throws {PermissionDeniedError} `permission_denied`: the user may not use the
   * cluster's bucket.
   * @throws {MisconfiguredError} `misconfigured`: the bucket would break a promise.
   */
  start(): Promise<void> {
    return this.#starting ??= this.#start();
  }

  /**
   * Leaves: hands its shards over, within `grace`, resigns if it leads, and goes.
   */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  /** As {@link ClusterManager.stop}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Gives its shards away and takes no more, but stays: a cordon. */
  async drain(): Promise<void> {
    const { discovery } = this.#must();
    await discovery.become("draining");
  }

  /** Takes shards again after {@link ClusterManager.drain}. */
  async undrain(): Promise<void> {
    const { discovery } = this.#must();
    await discovery.become("up");
  }

  /**
   * Whether this node leads: a hint, right outside of the moments in which the
   * leader changes. What must be exclusive goes through a write that a store
   * compares.
   */
  isLeader(): boolean {
    return this.#parts?.election.isLeader() ?? false;
  }

  /** Who leads, as far as this node knows. */
  leader(): LeaderInfo | undefined {
    return this.#parts?.election.leader;
  }

  /** The nodes of the cluster by name, as the leader has last written them. */
  nodes(): readonly NodeInfo[] {
    return this.#parts?.shards.nodes ?? [];
  }

  /**
   * Who has the shard of an actor, as far as this node knows.
   *
   * @param actorId Such as `account-ada`.
   * @param namespace Of the actor; the cluster's name by default.
   * @throws {InvalidArgumentError} `invalid_argument`: no such id.
   */
  ownerOf(
    actorId: string,
    namespace: string = this.cluster,
  ): ShardOwner | undefined {
    const { shard, type } = parseActorId(actorId);
    return this.#parts?.shards.owner({ namespace, type }, shard);
  }

  /**
   * Who has which shard of a type, as far as this node knows.
   *
   * @param type Such as `account`.
   * @param namespace Of the type; the cluster's name by default.
   */
  shardMap(type: string, namespace: string = this.cluster): ShardMap {
    return this.#must().shards.map({ namespace, type });
  }

  /** Everything that changes from now on, until the loop is left or the node stops. */
  changes(): AsyncIterableIterator<ClusterChange> {
    return this.#changes.iterate();
  }

  /** Calls back with each change; returns how to stop that. */
  onChange(run: (change: ClusterChange) => void): () => void {
    return this.#changes.listen(run);
  }

  /** Whether it was started, as far as to know the maps. */
  get isStarted(): boolean {
    return this.#parts !== undefined;
  }

  /** The cluster's name. */
  get cluster(): string {
    return this.#options.cluster ?? "default";
  }

  /** This life of this node; empty before it has joined. */
  get run(): string {
    return this.#parts?.discovery.run ?? "";
  }

  /**
   * What this node may answer for of a shard right now; undefined where another
   * may own it.
   */
  held(type: ShardedType, shard: number): HeldShard | undefined {
    return this.isServing ? this.assigned(type, shard) : undefined;
  }

  /**
   * What the map gives to this node of a shard and it has not been asked to
   * release. Whether it may answer for it is another question:
   * {@link ClusterManager.isServing}.
   */
  assigned(type: ShardedType, shard: number): HeldShard | undefined {
    return this.#parts?.custody.get(familyOf(type), shard);
  }

  /**
   * Whether this node may answer for what is assigned to it, right now: it is
   * connected, its record stands, and it has proved itself since it last stood
   * still.
   */
  get isServing(): boolean {
    const parts = this.#parts;
    if (parts === undefined) return false;
    this.#look();
    return this.#isProven && parts.discovery.isValid &&
      parts.ports.messenger.connected;
  }

  /** Looks whether the maps have changed. */
  async refresh(): Promise<void> {
    await this.#parts?.shards.refresh();
  }

  /**
   * Says that a node does not answer: whether it is dead will be found out.
   */
  suspect(node: string): void {
    const parts = this.#parts;
    const target = parts?.shards.nodes.find((info) => info.node === node);
    if (parts === undefined || target === undefined) return;
    const { clock, messenger } = parts.ports;
    const now = clock.monotonic();
    if (now - (this.#suspected.get(target.run) ?? -Infinity) < 100) return;
    this.#suspected.set(target.run, now);
    if (parts.election.isLeader()) return parts.detector.poke(target);
    const leader = parts.election.leader;
    if (leader === undefined) return;
    const { run } = target;
    if (leader.run !== run) {
      messenger.publish(`${leader.node}.suspect`, { run });
    } else if (!this.#options.observes) this.#lookForLeader(parts);
    else {
      // Whoever only looks on has others look for the leader.
      for (const other of parts.shards.nodes.slice(0, 4)) {
        if (other.run === run) continue;
        messenger.publish(`${other.node}.suspect`, { run });
      }
    }
  }

  async #start(): Promise<void> {
    const ports = await this.#open();
    const parts = this.#build(ports);
    this.#parts = parts;
    const { clock, messenger } = ports;
    try {
      this.#lastLook = clock.monotonic();
      parts.shards.onChange = (change) => this.#shardsChanged(parts, change);
      parts.election.onChange = () => this.#leaderChanged(parts);
      await parts.shards.start();
      this.#stopListening = messenger.onChange(() => this.#linkChanged());
      if (!this.#options.observes) {
        parts.detector.start();
        parts.stops.push(
          messenger.subscribe(`${this.nodeId}.suspect`, (body) => {
            this.#accused(parts, body);
          }),
          messenger.subscribe(`${this.nodeId}.released`, (body) => {
            parts.allocator.released(shardListOf(body));
          }),
        );
        parts.discovery.onLost = () => this.#lost(parts);
        parts.discovery.onJoining = (run) => parts.detector.answerAs(run);
        await parts.discovery.join();
        parts.custody.become(parts.discovery.run);
        this.#isProven = true;
        await parts.election.restart(parts.discovery.run);
      }
      await parts.election.start();
      this.#heardLeader = clock.monotonic();
      this.#tick(parts);
    } catch (error) {
      await this.#end(parts);
      throw error;
    }
  }

  #build(ports: ClusterPorts & Partial<AsyncDisposable>): Parts {
    const { hosts = [], observes, probeEvery, ttl = 15_000, weight = 1 } =
      this.#options;
    const log = this.#log;
    const node = this.nodeId;
    const shards = new ShardManager(ports);
    const election = new LeaderElection(ports, {
      node,
      run: "",
      ttl,
      stands: observes !== true,
      log,
    });
    const discovery = new NodeDiscovery(ports, {
      node,
      hosts: hosts.map(familyOf),
      weight,
      ttl,
      log,
    });
    const custody: Custody = new Custody({
      shards,
      release: (shard) => this.#options.release?.(shard),
      onReleased: () => this.#onReleased(parts),
    });
    const detector: Detector = new Detector(ports, {
      node,
      ...(probeEvery === undefined ? {} : { probeEvery }),
      roster: () => shards.nodes,
      say: (target) => this.#say(parts, target),
      answer: (probe) => this.#answer(parts, probe),
      heard: (_target, answer) =>
        allocator.released(shardListOf(answer["released"])),
      dead: (target) => this.#dead(parts, target),
      renewal: async ({ node, run }) => {
        const record = await discovery.find(node);
        return record?.run === run ? record.revision : undefined;
      },
    });
    const allocator: Allocator = new Allocator(ports, {
      election,
      discovery,
      shards,
      log,
      poke: (run) => {
        if (run === discovery.run) custody.release(allocator.ordersFor(run));
        else {
          const target = shards.nodes.find((info) => info.run === run);
          if (target !== undefined) detector.poke(target);
        }
      },
      isStillDead: (info) => detector.isStillDead(info),
      ownReleased: () => custody.released,
      roster: (nodes) =>
        detector.watch(nodes.filter((info) => info.node !== node)),
    });
    const stops: (() => void)[] = [];
    const parts: Parts = {
      ports,
      shards,
      election,
      discovery,
      custody,
      detector,
      allocator,
      stops,
    };
    return parts;
  }

  async #stop(): Promise<void> {
    await this.#starting?.catch(() => {});
    const parts = this.#parts;
    this.#stopped = true;
    if (parts === undefined) return this.#changes.end();
    if (!this.#options.observes) await this.#handOver(parts);
    await this.#end(parts);
  }

  /** Waits until the map gives this node nothing any more. */
  async #handOver(parts: Parts): Promise<void> {
    const { custody, discovery, ports } = parts;
    if (custody.count === 0 && !parts.election.isLeader()) return;
    await discovery.become("leaving").catch(() => {});
    if (parts.election.isLeader()) parts.allocator.nodesChanged();
    await new Promise<void>((resolve) => {
      const done = () => {
        cancel();
        stop();
        resolve();
      };
      const look = () => {
        if (custody.count === 0 || !ports.messenger.connected) done();
      };
      const cancel = ports.clock.timer(this.#options.grace ?? GRACE, done);
      const stop = this.#changes.listen(look);
      look();
    });
  }

  async #end(parts: Parts): Promise<void> {
    this.#isProven = false;
    this.#cancelLook();
    this.#stopListening();
    parts.allocator.end();
    await parts.election.close();
    await parts.discovery.leave();
    parts.detector.close();
    for (const stop of parts.stops.splice(0)) stop();
    await parts.shards.close();
    await parts.ports[Symbol.asyncDispose]?.();
    this.#changes.end();
  }

  // ---- what is heard ----

  #say(parts: Parts, { run }: NodeInfo): Record<string, unknown> {
    const { epoch } = parts.election;
    if (epoch === undefined) return {};
    const release = parts.allocator.ordersFor(run);
    return { leader: parts.discovery.run, epoch, release };
  }

  #answer(
    parts: Parts,
    probe: Record<string, unknown>,
  ): Record<string, unknown> {
    const { custody, discovery, election, ports } = parts;
    const { epoch, leader, release } = probe;
    // What a leader says that was deposed meanwhile counts for nothing.
    if (
      leader !== undefined && isCount(epoch) &&
      epoch >= (election.leader?.epoch ?? 0)
    ) {
      this.#heardLeader = ports.clock.monotonic();
      custody.release(shardListOf(release));
    }
    const { released } = custody;
    return {
      run: discovery.run,
      connected: ports.messenger.connected,
      ...(Object.keys(released).length === 0 ? {} : { released }),
    };
  }

  #onReleased(parts: Parts): void {
    if (this.#tellReleased) return;
    this.#tellReleased = true;
    // What is released in the same moment is told at once.
    queueMicrotask(() => {
      this.#tellReleased = false;
      const { allocator, custody, election, ports } = parts;
      if (election.isLeader()) return allocator.released(custody.released);
      const leader = election.leader;
      if (leader === undefined || !ports.messenger.connected) return;
      ports.messenger.publish(`${leader.node}.released`, custody.released);
    });
  }

  #accused(parts: Parts, body: unknown): void {
    const run = isRecord(body) ? body["run"] : undefined;
    if (run === parts.election.leader?.run) this.#lookForLeader(parts);
    if (!parts.election.isLeader()) return;
    const target = parts.shards.nodes.find((info) => info.run === run);
    if (target !== undefined) parts.detector.poke(target);
  }

  #dead(parts: Parts, target: NodeInfo): void {
    if (parts.election.isLeader()) {
      const { nodesRevision } = parts.shards;
      parts.allocator.bury(target, nodesRevision)
        .catch((error) => this.#tell(error));
    }
  }

  // ---- what changes ----

  #shardsChanged(
    parts: Parts,
    change: { readonly kind: "nodes" } | {
      readonly kind: "shards";
      readonly family: string;
    },
  ): void {
    if (change.kind === "nodes") {
      this.#changes.tell({ kind: "nodes", nodes: parts.shards.nodes });
      return;
    }
    const { family } = change;
    parts.custody.follow(family);
    const dot = family.lastIndexOf(".");
    const shards = {
      namespace: family.slice(0, dot),
      type: family.slice(dot + 1),
    };
    this.#changes.tell({ kind: "shards", shards });
  }

  #leaderChanged(parts: Parts): void {
    const { epoch, leader } = parts.election;
    this.#heardLeader = parts.ports.clock.monotonic();
    if (epoch === undefined) {
      parts.allocator.end();
      parts.detector.watch([]);
    } else parts.allocator.begin(epoch);
    this.#changes.tell({ kind: "leader", leader });
  }

  #linkChanged(): void {
    this.#isProven = false;
    if (this.#parts?.ports.messenger.connected) this.#prove();
    this.#changes.tell({
      kind: "nodes",
      nodes: this.#parts?.shards.nodes ?? [],
    });
  }

  #lost(parts: Parts): void {
    this.#isProven = false;
    parts.custody.become("");
    this.#changes.tell({ kind: "nodes", nodes: parts.shards.nodes });
    this.#rejoin(parts);
  }

  async #rejoin(parts: Parts): Promise<void> {
    if (this.#rejoining) return;
    this.#rejoining = true;
    const { clock } = parts.ports;
    for (let pause = 100; !this.#stopped; pause = Math.min(2 * pause, 2_000)) {
      try {
        await parts.discovery.join();
        if (this.#stopped) break;
        await parts.shards.refresh();
        parts.custody.become(parts.discovery.run);
        await parts.election.restart(parts.discovery.run);
        // It may have been lost again on the way, as to one that stood still.
        if (!parts.discovery.hasJoined) continue;
        this.#isProven = true;
        break;
      } catch (error) {
        this.#tell(error);
        await new Promise<void>((resolve) => clock.timer(pause, resolve));
      }
    }
    this.#rejoining = false;
    for (const family of parts.shards.families) {
      this.#shardsChanged(parts, { kind: "shards", family });
    }
  }

  /** After standing still or being cut off: renews the record before it answers. */
  async #prove(): Promise<void> {
    const parts = this.#parts;
    if (this.#proving || parts === undefined || this.#options.observes) return;
    this.#proving = true;
    try {
      while (!this.#isProven && !this.#stopped && !this.#rejoining) {
        const before = this.#lastLook;
        const proof = await parts.discovery.prove();
        if (proof === true) {
          await parts.shards.refresh().catch(() => {});
          // Not if it has stood still again on the way.
          this.#isProven = parts.ports.messenger.connected &&
            this.#lastLook - before < STALL;
        } else if (proof === false) break; // it comes back as another life
        else if (!parts.ports.messenger.connected) break;
        if (this.#isProven) break;
        await new Promise<void>((resolve) =>
          parts.ports.clock.timer(50, resolve)
        );
      }
    } finally {
      this.#proving = false;
    }
    for (const family of parts.shards.families) {
      this.#shardsChanged(parts, { kind: "shards", family });
    }
  }

  // ---- time ----

  #tick(parts: Parts): void {
    if (this.#stopped) return;
    this.#look();
    const { clock } = parts.ports;
    const every = this.#options.probeEvery ?? 250;
    if (
      !this.#options.observes && !parts.election.isLeader() &&
      clock.monotonic() - this.#heardLeader > 1.2 * every
    ) this.#lookForLeader(parts);
    this.#cancelLook = clock.timer(every / 5, () => this.#tick(parts));
  }

  /** Whether it stood still; also before each use, as timers may come late. */
  #look(): void {
    const parts = this.#parts!;
    const now = parts.ports.clock.monotonic();
    const still = now - this.#lastLook;
    this.#lastLook = now;
    if (still <= STALL) return;
    this.#isProven = false;
    parts.detector.disturbed();
    this.#log({
      level: "warn",
      message: "a node stood still",
      node: this.nodeId,
      for: Math.round(still),
    });
    this.#prove();
  }

  async #lookForLeader(parts: Parts): Promise<void> {
    const { leader } = parts.election;
    if (leader === undefined || leader.node === this.nodeId) return;
    if (this.#lookingFor === leader.run) return;
    this.#lookingFor = leader.run;
    try {
      await this.#replace(parts, leader);
    } catch (error) {
      this.#tell(error); // what is left to do is done by the next look
    } finally {
      this.#lookingFor = "";
    }
  }

  async #replace(parts: Parts, leader: LeaderInfo): Promise<void> {
    const { detector, election, ports: { clock }, shards } = parts;
    const target = shards.nodes.find(({ run }) => run === leader.run) ??
      { ...leader, hosts: [], weight: 1, state: "up", servers: [] };
    const verdict = await detector.investigate(target);
    if (this.#stopped || election.leader?.run !== leader.run) return;
    if (verdict === "alive") this.#heardLeader = clock.monotonic();
    if (verdict !== "dead") return;
    // It may be the one that was away, and that the others have given up; and by
    // the time that it knows, the leader may be back.
    if (await parts.discovery.prove() !== true) return;
    if (!await detector.isStillDead(target)) return;
    if (this.#stopped || election.leader?.run !== leader.run) return;
    if (await election.preempt(leader.run)) {
      await parts.allocator.bury(target, leader.epoch);
    }
  }

  #tell(error: unknown): void {
    this.#log({
      level: "warn",
      message: "a node could not do its part in the cluster",
      node: this.nodeId,
      reason: (error as AetherError).message,
    });
  }

  #must(): Parts {
    if (this.#parts !== undefined) return this.#parts;
    throw new InvalidArgumentError(
      `Cannot use node "${this.nodeId}" of cluster "${this.cluster}" as it was not started`,
    );
  }
}

interface Parts {
  readonly ports: ClusterPorts & Partial<AsyncDisposable>;
  readonly shards: ShardManager;
  readonly election: LeaderElection;
  readonly discovery: NodeDiscovery;
  readonly custody: Custody;
  readonly detector: Detector;
  readonly allocator: Allocator;
  readonly stops: (() => void)[];
}

/** Milliseconds without a look that mean that this process stood still. */
const STALL = 1_000;
/** Milliseconds that leaving may take. */
const GRACE = 10_000;
