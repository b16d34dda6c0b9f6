/** A nats-server on each of three machines, in one cluster. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { findNatsServer } from "../../../tools/nats_binary.ts";
import { createServerFolder } from "../../../tools/nats_folder.ts";
import { eventually } from "../../support/mod.ts";
import type { ClusterServer } from "../_cluster.ts";
import type { Network } from "./network.ts";

const [CLIENTS, MONITORING, ROUTES] = [4222, 8222, 6222];

/** The servers; `servers[i]` is on machine `i`. */
export class PartitionedServers implements AsyncDisposable {
  /** The servers, in the order of the machines. */
  readonly servers: readonly ClusterServer[];
  readonly #folder = createServerFolder();
  readonly #children: ChildProcess[] = [];

  private constructor(network: Network, binary: string) {
    const routes = network.machines
      .map(({ address }) => `"nats://${address}:${ROUTES}"`).join(", ");
    this.servers = network.machines.map(({ address, inside }, i) => {
      const name = `n${i + 1}`;
      const home = join(this.#folder.path, name);
      mkdirSync(home);
      const config = join(home, "nats.conf");
      writeFileSync(
        config,
        [
          `server_name: ${name}`,
          `host: "${address}", port: ${CLIENTS}`,
          `http: "${address}:${MONITORING}"`,
          `jetstream { store_dir: ${JSON.stringify(home)} }`,
          `cluster { name: aether, listen: "${address}:${ROUTES}", routes: [${routes}] }`,
        ].join("\n"),
      );
      const log = openSync(join(home, "server.log"), "a");
      const [command, ...args] = [...inside, binary, "-c", config];
      const child = spawn(command!, args, { stdio: ["ignore", log, log] });
      this.#children.push(child);
      if (child.pid !== undefined) this.#folder.record(name, child.pid);
      closeSync(log);
      return {
        name,
        url: `nats://${address}:${CLIENTS}`,
        monitorUrl: `http://${address}:${MONITORING}`,
      };
    });
  }

  /** Starts them, and waits until they have formed a cluster. */
  static async start(network: Network): Promise<PartitionedServers> {
    const servers = new PartitionedServers(network, await findNatsServer());
    try {
      await servers.formed();
      return servers;
    } catch (error) {
      console.error(servers.#logs());
      await servers[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Resolves when all are healthy, and their leader sees each of them up to date. */
  async formed(timeout = 60_000): Promise<void> {
    await eventually(async () => {
      const bodies = await Promise.all(this.servers.map(async (server) => {
        const health = await fetch(`${server.monitorUrl}/healthz`);
        const { status } = await health.json() as { status: string };
        if (status !== "ok") throw new Error(`${server.name} is ${status}`);
        const jsz = await fetch(`${server.monitorUrl}/jsz`);
        return await jsz.json() as Jsz;
      }));
      return bodies.some(({ meta_cluster: meta }, i) =>
        meta?.leader === this.servers[i]!.name && meta.replicas?.length === 2 &&
        meta.replicas.every(({ current, offline }) => current && !offline)
      );
    }, { timeout, interval: 100 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#children.map((child) =>
        new Promise<void>((resolve) => {
          if (child.exitCode !== null || child.signalCode !== null) {
            return resolve();
          }
          child.once("exit", () => resolve());
          child.kill("SIGKILL");
        })
      ),
    );
    this.#folder.remove();
  }

  #logs(): string {
    return this.servers.map(({ name }) =>
      readFileSync(join(this.#folder.path, name, "server.log"), "utf8")
    ).join("\n");
  }
}

interface Jsz {
  readonly meta_cluster?: {
    readonly leader?: string;
    readonly replicas?: readonly {
      readonly current?: boolean;
      readonly offline?: boolean;
    }[];
  };
}
