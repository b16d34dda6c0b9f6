/** The servers a bench runs against. */
import { connect as connectRaw } from "@nats-io/transport-node";
import { connect, type Connection } from "../nats/mod.ts";
import { startNatsServer } from "../tools/nats_server.ts";

/** A server, and a connection for each side. */
export interface Arena {
  /** How the server syncs, as tables show it. */
  readonly name: string;
  /** Whether it is the first of those a bench runs against. */
  readonly first: boolean;
  readonly url: string;
  /** Opened by the plain client, given nothing but the URL. */
  readonly raw: Connection;
  /** Opened as Aether opens its own. */
  readonly own: Connection;
}

/** Names of the two kinds of servers, as tables show them. */
export const SERVERS = { default: "default", sync: "sync always" };

/**
 * Runs against a server with default settings, and then, where asked for, against
 * one that syncs every write to disk before it acknowledges it.
 */
export async function eachServer(
  { sync }: { readonly sync: boolean },
  run: (arena: Arena) => Promise<void>,
): Promise<void> {
  await onServer(run);
  if (sync) await onServer(run, true);
}

/** Runs against one server, with default settings unless it is to sync. */
export async function onServer(
  run: (arena: Arena) => Promise<void>,
  syncAlways = false,
): Promise<void> {
  await using server = await startNatsServer({ syncAlways });
  const { url } = server;
  const raw: Connection = await connectRaw({ servers: url });
  const own = await connect({ servers: url });
  const name = syncAlways ? SERVERS.sync : SERVERS.default;
  try {
    await run({ name, first: !syncAlways, url, raw, own });
  } finally {
    await raw.close();
    await own.close();
  }
}
