/**
 * Pages of a stream: commits of a filter, forward and backward, from whichever
 * replica answers, at most one page ahead of the consumer. They are handed on a
 * page at a time: to pass a commit through several generators costs more than to
 * decode it.
 */
import { CorruptLogError, parseEventSubject } from "../event/mod.ts";
import { Deadline } from "../nats/mod.ts";
import type { StoredMessage } from "./_api.ts";
import { decodeUntrailed } from "./_commit.ts";
import type { Context } from "./_context.ts";
import type { ReadPlan } from "./_rules.ts";
import type { ActorCommit, StoredCommit } from "./types.ts";

/**
 * A message of a page, decoded as it came, so that its bytes need not be kept.
 * One that cannot be read is told when the consumer gets there.
 */
interface Entry {
  readonly sequence: number;
  readonly subject: string;
  readonly commit?: StoredCommit;
  readonly error?: unknown;
}

/** Commits of a filter by pages, oldest first. There is a match at `to`, or behind it. */
export async function* pages(
  context: Context,
  filter: string,
  from: number,
  to: number,
  plan: ReadPlan,
): AsyncGenerator<readonly StoredCommit[]> {
  for await (const page of entryPages(context, filter, from, to, plan)) {
    yield* readable(page);
  }
}

/** The same with whose they are; those that cannot be read are passed over. */
export async function* actorPages(
  context: Context,
  filter: string,
  from: number,
  to: number,
  plan: ReadPlan,
): AsyncGenerator<readonly ActorCommit[]> {
  for await (const page of entryPages(context, filter, from, to, plan)) {
    const commits: ActorCommit[] = [];
    for (const { commit, subject } of page) {
      if (commit === undefined) continue;
      const actorId = actorOf(subject);
      if (actorId !== undefined) commits.push({ ...commit, actorId });
    }
    yield commits;
  }
}

/** Whose log a subject is; undefined where it is nobody's. */
export function actorOf(subject: string): string | undefined {
  try {
    return parseEventSubject(subject).address.id;
  } catch {
    return undefined;
  }
}

async function* entryPages(
  context: Context,
  filter: string,
  from: number,
  to: number,
  plan: ReadPlan,
): AsyncGenerator<readonly Entry[]> {
  if (from > to) return;
  let ahead = fetchPage(context, filter, from, PAGE, plan);
  try {
    for (;;) {
      const page = await ahead;
      const last = page.at(-1)!.sequence;
      const more = last < to;
      if (more) {
        ahead = fetchPage(context, filter, last + 1, PAGE, plan);
        ahead.catch(() => {}); // awaited only if the consumer comes back for it
      }
      yield page.filter(({ sequence }) => sequence <= to);
      if (!more) return;
    }
  } finally {
    ahead.catch(() => {});
  }
}

/**
 * Commits of a filter by windows, newest first. The server reads forward only, so windows
 * of sequences are read forward and handed out backward; they grow where the
 * filter matches little, and begin as wide as the plan says. There is a match at
 * `last`.
 */
export async function* windowsBack(
  context: Context,
  filter: string,
  floor: number,
  to: number,
  last: number,
  plan: ReadPlan & { readonly width?: number },
): AsyncGenerator<readonly StoredCommit[]> {
  let width = within(plan.width ?? WINDOW);
  for (let high = Math.min(to, last); high >= floor;) {
    const low = Math.max(floor, high - width + 1);
    const found: Entry[] = [];
    // As there is a match at `last`, a page that ends before `high` comes from a
    // replica that is behind, and fetchPage asks again.
    for (let next = low; next <= high && found.length <= WINDOW;) {
      const size = Math.min(WINDOW, high - next + 1) + 1;
      const page = await fetchPage(context, filter, next, size, plan);
      next = page.at(-1)!.sequence + 1;
      for (const entry of page) {
        if (entry.sequence <= high) found.push(entry);
      }
    }
    if (found.length > WINDOW) {
      width = WINDOW; // denser than it looked: no more than a window in memory
      continue;
    }
    yield* readable(found.reverse());
    high = low - 1;
    // What the server sends beyond a window was read before: so it is to be nearly
    // as full as it may be.
    const growth = Math.min(4, WINDOW * 3 / 4 / Math.max(1, found.length));
    width = within(width * growth);
  }
}

function within(width: number): number {
  return Math.max(WINDOW, Math.min(Math.floor(width), WIDEST));
}

/** The time one fetch of a read may take, from now. */
export function fetchDeadline(context: Context, plan: ReadPlan): Deadline {
  return new Deadline(context.clock, plan.timeout, plan.signal);
}

// One page, never empty: the caller knows that there is a match at or behind `from`.
async function fetchPage(
  context: Context,
  filter: string,
  from: number,
  batch: number,
  plan: ReadPlan,
): Promise<Entry[]> {
  const { bulk, codec, eventStream, stats, subjects } = context;
  const deadline = fetchDeadline(context, plan);
  const page: Entry[] = [];
  const take = (message: StoredMessage) => {
    const { sequence, subject } = message;
    try {
      const commit = decodeUntrailed(codec, subjects, message);
      page.push({ sequence, subject, commit });
    } catch (error) {
      page.push({ sequence, subject, error });
    }
  };
  const limits = { batch, maxBytes: PAGE_BYTES };
  for (let tries = 1; tries <= 4; tries++) {
    await bulk.directBatch(eventStream, from, filter, limits, deadline, take);
    if (page.length > 0) return page;
    stats.staleReads++;
    await deadline.pause(tries * 2);
  }
  const message = await bulk.next(eventStream, from, filter, deadline);
  if (message === undefined) {
    throw new CorruptLogError(
      `Cannot read ${filter} from sequence ${from} on: the message that was there is gone`,
    );
  }
  take(message);
  return page;
}

/** The commits of entries; one that cannot be read is told behind those before it. */
function* readable(
  entries: readonly Entry[],
): Generator<readonly StoredCommit[]> {
  const commits: StoredCommit[] = [];
  for (const { commit, error } of entries) {
    if (commit === undefined) {
      if (commits.length > 0) yield commits;
      throw error;
    }
    commits.push(commit);
  }
  if (commits.length > 0) yield commits;
}

/** Messages a page. */
const PAGE = 2_500;
const PAGE_BYTES = 8 * 1024 * 1024;
/** Sequences a window starts with when reading backward, and messages in it at most. */
const WINDOW = 512;
/** Sequences of a window at most. */
const WIDEST = 1 << 22;
