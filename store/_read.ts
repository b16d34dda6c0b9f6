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
import { Deadline } from "../nats/mod.ts";
import type { JetStreamApi, StoredMessage } from "./_api.ts";
import { decodeCommit, type TrailedCommit } from "./_commit.ts";
import { type Context, readTail } from "./_context.ts";
import { fetchCommit, isSpread, loadActor } from "./_load.ts";
import type { ReadPlan } from "./_rules.ts";

/** Reads events as planned. */
export async function* readEvents(
  context: Context,
  plan: ReadPlan,
): AsyncGenerator<StoredEvent, void, undefined> {
  let left = plan.limit;
  if (left <= 0 || plan.from > plan.to) return;
  const { address } = plan;
  const ofActor = address !== undefined;
  const commits = ofActor
    ? commitsOfActor(context, address, plan)
    : commitsOfFilter(context, plan);
  for await (const { events } of commits) {
    for (const event of plan.backward ? events.toReversed() : events) {
      if (ofActor && (event.version < plan.from || event.version > plan.to)) {
        continue;
      }
      yield event;
      if (--left === 0) return;
    }
  }
}

async function* commitsOfActor(
  context: Context,
  address: ActorAddress,
  plan: ReadPlan,
): AsyncGenerator<TrailedCommit> {
  const tail = await readTail(context, address, fetchDeadline(context, plan));
  const target = tail.commit;
  if (target === undefined || target.version < plan.from) return;
  if (plan.backward) {
    yield* back(context, address, target, plan);
    return;
  }
  if (target.version - plan.from < NEAR) {
    const newest: TrailedCommit[] = [];
    for await (const commit of back(context, address, target, plan)) {
      newest.push(commit);
    }
    yield* newest.reverse();
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
    for (const commit of loaded.commits) yield { ...commit, trail: [] };
    return;
  }
  let version = 0;
  const subject = context.subjects.event(address);
  for await (
    const commit of pages(context, subject, 1, target.sequence, plan)
  ) {
    if (commit.version !== version + commit.events.length) {
      throw missing(
        address,
        version + 1,
      );
    }
    version = commit.version;
    if (version >= plan.from) yield commit;
    if (version >= plan.to) return;
  }
  if (version < target.version) throw missing(address, version + 1);
}

/** An actor's commits, newest first; a trail that leads nowhere is left for windows. */
async function* back(
  context: Context,
  address: ActorAddress,
  target: TrailedCommit,
  plan: ReadPlan,
): AsyncGenerator<TrailedCommit> {
  const subject = context.subjects.event(address);
  let { version } = target;
  let before = target.sequence;
  const check = (commit: TrailedCommit) => {
    if (commit.version !== version) throw missing(address, version);
    version -= commit.events.length;
    before = commit.sequence - 1;
    return commit;
  };
  for await (const commit of backByTrail(context, address, target, plan)) {
    yield check(commit);
    if (version < plan.from) return;
  }
  if (version === 0) return;
  const rest = windowsBack(context, subject, 1, before, target.sequence, plan);
  for await (const commit of rest) {
    yield check(commit);
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
): AsyncGenerator<TrailedCommit> {
  let { version } = target;
  for (let window: readonly TrailedCommit[] = [target];;) {
    for (const commit of window) {
      version -= commit.events.length;
      yield commit;
    }
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
): AsyncGenerator<TrailedCommit> {
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

/** Commits of a filter, oldest first, one page ahead of the consumer. */
async function* pages(
  context: Context,
  filter: string,
  from: number,
  to: number,
  plan: ReadPlan,
): AsyncGenerator<TrailedCommit> {
  const { bulk, codec, subjects } = context;
  if (from > to) return;
  let ahead = fetchPage(
    context,
    bulk,
    filter,
    from,
    PAGE,
    fetchDeadline(context, plan),
  );
  try {
    for (;;) {
      const page = await ahead;
      const last = page.at(-1)!.sequence;
      const more = last < to;
      if (more) {
        ahead = fetchPage(
          context,
          bulk,
          filter,
          last + 1,
          PAGE,
          fetchDeadline(context, plan),
        );
        ahead.catch(() => {}); // awaited only if the consumer comes back for it
      }
      for (const message of page) {
        if (message.sequence > to) return;
        yield decodeCommit(codec, subjects, message);
      }
      if (!more) return;
    }
  } finally {
    ahead.catch(() => {});
  }
}

/**
 * Commits of a filter, newest first. The server reads forward only, so windows
 * of sequences are read forward and handed out backward; they grow where the
 * filter matches little. There is a match at `last`, which is not before `to`.
 */
async function* windowsBack(
  context: Context,
  filter: string,
  floor: number,
  to: number,
  last: number,
  plan: ReadPlan,
): AsyncGenerator<TrailedCommit> {
  const { bulk, codec, subjects } = context;
  for (let high = to, width = WINDOW; high >= floor;) {
    const low = Math.max(floor, high - width + 1);
    const found: StoredMessage[] = [];
    // As there is a match behind `high`, a page that ends before it comes from a
    // replica that is behind, and fetchPage asks again.
    const end = Math.min(high, last);
    for (let next = low; next <= end && found.length <= WINDOW;) {
      const size = Math.min(WINDOW, high - next + 1) + 1;
      const page = await fetchPage(
        context,
        bulk,
        filter,
        next,
        size,
        fetchDeadline(context, plan),
      );
      next = page.at(-1)!.sequence + 1;
      for (const message of page) {
        if (message.sequence <= high) found.push(message);
      }
    }
    if (found.length > WINDOW) {
      width = WINDOW; // denser than it looked: no more than a window in memory
      continue;
    }
    for (const message of found.reverse()) {
      yield decodeCommit(codec, subjects, message);
    }
    high = low - 1;
    if (found.length < WINDOW / 8) width = Math.min(width * 4, 1 << 22);
  }
}

// One page, never empty: the caller knows that there is a match at or behind `from`.
async function fetchPage(
  context: Context,
  api: JetStreamApi,
  filter: string,
  from: number,
  batch: number,
  deadline: Deadline,
): Promise<StoredMessage[]> {
  const page: StoredMessage[] = [];
  const limits = { batch, maxBytes: PAGE_BYTES };
  for (let tries = 1; tries <= 4; tries++) {
    const { eventStream } = context;
    await api.directBatch(
      eventStream,
      from,
      filter,
      limits,
      deadline,
      (m) => page.push(m),
    );
    if (page.length > 0) return page;
    context.stats.staleReads++;
    await deadline.pause(tries * 2);
  }
  const message = await api.next(context.eventStream, from, filter, deadline);
  if (message !== undefined) return [message];
  throw new CorruptLogError(
    `Cannot read ${filter} from sequence ${from} on: the message that was there is gone`,
  );
}

function fetchDeadline(context: Context, plan: ReadPlan): Deadline {
  return new Deadline(context.clock, plan.timeout, plan.signal);
}

function missing(address: ActorAddress, version: number): CorruptLogError {
  return new CorruptLogError(
    `Cannot read "${address.id}" as version ${version} is missing from its log`,
    { details: { actorId: address.id, version } },
  );
}

/** Messages a page. */
const PAGE = 1_000;
const PAGE_BYTES = 8 * 1024 * 1024;
/** Sequences a window starts with when reading backward. */
const WINDOW = 512;
/** So near to its end an actor's log is read by trails rather than from its start. */
const NEAR = 128;
/** So many events of an actor are loaded at once where they lie far apart. */
const SMALL = 2_000;
