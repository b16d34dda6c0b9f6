import type {
  ActorAddress,
  Clock,
  EventCodec,
  Subjects,
} from "../event/mod.ts";
import { type Deadline, Fault, type Link } from "../nats/mod.ts";
import type { JetStreamApi } from "./_api.ts";
import { decodeCommit, positionOf, type TrailedCommit } from "./_commit.ts";
import type { PositionCache } from "./_positions.ts";
import type { ActorPosition } from "./types.ts";

/** What a store counts about itself; every number only grows. */
export interface StoreStats {
  /** Commits stored. */
  appended: number;
  /** Appends refused because another writer was first. */
  conflicts: number;
  /** Messages sent a second time, unchanged. */
  resent: number;
  /** Appends whose acknowledgement was lost and that were settled by looking. */
  settled: number;
  /** Appends that could not be settled. */
  unknown: number;
  /** Direct reads that came short of what the leader said is there. */
  staleReads: number;
  /** Snapshots not kept because they were too large. */
  snapshotsTooLarge: number;
  /** Snapshots found but not used: another life, another schema, or broken. */
  snapshotsIgnored: number;
}

/** What the parts of the JetStream store share. */
export interface Context {
  readonly api: JetStreamApi;
  /** For long reads and for snapshots, so that they never delay an append. */
  readonly bulk: JetStreamApi;
  readonly link: Link;
  readonly clock: Clock;
  readonly codec: EventCodec;
  readonly subjects: Subjects;
  readonly namespace: string;
  readonly eventStream: string;
  readonly snapshotStream: string;
  /** Where logs were last seen to end. */
  readonly positions: PositionCache;
  /** When the event stream was made: one made at another time is another life of it. */
  created?: unknown;
  readonly stats: StoreStats;
}

/** The end of an actor's log as the leader has it. */
export interface Tail {
  readonly position: ActorPosition;
  /** Absent where the actor has no commit. */
  readonly commit?: TrailedCommit;
}

/**
 * Reads the end of an actor's log from the leader.
 *
 * A server that led the stream, was frozen and has just woken up may answer in
 * the leader's place, from the log as it knew it. Who has seen more is not
 * deceived: an end before a position this store has seen is read again, until
 * the deadline, unless the stream was made anew.
 */
export async function readTail(
  context: Context,
  address: ActorAddress,
  deadline: Deadline,
): Promise<Tail> {
  const { api, codec, eventStream, positions, stats, subjects } = context;
  const subject = subjects.event(address);
  for (let delay = 5;; delay = Math.min(delay * 2, 200)) {
    const message = await api.last(eventStream, subject, deadline);
    const seen = positions.get(address.id)?.trail[0] ?? 0;
    if ((message?.sequence ?? 0) < seen) {
      stats.staleReads++;
      if (!await isAnotherLife(context, deadline)) {
        if (deadline.left <= delay) throw new Fault("timeout", subject, true);
        await deadline.pause(delay);
        continue;
      }
    }
    if (message === undefined) {
      return { position: { actorId: address.id, version: 0, trail: [] } };
    }
    const commit = decodeCommit(codec, subjects, message);
    return { position: positionOf(address, commit), commit };
  }
}

/**
 * Tells whether the event stream is not the one that was opened: deleted, or
 * deleted and made again. Then nothing is known of it any more.
 */
export async function isAnotherLife(
  context: Context,
  deadline: Deadline,
): Promise<boolean> {
  const info = await context.api.streamInfo(context.eventStream, deadline);
  if (info?.["created"] === context.created) return false;
  context.created = info?.["created"];
  context.positions.clear();
  return true;
}
