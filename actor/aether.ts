/** The system: what joins definitions, a store and other nodes. */
import {
  type AetherError,
  checkNamespace,
  type Clock,
  InvalidArgumentError,
  systemClock,
  ulid,
} from "../event/mod.ts";
import type { Connection, ConnectOptions } from "../nats/mod.ts";
import type { ClusterManager } from "../cluster/mod.ts";
import type { AnyProjection, ViewOf } from "../projection/mod.ts";
import type { EventStore, SnapshotStore } from "../store/mod.ts";
import { Asker } from "./_asker.ts";
import type { EventBroadcaster } from "../bus/mod.ts";
import { Cluster } from "./_cluster.ts";
import type { AnyActor, TypeName } from "./definition.ts";
import type { Effects, EffectsStats } from "./_effects.ts";
import {
  type HandlerFailure,
  Host,
  type HostStats,
  type QuarantinedActor,
} from "./_host.ts";
import type { Log } from "./log.ts";
import { Parts } from "./_parts.ts";
import type { PolicyDefinition } from "./policy.ts";
import { bulkOf, connectionOf, effectsOf, storeOf } from "./_opening.ts";
import { inboxOf, ParkedCommands } from "./parked.ts";
import { closeOnSignals } from "./_signals.ts";
import type { ActorRef } from "./reference.ts";
import { Router } from "./_router.ts";

/**
 * How a system is started: its own options, and all that the NATS client takes
 * (`servers`, `authenticator`, `tls`, …). With neither `servers` nor
 * `connection` everything runs in this process, on a store in memory.
 */
export interface AetherOptions extends ConnectOptions {
  /** Where the events live: 1 to 4 tokens joined by `.`, such as `bank`. */
  readonly namespace: string;
  /** The definitions this node runs; none is a client. */
  readonly actors: readonly AnyActor[];
  /** What is to be done on events; one node at a time does it, clients do nothing. */
  readonly policies?: readonly PolicyDefinition[];
  /** What events are folded into; one node at a time does it, clients only read. */
  readonly projections?: readonly AnyProjection[];
  /** This node's name, unlike that of any other; a new ULID by default. */
  readonly nodeId?: string;
  /** Which nodes belong together; named as the namespace by default. */
  readonly cluster?: string;
  /** A connection that is open already, instead of `servers`; it stays open. */
  readonly connection?: Connection;
  /** A second one for long reads, so that they never delay a command; it stays open. */
  readonly bulkConnection?: Connection;
  /** Copies of each stream that is created: 1 by default, 3 for a cluster of servers. */
  readonly replicas?: 1 | 3 | 5;
  /** `false` never creates a stream. */
  readonly provision?: boolean;
  /** A store to be used instead of one of its own; it stays open. */
  readonly store?: EventStore & Partial<SnapshotStore>;
  /** This node's share of the shards, relative to that of others; 1 by default. */
  readonly weight?: number;
  /**
   * Whether SIGTERM and SIGINT close this node, which hands its actors over, before
   * they end the process; true by default where it hosts actors among others.
   */
  readonly closeOnSignals?: boolean;
  /** Actors in memory at most, beyond which the longest unused leave; 10,000 by default. */
  readonly maxActivations?: number;
  /**
   * Failures after which a durable command (one that was sent, or a timer's) is
   * parked; 10 by default, with pauses between them that double from 100 ms to 30 s.
   */
  readonly parkAfter?: number;
  /** Who is told of what is worth telling; nobody by default. */
  readonly log?: Log;
  /**
   * Who is told when a handler on this node fails (`command_failed`), with what
   * it threw, which no caller on another node gets to see; nobody by default.
   */
  readonly onError?: (failure: HandlerFailure) => void;
  /** Where time comes from; the process by default. For tests. */
  readonly clock?: Clock;
}

/**
 * Looks inside, for tests; not exported by the door.
 *
 * @internal
 */
export let clusterOf: (aether: Aether) => Cluster | undefined;

/**
 * A running system: a node that hosts actors, or a client that only calls them.
 *
 * @example Everything in this process
 * ```ts
 * import { Aether, defineActor } from "@flowmade/aether";
 * import assert from "node:assert/strict";
 *
 * const Light = defineActor("light", {
 *   state: () => ({ on: false }),
 *   events: { Switched: (_s, e: { on: boolean }) => ({ on: e.on }) },
 * }).commands({
 *   toggle: (s) => ({ type: "Switched", data: { on: !s.on } }),
 * }).queries({ isOn: (s) => s.on });
 *
 * await using aether = await Aether.start({ namespace: "home", actors: [Light] });
 * const kitchen = aether.actor(Light, "kitchen");
 * const { version } = await kitchen.toggle();
 * assert.equal(version, 1);
 * assert.equal(await kitchen.isOn(), true);
 * ```
 */
export class Aether implements AsyncDisposable {
  /** This node's name. */
  readonly nodeId: string;
  /**
   * The events of the namespace, for reading and for writing below the actors. Of
   * a client that may not use it, each call is refused as `permission_denied`.
   */
  readonly store: EventStore & Partial<SnapshotStore>;
  readonly #router: Router;
  readonly #host: Host;
  readonly #effects: Effects | undefined;
  readonly #cluster: Cluster | undefined;
  readonly #parts: Parts;
  readonly #bus: EventBroadcaster | undefined;
  readonly #opened: readonly (() => Promise<unknown>)[];
  #closing: Promise<void> | undefined;

  static {
    clusterOf = (aether) => aether.#cluster;
  }

  private constructor(parts: {
    nodeId: string;
    store: EventStore & Partial<SnapshotStore>;
    bus: EventBroadcaster | undefined;
    router: Router;
    host: Host;
    effects: Effects | undefined;
    cluster: Cluster | undefined;
    parts: Parts;
    opened: readonly (() => Promise<unknown>)[];
  }) {
    this.nodeId = parts.nodeId;
    this.store = parts.store;
    this.#bus = parts.bus;
    this.#router = parts.router;
    this.#host = parts.host;
    this.#effects = parts.effects;
    this.#cluster = parts.cluster;
    this.#parts = parts.parts;
    this.#opened = parts.opened;
  }

  /**
   * Starts a node or a client. Given `servers`, it opens two connections and
   * creates the namespace's streams where they are missing.
   *
   * @param options At least `namespace` and `actors`.
   * @returns The system, ready for calls.
   * @throws {InvalidArgumentError} `invalid_argument`: an option breaks its rule.
   * @throws {StoreUnavailableError} `store_unavailable`: nobody answers there.
   * @throws {PermissionDeniedError} `permission_denied`: the server refused the
   * credentials, or may not be used that way.
   * @throws {UnsupportedServerError} `unsupported_server`: older than 2.14.0, or
   * without JetStream.
   * @throws {MisconfiguredError} `misconfigured`: a stream would break a promise.
   */
  static async start(options: AetherOptions): Promise<Aether> {
    const own = readOptions(options);
    const { clock, log, namespace, nodeId } = own;
    const opened: (() => Promise<unknown>)[] = [];
    try {
      const connection = await connectionOf(own, opened);
      const bulk = await bulkOf(own, connection, opened);
      const { bus, store } = await storeOf(own, connection, bulk, opened);
      const effects = effectsOf(
        own,
        store,
        (type, shard) => cluster?.owns(type, shard) ?? true,
      );
      const host: Host = new Host({
        nodeId,
        actors: own.actors,
        store,
        clock,
        log,
        maxActivations: own.maxActivations,
        onError: own.onError,
        alone: connection === undefined,
        relay: effects?.relay,
        ...(connection === undefined ? {} : {
          tenure: (type: string, shard: number) => cluster!.tenure(type, shard),
          onOutdated: () => cluster!.outdated(),
        }),
        refer: (...args) => router.refer(...args),
      });
      const cluster: Cluster | undefined = connection === undefined
        ? undefined
        : new Cluster({
          connection,
          bulk,
          namespace,
          cluster: own.cluster ?? namespace,
          nodeId,
          weight: own.weight,
          replicas: own.replicas,
          provision: own.provision,
          host,
          effects,
          clock,
          log,
          ask: (call) => router.forward(call),
        });
      if (cluster !== undefined) opened.push(() => cluster.close());
      const asker = cluster !== undefined && own.actors.length === 0
        ? await joinAsClient(cluster, connection!, own, opened)
        : undefined;
      const router: Router = new Router(clock, host, asker ?? cluster);
      if (own.actors.length > 0) await cluster?.join();
      if (cluster === undefined) await effects?.startAlone(host);
      const parts = new Parts(own, {
        connection: bulk ?? connection,
        outbox: effects?.outbox,
        ...{ bus, store },
      });
      opened.push(() => parts.close());
      await parts.start();
      const aether = new Aether({
        nodeId,
        store,
        bus,
        router,
        host,
        effects,
        cluster: asker === undefined ? cluster : undefined,
        parts,
        opened,
      });
      const isNode = cluster !== undefined && own.actors.length > 0;
      if (own.closeOnSignals ?? isNode) {
        opened.push(closeOnSignals(() => aether.close()));
      }
      return aether;
    } catch (error) {
      for (const close of opened.reverse()) await close().catch(() => {});
      throw error;
    }
  }

  /**
   * Refers to an actor, wherever it lives; nothing is sent until it is called.
   *
   * @param definition A definition, or its type's name where only the
   * definition's type is imported: `aether.actor<typeof Account>("account", "ada")`.
   * @param key Which one, such as `ada`: any non-empty text.
   * @returns A reference whose methods are the actor's commands and queries.
   * @throws {InvalidArgumentError} `invalid_argument`: the key is empty or too long.
   */
  actor<Definition extends AnyActor>(
    definition: Definition | TypeName<Definition>,
    key: string,
  ): ActorRef<Definition> {
    return this.#router.refer(definition, key) as ActorRef<Definition>;
  }

  /**
   * The view of a projection, wherever it is folded; nothing is read until it is
   * asked.
   *
   * @param definition A definition; also one that this process does not run.
   * @throws {InvalidArgumentError} `invalid_argument`: over a store of your own.
   */
  projection<Definition extends AnyProjection>(
    definition: Definition,
  ): ViewOf<Definition> {
    return this.#parts.projection(definition);
  }

  /**
   * What shows the events that are stored, and notices, to those who subscribe:
   * over the connection for long reads where there is one. Closed with the system.
   *
   * @throws {InvalidArgumentError} `invalid_argument`: without a connection, on a
   * store that was given and is no InMemoryEventStore: its log is not known here.
   *
   * @example Read all that was stored, then what comes
   * ```ts
   * import { Aether, defineActor } from "@flowmade/aether";
   * import assert from "node:assert/strict";
   *
   * const Door = defineActor("door", {
   *   state: () => ({}),
   *   events: { Opened: (s) => s },
   * }).commands({ open: () => ({ type: "Opened" }) }).queries({});
   *
   * await using aether = await Aether.start({ namespace: "house", actors: [Door] });
   * await aether.actor(Door, "front").open();
   * for await (const event of aether.bus.subscribe("house", { from: "beginning" })) {
   *   assert.equal(event.eventType, "Opened");
   *   break;
   * }
   * ```
   */
  get bus(): EventBroadcaster {
    if (this.#bus !== undefined) return this.#bus;
    throw new InvalidArgumentError(
      "Cannot listen to a store that was given to Aether.start without a connection, as its log is " +
        "not known here: make a bus of your own, new EventBus({ logs: [log] })",
    );
  }

  /**
   * The nodes, the leader and the shard maps, for reading and for cordons;
   * undefined where everything runs in this process.
   */
  get cluster(): ClusterManager | undefined {
    return this.#cluster?.manager;
  }

  /** What this node holds and has counted since it was started. */
  stats(): AetherStats {
    const effects = this.#effects?.stats ?? NO_EFFECTS;
    return { ...this.#host.stats, effects };
  }

  /**
   * Durable commands of the namespace that were parked: those that have failed so
   * often, with what stands behind them, and those that were rejected without
   * anybody to be told. For whoever runs the system, from any node.
   */
  parked(): ParkedCommands {
    return new ParkedCommands(inboxOf(this.store, "parked commands"));
  }

  /** The actors of this node that cannot be replayed just now, and why. */
  quarantined(): readonly QuarantinedActor[] {
    return this.#host.quarantined();
  }

  /**
   * Leaves: takes no more calls from here, hands its actors over to other nodes
   * (what runs has 5 seconds to finish), gives what was asked elsewhere up to 5
   * seconds to be answered, saves snapshots, and closes what it opened.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** As {@link Aether.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#parts.stop();
    this.#router.close();
    await this.#cluster?.leave();
    const taken = this.#effects?.stop();
    await Promise.all([this.#cluster?.drain(GRACE), this.#host.close(GRACE)]);
    await this.#effects?.close(GRACE);
    await taken;
    for (const close of [...this.#opened].reverse()) {
      await close().catch(() => {});
    }
  }
}

/** What a node holds and has counted. */
export interface AetherStats extends HostStats {
  /** What was promised, and carried out. */
  readonly effects: EffectsStats;
}

/**
 * Options with the defaults filled in.
 *
 * @internal
 */
export type Own = AetherOptions & {
  readonly onError: (failure: HandlerFailure) => void;
  readonly nodeId: string;
  readonly maxActivations: number;
  readonly parkAfter: number;
  readonly clock: Clock;
  readonly log: Log;
};

function readOptions(options: AetherOptions): Own {
  const { log, onError } = options;
  checkNamespace(options.namespace);
  if (options.cluster !== undefined) checkNamespace(options.cluster);
  const { maxActivations = 10_000, nodeId = ulid() } = options;
  if (!Number.isSafeInteger(maxActivations) || maxActivations < 1) {
    throw new InvalidArgumentError(
      `Cannot start as maxActivations is a whole number above 0: got ${maxActivations}`,
    );
  }
  const { parkAfter = 10 } = options;
  if (!Number.isSafeInteger(parkAfter) || parkAfter < 1) {
    throw new InvalidArgumentError(
      `Cannot start as parkAfter is a whole number above 0: got ${parkAfter}`,
    );
  }
  return {
    ...options,
    parkAfter,
    maxActivations,
    nodeId: checkNode(nodeId),
    clock: options.clock ?? systemClock,
    // Whoever listens may throw, but must not break what it listens to.
    log: (entry) => {
      try {
        log?.(entry);
      } catch { /* theirs */ }
    },
    onError: (failure) => {
      try {
        onError?.(failure);
      } catch { /* theirs */ }
    },
  };
}

// A node's name is one token of a subject.
function checkNode(nodeId: string): string {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(nodeId)) return nodeId;
  throw new InvalidArgumentError(
    `Cannot start a node whose name is not 1 to 64 letters, digits, "_" or "-": got ${
      JSON.stringify(nodeId)
    }`,
  );
}

/** A client that may not see the cluster's maps asks all nodes instead. */
async function joinAsClient(
  cluster: Cluster,
  connection: Connection,
  { clock, namespace }: Own,
  opened: (() => Promise<unknown>)[],
): Promise<Asker | undefined> {
  try {
    await cluster.join();
    return undefined;
  } catch (error) {
    if ((error as AetherError).code !== "permission_denied") throw error;
    const asker = new Asker(connection, namespace, clock);
    opened.push(() => asker.close());
    return asker;
  }
}

const GRACE = 5_000;
const NO_EFFECTS: EffectsStats = Object.freeze({
  carriedOut: 0,
  rejected: 0,
  parked: 0,
  refused: 0,
  relayed: 0,
  waiting: 0,
});
