/**
 * From a draft to a stored commit: behind which end of the log it goes, what that
 * costs where the end is another one than believed, and the conflict where it is
 * not what the caller expects.
 */
import type { StoredEvent } from "../event/mod.ts";
import type { Deadline } from "../nats/mod.ts";
import { storeBatch } from "./_batch.ts";
import { type Context, readTail } from "./_context.ts";
import type { CommitDraft } from "./_draft.ts";
import { readEvents } from "./_read.ts";
import {
  checkRead,
  checkSize,
  conflict,
  expectedNumber,
  MAX_NEWER,
  meets,
  newerFrom,
} from "./_rules.ts";
import { storeCommit } from "./_settle.ts";
import type { ActorPosition, AppendResult } from "./types.ts";

/**
 * Stores one commit behind the end of its actor's log.
 *
 * @throws {VersionConflictError} `version_conflict`: the log does not look as
 * expected.
 */
export async function appendOne(
  context: Context,
  draft: CommitDraft,
  deadline: Deadline,
): Promise<AppendResult> {
  const { address, commitId, expected } = draft;
  const subject = context.subjects.event(address);
  let position = await startFrom(context, draft, deadline);
  for (let tries = 1;; tries++) {
    const message = draft.encode(position);
    checkSize(
      address,
      message.headers.length + message.body.length,
      context.link.maxPayload,
    );
    const slot = {
      actorId: address.id,
      subject,
      expected: position.trail[0] ?? 0,
      commitId,
    };
    const sequence = await storeCommit(
      context,
      slot,
      message,
      deadline,
    );
    if (sequence !== undefined) {
      const result = draft.result(position, sequence);
      context.positions.set(result.position);
      context.stats.appended++;
      return result;
    }
    const { position: tail } = await readTail(
      context,
      address,
      deadline,
    );
    context.positions.set(tail);
    if (tries === MAX_TRIES || !meets(expected, tail)) {
      throw await conflictOf(context, draft, tail, deadline);
    }
    position = tail;
  }
}

/**
 * Stores commits of several actors, all or none.
 *
 * @throws {VersionConflictError} `version_conflict`: a log does not look as
 * expected.
 */
export async function appendSeveral(
  context: Context,
  drafts: readonly CommitDraft[],
  deadline: Deadline,
): Promise<readonly AppendResult[]> {
  const { subjects, link } = context;
  let positions = await Promise.all(
    drafts.map((draft) => startFrom(context, draft, deadline)),
  );
  for (let tries = 1;; tries++) {
    const messages = drafts.map((draft, i) => {
      const { address, commitId } = draft;
      const position = positions[i]!;
      const plain = draft.encode(position);
      checkSize(
        address,
        plain.headers.length + plain.body.length + BATCH_HEADERS,
        link.maxPayload,
      );
      return {
        slot: {
          actorId: address.id,
          subject: subjects.event(address),
          expected: position.trail[0] ?? 0,
          commitId,
        },
        encode: (extra: Readonly<Record<string, string>>) =>
          draft.encode(position, extra),
      };
    });
    const first = await storeBatch(context, messages, deadline);
    if (first !== undefined) {
      const results = drafts.map((draft, i) =>
        draft.result(positions[i]!, first + i)
      );
      for (const { position } of results) {
        context.positions.set(position);
      }
      context.stats.appended += results.length;
      return results;
    }
    const tails = await Promise.all(
      drafts.map(async ({ address }) =>
        (await readTail(context, address, deadline)).position
      ),
    );
    for (const [i, draft] of drafts.entries()) {
      context.positions.set(tails[i]!);
      if (!meets(draft.expected, tails[i]!)) {
        throw await conflictOf(context, draft, tails[i]!, deadline);
      }
    }
    if (tries === MAX_TRIES) {
      throw await conflictOf(context, drafts[0]!, tails[0]!, deadline);
    }
    positions = tails;
  }
}

/**
 * Where the log is believed to end. A wrong belief costs a round trip, never
 * more: the server checks it.
 */
async function startFrom(
  context: Context,
  { address, expected }: CommitDraft,
  deadline: Deadline,
): Promise<ActorPosition> {
  if (typeof expected === "object") return expected;
  const cached = context.positions.get(address.id);
  if (cached !== undefined && meets(expected, cached)) return cached;
  if (expectedNumber(expected) === 0 && cached === undefined) {
    return { actorId: address.id, version: 0, trail: [] };
  }
  const { position } = await readTail(context, address, deadline);
  context.positions.set(position);
  if (meets(expected, position)) return position;
  throw await conflictOf(context, { address, expected }, position, deadline);
}

async function conflictOf(
  context: Context,
  { address, expected }: Pick<CommitDraft, "address" | "expected">,
  tail: ActorPosition,
  deadline: Deadline,
): Promise<Error> {
  context.stats.conflicts++;
  const from = newerFrom(expected, tail.version);
  const newer: StoredEvent[] = [];
  if (from !== undefined) {
    const plan = checkRead({
      actorId: address.id,
      from,
      to: tail.version,
      limit: MAX_NEWER,
      timeout: deadline.attempt(deadline.timeout),
      ...(deadline.signal === undefined ? {} : { signal: deadline.signal }),
    });
    for await (const events of readEvents(context, plan)) {
      newer.push(...events);
    }
  }
  return conflict(expected, tail, newer);
}

/** Decisions with an open expectation are tried so often. */
const MAX_TRIES = 8;
/** Room for the headers of an atomic batch. */
const BATCH_HEADERS = 128;
