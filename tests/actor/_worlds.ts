import {
  Aether,
  type AetherOptions,
  connect,
  type Connection,
  InMemoryEventStore,
  InMemoryLog,
} from "@flowmade/aether";
import { testServer, uniqueNamespace } from "../support/mod.ts";
import { Account } from "./_account.ts";

/** A place to run systems in: all of one world share a log. */
export interface World extends AsyncDisposable {
  readonly namespace: string;
  /** Starts a node; `actors: []` makes it a client. */
  start(options?: Partial<AetherOptions>): Promise<Aether>;
}

/** The kinds of world the behaviour tests run in. */
export const worlds: readonly [string, () => Promise<World>][] = [
  ["in memory", memoryWorld],
  ["on NATS", natsWorld],
];

/**
 * Systems in this process over one log in memory. Each believes to be alone, so
 * two of them are two nodes that own the same actors at once.
 */
export function memoryWorld(): Promise<World> {
  const namespace = uniqueNamespace("actor");
  const log = new InMemoryLog(namespace);
  const started: Aether[] = [];
  return Promise.resolve({
    namespace,
    async start(options = {}) {
      const { clock } = options;
      const store = new InMemoryEventStore({
        namespace,
        log,
        ...(clock === undefined ? {} : { clock }),
      });
      const aether = await Aether.start({
        namespace,
        actors: [Account],
        store,
        ...options,
      });
      started.push(aether);
      return aether;
    },
    async [Symbol.asyncDispose]() {
      for (const aether of started) await aether.close();
    },
  });
}

/** Systems over connections of their own to one nats-server. */
export interface NatsWorld extends World {
  /** Where the server is. */
  readonly servers: string;
  /** Starts a node on a connection that the test can cut off. */
  startOn(
    options?: Partial<AetherOptions>,
  ): Promise<{ aether: Aether; connection: Connection }>;
}

export async function natsWorld(): Promise<NatsWorld> {
  const namespace = uniqueNamespace("actor");
  const { url: servers } = await testServer();
  const started: Aether[] = [];
  const connections: Connection[] = [];
  const start = async (options: Partial<AetherOptions> = {}) => {
    const aether = await Aether.start({
      namespace,
      actors: [Account],
      ...(options.connection === undefined ? { servers } : {}),
      ...options,
    });
    started.push(aether);
    return aether;
  };
  return {
    namespace,
    servers,
    start,
    async startOn(options = {}) {
      const connection = await connect({ servers });
      connections.push(connection);
      return {
        aether: await start({ ...options, connection }),
        connection,
      };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(started.map((aether) => aether.close()));
      for (const connection of connections) await connection.close();
    },
  };
}

/** Whether a node sees the shards of a type shared evenly by two. */
export function isShared(
  { cluster }: Aether,
  type: string,
  names: readonly [string, string],
): boolean {
  const { nodes } = cluster!.shardMap(type);
  return names.every((name) =>
    nodes.filter((node) => node === name).length === 128
  );
}
