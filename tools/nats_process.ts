/**
 * One nats-server process: started, watched, signalled, started again.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import type { Place } from "./nats_config.ts";
import type { ServerFolder } from "./nats_folder.ts";
import { greets, until } from "./nats_ready.ts";

/** Milliseconds in which a server becomes ready. */
export const READY_WITHIN = 30_000;
const STOP_WITHIN = 5_000;
const PAUSE_WITHIN = 1_000;

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

/** A server process that can be ended, stopped for a while and started again. */
export class Server implements NatsServerProcess {
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
    for (const end = Date.now() + PAUSE_WITHIN; Date.now() < end;) {
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
