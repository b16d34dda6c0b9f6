/**
 * What tests share: a server, names that do not collide, seeded chance.
 *
 * @module
 */
export { type Random, seeded } from "./seeded.ts";
export { eventually, type EventuallyOptions } from "./eventually.ts";
export { testServer, uniqueNamespace } from "./test_server.ts";
export { startTcpProxy, type TcpProxy } from "./tcp_proxy.ts";
export { serveStale } from "./stale_reads.ts";
export type { Choose, ProxyHold, ProxyRule, Rewrite } from "./proxy_rule.ts";
export {
  backUpStream,
  restoreStream,
  type StreamBackup,
} from "./stream_backup.ts";
export { startNatsServer } from "../../tools/nats_server.ts";
export type {
  NatsServerOptions,
  NatsServerProcess,
  NatsServers,
} from "../../tools/nats_server.ts";

/** Whether this is Deno. */
export const isDeno: boolean = "Deno" in globalThis;
/** Whether this is Bun. */
export const isBun: boolean = "Bun" in globalThis;
