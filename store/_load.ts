/**
 * Loading one actor: right first, then fast.
 *
 * Right: the *target*, the actor's last commit, is read from the stream's leader;
 * what lies before it comes from direct reads, which may be stale, until the
 * chain of versions reaches the target without a gap.
 *
 * Fast: a direct batch is one request, but the server walks over every message
 * in between, about 65 ns each, so an actor whose commits are spread over a
 * million messages costs 60 ms. Each commit therefore carries a trail, the
 * sequences of up to 16 commits before it; where the commits lie far apart they
 * are fetched by their sequences, in parallel, each oldest one opening up the
 * next 16. A trail is a hint: what does not fit sends the load back to the batch.
 */
import {
  type ActorAddress,
  CorruptLogError,
  TRAIL_LENGTH,
} from "../event/mod.ts";
import type { Deadline } from "../nats/mod.ts";
import type { StoredMessage } from "./_api.ts";
import { decodeCommit, type TrailedCommit } from "./_commit.ts";
import { type Context, readTail, type Tail } from "./_context.ts";
import type { PlacedSnapshot } from "./_snapshot_format.ts";
import { readSnapshot } from "./_snapshots.ts";
import type { ActorPosition, LoadedActor, StoredCommit } from "./types.ts";

/** What the load may start from. */
interface Base {
  readonly version: number;
  /** Sequence of the commit it includes last; 0 for none. */
  readonly sequence: number;
  /** What that commit's id must be, where that is to be checked. */
  readonly commitId?: string;
}

/** Loads an actor; `schema` names the snapshots that can be used, none by default. */
export async function loadActor(
  context: Context,
  address: ActorAddress,
  options: {
    readonly schema?: number | undefined;
    readonly after?: ActorPosition | undefined;
  },
  deadline: Deadline,
): Promise<LoadedActor> {
  const { schema, after } = options;
  const [first, snapshot] = await Promise.all([
    readTail(context, address, deadline),
    schema === undefined || after !== undefined
      ? undefined
      : readSnapshot(context, address, schema, deadline),
  ]);
  let tail = first;
  if (after !== undefined) {
    const base = { version: after.version, sequence: after.trail[0] ?? 0 };
    return await loadBehind(context, address, base, tail, deadline);
  }
  if (snapshot !== undefined) {
    // The two reads run side by side: the snapshot may be of a later commit.
    if (snapshot.sequence > lastSequence(tail)) {
      tail = await readTail(context, address, deadline);
    }
    const loaded = await loadFromSnapshot(
      context,
      address,
      snapshot,
      tail,
      deadline,
    );
    if (loaded !== undefined) return loaded;
    context.stats.snapshotsIgnored++;
  }
  return await loadBehind(
    context,
    address,
    { version: 0, sequence: 0 },
    tail,
    deadline,
  );
}

async function loadFromSnapshot(
  context: Context,
  address: ActorAddress,
  snapshot: PlacedSnapshot,
  tail: Tail,
  deadline: Deadline,
): Promise<LoadedActor | undefined> {
  const { commitId, sequence, version } = snapshot;
  if (sequence > lastSequence(tail) || version > tail.position.version) {
    return undefined;
  }
  if (sequence === lastSequence(tail)) {
    return tail.commit?.commitId === commitId && tail.commit.version === version
      ? { snapshot, commits: [], position: tail.position }
      : undefined;
  }
  try {
    const base = { version, sequence, commitId };
    return {
      snapshot,
      ...await loadBehind(context, address, base, tail, deadline),
    };
  } catch (error) {
    // Whether the snapshot or the log is at fault, the whole log will tell.
    if (error instanceof CorruptLogError) return undefined;
    throw error;
  }
}

async function loadBehind(
  context: Context,
  address: ActorAddress,
  base: Base,
  tail: Tail,
  deadline: Deadline,
): Promise<LoadedActor> {
  const { commit: target, position } = tail;
  if (target === undefined || target.sequence <= base.sequence) {
    if (lastSequence(tail) === base.sequence) return { commits: [], position };
    throw new CorruptLogError(
      `Cannot load "${address.id}" as its log ends at sequence ${
        lastSequence(tail)
      }, before the ${base.sequence} already seen: the stream is another one`,
    );
  }
  const byTrail = isSpread(base, target)
    ? await walkTrail(context, address, base, target, deadline)
    : undefined;
  const commits = byTrail ??
    await readBatch(context, address, base, target, deadline);
  const wrong = firstGap(commits, base);
  if (wrong !== undefined) throw missing(address, wrong);
  return { commits: commits.map(withoutTrail), position };
}

/**
 * The commits of an actor behind a base up to the target, by batches from
 * whichever replica answers, until the target itself has come.
 */
async function readBatch(
  context: Context,
  address: ActorAddress,
  base: Base,
  target: TrailedCommit,
  deadline: Deadline,
): Promise<TrailedCommit[]> {
  const { api, eventStream, subjects } = context;
  const subject = subjects.event(address);
  const checked = base.commitId !== undefined;
  let next = checked ? base.sequence : base.sequence + 1;
  let baseSeen = !checked;
  const commits: TrailedCommit[] = [];
  const take = (message: StoredMessage) => {
    next = message.sequence + 1;
    if (message.sequence > target.sequence) return; // newer than what was asked for
    const commit = message.sequence === target.sequence
      ? target
      : decodeCommit(context.codec, subjects, message);
    if (message.sequence > base.sequence) commits.push(commit);
    else {
      assertBase(address, base, commit);
      baseSeen = true;
    }
  };
  for (let stale = 0; next <= target.sequence;) {
    const from = next;
    await api.directBatch(
      eventStream,
      from,
      subject,
      { batch: PAGE },
      deadline,
      take,
    );
    if (next > from) continue;
    context.stats.staleReads++;
    if (++stale <= 3) {
      await deadline.pause(stale * 2);
      continue;
    }
    const message = await api.next(eventStream, next, subject, deadline);
    if (message === undefined) throw missing(address, base.version + 1);
    take(message);
  }
  if (!baseSeen) throw notTheBase(address, base);
  return commits;
}

/**
 * The same by trails. Returns undefined where a trail leads nowhere.
 */
async function walkTrail(
  context: Context,
  address: ActorAddress,
  base: Base,
  target: TrailedCommit,
  deadline: Deadline,
): Promise<TrailedCommit[] | undefined> {
  const found = new Map<number, Promise<TrailedCommit | undefined>>();
  const fetch = (sequence: number) => {
    let commit = found.get(sequence);
    if (commit === undefined) {
      commit = fetchCommit(context, address, sequence, deadline);
      // Awaited below; a failure there must not go unhandled meanwhile.
      commit.catch(() => {});
      found.set(sequence, commit);
    }
    return commit;
  };
  const checked = base.commitId !== undefined;
  for (let oldest: TrailedCommit = target;;) {
    const within = oldest.trail.filter((sequence) => sequence >= base.sequence);
    const last = within.at(-1);
    const reached = base.sequence > 0 && last === base.sequence;
    const ended = within.length < oldest.trail.length ||
      oldest.trail.length < TRAIL_LENGTH;
    if (base.sequence > 0 && ended && !reached) return undefined;
    // The oldest first: it opens up the next ones.
    for (const sequence of within.toReversed()) {
      if (checked || sequence !== base.sequence) fetch(sequence);
    }
    if (reached || ended || last === undefined) break;
    const next = await fetch(last);
    if (next === undefined) return undefined;
    oldest = next;
  }
  const commits: TrailedCommit[] = [];
  for (const commit of await Promise.all(found.values())) {
    if (commit === undefined) return undefined;
    if (commit.sequence !== base.sequence) commits.push(commit);
    else assertBase(address, base, commit);
  }
  commits.push(target);
  commits.sort((a, b) => a.sequence - b.sequence);
  return firstGap(commits, base) === undefined ? commits : undefined;
}

/** One commit by its sequence; undefined where another actor's message is there. */
export async function fetchCommit(
  context: Context,
  address: ActorAddress,
  sequence: number,
  deadline: Deadline,
): Promise<TrailedCommit | undefined> {
  const { api, codec, eventStream, subjects, stats } = context;
  let message = await api.directAt(eventStream, sequence, deadline);
  if (message === undefined) {
    stats.staleReads++;
    message = await api.at(eventStream, sequence, deadline);
  }
  if (message?.subject !== subjects.event(address)) return undefined;
  return decodeCommit(codec, subjects, message);
}

/**
 * Whether an actor's commits lie so far apart that they are better fetched one by
 * one. A batch costs the server about 65 ns for each message it passes, from the
 * actor's first one on; a get by sequence about 50 µs of everybody's time. The
 * trail shows how far apart the latest commits lie; older ones may lie further,
 * so a long way back to the base counts too, with a margin, as the actor may
 * just be young.
 */
export function isSpread(base: Base, target: TrailedCommit): boolean {
  const oldest = target.trail.at(-1);
  if (oldest === undefined) return false;
  const gap = (target.sequence - oldest) / target.trail.length;
  if (gap * PASSING > GETTING) return true;
  const commits = (target.version - base.version) /
    Math.max(1, target.events.length);
  return (target.sequence - base.sequence) * PASSING > commits * GETTING * 8;
}

/** Microseconds the server takes to pass a message. */
const PASSING = 0.065;
/** Microseconds a get by sequence takes where many run at once. */
const GETTING = 50;

function firstGap(
  commits: readonly TrailedCommit[],
  base: Base,
): number | undefined {
  let version = base.version;
  for (const commit of commits) {
    if (commit.version !== version + commit.events.length) return version + 1;
    version = commit.version;
  }
  return undefined;
}

function assertBase(
  address: ActorAddress,
  base: Base,
  commit: TrailedCommit,
): void {
  if (commit.commitId !== base.commitId || commit.version !== base.version) {
    throw notTheBase(address, base);
  }
}

function notTheBase(address: ActorAddress, base: Base): CorruptLogError {
  return new CorruptLogError(
    `Cannot use the snapshot of "${address.id}" as sequence ${base.sequence} holds another commit`,
  );
}

function missing(address: ActorAddress, version: number): CorruptLogError {
  return new CorruptLogError(
    `Cannot load "${address.id}" as version ${version} is missing from its log`,
    { details: { actorId: address.id, version } },
  );
}

function lastSequence(tail: Tail): number {
  return tail.position.trail[0] ?? 0;
}

/** A commit as callers see it. */
export function withoutTrail(
  { trail: _trail, ...commit }: StoredCommit & { readonly trail?: unknown },
): StoredCommit {
  return commit;
}

const PAGE = 1_000;
