/**
 * Which nodes there are.
 *
 * Each node keeps a record in the control log, `nodes.<name>`, which the server
 * removes when it has not been renewed for a TTL. A renewal expects the revision
 * of the one before: so a node that was *evicted*, its record removed by the
 * leader, finds out by its next renewal at the latest, and a renewal that went
 * well proves that up to then it was not. Removing comes before its shards are
 * given to others.
 *
 * Each life of a node has an id of its own, its *run*. A record that was lost is
 * never taken up again by the same run: the node comes back as another life,
 * with nothing.
 */
import {
  type AetherError,
  type CancelTimer,
  InvalidArgumentError,
} from "../event/mod.ts";
import { isFault } from "../nats/mod.ts";
import { Control, type ControlEntry } from "./_control.ts";
import { probeTopic } from "./_detector.ts";
import { nodeInfoOf } from "./_heard.ts";
import type { ClusterPorts } from "./ports.ts";
import type { ClusterLog, NodeInfo, NodeState } from "./types.ts";
import { WallClock } from "./_wall_clock.ts";

/** How a node makes itself known. */
export interface NodeDiscoveryOptions {
  /** Its name, unlike that of any other. */
  readonly node: string;
  /** What it hosts, as `<namespace>.<type>`; none by default. */
  readonly hosts?: readonly string[];
  /** Its share of the shards, relative to that of others; 1 by default. */
  readonly weight?: number;
  /** Milliseconds its record lasts: 15,000 by default, 1,000 at least. */
  readonly ttl?: number;
  /** Milliseconds between two renewals; 2,000 by default, a third of the TTL at most. */
  readonly renewEvery?: number;
  /** Who is told. */
  readonly log?: ClusterLog;
}

/** A node as its record in the control log has it. */
export interface NodeRecord extends NodeInfo {
  /** Revision of the record. */
  readonly revision: number;
}

/**
 * This node's record, and those of the others.
 *
 * @example Who is there
 * ```ts
 * import { connect } from "@flowmade/aether";
 * import { connectCluster, NodeDiscovery } from "@flowmade/aether/cluster";
 *
 * export async function main(node: string, stopped: Promise<void>) {
 *   const nc = await connect({ servers: "nats://localhost:4222" });
 *   await using ports = await connectCluster(nc, { cluster: "reports" });
 *   await using discovery = new NodeDiscovery(ports, { node, weight: 2 });
 *   discovery.onLost = () => console.log("taken for dead, and so out of it");
 *   await discovery.join();
 *   const stop = discovery.watch(async () => {
 *     for (const { node, state } of await discovery.list()) {
 *       console.log(node, state);
 *     }
 *   });
 *   await stopped;
 *   stop();
 * }
 * ```
 */
export class NodeDiscovery implements AsyncDisposable {
  /** Called when this node's record was removed or has expired: it owns nothing. */
  onLost: () => void = () => {};
  /** Called with the run that this node is about to join as, before others know it. */
  onJoining: (run: string) => void = () => {};
  readonly #ports: ClusterPorts;
  readonly #control: Control;
  readonly #options: Required<Omit<NodeDiscoveryOptions, "log">>;
  readonly #log: ClusterLog;
  readonly #wallClock: WallClock;
  #run = "";
  #state: NodeState = "up";
  #revision = 0;
  #until = -Infinity;
  #cancel: CancelTimer = () => {};
  #stop: () => void = () => {};
  #working: Promise<unknown> = Promise.resolve();
  #joined = false;

  /** Makes nothing known until it joins. */
  constructor(ports: ClusterPorts, options: NodeDiscoveryOptions) {
    const { ttl = 15_000, renewEvery = 2_000 } = options;
    this.#ports = ports;
    this.#control = new Control(ports);
    this.#log = options.log ?? (() => {});
    this.#wallClock = new WallClock(ports.clock, options.node, this.#log);
    this.#options = {
      node: options.node,
      hosts: options.hosts ?? [],
      weight: options.weight ?? 1,
      ttl,
      renewEvery: Math.min(renewEvery, ttl / 3),
    };
  }

  /** This life of the node; empty before it has joined. */
  get run(): string {
    return this.#run;
  }

  /** What it is about to do. */
  get state(): NodeState {
    return this.#state;
  }

  /**
   * Whether the record stands, by this node's own monotonic clock: where it does
   * not, others may own what this node owned.
   */
  get isValid(): boolean {
    return this.#joined && this.#ports.clock.monotonic() < this.#until;
  }

  /** Whether it has joined and not found out that its record is lost. */
  get hasJoined(): boolean {
    return this.#joined;
  }

  /** This node as others see it. */
  get info(): NodeInfo {
    const { hosts, node, weight } = this.#options;
    const { servers } = this.#ports.messenger;
    return { node, run: this.#run, hosts, weight, state: this.#state, servers };
  }

  /**
   * Makes this node known, as a new life of it.
   *
   * @throws {InvalidArgumentError} `invalid_argument`: a node of this name runs.
   * @throws {StoreUnavailableError} `store_unavailable`: the log cannot be reached.
   */
  async join(): Promise<void> {
    const key = this.#key;
    const run = this.#ports.newId();
    for (;;) {
      const found = await this.#control.last(key);
      const other = recordOf(found);
      if (other !== undefined && other.run !== this.#run) {
        await this.#assertGone(other);
      }
      const began = this.#ports.clock.monotonic();
      this.#run = run;
      // Whoever reads of it may look for it before it hears that it is there.
      this.onJoining(run);
      const revision = await this.#control.write(key, this.info, {
        expected: found?.revision ?? 0,
        ttl: this.#options.ttl,
      });
      if (revision === undefined) continue;
      this.#renewed(revision, began);
      break;
    }
    this.#joined = true;
    this.#stop();
    this.#stop = this.#control.watch(key, (entry) => {
      if (recordOf(entry)?.run === run) {
        this.#wallClock.heard(entry.revision, entry.at);
      } else if (entry.revision > this.#revision) {
        this.#lost(run, "it was removed");
      }
    });
    this.#plan();
  }

  /**
   * Renews the record now.
   *
   * @returns Whether this node had not been evicted when this was called;
   * undefined where that could not be found out.
   */
  prove(): Promise<boolean | undefined> {
    const done = this.#working.then(() => this.#renew());
    this.#working = done.catch(() => {});
    return done;
  }

  /** Says what this node is about to do. */
  async become(state: NodeState): Promise<void> {
    this.#state = state;
    if (this.#joined) await this.prove();
  }

  /** Removes the record: this node is gone. */
  async leave(): Promise<void> {
    this.#cancel();
    this.#stop();
    if (!this.#joined) return;
    await this.#working;
    this.#joined = false;
    await this.#control.write(this.#key, undefined, {
      expected: this.#revision,
      ttl: this.#options.ttl,
      timeout: 1_000,
    }).catch(() => {}); // it expires by itself
  }

  /** As {@link NodeDiscovery.leave}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }

  /** All nodes, by name, from the log's leader. */
  async list(): Promise<NodeRecord[]> {
    const entries = await this.#control.list("nodes.>");
    return entries.map(recordOf).filter((record) => record !== undefined)
      .sort((a, b) => a.node < b.node ? -1 : 1);
  }

  /** A node of that name, from the log's leader. */
  async find(node: string): Promise<NodeRecord | undefined> {
    return recordOf(await this.#control.last(`nodes.${node}`));
  }

  /** Calls back when a node's record comes, changes in more than its revision, or goes. */
  watch(onChange: () => void): () => void {
    const last = new Map<string, string>();
    return this.#control.watch("nodes.>", (entry) => {
      const is = JSON.stringify(entry.value) ?? "";
      if (last.get(entry.key) === is) return;
      if (is === "") last.delete(entry.key);
      else last.set(entry.key, is);
      onChange();
    });
  }

  /**
   * Removes a node that is dead, before what it owned is given to others.
   *
   * @param known A revision at which this life of it was there: an older record of
   * another life says nothing, as the answer may be from the past.
   * @param isWanted Whether it is still to be removed, looked at before each
   * attempt; always by default.
   * @returns Whether its record is gone: then this life of it renews no more.
   */
  evict(
    { node, run }: { readonly node: string; readonly run: string },
    known: number,
    isWanted: () => boolean = () => true,
  ): Promise<boolean> {
    return this.#remove(node, run, known, false, isWanted);
  }

  /**
   * Makes sure that a node that is on no list is gone: what has expired is marked
   * as removed, so that nobody who answers from the past can bring it back.
   *
   * @param known As for {@link NodeDiscovery.evict}.
   * @returns False where it is there after all, or may be.
   */
  isGone(node: string, run: string, known: number): Promise<boolean> {
    return this.#remove(node, run, known, true);
  }

  async #remove(
    node: string,
    run: string,
    known: number,
    onlyIfAbsent: boolean,
    isWanted: () => boolean = () => true,
  ): Promise<boolean> {
    const key = `nodes.${node}`;
    for (let tries = 0; tries < 5 && isWanted(); tries++) {
      const found = await this.#control.last(key);
      const record = recordOf(found);
      if (record !== undefined && record.run !== run) {
        return record.revision > known;
      }
      if (record !== undefined && onlyIfAbsent) return false;
      // Also what has expired already is written over: whoever answered may have
      // done so from the past.
      const revision = await this.#control.write(key, undefined, {
        expected: found?.revision ?? 0,
        ttl: this.#options.ttl,
        isWanted,
      });
      if (revision !== undefined) return true;
    }
    return false;
  }

  get #key(): string {
    return `nodes.${this.#options.node}`;
  }

  async #assertGone({ node, run }: NodeRecord): Promise<void> {
    const { clock, messenger } = this.#ports;
    for (let asked = 0; asked < 2; asked++) {
      if (asked > 0) {
        await new Promise<void>((resolve) => clock.timer(200, resolve));
      }
      try {
        await messenger.request(probeTopic({ node, run }), {}, 1_000);
      } catch (error) {
        if (isFault(error, "no_responders")) continue;
      }
      throw new InvalidArgumentError(
        `Cannot start node "${node}" as its cluster has a node of that name already`,
        { details: { node } },
      );
    }
  }

  #plan(ms: number = this.#options.renewEvery): void {
    this.#cancel();
    this.#cancel = this.#ports.clock.timer(ms, () => {
      this.prove().then((proof) => {
        // What is left of the record is not spent on waiting.
        if (this.#joined) this.#plan(proof === undefined ? RETRY : undefined);
      });
    });
  }

  async #renew(): Promise<boolean | undefined> {
    if (!this.#joined) return false;
    const { clock } = this.#ports;
    const [began, wall] = [clock.monotonic(), clock.now()];
    const run = this.#run;
    let revision: number | undefined;
    try {
      revision = await this.#control.write(this.#key, this.info, {
        expected: this.#revision,
        ttl: this.#options.ttl,
        timeout: this.#options.renewEvery,
      });
    } catch (error) {
      this.#log({
        level: "debug",
        message: "a node could not renew its record",
        node: this.#options.node,
        reason: (error as AetherError).message,
      });
      return await this.#adopt(run, began);
    }
    if (run !== this.#run || !this.#joined) return false;
    if (revision === undefined) return await this.#adopt(run, began);
    this.#renewed(revision, began);
    this.#wallClock.written(revision, wall);
    return true;
  }

  /** After a renewal of which nothing is known, the record may be ours all the same. */
  async #adopt(run: string, began: number): Promise<boolean | undefined> {
    let found: ControlEntry | undefined;
    try {
      found = await this.#control.last(this.#key);
    } catch {
      return undefined;
    }
    if (run !== this.#run || !this.#joined) return false;
    if (found !== undefined && found.revision < this.#revision) {
      return undefined; // an answer from the past
    }
    if (recordOf(found)?.run === run) {
      // Stored, but when is not known: it lasts as long as the one before.
      this.#revision = found!.revision;
      return undefined;
    }
    if (found === undefined && began < this.#until) return undefined;
    this.#lost(
      run,
      found?.value === undefined ? "it was removed" : "another has it",
    );
    return false;
  }

  #renewed(revision: number, began: number): void {
    this.#revision = revision;
    this.#until = began + this.#options.ttl;
  }

  #lost(run: string, reason: string): void {
    if (run !== this.#run || !this.#joined) return;
    this.#joined = false;
    this.#until = -Infinity;
    this.#cancel();
    this.#stop();
    const { node } = this.#options;
    this.#log({
      level: "warn",
      message: "a node lost its record",
      node,
      reason,
    });
    this.onLost();
  }
}

/** Milliseconds after a renewal of which nothing is known. */
const RETRY = 100;

function recordOf(entry: ControlEntry | undefined): NodeRecord | undefined {
  const info = nodeInfoOf(entry?.value);
  return info === undefined
    ? undefined
    : { ...info, revision: entry!.revision };
}
