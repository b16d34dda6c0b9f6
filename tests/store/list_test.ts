/** Listing actors from a replica that is behind, and catches up while it is asked. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  CommitHeader,
  formatTrail,
  parseActorId,
  subjectsOf,
  systemClock,
} from "../../event/mod.ts";
import { Deadline, encodeHeaders } from "../../nats/mod.ts";
import type { Context } from "../../store/_context.ts";
import { listActors } from "../../store/_list.ts";
import { received } from "../fuzz/_delivery.ts";

const subjects = subjectsOf("shop");
const EMPTY = new Uint8Array();

/** The last commit of an actor, as a consumer shows it. */
interface Shown {
  readonly actorId: string;
  readonly sequence: number;
  /** Sequences of the commits before it, newest first. */
  readonly trail?: readonly number[];
}

function shownOf({ actorId, sequence, trail = [] }: Shown): unknown {
  const headers = encodeHeaders({
    [CommitHeader.trail]: trail.length === 0 ? undefined : formatTrail(trail),
  });
  const reply = `$JS.ACK.events.lister.1.${sequence}.1.1.0`;
  return received(subjects.event(parseActorId(actorId)), headers, EMPTY, reply);
}

/** A server whose consumers each show one page, and whose log ends at `last`. */
function contextOf(last: number, pages: readonly (readonly Shown[])[]) {
  const waiting = [...pages];
  let take: (error: null, message: unknown) => void = () => {};
  const link = {
    newInbox: () => "_INBOX.x",
    connection: {
      isClosed: () => false,
      subscribe: (_: string, options: { callback: typeof take }) => {
        take = options.callback;
        return { unsubscribe: () => {} };
      },
    },
    connected: true,
    onChange: () => () => {},
    publish: () =>
      queueMicrotask(() => {
        const page = waiting.shift() ?? [];
        for (const shown of page) take(null, shownOf(shown));
        const nothing = new TextEncoder().encode("NATS/1.0 404\r\n\r\n");
        take(null, received("_INBOX.x", nothing, EMPTY));
      }),
  };
  const bulk = {
    ...{ link, prefix: "$JS.API" },
    last: () => Promise.resolve({ sequence: last }),
    createConsumer: () => Promise.resolve({}),
    deleteConsumer: () => Promise.resolve(),
  };
  const stats = { staleReads: 0 };
  const context = { bulk, subjects, stats, eventStream: "events" };
  return context as unknown as Context;
}

async function listed(last: number, ...pages: (readonly Shown[])[]) {
  const found: string[] = [];
  const deadline = () => new Deadline(systemClock, 5_000);
  const context = contextOf(last, pages);
  for await (const ids of listActors(context, undefined, deadline)) {
    found.push(...ids);
  }
  return found;
}

describe("listActors()", () => {
  const old: Shown = { actorId: "account-1", sequence: 1 };
  const other: Shown = { actorId: "account-2", sequence: 2 };
  const now: Shown = { actorId: "account-1", sequence: 3, trail: [1] };

  it("names each actor where its last commit is", async () => {
    assert.deepEqual(await listed(3, [other, now]), ["account-2", "account-1"]);
  });

  it("asks again where the replica ends before the log", async () => {
    assert.deepEqual(await listed(3, [old, other], [other, now]), [
      "account-2",
      "account-1",
    ]);
  });

  it("names an actor once, and last, that a replica shows twice as it catches up", async () => {
    assert.deepEqual(await listed(3, [old, other, now]), [
      "account-2",
      "account-1",
    ]);
  });
});
