/** Snapshots: one message an actor in a stream of their own, the newest. A cache. */
import {
  type ActorAddress,
  type ActorSnapshot,
  InvalidArgumentError,
} from "../event/mod.ts";
import { ApiCode, type Deadline, encodeHeaders } from "../nats/mod.ts";
import { ApiRefusal } from "./_api.ts";
import { decodeCommit, EXPECTED, type TrailedCommit } from "./_commit.ts";
import { type Context, readTail } from "./_context.ts";
import {
  decodeSnapshot,
  encodeSnapshot,
  isNewer,
  type PlacedSnapshot,
} from "./_snapshot_format.ts";

/** The snapshot that is kept, if it is whole and of that schema; not yet held against the log. */
export async function readSnapshot(
  context: Context,
  address: ActorAddress,
  schema: number,
  deadline: Deadline,
): Promise<PlacedSnapshot | undefined> {
  const { api, snapshotStream, subjects } = context;
  const subject = subjects.snapshot(address);
  const message = await api.directLast(snapshotStream, subject, deadline);
  if (message === undefined) return undefined;
  const snapshot = decodeSnapshot(address, message.data);
  if (snapshot !== undefined && snapshot.schema === schema) return snapshot;
  context.stats.snapshotsIgnored++;
  return undefined;
}

/** The snapshot that is kept, if it fits the log: its commit is where it says. */
export async function findSnapshot(
  context: Context,
  address: ActorAddress,
  schema: number,
  deadline: Deadline,
): Promise<PlacedSnapshot | undefined> {
  const snapshot = await readSnapshot(context, address, schema, deadline);
  if (snapshot === undefined) return undefined;
  if (await fitsLog(context, address, snapshot, deadline)) return snapshot;
  context.stats.snapshotsIgnored++;
  return undefined;
}

/**
 * Keeps a snapshot unless a newer one that fits the log is kept already. Where many
 * actors leave at once, these are megabytes: appends and answers do not queue up
 * behind them.
 */
export async function keepSnapshot(
  context: Context,
  address: ActorAddress,
  snapshot: ActorSnapshot,
  deadline: Deadline,
): Promise<boolean> {
  const placed = await place(context, address, snapshot, deadline);
  const body = encodeSnapshot(placed);
  if (body.length + HEADER_ROOM > context.link.maxPayload) {
    context.stats.snapshotsTooLarge++;
    return false;
  }
  const { bulk, snapshotStream } = context;
  const subject = context.subjects.snapshot(address);
  for (let tries = 0; tries < 4; tries++) {
    // A stale first look costs one more round; the leader is never stale.
    const message = tries === 0
      ? await bulk.directLast(snapshotStream, subject, deadline)
      : await bulk.last(snapshotStream, subject, deadline);
    const kept = message && decodeSnapshot(address, message.data);
    if (
      kept !== undefined && isNewer(kept, placed) &&
      await fitsLog(context, address, kept, deadline)
    ) return false;
    const headers = encodeHeaders({
      [EXPECTED]: String(message?.sequence ?? 0),
    });
    const timeout = deadline.attempt(2_000);
    const ack = await bulk.publish(
      subject,
      body,
      headers,
      deadline,
      timeout,
    );
    if (ack.ok) return true;
    if (
      ack.error.err_code !== ApiCode.wrongLastSequence &&
      ack.error.err_code !== ApiCode.wrongLastSequenceInFlight
    ) throw new ApiRefusal(subject, ack.error);
  }
  return false; // others keep newer ones faster than we can look
}

// Finds the commit a snapshot ends with, where the caller did not say.
async function place(
  context: Context,
  address: ActorAddress,
  snapshot: ActorSnapshot,
  deadline: Deadline,
): Promise<PlacedSnapshot> {
  const { commitId, schema = 1, sequence, version } = snapshot;
  const whole = { ...snapshot, actorId: address.id, schema };
  if (sequence !== undefined && commitId !== undefined) {
    return { ...whole, commitId, sequence };
  }
  const commit = await findCommit(context, address, version, deadline);
  if (commit === undefined) {
    throw new InvalidArgumentError(
      `Cannot save a snapshot of "${address.id}" as no commit of its log ends with version ${version}`,
    );
  }
  return { ...whole, commitId: commit.commitId, sequence: commit.sequence };
}

// The commit that brought a version, back from the end of the log, as snapshots
// are taken of the newest ones. Fences behind it leave the version as it is, but
// hold outcomes that have to be read.
async function findCommit(
  context: Context,
  address: ActorAddress,
  version: number,
  deadline: Deadline,
): Promise<TrailedCommit | undefined> {
  let { commit } = await readTail(context, address, deadline);
  let found: TrailedCommit | undefined;
  while (commit !== undefined && commit.version >= version) {
    if (commit.version === version) found = commit;
    if (found !== undefined && found.events.length > 0) return found;
    const before: number | undefined = commit.trail[0];
    if (before === undefined) break;
    const message = await context.api.at(context.eventStream, before, deadline);
    commit = message && decodeCommit(context.codec, context.subjects, message);
  }
  return found;
}

async function fitsLog(
  context: Context,
  address: ActorAddress,
  snapshot: PlacedSnapshot,
  deadline: Deadline,
): Promise<boolean> {
  const { api, codec, eventStream, subjects } = context;
  const message = await api.at(eventStream, snapshot.sequence, deadline);
  if (message?.subject !== subjects.event(address)) return false;
  const commit = decodeCommit(codec, subjects, message);
  return commit.commitId === snapshot.commitId &&
    commit.version === snapshot.version;
}

const HEADER_ROOM = 256;
