import type {
  ActorAddress,
  Clock,
  EventCodec,
  Subjects,
} from "../event/mod.ts";
import type { Deadline, Link } from "../nats/mod.ts";
import type { JetStreamApi } from "./_api.ts";
import { decodeCommit, positionOf, type TrailedCommit } from "./_commit.ts";
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
  /** For long reads, so that they never delay an append. */
  readonly bulk: JetStreamApi;
  readonly link: Link;
  readonly clock: Clock;
  readonly codec: EventCodec;
  readonly subjects: Subjects;
  readonly namespace: string;
  readonly eventStream: string;
  readonly snapshotStream: string;
  /** When the event stream was made: one made at another time is another life of it. */
  readonly created?: unknown;
  readonly stats: StoreStats;
}

/** The end of an actor's log as the leader has it. */
export interface Tail {
  readonly position: ActorPosition;
  /** Absent where the actor has no commit. */
  readonly commit?: TrailedCommit;
}

/** Reads the end of an actor's log from the leader: never stale. */
export async function readTail(
  context: Context,
  address: ActorAddress,
  deadline: Deadline,
): Promise<Tail> {
  const { api, codec, eventStream, subjects } = context;
  const message = await api.last(
    eventStream,
    subjects.event(address),
    deadline,
  );
  if (message === undefined) {
    return { position: { actorId: address.id, version: 0, trail: [] } };
  }
  const commit = decodeCommit(codec, subjects, message);
  return { position: positionOf(address, commit), commit };
}
