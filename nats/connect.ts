/** The one file that opens connections. */
import { connect as connectOverNode } from "@nats-io/transport-node";
import {
  type AetherError,
  InvalidArgumentError,
  PermissionDeniedError,
  StoreUnavailableError,
  UnsupportedServerError,
} from "../event/mod.ts";
import { ignoreLateErrors } from "./_late_errors.ts";
import { mayAnswer } from "./answer.ts";
import { assertServer, type Connection } from "./connection.ts";

/**
 * How to reach NATS: whatever the NATS client takes, passed through as it is;
 * the named options are the usual ones.
 */
export interface ConnectOptions {
  /** One URL or several of one cluster, such as `nats://localhost:4222`. */
  readonly servers?: string | readonly string[];
  /** Shown by the server's monitoring. */
  readonly name?: string;
  /** User name, with `pass`. */
  readonly user?: string;
  /** Password of `user`. */
  readonly pass?: string;
  /** Token, where the server wants one. */
  readonly token?: string;
  /** Authenticator of the NATS client: nkey, credentials file, JWT. */
  readonly authenticator?: unknown;
  /** TLS options of the NATS client. */
  readonly tls?: unknown;
  /** First part of the subjects on which answers arrive; `_INBOX` by default. */
  readonly inboxPrefix?: string;
  /** Milliseconds one attempt to connect may take, the first and every later one; 3,000 by default. */
  readonly timeout?: number;
  /** `"node"` (default) works in Deno and Bun alike; `"deno"` is Deno's own and slower. */
  readonly transport?: "node" | "deno";
  /** Anything else the NATS client takes. */
  readonly [option: string]: unknown;
}

/**
 * Connects to NATS the way Aether wants it: reconnecting for ever, and noticing
 * a dead link within seconds.
 *
 * @param options What the NATS client takes.
 * @returns The client's connection; whoever opens it closes it.
 * @throws {InvalidArgumentError} `invalid_argument`: an option is unusable.
 * @throws {StoreUnavailableError} `store_unavailable`: nobody answers there.
 * @throws {PermissionDeniedError} `permission_denied`: the server refused the credentials.
 * @throws {UnsupportedServerError} `unsupported_server`: older than 2.14.0.
 */
export async function connect(
  options: ConnectOptions = {},
): Promise<Connection> {
  const { transport = "node", ...given } = options;
  const where = describe(options.servers);
  checkServers(options.servers);
  checkInbox(options.inboxPrefix);
  const open = transport === "node" ? openOverNode : await loadDenoTransport();
  let nc: Connection;
  try {
    nc = await open({
      // A lost SYN is sent again by TCP after 1, 3 and 7 s: sooner by a new attempt.
      timeout: 3_000,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
      reconnectJitter: 250,
      // A link that is dead without a word is found so within 3 s.
      pingInterval: 1_000,
      maxPingOut: 2,
      noAsyncTraces: true,
      ...given,
    });
  } catch (error) {
    throw connectFault(error, where);
  }
  try {
    assertServer(nc);
  } catch (error) {
    await nc.close();
    throw error;
  }
  return nc;
}

type Open = (options: Record<string, unknown>) => Promise<Connection>;

const openOverNode: Open = async (options) => {
  await ignoreLateErrors();
  return await connectOverNode(
    options as Parameters<typeof connectOverNode>[0],
  );
};

async function loadDenoTransport(): Promise<Open> {
  try {
    const transport = await import("@nats-io/transport-deno");
    return (options) =>
      transport.connect(options) as unknown as Promise<Connection>;
  } catch (cause) {
    throw new UnsupportedServerError(
      'Cannot connect with transport "deno" as @nats-io/transport-deno does not resolve here: ' +
        'map it to jsr:@nats-io/transport-deno, or leave "transport" out',
      { cause },
    );
  }
}

function checkServers(servers: unknown): void {
  const list = Array.isArray(servers)
    ? servers
    : servers === undefined
    ? []
    : [servers];
  for (const server of list) {
    const { host, port = "0" } = typeof server === "string"
      ? SERVER.exec(server)?.groups ?? {}
      : {};
    if (host === undefined || Number(port) > 65_535) {
      throw new InvalidArgumentError(
        `Cannot connect as a server is "host:port" or "nats://host:port" (nats, tls, ws or wss): got ${
          JSON.stringify(typeof server === "string" ? redact(server) : server)
        }`,
      );
    }
    if (host.includes("@")) {
      throw new InvalidArgumentError(
        `Cannot connect with credentials in the address of ${
          redact(server)
        }, ` +
          "as the NATS client does not read them there: give user and pass, token or authenticator",
      );
    }
  }
}

// No answer is sent there; see answer.ts.
function checkInbox(prefix: string | undefined): void {
  if (prefix === undefined || mayAnswer(`${prefix}.`)) return;
  throw new InvalidArgumentError(
    `Cannot connect with an inboxPrefix that is "aether", or begins with "aether." or "$": got ${
      JSON.stringify(prefix)
    }`,
  );
}

const SERVER =
  /^(?:(?:nats|tls|wss?):\/\/)?(?<host>[^\s/]+?)(?::(?<port>\d+))?\/?$/;

function connectFault(error: unknown, where: string): AetherError {
  const { name = "", message = "" } = error as Error;
  if (
    name === "AuthorizationError" || name === "UserAuthenticationExpiredError"
  ) {
    return new PermissionDeniedError(
      `Cannot connect to ${where} as the server refused the credentials: ${message}`,
      { cause: error },
    );
  }
  if (name === "InvalidArgumentError" || name === "TypeError") {
    return new InvalidArgumentError(`Cannot connect to ${where}: ${message}`, {
      cause: error,
    });
  }
  return new StoreUnavailableError(
    `Cannot connect to ${where} as nobody answers there (${message}): is a nats-server running?`,
    { cause: error },
  );
}

function describe(servers: unknown): string {
  const list = Array.isArray(servers) ? servers : [servers ?? "127.0.0.1:4222"];
  return list.map((server) => redact(String(server))).join(", ");
}

// An address may hold a password: it stays out of messages.
function redact(server: string): string {
  return server.replace(/^([a-z]+:\/\/)?.*@/, "$1");
}
