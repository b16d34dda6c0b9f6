/**
 * Reading events in order, a page at a time, from whichever replica answers.
 *
 * Where a read ends is asked of the leader first: the last message that matches.
 * A replica that ends a page before it is behind and is asked again, so a read
 * never stops short of what was stored when it began. At most one page is fetched
 * ahead of the consumer.
 */
import {
  type ActorAddress,
  CorruptLogError,
  type StoredEvent,
  TRAIL_LENGTH,
} from "../event/mod.ts";
import type { TrailedCommit } from "./_commit.ts";
import { type Context, readTail } from "./_context.ts";
import { fetchCommit, isSpread, loadActor, withoutTrail } from "./_load.ts";
import { fetchDeadline, pages, windowsBack } from "./_pages.ts";
import type { ReadPlan } from "./_rules.ts";
import type { StoredCommit } from "./types.ts";

/** Reads events as planned, some at a time: as many as have come together. */
export async function* readEvents(
  context: Context,
  plan: ReadPlan,
): AsyncGenerator<readonly StoredEvent[], void, undefined> {
  let left = plan.limit;
  if (left <= 0 || plan.from > plan.to) return;
  const { address } = plan;
  const ofActor = address !== undefined;
  const batches = ofActor
    ? commitsOfActor(context, address, plan)
    : commitsOfFilter(context, plan);
  for await (const commits of batches) {
    const wanted: StoredEvent[] = [];
    for (const { events } of commits) {
      for (const event of plan.backward ? events.toReversed() : events) {
        if (left === 0) break;
        if (ofActor && (event.version < plan.from || event.version > plan.to)) {
          continue;
        }
        wanted.push(event);
        left--;
      }
    }
    if (wanted.length > 0) yield wanted;
    if (left === 0) return;
  }
}

/** Reads an actor's commits, newest first, those without events too. */
export async function* readCommits(
  context: Context,
  plan: ReadPlan,
): AsyncGenerator<Commits, void, undefined> {
  const address = plan.address!;
  const tail = await readTail(context, address, fetchDeadline(context, plan));
  if (tail.commit === undefined) return;
  const all = { ...plan, from: -1 };
  for await (const commits of back(context, address, tail.commit, all)) {
    yield commits.map(withoutTrail);
  }
}

type Commits = readonly StoredCommit[];

async function* commitsOfActor(
  context: Context,
  address: ActorAddress,
  plan: ReadPlan,
): AsyncGenerator<Commits> {
  const tail = await readTail(context, address, fetchDeadline(context, plan));
  const target = tail.commit;
  if (target === undefined || target.version < plan.from) return;
  if (plan.backward) {
    yield* back(context, address, target, plan);
    return;
  }
  if (plan.from > 1 && target.version - plan.from < NEAR) {
    const newest: StoredCommit[] = [];
    for await (const commits of back(context, address, target, plan)) {
      newest.push(...commits);
    }
    yield newest.reverse();
    return;
  }
  if (
    target.version <= SMALL && isSpread({ version: 0, sequence: 0 }, target)
  ) {
    const loaded = await loadActor(
      context,
      address,
      {},
      fetchDeadline(context, plan),
    );
    yield loaded.commits;
    return;
  }
  let version = 0;
  const subject = context.subjects.event(address);
  for await (
    const commits of pages(context, subject, 1, target.sequence, plan)
  ) {
    const wanted: StoredCommit[] = [];
    let isMissing = false;
    for (const commit of commits) {
      if (version >= plan.to) break;
      isMissing = commit.version !== version + commit.events.length;
      if (isMissing) break;
      version = commit.version;
      if (version >= plan.from) wanted.push(commit);
    }
    if (wanted.length > 0) yield wanted;
    if (isMissing) throw missing(address, version + 1);
    if (version >= plan.to) return;
  }
  if (version < target.version) throw missing(address, version + 1);
}

/**
 * An actor's commits, newest first; a trail that leads nowhere is left for
 * windows. A negative `from` wants all of them, also those without events before
 * the first version: so many that lie close come faster by windows, which begin as
 * wide as they lie apart.
 */
async function* back(
  context: Context,
  address: ActorAddress,
  target: TrailedCommit,
  plan: ReadPlan,
): AsyncGenerator<Commits> {
  const subject = context.subjects.event(address);
  const all = plan.from < 0;
  const byTrail = !all || isSpread({ version: 0, sequence: 0 }, target);
  let { version } = target;
  let before = target.sequence;
  let count = 0;
  const gap = () => (target.sequence - before) / Math.max(1, count);
  let isFirst = false;
  const checked = function* (commits: Commits): Generator<Commits> {
    const found: StoredCommit[] = [];
    for (const commit of commits) {
      if (commit.version !== version) {
        if (found.length > 0) yield found;
        throw missing(address, version);
      }
      version -= commit.events.length;
      before = commit.sequence - 1;
      found.push(commit);
      if (version < plan.from) break;
    }
    yield found;
  };
  for await (const commits of backByTrail(context, address, target, plan)) {
    yield* checked(commits);
    isFirst = commits.at(-1)!.trail.length === 0;
    if (version < plan.from || isFirst) break;
    count += commits.length;
    if (!byTrail && count >= SOON && gap() <= DENSE) break;
  }
  if (version < plan.from || (version === 0 && (isFirst || !all))) return;
  const rest = windowsBack(context, subject, 1, before, target.sequence, {
    ...plan,
    width: gap() * FIRST,
  });
  for await (const commits of rest) {
    yield* checked(commits);
    if (version < plan.from) return;
  }
  if (version > 0) throw missing(address, version);
}

// As far as the trails lead without a gap: 16 commits at a time.
async function* backByTrail(
  context: Context,
  address: ActorAddress,
  target: TrailedCommit,
  plan: ReadPlan,
): AsyncGenerator<readonly TrailedCommit[]> {
  let { version } = target;
  for (let window: readonly TrailedCommit[] = [target];;) {
    for (const commit of window) version -= commit.events.length;
    yield window;
    const deadline = fetchDeadline(context, plan);
    const found = await Promise.all(
      window.at(-1)!.trail.slice(0, TRAIL_LENGTH).map((sequence) =>
        fetchCommit(context, address, sequence, deadline)
      ),
    );
    let expected = version;
    for (const commit of found) {
      if (commit?.version !== expected) return;
      expected -= commit.events.length;
    }
    if (found.length === 0) return;
    window = found as TrailedCommit[];
  }
}

async function* commitsOfFilter(
  context: Context,
  plan: ReadPlan,
): AsyncGenerator<Commits> {
  const { bulk, eventStream, subjects } = context;
  const filter = plan.type === undefined
    ? subjects.allEvents
    : subjects.eventsOfType(plan.type);
  const last =
    (await bulk.last(eventStream, filter, fetchDeadline(context, plan)))
      ?.sequence ?? 0;
  const to = Math.min(plan.to, last);
  const from = Math.max(1, plan.from);
  if (plan.backward) yield* windowsBack(context, filter, from, to, last, plan);
  else yield* pages(context, filter, from, to, plan);
}

function missing(address: ActorAddress, version: number): CorruptLogError {
  return new CorruptLogError(
    `Cannot read "${address.id}" as version ${version} is missing from its log`,
    { details: { actorId: address.id, version } },
  );
}

/** So near to its end an actor's log is read by trails rather than from its start. */
const NEAR = 128;
/** So many commits, newest first, come by trails before it is windows. */
const SOON = 32;
/** About so many commits are to be in the first window. */
const FIRST = 64;
/** So many messages apart, commits come faster by windows than one by one. */
const DENSE = 256;
/** So many events of an actor are loaded at once where they lie far apart. */
const SMALL = 2_000;
