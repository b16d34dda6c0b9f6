/**
 * What must hold in every simulated world, looked at as it happens, with the eyes
 * of one who sees all: what the servers have stored, what owners answer, what
 * clients were told.
 */
import { ShardMap } from "../../../cluster/mod.ts";
import { parseActorId } from "../../../event/mod.ts";
import type { ClusterManager, ControlMessage } from "../../../cluster/mod.ts";
import type { Call, ClientWatch } from "./client.ts";
import type { SimEventLog, StoredCommit } from "./event_log.ts";
import { type Ask, type OwnerWatch, type Reply, TYPE } from "./owner.ts";
import type { SimProcess } from "./process.ts";
import type { SimWorld } from "./world.ts";

/** A promise that was broken. */
export interface Violation {
  /** Which one. */
  readonly rule: string;
  readonly what: string;
}

interface Given {
  readonly generation: number;
  readonly seized: boolean;
  readonly at: number;
}

/** Looks at everything, and keeps the first promise that was broken. */
export class Checker implements OwnerWatch, ClientWatch {
  violation: Violation | undefined;
  /** Shards that were seized, and handed over, after the first map. */
  seized = 0;
  released = 0;
  /** Lives that were removed from the roster by another one. */
  evicted = 0;
  /** Leaders that lost their lease to another one. */
  deposed = 0;
  /** What runs in a process. */
  managerOf: (process: SimProcess) => ClusterManager | undefined = () =>
    undefined;
  readonly #world: SimWorld;
  readonly #log: SimEventLog;
  readonly #ttl: number;
  readonly #family = `${TYPE.namespace}.${TYPE.type}`;
  /** Who has written in which epoch. */
  readonly #writers = new Map<number, string>();
  #epoch = 0;
  #lastTaken = 0;
  #severalSince = Infinity;
  #map: ShardMap;
  readonly #given: Given[][] = Array.from({ length: 256 }, () => []);
  /** When a generation of a shard was first asked for. */
  readonly #asked = new Map<string, number>();
  /** When a life was removed by another. */
  readonly #evictedAt = new Map<string, number>();
  /** The generation in which something was answered of an actor without a commit. */
  readonly #answered = new Map<string, number>();
  /** The highest version that was acknowledged, by actor. */
  readonly #acked = new Map<string, number>();
  readonly #floor = new Map<string, number>();

  constructor(world: SimWorld, log: SimEventLog, ttl: number) {
    this.#world = world;
    this.#log = log;
    this.#ttl = ttl;
    this.#map = ShardMap.empty(this.#family);
    world.control.onStored = (...args) => this.#controlStored(...args);
    log.onStored = (commit, by) => this.#commitStored(commit, by);
    world.onAsked = (_from, topic, body) => this.#heardAsking(topic, body);
  }

  /** The map as it is stored. */
  get map(): ShardMap {
    return this.#map;
  }

  /** Keeps a broken promise. */
  fail(rule: string, what: string): void {
    if (this.violation !== undefined) return;
    this.violation = { rule, what };
    this.#world.trace.add("VIOLATED", `${rule}: ${what}`);
  }

  // ---- the control log ----

  #controlStored(
    message: ControlMessage,
    by: SimProcess,
    before: ControlMessage | undefined,
    removes: boolean,
  ): void {
    const { body, key, sequence } = message;
    const { epoch, value } = JSON.parse(body) as {
      epoch: number;
      value: unknown;
    };
    this.#world.trace.add(
      by.name,
      `wrote ${key} at ${sequence}${removes ? ", removing it" : ""}${
        epoch > 0 ? ` in epoch ${epoch}` : ""
      }`,
    );
    if (key.startsWith("ctl.")) this.#controlled(key, epoch, by);
    if (key === "ctl.nodes") {
      const isSeveral = (value as unknown[]).length >= 3;
      this.#severalSince = isSeveral
        ? Math.min(this.#severalSince, this.#world.scheduler.now)
        : Infinity;
    }
    if (key === "leader") this.#leaderStored(message, by, before, removes);
    if (key.startsWith("nodes.") && removes) this.#removed(key, by, before);
    if (key === `ctl.shards.${this.#family}`) this.#mapStored(value, by);
  }

  #controlled(key: string, epoch: number, by: SimProcess): void {
    if (epoch < this.#epoch) {
      this.fail(
        "epochs never go back",
        `${by.name} wrote ${key} in epoch ${epoch} after ${this.#epoch}`,
      );
    }
    this.#epoch = Math.max(this.#epoch, epoch);
    const writer = this.#writers.get(epoch) ?? by.name;
    this.#writers.set(epoch, writer);
    if (writer !== by.name) {
      this.fail(
        "one leader in an epoch",
        `${by.name} and ${writer} both wrote in epoch ${epoch}`,
      );
    }
  }

  #leaderStored(
    { body, sequence }: ControlMessage,
    by: SimProcess,
    before: ControlMessage | undefined,
    removes: boolean,
  ): void {
    if (removes) return;
    const { value } = JSON.parse(body) as {
      value: { epoch: number; node: string };
    };
    const was = leaseOf(before);
    if (value.epoch !== 0) {
      const epoch = was?.epoch || before?.sequence;
      if (value.epoch !== epoch || was?.node !== by.node) {
        this.fail(
          "a lost lease is not renewed",
          `${by.name} renewed that of epoch ${value.epoch}, not of ${epoch}`,
        );
      }
      return;
    }
    if (sequence <= this.#lastTaken) {
      this.fail("epochs grow", `${sequence} after ${this.#lastTaken}`);
    }
    this.#lastTaken = sequence;
    if (was !== undefined && was.node !== by.node) {
      const process = this.#processOf(was.run);
      // Who has given up, or goes on as another life, has lost nothing.
      const manager = process && this.managerOf(process);
      if (!manager?.isLeader() || manager.run !== was.run) return;
      this.deposed++;
      this.#assertIll(process, by, "lost its lease");
    }
  }

  #removed(
    key: string,
    by: SimProcess,
    before: ControlMessage | undefined,
  ): void {
    const was = leaseOf(before);
    if (was === undefined || was.node === by.node) return;
    this.evicted++;
    this.#evictedAt.set(was.run, this.#world.scheduler.now);
    this.#assertIll(this.#processOf(was.run), by, `lost its record ${key}`);
  }

  /** A healthy node is given up by nobody, where there is a third one to ask. */
  #assertIll(process: SimProcess | undefined, by: SimProcess, what: string) {
    if (process === undefined || !process.alive) return;
    const { cuts, noise, scheduler } = this.#world;
    const isHealthy = scheduler.now - this.#severalSince > SEVERAL &&
      !process.isFrozen &&
      scheduler.now - process.disturbedAt > ILL &&
      scheduler.now > process.sickUntil && noise.loss < 0.1 &&
      ![...cuts].some((cut) => cut.split(">").includes(process.node));
    if (!isHealthy) return;
    this.fail(
      "a healthy node is not evicted",
      `${process.name} ${what} to ${by.name}`,
    );
  }

  #mapStored(value: unknown, by: SimProcess): void {
    const { now } = this.#world.scheduler;
    const next = ShardMap.from(this.#family, value, 1);
    if (next === undefined) {
      return this.fail("maps can be read", `that of ${by.name} cannot`);
    }
    const changed: string[] = [];
    for (let shard = 0; shard < 256; shard++) {
      const [was, is] = [this.#map.at(shard), next.at(shard)];
      const isSame = was.generation === is.generation && was.run === is.run &&
        was.fence === is.fence;
      if (isSame) continue;
      if (is.generation <= was.generation) {
        this.fail(
          "generations grow",
          `${by.name} gave shard ${shard} from ${was.generation} to ${is.generation}`,
        );
      }
      const { generation } = is;
      const seized = is.fence === generation;
      if (is.fence < was.fence) this.fail("fences stay", `shard ${shard}`);
      this.#given[shard]!.push({ generation, seized, at: now });
      if (was.run === "") continue;
      changed.push(`${shard}:${was.run}>${is.run}${seized ? "!" : ""}`);
      if (!seized) this.released++;
      else {
        this.seized++;
        this.#assertSeizable(shard, was.run, was.generation, by);
      }
    }
    this.#map = next;
    if (changed.length === 0) return;
    const some = changed.slice(0, 3).join(" ");
    this.#world.trace.add(by.name, `moved ${changed.length}: ${some}`);
  }

  /** A shard is seized from who is evicted, or was asked for it long before. */
  #assertSeizable(
    shard: number,
    run: string,
    generation: number,
    by: SimProcess,
  ): void {
    const owner = this.#processOf(run);
    if (owner === undefined || owner === by) return;
    const record = leaseOf(this.#world.control.last(`nodes.${owner.node}`));
    if (record?.run !== run) return;
    const asked = this.#asked.get(`${shard}/${generation}`) ?? Infinity;
    if (this.#world.scheduler.now - asked >= 4_900) return;
    this.fail(
      "eviction comes before seizure",
      `${by.name} seized shard ${shard} from ${run}, whose record stands`,
    );
  }

  #heardAsking(_topic: string, body: unknown): void {
    const { release } = (body ?? {}) as {
      release?: Record<string, [number, number][]>;
    };
    for (const [shard, generation] of release?.[this.#family] ?? []) {
      const key = `${shard}/${generation}`;
      if (this.#asked.has(key)) continue;
      this.#asked.set(key, this.#world.scheduler.now);
    }
  }

  // ---- the log of commits ----

  #commitStored(commit: StoredCommit, by: SimProcess): void {
    const { actor, command, generation, isEvent, version } = commit;
    const list = this.#log.of(actor);
    const before = list.at(-2);
    this.#world.trace.add(
      by.name,
      `stored ${actor}@${version} ${command ?? "fence"} in ${generation}`,
    );
    if (version !== (before?.version ?? 0) + (isEvent ? 1 : 0)) {
      this.fail(
        "versions have no gap",
        `${actor} went from ${before?.version} to ${version}`,
      );
    }
    const isDouble = command !== undefined &&
      list.some((other) => other !== commit && other.command === command);
    if (isDouble) {
      this.fail("a command takes effect once", `${command} on ${actor}`);
    }
    const answered = this.#answered.get(actor) ?? 0;
    if (generation < answered) {
      this.fail(
        "what a new owner answered is not contradicted",
        `${by.name} stored ${actor}@${version} in generation ${generation} ` +
          `after an answer in ${answered}`,
      );
    }
    const next = this.#newer(shardOfCommit(commit), generation);
    if (next !== undefined && !next.seized) {
      this.fail(
        "a released shard is not written",
        `${by.name} stored ${actor}@${version} in generation ${generation}, ` +
          `given away in ${next.generation}`,
      );
    }
  }

  // ---- owners ----

  /** As an owner answers. */
  answered(process: SimProcess, ask: Ask, reply: Reply, last: number): void {
    const { actor, generation, id } = ask;
    const { kind, version } = reply;
    this.#world.trace.add(
      process.name,
      `answers ${id} on ${actor}: ${kind} at ${version} (${last})`,
    );
    // What is stored is so, whoever owns it now.
    const isHearsay = kind !== "done";
    this.#serves(process, ask, isHearsay, "answered");
    if (!isHearsay) return;
    const before = this.#answered.get(actor) ?? 0;
    this.#answered.set(actor, Math.max(before, generation));
  }

  /** As an owner begins to write. */
  appending(process: SimProcess, ask: Ask): void {
    this.#serves(process, ask, true, "wrote");
  }

  #serves(
    process: SimProcess,
    { generation, id, shard }: Ask,
    isStrict: boolean,
    verb: string,
  ): void {
    const { now } = this.#world.scheduler;
    const next = this.#newer(shard, generation);
    const what =
      `${process.name} ${verb} ${id} in generation ${generation} of shard ${shard}`;
    if (next !== undefined && !next.seized) {
      this.fail(
        "a released shard is not served",
        `${what}, given away ${(now - next.at).toFixed(1)} ms before`,
      );
    }
    if (!isStrict) return;
    if (next?.seized && now - next.at > this.bound) {
      this.fail(
        "a seized shard is not served for long",
        `${what}, seized ${(now - next.at).toFixed(1)} ms before`,
      );
    }
    const record = this.#world.control.last(`nodes.${process.node}`);
    const run = this.#map.at(shard).run;
    const own = leaseOf(record)?.run ?? "";
    if (own.startsWith(`${process.name}-`)) return;
    const evicted = [...this.#evictedAt].filter(([run]) =>
      run.startsWith(`${process.name}-`)
    ).map(([, at]) => at);
    const last = Math.max(-Infinity, ...evicted);
    if (now - last <= this.#ttl) return;
    this.fail(
      "nothing is done when the lease has run out",
      `${what} (now of ${run}) without a record`,
    );
  }

  /** Milliseconds that an owner may not know of a seizure. */
  get bound(): number {
    return Math.max(this.#ttl, 8_000);
  }

  /** How a shard was first given away after a generation. */
  #newer(shard: number, generation: number): Given | undefined {
    return this.#given[shard]!.find((given) => given.generation > generation);
  }

  // ---- clients ----

  /** As a client calls. */
  began(call: Call): void {
    this.#floor.set(call.id, this.#acked.get(call.actor) ?? 0);
  }

  /** As a client is told. */
  ended(call: Call): void {
    const { actor, began, id, shard } = call;
    const { kind, version } = call.reply!;
    this.#world.trace.add("client", `${id} on ${actor}: ${kind} at ${version}`);
    if (kind === "done") {
      const acked = this.#acked.get(actor) ?? 0;
      this.#acked.set(actor, Math.max(acked, version));
    }
    if (kind !== "queried") return;
    const stored = this.#log.of(actor).at(-1)?.version ?? 0;
    const floor = this.#floor.get(id)!;
    const isSeized = this.#given[shard]!.some(({ at, seized }) =>
      seized && at >= began - this.bound
    );
    if (version > stored || (version < floor && !isSeized)) {
      this.fail(
        "queries are fresh",
        `${id} found ${actor} at ${version} of ${floor} to ${stored}`,
      );
    }
  }

  /** What clients were told is so in the end. */
  settle(calls: readonly Call[]): void {
    for (const { actor, id, reply } of calls) {
      const stored = this.#log.of(actor).find(({ command }) => command === id);
      if (reply?.kind === "done" && stored?.version !== reply.version) {
        this.fail(
          "nothing acknowledged is lost",
          `${id} on ${actor}: told ${reply.version}, stored ${stored?.version}`,
        );
      }
      if (reply?.kind === "rejected" && stored?.isEvent) {
        this.fail("what was rejected is not done", `${id} on ${actor}`);
      }
    }
  }

  #processOf(run: string): SimProcess | undefined {
    const name = run.slice(0, run.indexOf("-"));
    return this.#world.processes.find((process) => process.name === name);
  }
}

function shardOfCommit({ actor }: StoredCommit): number {
  let shard = SHARDS.get(actor);
  if (shard === undefined) {
    shard = parseActorId(actor).shard;
    SHARDS.set(actor, shard);
  }
  return shard;
}

function leaseOf(
  message: ControlMessage | undefined,
): { node: string; run: string; epoch?: number } | undefined {
  if (message === undefined || message.body === "") return undefined;
  return JSON.parse(message.body).value;
}

const SHARDS = new Map<string, number>();
/** Milliseconds that one who was asked when there were two may take to judge. */
const SEVERAL = 5_000;
/** Milliseconds after a disturbance in which a node may be taken for dead. */
const ILL = 15_000;
