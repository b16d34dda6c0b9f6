/**
 * The one nats-server that test files share, and names under which they do not
 * disturb each other.
 *
 * The runner starts a server for the whole run and names it in the
 * environment. A file run on its own starts one for its process, which ends
 * with the process (see `tools/nats_folder.ts`): there is nothing to stop.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import process from "node:process";
import { type NatsServers, startNatsServer } from "../../tools/nats_server.ts";

const SHARED = Symbol.for("aether.tests.server");
const holder = globalThis as { [SHARED]?: Promise<NatsServers> };

/** A server with JetStream that other tests use too: never kill it, use names of your own. */
export async function testServer(): Promise<{ readonly url: string }> {
  const url = process.env.AETHER_TEST_NATS_URL ||
    process.env.AETHER_TEST_SHARED_URL;
  if (url) return { url };
  const servers = await (holder[SHARED] ??= startNatsServer());
  return { url: servers.url };
}

/** A namespace that no other test has, of one token: `<prefix>-<12 hexadecimal digits>`. */
export function uniqueNamespace(prefix: string = "test"): string {
  return `${prefix.slice(0, 19)}-${randomBytes(6).toString("hex")}`;
}
