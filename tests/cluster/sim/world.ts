/**
 * A simulated world: servers, processes, a control log, and what may go wrong
 * between them, all drawn from one seed.
 */
import type { ClusterPorts } from "../../../cluster/mod.ts";
import { noLeader, SimControl } from "./control_log.ts";
import { SimMessenger, type Subscription } from "./messenger.ts";
import { type Connection, SimProcess } from "./process.ts";
import { type Dice, diceOf, Scheduler } from "./scheduler.ts";
import { Trace } from "./trace.ts";

/** What goes wrong now and then; probabilities per message. */
export interface Noise {
  /** Milliseconds a message takes at least. */
  latency: number;
  /** Messages that take up to 300 ms more. */
  slow: number;
  /** Messages between processes that get lost, on each leg. */
  loss: number;
  /** Publications and notifications that arrive twice. */
  duplicates: number;
  /** Notifications of the control log that get lost. */
  lostNotes: number;
  /** Requests to a log that get lost. */
  lostRequests: number;
  /** Writes to a log that are stored while the answer gets lost. */
  lostAcks: number;
  /** Requests to a log that arrive after seconds. */
  late: number;
}

/** A world in which nothing goes wrong. */
export const QUIET: Noise = {
  latency: 0.2,
  slow: 0,
  loss: 0,
  duplicates: 0,
  lostNotes: 0,
  lostRequests: 0,
  lostAcks: 0,
  late: 0,
};

/** Someone who listens, and the connection on which a message reaches it. */
export interface Listener {
  readonly subscription: Subscription;
  readonly link: Connection;
}

interface Server {
  id: string;
  up: boolean;
  /** Servers of one group reach each other. */
  group: number;
  life: number;
}

/** Servers, processes and what is between them. */
export class SimWorld {
  readonly scheduler: Scheduler = new Scheduler();
  readonly dice: Dice;
  readonly trace: Trace;
  readonly control: SimControl;
  readonly servers: Server[];
  readonly processes: SimProcess[] = [];
  readonly topics = new Map<string, readonly Subscription[]>();
  /** Nodes between which messages get lost, as `from>to`. */
  readonly cuts = new Set<string>();
  /** Called with each request of one process to another. */
  onAsked: (from: SimProcess, topic: string, body: unknown) => void = () => {};
  /** Whether each connection knows one server only. */
  isSticky = false;
  noise: Noise = { ...QUIET };
  /** The server that leads the logs. */
  logServer: number | undefined = 0;
  /** Freezes processes at what they do; see {@link SimWorld.trap}. */
  readonly #traps = new Map<SimProcess, (key: string) => void>();
  #partitionedAt = -Infinity;
  #ids = 0;

  /** Makes a world with 1 or 3 servers, the same for the same seed. */
  constructor(seed: number, servers: number, lines = 400) {
    this.dice = diceOf(seed);
    this.trace = new Trace(() => this.scheduler.now, lines);
    this.servers = Array.from({ length: servers }, (_, index) => ({
      id: `S${index}`,
      up: true,
      group: 0,
      life: 0,
    }));
    this.control = new SimControl(this);
  }

  /** Starts a process of a node. */
  start(node: string, connections: readonly number[]): SimProcess {
    const life = this.processes.filter((other) => other.node === node).length;
    const process = new SimProcess(this, node, life + 1, connections);
    this.processes.push(process);
    this.trace.add(process.name, "starts");
    return process;
  }

  /** The world as a process sees it. */
  portsOf(process: SimProcess): ClusterPorts {
    return {
      clock: process.clock,
      control: this.control.for(process),
      messenger: new SimMessenger(this, process),
      random: () => this.dice.next(),
      newId: () => {
        process.calls++;
        return `${process.name}-${++this.#ids}`;
      },
    };
  }

  /** Milliseconds that a message is on its way. */
  delay(): number {
    const { dice, noise } = this;
    const usual = noise.latency * (1 + 2 * dice.next());
    return dice.chance(noise.slow) ? usual + dice.between(0, 300) : usual;
  }

  /** A request to a log: arrives, perhaps, and perhaps late. */
  request(
    process: SimProcess,
    fail: (error: unknown) => void,
    arrive: () => void,
  ): void {
    const { dice, noise, scheduler } = this;
    const { server } = process.connections[0]!;
    if (dice.chance(noise.lostRequests)) return;
    const late = dice.chance(noise.late) ? dice.between(500, 12_000) : 0;
    process.send(this.delay(), () => {
      const go = () => {
        if (this.isReachable(server)) return arrive();
        // A server that knows of no leader says so; else nobody answers.
        if (this.logServer === undefined && this.servers[server]!.up) {
          scheduler.after(this.delay(), () => fail(noLeader()));
        }
      };
      if (late > 0) scheduler.after(late, go);
      else go();
    });
  }

  /** Whether the leader of the logs can be reached from a server. */
  isReachable(server: number): boolean {
    const leader = this.logServer;
    return leader !== undefined && this.servers[leader]!.up &&
      this.servers[server]!.up &&
      this.servers[leader]!.group === this.servers[server]!.group;
  }

  /** One who listens on a topic, as seen from a server, and where it listens. */
  listener(topic: string, server: number): Listener | "nobody" | "lost" {
    const { group } = this.servers[server]!;
    const found: Listener[] = [];
    let isBehind = false;
    for (const subscription of this.topics.get(topic) ?? []) {
      for (const link of subscription.process.connections) {
        if (!link.up) continue;
        if (this.servers[link.server]!.group === group) {
          found.push({ subscription, link });
        } else isBehind = true;
      }
    }
    if (found.length > 0) return found[this.dice.int(found.length)]!;
    // Behind a partition the interest is there until the servers notice.
    const isNoticed = this.scheduler.now - this.#partitionedAt > NOTICED;
    return isBehind && !isNoticed ? "lost" : "nobody";
  }

  /** Whether messages from one process to another get lost. */
  isCut(from: SimProcess, to: SimProcess): boolean {
    return this.cuts.has(`${from.node}>${to.node}`);
  }

  /** Servers that a process can connect to anew. */
  serversFor(process: SimProcess, link: Connection): number[] {
    if (process.isIsolated) return [];
    if (this.isSticky) return this.servers[link.home]!.up ? [link.home] : [];
    return this.servers.flatMap(({ up }, index) => up ? [index] : []);
  }

  // ---- what happens to servers ----

  /** A server ends, and comes back after a time as another life of itself. */
  restartServer(index: number, ms: number): void {
    const server = this.servers[index]!;
    if (!server.up) return;
    this.trace.add(server.id, `goes down for ${ms.toFixed(0)} ms`);
    server.up = false;
    for (const process of this.processes) {
      if (!process.alive) continue;
      for (const link of process.connections) {
        if (link.server === index) process.drop(link, this.dice.between(0, 20));
      }
    }
    if (this.logServer === index) this.elect();
    this.scheduler.after(ms, () => {
      server.up = true;
      server.id = `S${index}.${++server.life}`;
      this.trace.add(server.id, "is up");
      if (this.logServer === undefined && this.servers.length === 1) {
        this.logServer = index;
      }
    });
  }

  /** The logs are without a leader for a while. */
  elect(ms: number = this.dice.between(300, 4_000)): void {
    this.trace.add("log", `has no leader for ${ms.toFixed(0)} ms`);
    this.logServer = undefined;
    if (this.servers.length === 1 && !this.servers[0]!.up) return;
    this.scheduler.after(ms, () => {
      const up = this.servers.flatMap(({ group, up }, index) =>
        up && group === 0 ? [index] : []
      );
      if (this.logServer === undefined && up.length > 0) {
        this.logServer = this.dice.pick(up);
      }
    });
  }

  /** One of three servers is cut off from the others. */
  partition(index: number, ms: number): void {
    const server = this.servers[index]!;
    this.trace.add(server.id, `is cut off for ${ms.toFixed(0)} ms`);
    server.group = 1;
    this.#partitionedAt = this.scheduler.now;
    if (this.logServer === index) this.elect();
    // Two nodes on the wrong side may well agree on a third one.
    for (const process of this.processes) process.disturbed();
    this.scheduler.after(ms, () => {
      server.group = 0;
      this.trace.add(server.id, "is back");
      for (const process of this.processes) process.disturbed();
    });
  }

  /** A process stands still right after it has sent its next write of that kind. */
  trap(process: SimProcess, key: string, spring: () => void): void {
    this.#traps.set(process, (sent) => {
      if (!sent.startsWith(key)) return;
      this.#traps.delete(process);
      spring();
    });
  }

  /** A process has just sent a write to a log. */
  onSent(process: SimProcess, key: string): void {
    this.#traps.get(process)?.(key);
  }
}

/** Milliseconds until a server takes another one's silence for its absence. */
const NOTICED = 1_500;
