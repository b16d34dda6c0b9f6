/** What nodes counted, and what their logs tell, of all of their lives. */
import { missingIn } from "../checker/mod.ts";
import type { FleetNode } from "../fleet/process.ts";
import { mayBeOutsiders } from "./workload/outsider.ts";
import type { RunWorld } from "./world.ts";

/** How often the promises were put to the test. */
export interface Counts {
  /** Commits of nodes that were refused, as another writer was first. */
  readonly conflicts: number;
  /** Of them, those where no outsider writes: a late owner's. */
  readonly lateOwners: number;
  /** Writes of the outsider that were refused, as it had read an older version. */
  readonly staleOutsider: number;
  /** Messages sent again, and appends settled by looking. */
  readonly resent: number;
  readonly settled: number;
  /** Calls that came again under the same id. */
  readonly repeats: number;
  /** Direct reads that came short of what the log's leader had. */
  readonly staleReads: number;
  /** Snapshots saved. */
  readonly snapshots: number;
  /** Durable commands carried out. */
  readonly carriedOut: number;
  /** MiB of memory of a node at most. */
  readonly rss: number;
  /** Lives of nodes. */
  readonly lives: number;
}

/** Counts so far. */
export function countsOf(world: RunWorld): Counts {
  const lines = world.lives.flatMap(({ log }) => log);
  const refused = lines.filter(({ message }) =>
    message === "another writer was first"
  );
  const last = world.lives.map(lastCounted);
  const sum = (of: (counted: Counted) => number | undefined) =>
    last.reduce((all, counted) => all + (counted && of(counted) || 0), 0);
  const { operations } = world.journal;
  const repeats = [...operations].filter(([kind]) => kind.startsWith("repeat"))
    .flatMap(([, outcomes]) => [...outcomes.values()])
    .reduce((all, n) => all + n, 0);
  return {
    conflicts: refused.length,
    lateOwners:
      refused.filter(({ actorId }) => !mayBeOutsiders(actorId as string))
        .length,
    staleOutsider: world.outsider.refused,
    resent: sum(({ store }) => store?.resent),
    settled: sum(({ store }) => store?.settled),
    staleReads: sum(({ store }) => store?.staleReads),
    snapshots: sum(({ host }) => host.snapshotsSaved),
    carriedOut: sum(({ host }) => host.effects.carriedOut),
    repeats,
    rss: Math.ceil(
      Math.max(0, ...lines.map(({ rss }) => rss as number | undefined ?? 0)) /
        2 ** 20,
    ),
    lives: world.lives.length,
  };
}

/** Why a run shows nothing, if it does. */
export function vacuity(counts: Counts): string[] {
  const { conflicts, lateOwners, repeats, resent, settled, staleOutsider } =
    counts;
  return missingIn({
    staleWritesRefused: lateOwners + staleOutsider,
    conflicts,
    retries: repeats + resent + settled,
  }).map((what) => `the run shows nothing: ${what}`);
}

interface Counted {
  readonly host: {
    readonly snapshotsSaved: number;
    readonly effects: { readonly carriedOut: number };
  };
  readonly store?: {
    readonly resent: number;
    readonly settled: number;
    readonly staleReads: number;
  };
}

function lastCounted({ log }: FleetNode): Counted | undefined {
  return log.findLast(({ message }) => message === "counted") as
    | Counted
    | undefined;
}
