/** What a system opens when it starts: connections and a store, and what it was given. */
import type { AetherError } from "../event/mod.ts";
import { connect, type Connection, type ConnectOptions } from "../nats/mod.ts";
import {
  type EventBroadcaster,
  EventBus,
  NatsEventBus,
  type Seats,
} from "../bus/mod.ts";
import {
  type EffectStore,
  type EventStore,
  InMemoryEventStore,
  InMemoryLog,
  JetStreamEventStore,
  type SnapshotStore,
} from "../store/mod.ts";
import type { Own } from "./aether.ts";
import { Effects } from "./_effects.ts";

/** The connection for commands; undefined where everything runs in this process. */
export async function connectionOf(
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

/** A second connection, to another server where there are several. */
export async function bulkOf(
  own: Own,
  control: Connection | undefined,
  opened: (() => Promise<unknown>)[],
): Promise<Connection | undefined> {
  if (control === undefined || own.connection !== undefined) {
    return own.bulkConnection;
  }
  if (own.bulkConnection !== undefined) return own.bulkConnection;
  const bulk = await connect({
    ...clientOptions(own, "bulk"),
    ...elsewhere(own.servers, control.getServer()),
  });
  opened.push(() => bulk.close());
  return bulk;
}

/** The servers, with the one that is used already as the last. */
function elsewhere(
  servers: string | readonly string[] | undefined,
  used: string,
): { readonly servers?: readonly string[]; readonly noRandomize?: boolean } {
  if (servers === undefined || typeof servers === "string") return {};
  const isUsed = (server: string) =>
    server.replace(/^[a-z]+:\/\//, "").replace(/\/$/, "") === used;
  const others = servers.filter((server) => !isUsed(server));
  if (others.length === 0 || others.length === servers.length) return {};
  return {
    servers: [...others, ...servers.filter(isUsed)],
    noRandomize: true,
  };
}

/** What a system reads and writes events with. */
export interface Opened {
  /** The store of the namespace. */
  readonly store: EventStore & Partial<SnapshotStore>;
  /** The bus that shows what is stored there, where the log behind it is known. */
  readonly bus: (EventBroadcaster & Seats) | undefined;
}

/** The store of the namespace, and its bus. */
export async function storeOf(
  own: Own,
  connection: Connection | undefined,
  bulk: Connection | undefined,
  opened: (() => Promise<unknown>)[],
): Promise<Opened> {
  const { clock, namespace } = own;
  if (connection === undefined) {
    if (own.store !== undefined) return givenStore(own.store, own, opened);
    const log = new InMemoryLog(namespace);
    const store = new InMemoryEventStore({ namespace, clock, log });
    const bus = new EventBus({ logs: [log], clock });
    opened.push(() => store.close(), () => bus.close());
    return { store, bus };
  }
  const store = own.store ??
    await jetStreamStore(own, connection, bulk, opened);
  const { provision = true } = own;
  const bus = new NatsEventBus(bulk ?? connection, { clock, provision });
  opened.push(() => bus.close());
  return { store, bus };
}

/** A store that was given, and a bus where the log behind it is known. */
function givenStore(
  store: EventStore & Partial<SnapshotStore>,
  { clock }: Own,
  opened: (() => Promise<unknown>)[],
): Opened {
  if (!(store instanceof InMemoryEventStore)) return { store, bus: undefined };
  const bus = new EventBus({ logs: [store.log], clock });
  opened.push(() => bus.close());
  return { store, bus };
}

async function jetStreamStore(
  own: Own,
  connection: Connection,
  bulk: Connection | undefined,
  opened: (() => Promise<unknown>)[],
): Promise<EventStore & Partial<SnapshotStore>> {
  try {
    const store = await JetStreamEventStore.open(connection, {
      namespace: own.namespace,
      ...(bulk === undefined ? {} : { bulk }),
      ...(own.replicas === undefined ? {} : { replicas: own.replicas }),
      ...(own.provision === undefined ? {} : { provision: own.provision }),
    });
    opened.push(() => store.close());
    return store;
  } catch (error) {
    const isDenied = (error as AetherError).code === "permission_denied";
    if (isDenied && own.actors.length === 0) return refusing(error);
    throw error;
  }
}

/** What carries out promises; undefined for a client, or where the store cannot. */
export function effectsOf(
  { actors, clock, log, parkAfter }: Own,
  store: EventStore & Partial<SnapshotStore> & Partial<EffectStore>,
  owns: (type: string, shard: number) => boolean,
): Effects | undefined {
  if (actors.length === 0 || store.inbox === undefined) return undefined;
  const whole = store as EventStore & EffectStore;
  return new Effects({ store: whole, clock, log, failures: parkAfter, owns });
}

/** A store that may not be used: each call is refused with the reason. */
function refusing(error: unknown): EventStore & Partial<SnapshotStore> {
  return new Proxy({} as EventStore, {
    // `then` would make it a promise.
    get: (_, name) => name === "then" ? undefined : () => Promise.reject(error),
  });
}

function clientOptions(own: Own, use: string): ConnectOptions {
  const {
    namespace: _namespace,
    actors: _actors,
    policies: _policies,
    projections: _projections,
    nodeId,
    cluster: _cluster,
    connection: _connection,
    bulkConnection: _bulk,
    replicas: _replicas,
    provision: _provision,
    weight: _weight,
    closeOnSignals: _closeOnSignals,
    store: _store,
    maxActivations: _max,
    parkAfter: _parkAfter,
    log: _log,
    onError: _onError,
    clock: _clock,
    ...client
  } = own;
  return { name: `aether ${nodeId} ${use}`, ...client };
}
