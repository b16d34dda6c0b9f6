/**
 * One life of a simulated cluster: it comes up, things go wrong, they stop going
 * wrong, and within half a minute all is well again.
 */
import process from "node:process";
import { setImmediate } from "node:timers";
import type { ClusterManager } from "../../../cluster/mod.ts";
import { Checker, type Violation } from "./checker.ts";
import { Clients } from "./client.ts";
import { SimCluster } from "./cluster.ts";
import { SimEventLog } from "./event_log.ts";
import {
  ALL_KINDS,
  describeFault,
  type Fault,
  type FaultKind,
  strike,
} from "./faults.ts";
import { type Dice, diceOf } from "./scheduler.ts";
import { SimWorld } from "./world.ts";

/** What a scenario is like. */
export interface Scenario {
  readonly seed: number;
  readonly nodes: number;
  readonly servers: 1 | 3;
  /** How likely a node is connected to two servers. */
  readonly doubles: number;
  /** How likely a node hosts nothing. */
  readonly idlers: number;
  /** Whether a connection comes back to the same server only. */
  readonly isSticky: boolean;
  readonly ttl: number;
  readonly faults: readonly Fault[];
  /** Milliseconds between two calls of one of the clients. */
  readonly every: number;
  /** How many of ten calls change something. */
  readonly changes: number;
  /** Whether nothing but orderly things happen: then no call fails. */
  readonly isOrderly: boolean;
}

/** How a scenario is run. */
export interface RunOptions {
  readonly manager?: typeof ClusterManager;
  /** Whether the control log stores control writes whatever they expect. */
  readonly isLax?: boolean;
  readonly fences?: boolean;
  /** Lines of the trace to keep. */
  readonly lines?: number;
  readonly isVerbose?: boolean;
}

/** How a scenario went. */
export interface Outcome {
  readonly violation: Violation | undefined;
  readonly trace: readonly string[];
  readonly hash: string;
  /** Events that the world has run. */
  readonly events: number;
  /** What was seen, by name. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Draws a scenario; with `kinds`, of these kinds of faults only. */
export function scenarioOf(
  seed: number,
  kinds?: readonly FaultKind[],
): Scenario {
  const dice = diceOf(seed ^ 0x5eed);
  const isOrderly = kinds === undefined && dice.chance(0.12);
  const servers = dice.chance(0.5) ? 3 : 1;
  const allowed = kinds ?? (isOrderly ? ORDERLY : ALL_KINDS);
  return {
    seed,
    nodes: 3 + dice.int(3),
    servers,
    doubles: servers === 3 ? dice.pick([0, 0.5, 1]) : 0,
    isSticky: dice.chance(0.4),
    idlers: dice.pick([0, 0, 0.4]),
    ttl: dice.pick([3_000, 6_000, 15_000]),
    faults: allowed.length === 0 ? [] : faultsOf(dice, allowed, isOrderly),
    every: dice.pick([200, 600]),
    changes: dice.pick([2, 6]),
    isOrderly,
  };
}

/** Runs a scenario to its end, or until a promise is broken. */
export async function runScenario(
  scenario: Scenario,
  options: RunOptions = {},
): Promise<Outcome> {
  const { doubles, faults, idlers, nodes, servers, ttl } = scenario;
  const world = new SimWorld(scenario.seed, servers, options.lines);
  world.isSticky = scenario.isSticky;
  world.control.isLax = options.isLax ?? false;
  const log = new SimEventLog(world);
  const checker = new Checker(world, log, ttl);
  const cluster = new SimCluster(world, log, checker, {
    nodes,
    ttl,
    doubles,
    idlers,
    ...options,
  });
  const clients = new Clients(world, world.start("client", [0]), checker, {
    clients: 2,
    actors: 8,
    every: scenario.every,
    changes: scenario.changes,
  });
  const unhandled = (error: unknown) =>
    checker.fail("no rejection is left unhandled", String(error));
  process.on("unhandledRejection", unhandled);
  try {
    await new Life(scenario, world, cluster, checker, clients).run();
    // Whoever did not catch what failed is found out now.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off("unhandledRejection", unhandled);
  }
  checker.settle(clients.calls);
  return {
    violation: checker.violation,
    trace: world.trace.lines,
    hash: world.trace.hash,
    events: world.scheduler.count,
    counts: {
      calls: clients.calls.length,
      unknown: clients.calls.filter((c) => c.reply?.kind === "unknown").length,
      refusedControlWrites: world.control.refused,
      refusedAppends: log.refused,
      seized: checker.seized,
      released: checker.released,
      evicted: checker.evicted,
      deposed: checker.deposed,
      seconds: world.scheduler.now / 1_000,
      faults: faults.length,
    },
  };
}

/** What a failure says: how to see it again, what was to go wrong, what did. */
export function report(scenario: Scenario, outcome: Outcome): string {
  const { doubles, faults, isSticky, nodes, seed, servers, ttl } = scenario;
  const { hash, trace, violation } = outcome;
  return [
    `SEED=${seed}: ${violation?.rule}`,
    `  ${violation?.what}`,
    `${nodes} nodes, ${servers} servers, ${1 + doubles} connections each${
      isSticky ? " to one server only" : ""
    }, TTL ${ttl} ms`,
    ...faults.map(describeFault),
    `trace ${hash}, its end:`,
    ...trace.slice(-60),
  ].join("\n");
}

class Life {
  readonly #scenario: Scenario;
  readonly #world: SimWorld;
  readonly #cluster: SimCluster;
  readonly #checker: Checker;
  readonly #clients: Clients;

  constructor(
    scenario: Scenario,
    world: SimWorld,
    cluster: SimCluster,
    checker: Checker,
    clients: Clients,
  ) {
    this.#scenario = scenario;
    this.#world = world;
    this.#cluster = cluster;
    this.#checker = checker;
    this.#clients = clients;
  }

  async run(): Promise<void> {
    const { faults, isOrderly } = this.#scenario;
    await this.#rest("all is up", BOUND);
    let hasStarted = false;
    this.#clients.start().then(() => hasStarted = true);
    await this.#pass(1_000);
    if (!hasStarted) this.#checker.fail("clients start", "they did not");
    const began = this.#world.scheduler.now;
    const { seized } = this.#checker;
    for (const fault of faults) {
      const rest = began + fault.at - this.#world.scheduler.now;
      if (rest > 0) await this.#pass(rest);
      if (this.#isOver) return;
      strike(this.#cluster, fault);
    }
    const healed = Math.max(0, ...faults.map(({ at, ms }) => at + ms));
    await this.#pass(began + healed - this.#world.scheduler.now);
    await this.#rest("all is well again", BOUND);
    this.#clients.end();
    await this.#pass(11_000, () => this.#clients.open === 0);
    if (isOrderly && this.#checker.seized > seized) {
      this.#checker.fail("what leaves in order is not seized", "it was");
    }
    this.#assertAnswered(began + healed + BOUND);
  }

  get #isOver(): boolean {
    return this.#checker.violation !== undefined;
  }

  async #pass(ms: number, isOver: () => boolean = () => false): Promise<void> {
    if (this.#isOver) return;
    const until = this.#world.scheduler.now + ms;
    await this.#world.scheduler.run(until, () => this.#isOver || isOver());
  }

  /** Waits until all is well and has stayed so for a while. */
  async #rest(what: string, bound: number): Promise<void> {
    const { scheduler, trace } = this.#world;
    let until = scheduler.now + bound;
    const last = until + LONGEST;
    let since = scheduler.now;
    let { map } = this.#checker;
    while (!this.#isOver) {
      const unrest = this.#cluster.unrest();
      if (unrest !== undefined || this.#checker.map !== map) {
        since = scheduler.now;
        ({ map } = this.#checker);
      }
      if (scheduler.now - since >= STAYS) return trace.add("world", what);
      // Who leaves in order may have been kept from it.
      if (this.#cluster.awaited > 0) until = scheduler.now + bound;
      if (scheduler.now >= Math.min(until, last)) {
        return this.#checker.fail(what, unrest ?? "maps are written");
      }
      await this.#pass(250);
    }
  }

  #assertAnswered(healed: number): void {
    const { isOrderly } = this.#scenario;
    for (const { began, id, reply } of this.#clients.calls) {
      if (this.#isOver) return;
      const isKnown = reply !== undefined && reply.kind !== "unknown";
      if (!isKnown && (isOrderly || began > healed)) {
        this.#checker.fail("calls are answered", `${id} was not`);
      }
    }
  }
}

function faultsOf(
  dice: Dice,
  kinds: readonly FaultKind[],
  isOrderly: boolean,
): Fault[] {
  const count = isOrderly ? 3 : 1 + dice.int(4);
  const faults: Fault[] = [];
  let at = 0;
  // Restarts of servers one after another, as nodes may have moved to the other.
  let nextRestart = 0;
  for (let i = 0; i < count; i++) {
    at += isOrderly ? 8_000 : dice.between(0, dice.pick([1_000, 6_000]));
    const kind = dice.pick(kinds);
    if (kind === "restartServer") {
      at = Math.max(at, nextRestart);
      nextRestart = at + 8_000;
    }
    const target = dice.chance(0.4) ? "leader" : dice.int(8);
    faults.push({ at, kind, target, ms: durationOf(dice, kind) });
  }
  return faults;
}

function durationOf(dice: Dice, kind: FaultKind): number {
  if (kind === "restartServer") return dice.between(300, 1_700);
  if (dice.chance(0.1)) return dice.between(15_000, 40_000);
  return dice.chance(0.5)
    ? dice.between(300, 3_000)
    : dice.between(1_000, 15_000);
}

const ORDERLY: readonly FaultKind[] = ["stop", "drain", "join", "jump"];
/** Milliseconds within which all has to be well again. */
const BOUND = 30_000;
/** Milliseconds that nodes may take to leave and come back. */
const LONGEST = 120_000;
/** Milliseconds that all has to stay well. */
const STAYS = 1_500;
