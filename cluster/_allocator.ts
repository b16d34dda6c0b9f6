/**
 * What the leader does with the shards.
 *
 * Everything goes through one comparison, made anew whenever something has
 * changed: what the map says, which nodes there are, what they have released, and
 * what the plan wants. So there is nothing to resume: a leader that dies in the
 * middle leaves a map, and the next one compares again.
 *
 * - A shard without owner, or whose owner is gone, is given away at once. The
 *   latter is *seized*: the former owner may not know. That is remembered when the
 *   shard is handed over later: what its next owner never touched, an append of the
 *   one before may still reach.
 * - A shard that is to move is asked for, again and again with each probe, until
 *   its owner says that it has released it. Then it is given away in the next
 *   generation. After five seconds it is seized.
 * - A shard that was released but is to stay (the plan has changed, or another
 *   leader asked) is given back, in the next generation.
 *
 * A node never takes back by itself what it has released: the map that gives it
 * to another may be on its way. All maps carry this leader's epoch, so the one of
 * a leader before cannot arrive after its successor's.
 */
import type { AetherError } from "../event/mod.ts";
import type { LeaderElection } from "./leader_election.ts";
import type { NodeDiscovery, NodeRecord } from "./node_discovery.ts";
import type { PlannedNode } from "./plan.ts";
import type { ClusterPorts } from "./ports.ts";
import { MAPS, NODES, ShardManager } from "./shard_manager.ts";
import {
  generationsFrom,
  type ShardEntry,
  type ShardMap,
} from "./shard_map.ts";
import type { ClusterLog, NodeInfo } from "./types.ts";

/** Shards by family, each with its generation, as they travel. */
export type ShardList = Readonly<
  Record<
    string,
    readonly (readonly [
      shard: number,
      generation: number,
    ])[]
  >
>;

/** What an allocator works with. */
export interface AllocatorOptions {
  /** Whose leader writes. */
  readonly election: LeaderElection;
  /** Which nodes there are. */
  readonly discovery: NodeDiscovery;
  /** The maps as they are. */
  readonly shards: ShardManager;
  /** Who is told. */
  readonly log: ClusterLog;
  /** There is something to say to a node. */
  poke(run: string): void;
  /** Probes a node that was found dead once more. */
  isStillDead(node: NodeInfo): Promise<boolean>;
  /** These are the nodes now. */
  roster(nodes: readonly NodeInfo[]): void;
  /** What this node itself has released, for this leader or one before. */
  ownReleased(): ShardList;
}

interface Order {
  readonly run: string;
  readonly generation: number;
  readonly since: number;
}

/** Gives shards to nodes, as long as this node leads. */
export class Allocator {
  readonly #ports: ClusterPorts;
  readonly #options: AllocatorOptions;
  /** What nodes were asked to release, by `family/shard`. */
  readonly #orders = new Map<string, Order>();
  /** What nodes have released: generations by `family/shard`. */
  readonly #released = new Map<string, number>();
  readonly #gone = new Set<string>();
  readonly #burying = new Set<string>();
  #roster: readonly NodeRecord[] | undefined;
  #rosterAge = 0;
  #epoch: number | undefined;
  #again = false;
  #isRunning = false;
  #cancels: (() => void)[] = [];

  /** Does nothing until {@link Allocator.begin}. */
  constructor(ports: ClusterPorts, options: AllocatorOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  /** This node leads: from now on it gives shards to nodes. */
  begin(epoch: number): void {
    if (this.#epoch === epoch) return;
    this.end();
    this.#epoch = epoch;
    const { clock } = this.#ports;
    this.#cancels.push(
      this.#options.discovery.watch(() => this.nodesChanged()),
    );
    const poll = () => {
      this.#cancels[1] = clock.timer(POLL, () => {
        this.nodesChanged();
        poll();
      });
    };
    poll();
    this.nodesChanged();
  }

  /** This node leads no more. */
  end(): void {
    this.#epoch = undefined;
    this.#roster = undefined;
    this.#orders.clear();
    this.#released.clear();
    this.#gone.clear();
    for (const cancel of this.#cancels.splice(0)) cancel();
  }

  /** Nodes have come, gone or changed. */
  nodesChanged(): void {
    this.#roster = undefined;
    this.#rosterAge++;
    this.compare();
  }

  /**
   * A node is dead: its record is removed, and then what it had is given away.
   *
   * No boundary guards records: so the leader proves first that it leads. One that
   * was cut off, with a witness or two, takes the others for dead until the moment
   * it is back.
   *
   * @param known Something was written at that revision by or about this life of it.
   */
  async bury(node: NodeInfo, known: number): Promise<void> {
    const epoch = this.#epoch;
    const { run } = node;
    if (epoch === undefined || this.#gone.has(run)) return;
    if (this.#burying.has(run)) return;
    this.#burying.add(run);
    const { discovery, election, log } = this.#options;
    const { clock } = this.#ports;
    try {
      if (!await election.prove()) return;
      // That may have taken a while, where the log is slow: what counts is now.
      if (!await this.#options.isStillDead(node)) return;
      const found = clock.monotonic();
      // Found dead again, should it be so, it is as soon as the log can be reached.
      const isWanted = () =>
        this.#epoch === epoch && clock.monotonic() - found < FRESH;
      if (!isWanted()) return;
      if (!await discovery.evict(node, known, isWanted)) return;
      if (this.#epoch !== epoch) return;
    } finally {
      this.#burying.delete(run);
    }
    this.#gone.add(run);
    log({
      level: "warn",
      message: "a node is dead",
      dead: node.node,
      run,
    });
    this.nodesChanged();
  }

  /** What a node is to release, to be told with each probe. */
  ordersFor(run: string): ShardList {
    const list: Record<string, [number, number][]> = {};
    for (const [key, order] of this.#orders) {
      if (order.run !== run) continue;
      const slash = key.lastIndexOf("/");
      const family = key.slice(0, slash);
      (list[family] ??= []).push([
        Number(key.slice(slash + 1)),
        order.generation,
      ]);
    }
    return list;
  }

  /** What a node says that it has released and not been given back. */
  released(list: ShardList): void {
    if (this.#note(list)) this.compare();
  }

  /** Whether it is news. */
  #note(list: ShardList): boolean {
    let isNews = false;
    for (const [family, shards] of Object.entries(list)) {
      for (const [shard, generation] of shards) {
        const key = `${family}/${shard}`;
        if ((this.#released.get(key) ?? 0) >= generation) continue;
        if (
          this.#options.shards.map(family).at(shard).generation > generation
        ) {
          continue; // given away already
        }
        this.#released.set(key, generation);
        isNews = true;
      }
    }
    return isNews;
  }

  /** Compares what is with what should be, and makes it so. */
  compare(): void {
    if (this.#epoch === undefined) return;
    this.#again = true;
    if (!this.#isRunning) this.#run();
  }

  async #run(): Promise<void> {
    const { clock } = this.#ports;
    this.#isRunning = true;
    while (this.#again && this.#epoch !== undefined) {
      this.#again = false;
      try {
        await this.#compare(this.#epoch);
      } catch (error) {
        const { code, message } = error as AetherError;
        // Deposed, or closed for good: `end` follows.
        if (code === "moved" || code === "closed") break;
        this.#options.log({
          level: "warn",
          message: "the leader could not give shards to nodes",
          reason: message,
        });
        await new Promise<void>((resolve) => clock.timer(RETRY, resolve));
        this.nodesChanged();
      }
    }
    this.#isRunning = false;
  }

  async #compare(epoch: number): Promise<void> {
    const { discovery, election, shards } = this.#options;
    // A plan starts from the map that it replaces, and not from an older one.
    if (shards.revision < (election.boundary ?? 0)) {
      await shards.refresh();
      if (shards.revision < (election.boundary ?? 0)) return this.#soon();
    }
    const age = this.#rosterAge;
    const roster = this.#roster ?? await discovery.list();
    if (election.epoch !== epoch) return;
    // What has changed meanwhile is looked at in the next round.
    if (age === this.#rosterAge) this.#roster = roster;
    if (!await this.#writeNodes(roster)) return this.#redo();
    this.#options.roster(roster);
    this.#note(this.#options.ownReleased());
    const families = new Set([
      ...shards.families,
      ...roster.flatMap(({ hosts }) => hosts),
    ]);
    const poked = new Set<string>();
    for (const family of families) {
      const map = shards.map(family);
      if (!await this.#assertGone(map, roster)) return this.#redo();
      const changes = this.#changesOf(map, roster, poked);
      if (changes.size === 0) continue;
      const next = map.with(changes);
      const key = MAPS + family;
      const value = next.toJSON();
      const revision = await election.write(key, value);
      if (revision === undefined) return this.#redo();
      shards.wrote(key, value, revision);
      for (const shard of changes.keys()) this.#settled(`${family}/${shard}`);
    }
    for (const run of poked) this.#options.poke(run);
  }

  async #redo(): Promise<void> {
    // Something is in the log that this leader did not know of.
    await this.#options.shards.refresh();
    await this.#soon();
  }

  /** Compares again: what was read was not enough, or out of the past. */
  async #soon(): Promise<void> {
    const { clock } = this.#ports;
    await new Promise<void>((resolve) => clock.timer(AGAIN, resolve));
    this.nodesChanged();
  }

  async #writeNodes(roster: readonly NodeRecord[]): Promise<boolean> {
    const { election, shards } = this.#options;
    const nodes = roster.map(({ revision: _revision, ...node }) => node);
    if (JSON.stringify(nodes) === JSON.stringify(shards.nodes)) return true;
    const revision = await election.write(NODES, nodes);
    if (revision === undefined) return false;
    shards.wrote(NODES, nodes, revision);
    return true;
  }

  /**
   * Makes sure of each owner that is not on the list: the list may be an answer
   * from the past, and what has expired must not be renewed after all.
   */
  async #assertGone(
    map: ShardMap,
    roster: readonly NodeRecord[],
  ): Promise<boolean> {
    for (const [run, node] of map.runs) {
      if (roster.some((record) => record.run === run)) continue;
      if (this.#gone.has(run)) continue;
      const { discovery } = this.#options;
      if (!await discovery.isGone(node, run, map.revision)) return false;
      this.#gone.add(run);
    }
    return true;
  }

  #changesOf(
    map: ShardMap,
    roster: readonly NodeRecord[],
    poked: Set<string>,
  ): ReadonlyMap<number, ShardEntry> {
    const now = this.#ports.clock.monotonic();
    const hosts = roster.filter((node) =>
      node.hosts.includes(map.family) && node.state !== "leaving"
    );
    const planned = hosts.map(({ node, state, weight }): PlannedNode => ({
      nodeId: node,
      weight,
      draining: state === "draining",
    }));
    const { assignment } = ShardManager.plan(map.nodes, planned, map.family);
    const byName = new Map(hosts.map((host) => [host.node, host]));
    const runs = new Set(roster.map(({ run }) => run));
    const begun = generationsFrom(this.#ports.clock.now());
    const changes = new Map<number, ShardEntry>();
    for (const [shard, wanted] of assignment.entries()) {
      const entry = map.at(shard);
      const { node, run } = entry;
      const generation = entry.generation || begun;
      const to = wanted === undefined ? undefined : byName.get(wanted);
      const give = (fence: number, late?: readonly string[]) =>
        changes.set(shard, {
          node: to?.node,
          run: to?.run ?? "",
          generation: generation + 1,
          fence,
          ...(late === undefined ? {} : { late }),
        });
      // What it has left undone, and what it may not have known was left to it.
      const lates = () => [...entry.late ?? [], run].slice(-MOST_LATE);
      const key = `${map.family}/${shard}`;
      if (node === undefined) {
        if (to !== undefined) give(entry.fence, entry.late);
      } else if (!runs.has(run)) give(generation + 1, lates());
      else if (this.#released.get(key) === generation) give(entry.fence);
      else if (to?.run === run) this.#orders.delete(key);
      else {
        const order = this.#orders.get(key);
        if (order?.generation !== generation || order.run !== run) {
          this.#orders.set(key, { run, generation, since: now });
          poked.add(run);
          this.#later(OVERDUE + 50);
        } else if (now - order.since >= OVERDUE) give(generation + 1, lates());
      }
    }
    return changes;
  }

  #settled(key: string): void {
    this.#orders.delete(key);
    this.#released.delete(key);
  }

  #later(ms: number): void {
    this.#cancels[2]?.();
    this.#cancels[2] = this.#ports.clock.timer(ms, () => this.compare());
  }
}

/** So many former owners in a row are remembered. */
const MOST_LATE = 8;
/** Milliseconds between two looks at the nodes. */
const POLL = 5_000;
/** Milliseconds for which a verdict counts. */
const FRESH = 2_000;
/** Milliseconds until the log is read again. */
const AGAIN = 20;
/** Milliseconds until it is tried again. */
const RETRY = 200;
/** Milliseconds after which a shard that was asked for is seized. */
const OVERDUE = 5_000;
