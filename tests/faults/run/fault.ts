/** What a fault is, and what it may do to the world. */
import type { Aether } from "../../../mod.ts";
import type { NatsServers } from "../../../tools/nats_server.ts";
import type { Random, TcpProxy } from "../../support/mod.ts";
import type { FleetNode } from "../fleet/process.ts";

/** A name in the matrix. */
export type FaultId = `F${number}`;

/** How a node is started when it is to be hurt. */
export interface NodeStart {
  /** Goes through this proxy instead of straight to the servers. */
  readonly through?: TcpProxy;
  /** MiB its heap may have. */
  readonly heap?: number;
  /** Milliseconds its wall clock is ahead; jumps if there are several, one each 2 s. */
  readonly clock?: readonly number[];
  /** Actors it may have in memory. */
  readonly activations?: number;
}

/** Servers, nodes and callers, while faults are injected. */
export interface World {
  readonly namespace: string;
  readonly replicas: 1 | 3;
  readonly servers: NatsServers;
  /** The nodes that run, by name. */
  readonly nodes: ReadonlyMap<string, FleetNode>;
  /** A client of its own, that hosts no actors; its cluster tells who owns what. */
  readonly client: Aether;
  /** Keys of the tallies that are called, busiest first. */
  readonly keys: readonly string[];
  /** Starts a node; one of that name must not run. */
  startNode(name: string, how?: NodeStart): Promise<FleetNode>;
  /** Ends a node in good order and starts it anew. */
  restartNode(name: string, how?: NodeStart): Promise<FleetNode>;
  /** Says that the end of this node's process is wanted. */
  expectEnd(name: string): void;
  /** Who owns a tally, as the client knows. */
  ownerOf(key: string): string | undefined;
  /** Waits until the nodes that run, and they alone, share the shards evenly. */
  settled(timeout?: number): Promise<void>;
  /** Calls a tally, on the record; resolves with the milliseconds it took, when it has ended. */
  call(key: string, timeout?: number): Promise<number>;
  /** The same by another client. */
  callBy(client: Aether, key: string, timeout?: number): Promise<number>;
  /** The same, with a handler that takes as many milliseconds, or blocks its process. */
  slowly(key: string, ms: number, timeout?: number): Promise<number>;
  block(key: string, ms: number, timeout?: number): Promise<number>;
  /** Calls of the load that failed since the run began, by code. */
  failed(): ReadonlyMap<string, number>;
  /** Milliseconds of each call of the load that was answered, in order. */
  readonly latencies: readonly number[];
  /** Milliseconds on one monotonic clock. */
  now(): number;
  /** Resolves when all calls made so far have ended. */
  ended?(): Promise<void>;
  /** How many shards of tallies each node has, as the client knows. */
  shares?(): Readonly<Record<string, number>>;
}

/** Something that was seen or measured while a fault lasted. */
export interface Observation {
  /** Such as `first answer of the victim's actors`. */
  readonly what: string;
  /** One figure a sample, in milliseconds, or counts. */
  readonly samples: readonly number[];
  readonly unit: "ms" | "count";
  /** What it is to stay below; what is beyond it is reported, and is no violation. */
  readonly goal?: number | undefined;
}

/** What came of a fault. */
export interface Injected {
  readonly observations: readonly Observation[];
  /** Promises that were broken before the log was looked at. */
  readonly violations: readonly string[];
}

/** A row of the matrix. */
export interface Fault {
  readonly id: FaultId;
  /** Such as `a node is killed`. */
  readonly title: string;
  /** On how many servers it can be injected. */
  readonly replicas: readonly (1 | 3)[];
  /** How long it takes, about, its healing included: milliseconds. */
  readonly takes: number;
  /** Whether it fits into the minute that each commit gets. */
  readonly quick: boolean;
  /** Why it cannot be injected here; undefined if it can. */
  unavailable?(): Promise<string | undefined>;
  /**
   * Injects it, heals it, and waits until the nodes share the shards again.
   *
   * @param quick Whether to be short: 4 s of standstill rather than 30.
   */
  inject(world: World, random: Random, quick: boolean): Promise<Injected>;
}
