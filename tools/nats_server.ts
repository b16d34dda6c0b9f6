/**
 * Starts nats-server for tests, examples and benches: one, or a cluster of
 * three, on free ports of the loopback address, with JetStream in a temporary
 * folder. Each can be killed, paused and started again on the same ports with
 * the same data. Nothing is left behind, however this process ends; see
 * `nats_folder.ts`.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { findNatsServer } from "./nats_binary.ts";
import { createServerFolder, type ServerFolder } from "./nats_folder.ts";
import { greets, isFormed, isHealthy, until } from "./nats_ready.ts";
import { freePorts } from "./ports.ts";

const READY_WITHIN = 30_000;
const STOP_WITHIN = 5_000;
const STOPS_WITHIN = 1_000;
const PORT_TRIES = 5;

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

/** One server process. */
export interface NatsServerProcess {
  /** Such as `nats://127.0.0.1:21234`. */
  readonly url: string;
  /** Monitoring, such as `http://127.0.0.1:21235`. */
  readonly monitorUrl: string;
  /** `n1`, `n2` or `n3`. */
  readonly name: string;
  /** Client port. */
  readonly port: number;
  /** Process id; that of the newest process after a restart. */
  readonly pid: number;
  /** Whether a process is there (a paused one is). */
  readonly running: boolean;
  /** Resolves when the current process has ended, however it ended. */
  readonly exited: Promise<void>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGSTOP: it keeps its connections and answers nothing, from the return of this call on. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** Ends it if it runs, starts it again on the same ports and folder, waits until it greets. */
  restart(): Promise<void>;
  /** SIGTERM, then SIGKILL after five seconds; resolves when the process is gone. */
  stop(): Promise<void>;
  /** The last lines of its log. */
  logTail(lines?: number): string;
}

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

/** Where one server lives. */
interface Place {
  readonly name: string;
  readonly port: number;
  readonly monitorPort: number;
  readonly home: string;
  readonly store: string;
  readonly routes:
    | { readonly listen: number; readonly to: readonly number[] }
    | undefined;
}

class Server implements NatsServerProcess {
  readonly #binary: string;
  readonly #place: Place;
  readonly #folder: ServerFolder;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #running = false;
  #pid = 0;

  constructor(binary: string, place: Place, folder: ServerFolder) {
    this.#binary = binary;
    this.#place = place;
    this.#folder = folder;
  }

  get name(): string {
    return this.#place.name;
  }

  get port(): number {
    return this.#place.port;
  }

  get monitorPort(): number {
    return this.#place.monitorPort;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  get monitorUrl(): string {
    return `http://127.0.0.1:${this.monitorPort}`;
  }

  get pid(): number {
    return this.#pid;
  }

  get running(): boolean {
    return this.#running;
  }

  get exited(): Promise<void> {
    return this.#exited;
  }

  /** Starts the process; a session of its own keeps a terminal's Ctrl-C away from it. */
  spawn(): void {
    const log = openSync(join(this.#place.home, "server.log"), "a");
    const child = spawn(this.#binary, [
      "-c",
      join(this.#place.home, "nats.conf"),
    ], {
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    child.unref();
    this.#child = child;
    this.#running = true;
    this.#pid = child.pid ?? 0;
    if (child.pid !== undefined) this.#folder.record(this.name, child.pid);
    this.#exited = new Promise((resolve) => {
      const ended = () => {
        if (this.#child === child) this.#running = false;
        resolve();
      };
      child.once("exit", ended);
      child.once("error", ended);
    });
  }

  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    await this.#gone();
  }

  pause(): void {
    this.#signal("SIGSTOP");
    // Each of its threads stops when it next meets the signal, mostly at once.
    for (const end = Date.now() + STOPS_WITHIN; Date.now() < end;) {
      if (!this.#running || hasStopped(this.#pid)) return;
    }
  }

  resume(): void {
    this.#signal("SIGCONT");
  }

  async restart(): Promise<void> {
    await this.stop();
    this.spawn();
    await this.greeting(Date.now() + READY_WITHIN);
  }

  async stop(): Promise<void> {
    this.#signal("SIGCONT");
    this.#signal("SIGTERM");
    const giveUp = new AbortController();
    const late = delay(STOP_WITHIN, "late", { signal: giveUp.signal }).catch(
      () => "gone",
    );
    if (await Promise.race([this.#gone(), late]) === "late") await this.kill();
    giveUp.abort();
  }

  logTail(lines: number = 20): string {
    try {
      const log = readFileSync(join(this.#place.home, "server.log"), "utf8");
      return log.trimEnd().split("\n").slice(-lines).join("\n");
    } catch {
      return "";
    }
  }

  /** Whether its log says that a port was taken. */
  portTaken(): boolean {
    return /address already in use|Only one usage of each socket address/.test(
      this.logTail(5),
    );
  }

  greeting(deadline: number): Promise<void> {
    return this.awaiting("listening", () => greets(this), deadline);
  }

  /** Waits for `check`; an error says what did not come about, with the end of the log. */
  async awaiting(
    state: string,
    check: () => Promise<boolean>,
    deadline: number,
  ): Promise<void> {
    try {
      await until(async () => {
        if (!this.#running) throw new Error("it has ended");
        return await check();
      }, deadline);
    } catch (error) {
      throw new Error(
        `nats-server ${this.name} is not ${state}: ${
          (error as Error).message
        }. ` +
          `The end of its log:\n${this.logTail()}`,
        { cause: error },
      );
    }
  }

  async #gone(): Promise<void> {
    // The process does not keep us alive, except while its end is awaited.
    if (this.#running) this.#child?.ref();
    await this.#exited;
  }

  #signal(signal: NodeJS.Signals): void {
    // Not `child.kill()`: under Deno that takes a stopped process for an ended one.
    if (this.#running && this.#pid !== 0) process.kill(this.#pid, signal);
  }
}

/** Whether all threads of a process are stopped; true where the system cannot tell. */
function hasStopped(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).every((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8").includes(") T ")
    );
  } catch {
    return true;
  }
}

function configOf(place: Place, options: NatsServerOptions): string {
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
