/**
 * A process: its event loop, its clocks, and its connections to NATS.
 *
 * Everything that runs in a process enters through it. A process that was killed
 * runs nothing any more; one that stands still (SIGSTOP, a blocked event loop, a
 * machine that slept) runs all that came in between once it goes on, at once: the
 * timers that fell due and what waits in the sockets. What it had handed to the
 * operating system is on its way; what it had only just written may still be in
 * its own buffers and leaves when it goes on.
 */
import type { CancelTimer, Clock } from "../../../event/mod.ts";
import { Fault } from "../../../nats/mod.ts";
import type { SimWorld } from "./world.ts";

/** A connection of a process to a server. */
export interface Connection {
  /** The server it is, or was last, connected to. */
  server: number;
  /** The server it was first connected to. */
  readonly home: number;
  /** What that server called itself. */
  serverId: string;
  /** Whether it is. */
  up: boolean;
  /** Whether the process thinks so. */
  known: boolean;
  /** Grows with each time it was connected. */
  life: number;
}

interface Timer {
  /** Undefined when it was cancelled. */
  run: (() => void) | undefined;
}

interface Pending {
  readonly subject: string;
  readonly fail: (error: unknown) => void;
}

/** One life of a process. */
export class SimProcess {
  /** What it is called in traces: the node and which life of it. */
  readonly name: string;
  /** The first one is the main one: it asks; all are heard on. */
  readonly connections: readonly Connection[];
  /** Its clocks and timers. */
  readonly clock: Clock;
  /** Whether it was not killed and has not ended. */
  alive = true;
  /** Since when it stands still. */
  frozenSince: number | undefined;
  /** When it last went on. */
  resumedAt = -Infinity;
  /** Until when no packet reaches it, or leaves it. */
  isolatedUntil = -Infinity;
  /** Until when nobody seems to answer it, though all do. */
  sickUntil = -Infinity;
  /** What its wall clock is off by. */
  skew = 0;
  /** How often it has used the world, beside looking at a clock. */
  calls = 0;
  /** When something last happened to it after which it may be given up. */
  disturbedAt = -Infinity;
  readonly #world: SimWorld;
  readonly #changes = new Set<() => void>();
  readonly #pending = new Set<Pending>();
  readonly #ends = new Set<() => void>();
  #armed = 0;
  #holds = false;
  #timers: (() => void)[] = [];
  #arrivals: (() => void)[] = [];
  #leaving: (() => void)[] = [];

  constructor(
    world: SimWorld,
    readonly node: string,
    life: number,
    connections: readonly number[],
  ) {
    this.#world = world;
    this.name = `${node}#${life}`;
    this.connections = connections.map((server) => ({
      server,
      home: server,
      serverId: world.servers[server]!.id,
      up: true,
      known: true,
      life: 0,
    }));
    const started = world.dice.between(1_000, 1e9);
    const { scheduler } = world;
    this.clock = {
      now: () => START + scheduler.now + this.skew,
      monotonic: () => scheduler.now + started,
      timer: (ms, run) => {
        this.#armed++;
        return this.timer(ms, run);
      },
    };
  }

  /** Whether it is connected, as far as it knows. */
  get connected(): boolean {
    return this.connections[0]!.known;
  }

  /** Whether it stands still. */
  get isFrozen(): boolean {
    return this.frozenSince !== undefined;
  }

  /** Runs something in this process after a time. */
  timer(ms: number, run: () => void): CancelTimer {
    const timer: Timer = { run };
    const { dice, scheduler } = this.#world;
    scheduler.after(ms + dice.next(), () => this.#due(timer));
    return () => timer.run = undefined;
  }

  /** Runs what has come in over the network, or when it goes on. */
  enter(run: () => void): void {
    if (!this.alive) return;
    if (this.isFrozen) this.#arrivals.push(run);
    else run();
  }

  /** Sends something on its way to a server; nothing says that it arrives. */
  send(
    ms: number,
    arrive: () => void,
    link: Connection = this.connections[0]!,
  ): void {
    const sent = this.#world.scheduler.now;
    const { life } = link;
    const go = () => {
      if (link.up && link.life === life && !this.isIsolated) arrive();
    };
    this.#world.scheduler.after(ms, () => {
      const isHeld = this.#holds && this.frozenSince !== undefined &&
        this.frozenSince <= sent + 1;
      if (isHeld) this.#leaving.push(go);
      else go();
    });
  }

  /** Whether no packet reaches it. */
  get isIsolated(): boolean {
    return this.#world.scheduler.now < this.isolatedUntil;
  }

  /** Waits for an answer that may never come. */
  expect<T>(
    subject: string,
    timeout: number,
    ask: (settle: (value: T) => void, fail: (error: unknown) => void) => void,
  ): Promise<T> {
    this.calls++;
    if (!this.connected) {
      return Promise.reject(new Fault("disconnected", subject, false));
    }
    return new Promise<T>((resolve, reject) => {
      let cancel: CancelTimer = () => {};
      const end = () => {
        cancel();
        return this.#pending.delete(pending);
      };
      const pending: Pending = {
        subject,
        fail: (error) => {
          if (end()) reject(error);
        },
      };
      this.#pending.add(pending);
      const expire = () => {
        // What waits in the sockets is read before anything is given up.
        const stalled = this.#world.scheduler.now - this.resumedAt < SWEEP &&
          !isLate;
        isLate = true;
        if (stalled) cancel = this.timer(SWEEP, expire);
        else pending.fail(new Fault("timeout", subject, true));
      };
      let isLate = false;
      cancel = this.timer(timeout, expire);
      const { life } = this.connections[0]!;
      ask(
        (value) =>
          this.enter(() => {
            if (this.connections[0]!.life === life && end()) resolve(value);
          }),
        (error) =>
          this.enter(() => {
            if (this.connections[0]!.life === life) pending.fail(error);
          }),
      );
    });
  }

  /** Calls back at each change between connected and not. */
  onChange(run: () => void): () => void {
    this.#changes.add(run);
    return () => this.#changes.delete(run);
  }

  /** Calls back when the process is gone. */
  onEnd(run: () => void): void {
    this.#ends.add(run);
  }

  // ---- what happens to it ----

  /** SIGKILL, or the end of its main program. */
  end(): void {
    if (!this.alive) return;
    this.alive = false;
    this.disturbed();
    for (const run of this.#ends) run();
  }

  /**
   * SIGSTOP.
   *
   * @param holds Whether what was written last is still in its own buffers.
   */
  freeze(holds: boolean): void {
    if (!this.alive || this.isFrozen) return;
    this.frozenSince = this.#world.scheduler.now;
    this.#holds = holds;
    this.disturbed();
  }

  /** SIGCONT. */
  resume(): void {
    if (!this.alive || !this.isFrozen) return;
    this.frozenSince = undefined;
    this.#holds = false;
    this.resumedAt = this.#world.scheduler.now;
    this.disturbed();
    const [timers, arrivals, leaving] = [
      this.#timers.splice(0),
      this.#arrivals.splice(0),
      this.#leaving.splice(0),
    ];
    const { dice, scheduler } = this.#world;
    const timersFirst = dice.chance(0.5);
    const first = timersFirst ? timers : arrivals;
    const second = timersFirst ? arrivals : timers;
    for (const run of leaving) scheduler.after(dice.next(), run);
    for (const run of first) this.#later(run, first === timers);
    for (const run of second) this.#later(run, second === timers);
  }

  /** Something happened after which it may be given up. */
  disturbed(): void {
    this.disturbedAt = this.#world.scheduler.now;
  }

  /** A connection breaks; the process finds out after a while, and connects anew. */
  drop(link: Connection, noticeAfter: number): void {
    if (!link.up) return;
    link.up = false;
    this.#world.scheduler.after(
      noticeAfter,
      () => this.enter(() => this.#lost(link)),
    );
  }

  /** No packet reaches it, or leaves it; it finds out after up to three seconds. */
  isolate(ms: number): void {
    const { dice, scheduler } = this.#world;
    this.isolatedUntil = Math.max(this.isolatedUntil, scheduler.now + ms);
    this.disturbed();
    scheduler.after(ms, () => this.disturbed());
    for (const link of this.connections) {
      scheduler.after(dice.between(100, 3_000), () => {
        this.enter(() => {
          if (!this.isIsolated) return;
          link.up = false;
          this.#lost(link);
        });
      });
    }
  }

  #due(timer: Timer): void {
    const { scheduler } = this.#world;
    if (!this.alive || timer.run === undefined) {
      scheduler.calm = true;
      return;
    }
    if (this.isFrozen) return void this.#timers.push(() => this.#due(timer));
    const { calls } = this;
    const armed = this.#armed;
    timer.run();
    // All it did was to set itself again.
    scheduler.calm = this.calls === calls && this.#armed === armed + 1;
  }

  #later(run: () => void, isTimer: boolean): void {
    this.#world.scheduler.after(0, () => {
      if (!this.alive) return;
      if (!this.isFrozen) run();
      else if (isTimer) this.#timers.push(run);
      else this.#arrivals.push(run);
    });
  }

  #lost(link: Connection): void {
    if (!link.known) return;
    link.known = false;
    if (link === this.connections[0]) {
      for (const pending of [...this.#pending]) {
        pending.fail(new Fault("disconnected", pending.subject, true));
      }
      this.#tell();
    }
    this.#reconnect(link);
  }

  #reconnect(link: Connection): void {
    const { dice } = this.#world;
    this.timer(dice.between(50, 250), () => {
      const servers = this.#world.serversFor(this, link);
      if (servers.length === 0) return this.#reconnect(link);
      link.server = dice.pick(servers);
      link.serverId = this.#world.servers[link.server]!.id;
      link.up = link.known = true;
      link.life++;
      if (link === this.connections[0]) this.#tell();
    });
  }

  #tell(): void {
    this.#world.trace.add(
      this.name,
      this.connected ? "is connected" : "is cut off from NATS",
    );
    for (const run of [...this.#changes]) run();
  }
}

/** The wall clock when a world begins. */
const START = Date.UTC(2026, 0, 1);
/** Milliseconds between two looks for requests that have timed out. */
const SWEEP = 25;
