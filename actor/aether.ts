/** The system: what joins definitions, a store and other nodes. */
import {
  checkNamespace,
  type Clock,
  InvalidArgumentError,
  systemClock,
  ulid,
} from "../event/mod.ts";
import { connect, type Connection, type ConnectOptions } from "../nats/mod.ts";
import {
  type EventStore,
  InMemoryEventStore,
  JetStreamEventStore,
  type SnapshotStore,
} from "../store/mod.ts";
import { Cluster } from "./_cluster.ts";
import type { AnyActor, TypeName } from "./definition.ts";
import {
  type HandlerFailure,
  Host,
  type HostStats,
  type QuarantinedActor,
} from "./_host.ts";
import type { Log } from "./log.ts";
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
  /** Actors in memory at most, beyond which the longest unused leave; 10,000 by default. */
  readonly maxActivations?: number;
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
  /** The events of the namespace, for reading and for writing below the actors. */
  readonly store: EventStore & Partial<SnapshotStore>;
  readonly #router: Router;
  readonly #host: Host;
  readonly #cluster: Cluster | undefined;
  readonly #opened: readonly (() => Promise<unknown>)[];
  #closing: Promise<void> | undefined;

  static {
    clusterOf = (aether) => aether.#cluster;
  }

  private constructor(parts: {
    nodeId: string;
    store: EventStore & Partial<SnapshotStore>;
    router: Router;
    host: Host;
    cluster: Cluster | undefined;
    opened: readonly (() => Promise<unknown>)[];
  }) {
    this.nodeId = parts.nodeId;
    this.store = parts.store;
    this.#router = parts.router;
    this.#host = parts.host;
    this.#cluster = parts.cluster;
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
      const store = await storeOf(own, connection, opened);
      const host = new Host({
        nodeId,
        actors: own.actors,
        store,
        clock,
        log,
        maxActivations: own.maxActivations,
        onError: own.onError,
        alone: connection === undefined,
        refer: (...args) => router.refer(...args),
      });
      const cluster = connection === undefined ? undefined : new Cluster({
        connection,
        namespace,
        cluster: own.cluster ?? namespace,
        nodeId,
        host,
        clock,
        log,
        ask: (call) => router.ask(call),
      });
      const router: Router = new Router(clock, host, cluster);
      if (cluster !== undefined) {
        opened.push(() => cluster.close());
        await cluster.join();
      }
      return new Aether({ nodeId, store, router, host, cluster, opened });
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

  /** What this node holds and has counted since it was started. */
  stats(): HostStats {
    return this.#host.stats;
  }

  /** The actors of this node that cannot be replayed just now, and why. */
  quarantined(): readonly QuarantinedActor[] {
    return this.#host.quarantined();
  }

  /**
   * Leaves: takes no more calls, hands its actors over, gives what runs here and
   * what was asked elsewhere up to 5 seconds to finish, saves snapshots, and
   * closes what it opened.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** As {@link Aether.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#router.close();
    await this.#cluster?.leave();
    await Promise.all([this.#cluster?.drain(GRACE), this.#host.close(GRACE)]);
    for (const close of [...this.#opened].reverse()) {
      await close().catch(() => {});
    }
  }
}

type Own = AetherOptions & {
  readonly onError: (failure: HandlerFailure) => void;
  readonly nodeId: string;
  readonly maxActivations: number;
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
  return {
    ...options,
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

async function connectionOf(
  own: Own,
  opened: (() => Promise<unknown>)[],
): Promise<Connection | undefined> {
  if (own.connection !== undefined || own.servers === undefined) {
    return own.connection;
  }
  const connection = await connect(clientOptions(own, "control"));
  opened.push(() => connection.close());
  return connection;
}

async function storeOf(
  own: Own,
  connection: Connection | undefined,
  opened: (() => Promise<unknown>)[],
): Promise<EventStore & Partial<SnapshotStore>> {
  const { clock, namespace } = own;
  if (own.store !== undefined) return own.store;
  if (connection === undefined) {
    const store = new InMemoryEventStore({ namespace, clock });
    opened.push(() => store.close());
    return store;
  }
  let bulk = own.bulkConnection;
  if (bulk === undefined && own.connection === undefined) {
    bulk = await connect(clientOptions(own, "bulk"));
    const opening = bulk;
    opened.push(() => opening.close());
  }
  const store = await JetStreamEventStore.open(connection, {
    namespace,
    ...(bulk === undefined ? {} : { bulk }),
    ...(own.replicas === undefined ? {} : { replicas: own.replicas }),
    ...(own.provision === undefined ? {} : { provision: own.provision }),
  });
  opened.push(() => store.close());
  return store;
}

function clientOptions(own: Own, use: string): ConnectOptions {
  const {
    namespace: _namespace,
    actors: _actors,
    nodeId,
    cluster: _cluster,
    connection: _connection,
    bulkConnection: _bulk,
    replicas: _replicas,
    provision: _provision,
    store: _store,
    maxActivations: _max,
    log: _log,
    onError: _onError,
    clock: _clock,
    ...client
  } = own;
  return { name: `aether ${nodeId} ${use}`, ...client };
}

const GRACE = 5_000;
