/**
 * How servers are started, and the nats-server configuration it makes.
 *
 * @module
 */

/** How servers are started. */
export interface NatsServerOptions {
  /** How many, in one cluster; default 1. */
  readonly servers?: 1 | 3;
  /** Client port of a single server; default: a free one. */
  readonly port?: number;
  /** More configuration, as in a nats-server file: users, accounts, limits, TLS. */
  readonly config?: string;
  /** Whether JetStream is on; default true. */
  readonly jetstream?: boolean;
  /** Sync each write to disk before it is acknowledged; default false, as in nats-server. */
  readonly syncAlways?: boolean;
  /** Folder for JetStream, kept at the end; default: a temporary one, removed at the end. */
  readonly storeDir?: string;
  /** Largest message in bytes; default 1 MiB, as in nats-server. */
  readonly maxPayload?: number;
  /** Milliseconds to wait until ready; default 30,000. */
  readonly timeout?: number;
  /** Told in one line what is being done, when there is something to tell. */
  readonly log?: (line: string) => void;
}

/** Where one server lives. */
export interface Place {
  /** Its name in the cluster, and of its folder. */
  readonly name: string;
  /** Port for clients. */
  readonly port: number;
  /** Port for monitoring. */
  readonly monitorPort: number;
  /** Folder of its configuration and log. */
  readonly home: string;
  /** Folder of its data. */
  readonly store: string;
  /** Cluster ports: its own, and all. */
  readonly routes:
    | { readonly listen: number; readonly to: readonly number[] }
    | undefined;
}

/** Text of a configuration file. */
export function configOf(place: Place, options: NatsServerOptions): string {
  const text = [
    `server_name: ${place.name}`,
    `host: "127.0.0.1"`,
    `port: ${place.port}`,
    `http: "127.0.0.1:${place.monitorPort}"`,
  ];
  if (options.jetstream ?? true) {
    const sync = options.syncAlways ? ", sync_interval: always" : "";
    text.push(
      `jetstream { store_dir: ${JSON.stringify(place.store)} ${sync} }`,
    );
  }
  if (options.maxPayload !== undefined) {
    text.push(`max_payload: ${options.maxPayload}`);
  }
  if (place.routes !== undefined) {
    const routes = place.routes.to.map((port) => `"nats://127.0.0.1:${port}"`)
      .join(", ");
    text.push(
      `cluster { name: aether, listen: "127.0.0.1:${place.routes.listen}", routes: [${routes}] }`,
    );
  }
  return [...text, options.config ?? "", ""].join("\n");
}
