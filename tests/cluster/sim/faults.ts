/** What goes wrong in a simulated world, and when, drawn from its seed. */
import type { SimCluster } from "./cluster.ts";
import type { SimProcess } from "./process.ts";
import { type Noise, QUIET } from "./world.ts";

/** Something that goes wrong. */
export interface Fault {
  /** Milliseconds from the beginning. */
  readonly at: number;
  /** Milliseconds it lasts. */
  readonly ms: number;
  readonly kind: FaultKind;
  /** A node by its number, or whoever leads. */
  readonly target: number | "leader";
}

/** The kinds of things that go wrong. */
export type FaultKind = keyof typeof KINDS;

type Run = (
  cluster: SimCluster,
  fault: Fault,
  process: SimProcess | undefined,
) => void;

/** Lets it go wrong, from now on, for its time. */
export function strike(cluster: SimCluster, fault: Fault): void {
  const { kind, ms, target } = fault;
  const node = cluster.pick(target);
  cluster.world.trace.add(
    node?.process.name ?? "world",
    `meets ${kind} (${ms.toFixed(0)} ms)`,
  );
  KINDS[kind](cluster, fault, node?.process);
}

/** One line about a fault. */
export function describeFault({ at, kind, ms, target }: Fault): string {
  return `at ${at.toFixed(0)} ms: ${kind} of ${target} for ${ms.toFixed(0)} ms`;
}

const freeze = (holds: boolean): Run => ({ world }, { ms }, process) => {
  process?.freeze(holds);
  world.scheduler.after(ms, () => process?.resume());
};

/** Stands still just when it has written something that is still in its buffers. */
const trap = (key: string): Run => ({ world }, { ms }, process) => {
  if (process === undefined) return;
  let isSprung = false;
  world.trap(process, key, () => {
    isSprung = true;
    world.trace.add(process.name, `stands still in a write of ${key}`);
    process.freeze(true);
    world.scheduler.after(ms, () => process.resume());
  });
  world.scheduler.after(ms, () => {
    if (!isSprung) world.trap(process, "never", () => {});
  });
};

const noise = (some: Partial<Noise>): Run => ({ world }, { ms }) => {
  const before = world.noise;
  world.noise = { ...before, ...some };
  world.scheduler.after(ms, () => {
    world.noise = { ...world.noise };
    for (const name of Object.keys(some) as (keyof Noise)[]) {
      world.noise[name] = QUIET[name];
    }
  });
};

const cut = (bothWays: boolean): Run => (cluster, { ms }, process) => {
  if (process === undefined) return;
  const { dice, scheduler, trace } = cluster.world;
  const others = cluster.names.filter((name) => name !== process.node);
  const other = dice.pick(others);
  trace.add(process.name, `cannot talk to ${other}`);
  const cuts = [`${process.node}>${other}`, `${other}>${process.node}`]
    .slice(0, bothWays ? 2 : 1);
  for (const cut of cuts) cluster.world.cuts.add(cut);
  scheduler.after(ms, () => {
    for (const cut of cuts) cluster.world.cuts.delete(cut);
    for (const { node, process: it } of cluster.running) {
      if (node === process.node || node === other) it.disturbed();
    }
  });
};

const KINDS = {
  /** SIGKILL; comes back as another life after a while. */
  kill: (cluster, { ms }, process) => {
    if (process !== undefined) cluster.kill(process, ms);
  },
  /** SIGSTOP, or an event loop that is blocked. */
  freeze: freeze(false),
  freezeHolding: freeze(true),
  freezeInMapWrite: trap("ctl."),
  freezeInRenewal: trap("leader"),
  freezeInRecord: trap("nodes."),
  freezeInAppend: trap("append."),
  /** No packet passes between a node and NATS. */
  isolate: (_cluster, { ms }, process) => process?.isolate(ms),
  /** Hears no answers: it takes all others for frozen. */
  sick: ({ world }, { ms }, process) => {
    if (process === undefined) return;
    process.sickUntil = world.scheduler.now + ms;
    process.disturbed();
    world.scheduler.after(ms, () => process.disturbed());
  },
  cut: cut(true),
  cutOneWay: cut(false),
  restartServer: ({ world }, { ms }, process) => {
    const link = process?.connections[0];
    if (link !== undefined) world.restartServer(link.server, ms);
  },
  partition: ({ world }, { ms }) => {
    if (world.servers.length < 3) return world.elect(Math.min(ms, 4_000));
    world.partition(world.dice.int(3), ms);
  },
  election: ({ world }, { ms }) => world.elect(Math.min(ms, 4_000)),
  /** A server that led the log was frozen and answers from the past. */
  oldServer: ({ world }, { ms }) => {
    world.control.freezeServer();
    world.elect(world.dice.between(100, Math.min(ms, 3_000)));
    world.scheduler.after(ms, () => {
      world.trace.add("log", "an old leader answers from the past");
      world.control.wakeServer(world.dice.between(100, 1_000));
    });
  },
  jump: ({ world }, _fault, process) => {
    if (process !== undefined) {
      process.skew += world.dice.between(-3_600_000, 3_600_000);
    }
  },
  lostAcks: noise({ lostAcks: 0.2, lostRequests: 0.1 }),
  lateRequests: noise({ late: 0.1, slow: 0.05 }),
  lossy: noise({ loss: 0.04, duplicates: 0.1, lostNotes: 0.3 }),
  slow: noise({ latency: 8, slow: 0.1 }),
  /** All are far away from each other: an answer takes 180 to 540 ms. */
  far: noise({ latency: 60 }),
  /** Leaves in an orderly way, and comes back. */
  stop: (cluster, { ms }, process) => {
    if (process !== undefined) cluster.stop(process, ms);
  },
  drain: (cluster, { ms }, process) => {
    if (process !== undefined) cluster.drain(process, ms);
  },
  join: (cluster) => cluster.add(),
} satisfies Record<string, Run>;

/** The kinds that are mixed; how soon others take over is not as usual from afar. */
export const ALL_KINDS = (Object.keys(KINDS) as readonly FaultKind[])
  .filter((kind) => kind !== "far");
