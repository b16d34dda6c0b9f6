/** The nodes of a simulated cluster, and who starts and ends them. */
import { ClusterManager } from "../../../cluster/mod.ts";
import type { Checker } from "./checker.ts";
import type { SimEventLog } from "./event_log.ts";
import { type Ask, Owner, TYPE } from "./owner.ts";
import type { SimProcess } from "./process.ts";
import type { SimWorld } from "./world.ts";

/** A running node. */
export interface SimNode {
  readonly node: string;
  readonly process: SimProcess;
  readonly manager: ClusterManager;
  isStarted: boolean;
  isLeaving: boolean;
}

/** How the nodes of a cluster are made. */
export interface SimClusterOptions {
  readonly nodes: number;
  readonly ttl: number;
  /** How likely a node is connected to two servers. */
  readonly doubles: number;
  /** How likely a node from the third on hosts nothing; it may lead all the same. */
  readonly idlers: number;
  /** The class to run, as there are versions with a fault built in. */
  readonly manager?: typeof ClusterManager;
  /** Whether owners fence; they do. */
  readonly fences?: boolean;
  /** Whether the log of what nodes say is kept. */
  readonly isVerbose?: boolean;
}

/** The nodes of a cluster. */
export class SimCluster {
  readonly world: SimWorld;
  /** Names of all nodes there should be. */
  readonly names: string[] = [];
  /** Nodes whose process runs. */
  readonly running: SimNode[] = [];
  /** Nodes that were ended and are to come back. */
  awaited = 0;
  readonly #idlers = new Set<string>();
  readonly #log: SimEventLog;
  readonly #checker: Checker;
  readonly #options: SimClusterOptions;

  constructor(
    world: SimWorld,
    log: SimEventLog,
    checker: Checker,
    options: SimClusterOptions,
  ) {
    this.world = world;
    this.#log = log;
    this.#checker = checker;
    this.#options = options;
    checker.managerOf = (process) =>
      this.running.find((node) => node.process === process)?.manager;
    for (let i = 0; i < options.nodes; i++) this.add();
  }

  /** A new node joins. */
  add(): void {
    const name = String.fromCharCode(97 + this.names.length);
    this.names.push(name);
    const { dice } = this.world;
    const isIdle = this.names.length > 2 && dice.chance(this.#options.idlers);
    if (isIdle) this.#idlers.add(name);
    this.#start(name);
  }

  /** A node by its number, or the one that leads; undefined where there is none. */
  pick(target: number | "leader"): SimNode | undefined {
    const running = this.running.filter(({ process }) => !process.isFrozen);
    if (running.length === 0) return undefined;
    if (target === "leader") {
      const leader = running.find(({ manager }) => manager.isLeader());
      return leader ?? running[0];
    }
    return running[target % running.length];
  }

  /** SIGKILL. */
  kill(process: SimProcess, restartAfter: number): void {
    const node = this.running.find((node) => node.process === process);
    if (node === undefined) return; // somebody else has
    if (!node.isLeaving) this.awaited++;
    node.isLeaving = true;
    this.#restart(process, restartAfter, () => this.awaited--);
  }

  /** SIGTERM. */
  stop(process: SimProcess, restartAfter: number): void {
    const node = this.running.find((node) => node.process === process);
    if (node === undefined || node.isLeaving || !node.isStarted) return;
    node.isLeaving = true;
    this.awaited++;
    process.disturbed();
    node.manager.stop().then(() => {
      this.world.trace.add(process.name, "has left");
      this.kill(process, restartAfter);
    });
  }

  /** Takes all shards from a node, for a while. */
  drain(process: SimProcess, ms: number): void {
    const node = this.running.find((node) => node.process === process);
    if (node === undefined || node.isLeaving || !node.isStarted) return;
    const told = (error: unknown) =>
      this.world.trace.add(process.name, `says ${(error as Error).message}`);
    node.manager.drain().catch(told);
    this.world.scheduler.after(
      ms,
      () => process.enter(() => void node.manager.undrain().catch(told)),
    );
  }

  /** What is not yet as it should be; undefined where all is. */
  unrest(): string | undefined {
    const { control, logServer } = this.world;
    const { map } = this.#checker;
    if (logServer === undefined) return "the log has no leader";
    if (this.running.length < this.names.length) return "a node is missing";
    const leaders = this.running.filter(({ manager }) => manager.isLeader());
    if (leaders.length !== 1) return `${leaders.length} nodes lead`;
    const [leader] = leaders;
    const epoch = leader!.manager.leader()?.epoch;
    for (const { manager, node } of this.running) {
      const known = manager.leader();
      if (known?.epoch !== epoch) {
        return `${node} knows ${known?.node} as leader`;
      }
      if (!control.last(`nodes.${node}`)?.body.includes(manager.run)) {
        return `${node} has no record`;
      }
    }

    const hosts = this.running.filter(({ node }) => !this.#idlers.has(node));
    const byRun = new Map(hosts.map((it) => [it.manager.run, it]));
    const loads = new Map(hosts.map(({ node }) => [node, 0]));
    for (let shard = 0; shard < 256; shard++) {
      const { generation, node, run } = map.at(shard);
      const owner = byRun.get(run);
      if (owner === undefined) return `shard ${shard} is ${node}'s (${run})`;
      const held = owner.manager.held(TYPE, shard);
      if (held?.generation !== generation) {
        return `${node} does not serve shard ${shard} in ${generation}`;
      }
      loads.set(owner.node, loads.get(owner.node)! + 1);
    }
    const counts = [...loads.values()];
    return Math.max(...counts) - Math.min(...counts) > 1
      ? `loads are ${counts}`
      : undefined;
  }

  #start(node: string): void {
    const { dice } = this.world;
    const up = this.world.servers.flatMap(({ up }, index) => up ? [index] : []);
    if (up.length === 0) {
      return void this.world.scheduler.after(500, () => this.#start(node));
    }
    const first = dice.pick(up);
    const others = up.filter((server) => server !== first);
    const connections = dice.chance(this.#options.doubles) && others.length > 0
      ? [first, dice.pick(others)]
      : [first];
    const process = this.world.start(node, connections);
    const ports = this.world.portsOf(process);
    const Manager = this.#options.manager ?? ClusterManager;
    const owner: Owner = new Owner(
      this.world,
      process,
      this.#log,
      this.#checker,
      () => manager,
    );
    owner.fences = this.#options.fences ?? true;
    const manager: ClusterManager = new Manager(ports, node, {
      cluster: "sim",
      hosts: this.#idlers.has(node) ? [] : [TYPE],
      ttl: this.#options.ttl,
      release: (shard) => owner.release(shard),
      log: ({ level, message, node: _node, ...facts }) => {
        if (level === "debug" && !this.#options.isVerbose) return;
        const rest = JSON.stringify(facts);
        this.world.trace.add(process.name, `says ${message} ${rest}`);
      },
    });
    const it: SimNode = {
      node,
      process,
      manager,
      isStarted: false,
      isLeaving: false,
    };
    this.running.push(it);
    ports.messenger.subscribe(
      `do.${process.name}`,
      (body) => owner.answer(body as Ask),
    );
    manager.start().then(
      () => it.isStarted = true,
      (error) => {
        this.world.trace.add(process.name, `cannot start: ${error.message}`);
        if (process.alive) this.#restart(process, 1_000, () => {});
      },
    );
  }

  #restart(process: SimProcess, ms: number, done: () => void): void {
    process.end();
    const index = this.running.findIndex((node) => node.process === process);
    if (index >= 0) this.running.splice(index, 1);
    this.world.scheduler.after(ms, () => {
      done();
      this.#start(process.node);
    });
  }
}
