/** The servers a bench runs against. */
import { connect as connectRaw } from "@nats-io/transport-node";
import { connect, type Connection } from "../nats/mod.ts";
import { createServerFolder } from "../tools/nats_folder.ts";
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

/**
 * Runs against a server with default settings, and then against one that syncs
 * every write to disk before it acknowledges it.
 *
 * @param options `sync`: whether against the second at all; `sameData`: whether
 * the second finds what was written to the first.
 */
export async function eachServer(
  options: { readonly sync: boolean; readonly sameData?: boolean },
  run: (arena: Arena) => Promise<void>,
): Promise<void> {
  const folder = options.sameData ? createServerFolder() : undefined;
  for (const syncAlways of options.sync ? [false, true] : [false]) {
    await using server = await startNatsServer({
      syncAlways,
      ...(folder === undefined ? {} : { storeDir: folder.path }),
    });
    const { url } = server;
    const raw: Connection = await connectRaw({ servers: url });
    const own = await connect({ servers: url });
    const name = syncAlways ? "sync always" : "default";
    try {
      await run({ name, first: !syncAlways, url, raw, own });
    } finally {
      await raw.close();
      await own.close();
    }
  }
  folder?.remove();
}
