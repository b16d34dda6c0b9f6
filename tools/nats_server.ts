/**
 * Starts nats-server for tests, examples and benches: one, or a cluster of
 * three, on free ports of the loopback address, with JetStream in a temporary
 * folder. Each can be killed, paused and started again on the same ports with
 * the same data. Nothing is left behind, however this process ends; see
 * `nats_folder.ts`.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findNatsServer } from "./nats_binary.ts";
import { configOf, type NatsServerOptions, type Place } from "./nats_config.ts";
import { createServerFolder, type ServerFolder } from "./nats_folder.ts";
import {
  type NatsServerProcess,
  READY_WITHIN,
  Server,
} from "./nats_process.ts";
import { isFormed, isHealthy } from "./nats_ready.ts";
import { freePorts } from "./ports.ts";

export type { NatsServerOptions } from "./nats_config.ts";
export type { NatsServerProcess } from "./nats_process.ts";

const PORT_TRIES = 5;

/** Started servers; the verbs act on all of them. */
export interface NatsServers extends AsyncDisposable {
  /** URL of the first server. */
  readonly url: string;
  /** URLs of all servers. */
  readonly urls: readonly string[];
  /** The servers one by one. */
  readonly servers: readonly NatsServerProcess[];
  /** SIGKILL for all. */
  kill(): Promise<void>;
  /** SIGSTOP for all. */
  pause(): void;
  /** SIGCONT for all. */
  resume(): void;
  /** Starts all again and waits until they are ready. */
  restart(): Promise<void>;
  /** Resolves when all are healthy and, if three, have a leader that sees them all. */
  ready(timeout?: number): Promise<void>;
  /** Ends all and removes the temporary folder. */
  stop(): Promise<void>;
}

/** Starts one server or three and waits until they are ready for JetStream. */
export async function startNatsServer(
  options: NatsServerOptions = {},
): Promise<NatsServers> {
  const binary = await findNatsServer(
    options.log === undefined ? {} : { log: options.log },
  );
  for (let tries = 1;; tries++) {
    const servers = await Servers.start(binary, options);
    try {
      await servers.ready(options.timeout);
      return servers;
    } catch (error) {
      const portTaken = servers.all.some((server) => server.portTaken());
      await servers.stop();
      if (!portTaken) throw error;
      if (options.port !== undefined) {
        throw new Error(
          `Cannot start nats-server on port ${options.port} as another program listens there: ` +
            `stop it, or choose another port`,
          { cause: error },
        );
      }
      if (tries === PORT_TRIES) throw error;
    }
  }
}

class Servers implements NatsServers {
  readonly all: readonly Server[];
  readonly #folder: ServerFolder;
  readonly #jetstream: boolean;

  static async start(
    binary: string,
    options: NatsServerOptions,
  ): Promise<Servers> {
    const count = options.servers ?? 1;
    const ports = await freePorts(count * 3);
    const clusterPorts = ports.slice(count * 2, count * 3);
    const folder = createServerFolder();
    const all = ports.slice(0, count).map((port, index) => {
      const name = `n${index + 1}`;
      const place: Place = {
        name,
        port: count === 1 ? options.port ?? port : port,
        monitorPort: ports[count + index]!,
        home: join(folder.path, name),
        store: options.storeDir === undefined
          ? join(folder.path, name)
          : count === 1
          ? options.storeDir
          : join(options.storeDir, name),
        routes: count === 1
          ? undefined
          : { listen: clusterPorts[index]!, to: clusterPorts },
      };
      mkdirSync(place.home);
      writeFileSync(join(place.home, "nats.conf"), configOf(place, options));
      return new Server(binary, place, folder);
    });
    return new Servers(all, folder, options.jetstream ?? true);
  }

  private constructor(
    all: readonly Server[],
    folder: ServerFolder,
    jetstream: boolean,
  ) {
    this.all = all;
    this.#folder = folder;
    this.#jetstream = jetstream;
    for (const server of all) server.spawn();
  }

  get servers(): readonly NatsServerProcess[] {
    return this.all;
  }

  get url(): string {
    return this.all[0]!.url;
  }

  get urls(): readonly string[] {
    return this.all.map((server) => server.url);
  }

  async kill(): Promise<void> {
    await Promise.all(this.all.map((server) => server.kill()));
  }

  pause(): void {
    for (const server of this.all) server.pause();
  }

  resume(): void {
    for (const server of this.all) server.resume();
  }

  async restart(): Promise<void> {
    await Promise.all(this.all.map((server) => server.restart()));
    await this.ready();
  }

  async ready(timeout: number = READY_WITHIN): Promise<void> {
    const deadline = Date.now() + timeout;
    await Promise.all(this.all.map((server) => server.greeting(deadline)));
    if (!this.#jetstream) return;
    if (this.all.length > 1) {
      await this.all[0]!.awaiting(
        "in a formed cluster",
        () => isFormed(this.all),
        deadline,
      );
    }
    for (const server of this.all) {
      await server.awaiting("healthy", () => isHealthy(server), deadline);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((server) => server.stop()));
    this.#folder.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
