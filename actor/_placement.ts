/**
 * Which node an actor lives on: a stand-in for the cluster, which will replace
 * this file.
 *
 * Every node answers a ping with its name and types. The list is refreshed each
 * second, and at once when a node says that it came, that it leaves, or that it
 * suspects another. A shard's owner is the node that scores highest for it by
 * rendezvous hashing: a plain function of the list, so nodes that see the same
 * list agree without a word, and a node that goes takes only its own shards
 * along.
 *
 * Nodes may see different lists for a moment, and then two may own one shard.
 * That is safe, since no promise rests on this file: an append carries the place
 * where the log is expected to end, so of two writers one is refused; it reads
 * what the other wrote, finds its command there or decides again. What can go
 * wrong is that a query, a rejection or a no-op is answered from a state that
 * another node has moved on from in that moment.
 *
 * A node is gone when nobody answers its probe subject (the server knows that a
 * process died within milliseconds), or when it misses four probes of 250 ms.
 */
import {
  type Clock,
  InvalidArgumentError,
  SHARDS,
  ulid,
} from "../event/mod.ts";
import { type Connection, isFault, type Link } from "../nats/mod.ts";
import type { Log } from "./log.ts";

/** What a placement is made of. */
export interface PlacementOptions {
  /** For requests. */
  readonly link: Link;
  /** For subscriptions. */
  readonly connection: Connection;
  /** Which nodes belong together. */
  readonly cluster: string;
  /** Whose types count. */
  readonly namespace: string;
  /** This node. */
  readonly nodeId: string;
  /** The types it hosts; none is a client, which is on no list. */
  readonly types: readonly string[];
  /** Where time comes from. */
  readonly clock: Clock;
  /** Who is told. */
  readonly log: Log;
  /** Whether a call that was sent to this node is under way here. */
  hasCall(commandId: string): boolean;
}

/** What a node says of itself. */
interface Presence {
  readonly node: string;
  /** Unlike that of an earlier process of the same name. */
  readonly run: string;
  readonly namespace: string;
  readonly types: readonly string[];
}

/** Decides by hand who owns a shard, in tests; undefined leaves it to the hash. */
export type PlacementOverride = (
  type: string,
  shard: number,
) => string | undefined;

/** The nodes of a cluster, and who owns what. */
export class Placement {
  /** Called when who owns what may have changed; told who died, if anybody did. */
  onChange: (dead?: string) => void = () => {};
  readonly #options: PlacementOptions;
  readonly #run = ulid();
  readonly #nodes = new Map<string, Presence>();
  readonly #gone = new Set<string>();
  readonly #owners = new Map<string, (string | undefined)[]>();
  readonly #probes = new Map<string, Promise<boolean>>();
  #stop: (() => void)[] = [];
  #override: PlacementOverride | undefined;
  #refreshing: Promise<void> | undefined;
  #leaving = false;
  #closed = false;

  /** Knows nobody yet. */
  constructor(options: PlacementOptions) {
    this.#options = options;
  }

  /** The nodes on the list, by name. */
  get nodes(): readonly string[] {
    return [...this.#nodes.keys()].sort();
  }

  /**
   * Finds out who is there, and begins to answer whoever asks the same.
   *
   * @throws {InvalidArgumentError} `invalid_argument`: a node of this name runs.
   */
  async join(): Promise<void> {
    await this.#assertUnique();
    this.#subscribe("ping", () => this.#hosts ? this.#presence : undefined);
    this.#subscribe(`${this.#options.nodeId}.probe`, () => ({
      run: this.#run,
      leaving: this.#leaving,
    }));
    this.#subscribe(
      `${this.#options.nodeId}.has`,
      (said) => this.#options.hasCall(String(said)),
    );
    this.#subscribe("changed", (said) => {
      this.#heard(said as Said);
      return undefined;
    });
    await this.refresh();
    this.#tick();
  }

  /** Tells the others that this node is there. */
  announce(): void {
    if (this.#hosts) this.#say({ came: this.#presence });
  }

  /** Tells the others that this node goes; from now on it owns nothing. */
  leave(): void {
    if (this.#hosts) this.#say({ left: this.#options.nodeId, run: this.#run });
    this.#leaving = true;
    this.#drop(this.#options.nodeId);
  }

  /** Ends all of it. */
  close(): void {
    this.#closed = true;
    for (const stop of this.#stop.splice(0)) stop();
  }

  /** Who owns a shard; undefined where no node hosts the type. */
  ownerOf(type: string, shard: number): string | undefined {
    const forced = this.#override?.(type, shard);
    if (forced !== undefined) return forced;
    let owners = this.#owners.get(type);
    if (owners === undefined) {
      const hosts = [...this.#nodes.values()]
        .filter(({ types }) => types.includes(type))
        .map(({ node }) => node);
      owners = Array.from(
        { length: SHARDS },
        (_, shard) => highest(hosts, type, shard),
      );
      this.#owners.set(type, owners);
    }
    return owners[shard];
  }

  /**
   * Finds out what has become of a call that a node was sent and has not
   * answered: it may have been sent while somebody else, who is gone, listened
   * for that shard.
   *
   * @returns Whether to wait on: the node has it, or nobody can tell.
   */
  async has(node: string, commandId: string): Promise<boolean> {
    const subject = this.#subject(`${node}.has`);
    try {
      const reply = await this.#options.link.request(
        subject,
        JSON.stringify(commandId),
        { timeout: PROBE },
      );
      return reply.json<boolean>();
    } catch (error) {
      return isFault(error, "no_responders", "timeout")
        ? !(await this.suspect(node))
        : true;
    }
  }

  /** Places shards by hand, in tests. */
  override(override: PlacementOverride | undefined): void {
    this.#override = override;
    this.onChange();
  }

  /** Asks all nodes who they are; several callers share one round. */
  refresh(): Promise<void> {
    return this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
  }

  /**
   * Finds out whether a node is gone, takes it off the list if so and tells the
   * others.
   *
   * @param probes How many it must miss, where it does not answer at all.
   * @returns Whether it is gone.
   */
  async suspect(node: string, probes: number = PROBES): Promise<boolean> {
    if (!this.#nodes.has(node)) return true;
    if (await this.#isAlive(node, probes)) return false;
    const { cluster, log, nodeId } = this.#options;
    if (this.#drop(node, true)) {
      log({
        level: "warn",
        message: "a node is gone",
        cluster,
        node: nodeId,
        gone: node,
      });
      this.#say({ suspect: node });
    }
    return true;
  }

  async #assertUnique(): Promise<void> {
    const { cluster, link, nodeId } = this.#options;
    try {
      await link.request(this.#subject(`${nodeId}.probe`), "", {
        timeout: PROBE,
      });
    } catch {
      return;
    }
    throw new InvalidArgumentError(
      `Cannot start node "${nodeId}" as cluster "${cluster}" has a node of that name already`,
    );
  }

  /** A client hosts nothing, and a node that leaves nothing more. */
  get #hosts(): boolean {
    return this.#options.types.length > 0 && !this.#leaving;
  }

  get #presence(): Presence {
    const { namespace, nodeId, types } = this.#options;
    return { node: nodeId, run: this.#run, namespace, types };
  }

  #heard(said: Said): void {
    if ("came" in said) this.#add(said.came);
    else if ("left" in said) {
      this.#gone.add(said.run);
      if (this.#nodes.get(said.left)?.run === said.run) this.#drop(said.left);
    } else if (said.suspect !== this.#options.nodeId) {
      // Another's suspicion is a reason to look, if a shorter one.
      this.suspect(said.suspect, 1);
    }
  }

  async #refresh(): Promise<void> {
    const answered = await this.#ping();
    if (answered === undefined) return; // this node is cut off: no news
    if (this.#hosts) {
      answered.set(this.#options.nodeId, this.#presence);
    }
    for (const presence of answered.values()) this.#add(presence);
    for (const node of [...this.#nodes.keys()]) {
      if (!answered.has(node)) this.suspect(node);
    }
  }

  #ping(): Promise<Map<string, Presence> | undefined> {
    const { link, namespace } = this.#options;
    const answered = new Map<string, Presence>();
    return new Promise((resolve) => {
      link.requestMany(
        this.#subject("ping"),
        "",
        { timeout: QUIET },
        (reply) => {
          const presence = reply.json<Presence>();
          if (presence.namespace === namespace) {
            answered.set(presence.node, presence);
          }
          return false;
        },
        (error) =>
          resolve(
            isFault(error, "timeout", "no_responders") ? answered : undefined,
          ),
      );
    });
  }

  #isAlive(node: string, probes: number): Promise<boolean> {
    const running = this.#probes.get(node);
    if (running !== undefined) return running;
    const probe = this.#probe(node, probes)
      .finally(() => this.#probes.delete(node));
    this.#probes.set(node, probe);
    return probe;
  }

  async #probe(node: string, probes: number): Promise<boolean> {
    const { link } = this.#options;
    const subject = this.#subject(`${node}.probe`);
    const { run } = this.#nodes.get(node)!;
    for (let missed = 0; missed < probes; missed++) {
      try {
        const reply = await link.request(subject, "", { timeout: PROBE });
        const answer = reply.json<{ run: string; leaving: boolean }>();
        return answer.run === run && !answer.leaving;
      } catch (error) {
        if (isFault(error, "no_responders")) return false;
        if (!isFault(error, "timeout")) return true; // cut off: no judgement
      }
    }
    return false;
  }

  #add(presence: Presence): void {
    const { node, run } = presence;
    if (presence.namespace !== this.#options.namespace) return;
    if (this.#gone.has(run)) return;
    if (this.#nodes.get(node)?.run === run) return;
    this.#nodes.set(node, presence);
    this.#owners.clear();
    this.onChange();
  }

  #drop(node: string, dead = false): boolean {
    if (!this.#nodes.delete(node)) return false;
    this.#owners.clear();
    this.onChange(dead ? node : undefined);
    return true;
  }

  #subscribe(what: string, answer: (said: unknown) => unknown): void {
    const { connection } = this.#options;
    const subscription = connection.subscribe(this.#subject(what), {
      callback: (error, msg) => {
        if (error !== null) return;
        try {
          const reply = answer(msg.data.length > 0 ? msg.json() : undefined);
          if (reply !== undefined) msg.respond(JSON.stringify(reply));
        } catch { /* not one of ours */ }
      },
    });
    this.#stop.push(() => {
      if (!connection.isClosed()) subscription.unsubscribe();
    });
  }

  #tick(): void {
    const cancel = this.#options.clock.timer(EVERY, () => {
      this.#stop = this.#stop.filter((stop) => stop !== cancel);
      this.refresh().then(() => this.#closed || this.#tick());
    });
    this.#stop.push(cancel);
  }

  #say(said: Said): void {
    if (this.#options.link.connected) {
      this.#options.link.publish(
        this.#subject("changed"),
        JSON.stringify(said),
      );
    }
  }

  #subject(what: string): string {
    return `aether.node.${this.#options.cluster}.${what}`;
  }
}

type Said =
  | { readonly came: Presence }
  | { readonly left: string; readonly run: string }
  | { readonly suspect: string };

/**
 * The node that scores highest for a shard; undefined where there are no nodes.
 * A node that comes or goes changes only the shards that are, or were, its own.
 */
export function highest(
  nodes: readonly string[],
  type: string,
  shard: number,
): string | undefined {
  let best: string | undefined;
  let most = -1;
  for (const node of nodes) {
    const score = mix(`${node}/${type}/${shard}`);
    // Equal scores are decided by name, so that all nodes decide alike.
    if (score > most || (score === most && node < best!)) {
      best = node;
      most = score;
    }
  }
  return best;
}

/** FNV-1a with a finish (of MurmurHash3) that spreads names that differ little. */
function mix(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const EVERY = 1_000;
const QUIET = 100;
const PROBE = 250;
const PROBES = 4;
