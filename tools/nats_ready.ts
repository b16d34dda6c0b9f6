/**
 * Asks started servers whether they are ready, without a NATS client: the
 * greeting (`INFO`) on the client port, then the server's own account of its
 * health on the monitoring port, which works whatever users and accounts the
 * configuration has.
 *
 * @module
 */
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

const LOOK_EVERY = 10;
const ANSWER_WITHIN = 1_000;

/** Where one server listens. */
export interface Listening {
  /** Its name in the cluster. */
  readonly name: string;
  /** Port for clients. */
  readonly port: number;
  /** Port for monitoring. */
  readonly monitorPort: number;
}

/** Resolves once `check` is true; rejects at `deadline` (of `Date.now()`). */
export async function until(
  check: () => Promise<boolean>,
  deadline: number,
): Promise<void> {
  while (!await check()) {
    if (Date.now() > deadline) throw new Error("not ready in time");
    await delay(LOOK_EVERY);
  }
}

/** Whether the server greets clients. */
export async function greets(server: Listening): Promise<boolean> {
  return (await exchange(server.port, "", (text) => text.includes("\r\n")))
    .startsWith("INFO ");
}

/** Whether the server says of itself that it is healthy: JetStream runs, streams are recovered. */
export async function isHealthy(server: Listening): Promise<boolean> {
  const body = await get(server, "/healthz");
  return body?.status === "ok";
}

/** Whether the servers have a meta leader that sees every other one up to date. */
export async function isFormed(
  servers: readonly Listening[],
): Promise<boolean> {
  const bodies = await Promise.all(
    servers.map((server) => get(server, "/jsz")),
  );
  return bodies.some((body, index) => {
    const meta = body?.meta_cluster as MetaCluster | undefined;
    // Followers list the others too, but only the leader knows how they are.
    if (meta?.leader !== servers[index]!.name) return false;
    const peers = meta.replicas ?? [];
    return peers.length === servers.length - 1 &&
      peers.every((peer) => peer.current && !peer.offline);
  });
}

interface MetaCluster {
  readonly leader?: string;
  readonly replicas?: readonly {
    readonly current?: boolean;
    readonly offline?: boolean;
  }[];
}

async function get(
  server: Listening,
  path: string,
): Promise<Record<string, unknown> | undefined> {
  const request = `GET ${path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n`;
  const answer = await exchange(server.monitorPort, request, () => false);
  const body = answer.slice(answer.indexOf("\r\n\r\n") + 4);
  try {
    return JSON.parse(body) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** Sends `request` and gathers the answer until it is whole or the connection ends. */
function exchange(
  port: number,
  request: string,
  isWhole: (text: string) => boolean,
): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const decoder = new TextDecoder();
  let text = "";
  const socket = connect({ port, host: "127.0.0.1" }, () => {
    if (request !== "") socket.write(request);
  });
  const timer = setTimeout(() => socket.destroy(), ANSWER_WITHIN);
  socket.on("data", (chunk: Uint8Array) => {
    text += decoder.decode(chunk, { stream: true });
    if (isWhole(text)) socket.destroy();
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    clearTimeout(timer);
    resolve(text);
  });
  return promise;
}
