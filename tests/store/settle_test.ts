import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ClosedError,
  OutcomeUnknownError,
  PermissionDeniedError,
  StoreUnavailableError,
  systemClock,
  ulid,
} from "../../event/mod.ts";
import { Deadline, encodeHeaders, Fault, RawHeaders } from "../../nats/mod.ts";
import type { StoredMessage } from "../../store/_api.ts";
import type { Context, StoreStats } from "../../store/_context.ts";
import { PositionCache } from "../../store/_positions.ts";
import { type Attempt, settle, type Slot } from "../../store/_settle.ts";

const OURS = ulid();
const SLOT: Slot = {
  actorId: "a-1",
  subject: "s",
  expected: 7,
  commitId: OURS,
};

type Step = Awaited<ReturnType<Attempt>> | Error;

describe("settle()", () => {
  it("takes an acknowledgement as it is and looks nowhere", async () => {
    const { outcome, looks } = await run([8], []);
    assert.equal(outcome, 8);
    assert.equal(looks, 0);
  });

  it("takes a refusal as final when another's commit is in the slot", async () => {
    const { outcome, looks, stats } = await run([undefined], [[8, ulid()]]);
    assert.equal(outcome, undefined);
    assert.equal(looks, 1);
    assert.equal(stats.settled, 0);
  });

  it("does not believe a refusal by a server that leads no more: another one has stored it", async () => {
    const { outcome, sends } = await run([undefined], [[8, OURS]]);
    assert.equal(outcome, 8);
    assert.equal(sends, 1);
    const again = await run(["again", undefined], [[8, OURS]]);
    assert.equal(again.outcome, 8);
  });

  it("says unknown when refused to the deadline and the slot stays empty", async () => {
    const error = await failure(endless(undefined), endless(undefined), 60);
    assert.ok(error instanceof OutcomeUnknownError);
    const asked = await failure(endless("again"), [], 60);
    assert.ok(asked instanceof OutcomeUnknownError);
  });

  it("finds its own commit after a lost answer", async () => {
    const { outcome, sends, stats } = await run([timeout()], [[8, OURS]]);
    assert.equal(outcome, 8);
    assert.equal(sends, 1);
    assert.equal(stats.settled, 1);
  });

  it("knows it was not stored when another's commit is in the slot", async () => {
    const { outcome, sends } = await run([timeout()], [[8, ulid()]]);
    assert.equal(outcome, undefined);
    assert.equal(sends, 1);
  });

  it("sends the identical message again while the slot is empty", async () => {
    const { outcome, sends, looks, stats } = await run(
      [timeout(), timeout(), 9],
      [undefined, undefined],
    );
    assert.equal(outcome, 9);
    assert.equal(sends, 3);
    assert.equal(looks, 2);
    assert.equal(stats.resent, 2);
  });

  it("does not believe a refusal of a resend: the first copy may be the reason", async () => {
    const { outcome, sends } = await run([timeout(), undefined], [undefined, [
      8,
      OURS,
    ]]);
    assert.equal(outcome, 8);
    assert.equal(sends, 2);
  });

  it("does not take duplicate: true for success", async () => {
    const { outcome } = await run(["unclear"], [[8, ulid()]]);
    assert.equal(outcome, undefined);
    const ours = await run(["unclear"], [[8, OURS]]);
    assert.equal(ours.outcome, 8);
  });

  it("sends again, unchanged and without looking, what the server asks to send again", async () => {
    const { outcome, looks } = await run(["again", noResponders(), 8], []);
    assert.equal(outcome, 8);
    assert.equal(looks, 0);
  });

  it("says not stored when nothing was ever delivered by the deadline", async () => {
    const error = await failure(endless(noResponders()), [], 60);
    assert.ok(error instanceof StoreUnavailableError);
    assert.ok(error.retryable && !error.ambiguous);
  });

  it("says unknown when something was sent and the slot stays empty to the deadline", async () => {
    const error = await failure(endless(timeout()), endless(undefined), 60);
    assert.ok(error instanceof OutcomeUnknownError);
    assert.ok(error.ambiguous && !error.retryable);
    assert.deepEqual(error.details, {
      actorId: "a-1",
      commitId: OURS,
      expected: 7,
    });
  });

  it("says unknown, not refused, when a resend is refused and the slot stays empty", async () => {
    const steps: Step[] = [timeout(), ...endless(undefined) as undefined[]];
    const error = await failure(steps, endless(undefined), 60);
    assert.ok(error instanceof OutcomeUnknownError);
  });

  it("says unknown when the connection is closed behind a message that was sent", async () => {
    const error = await failure(
      [timeout(), new Fault("closed", "s", false)],
      endless(undefined),
      60,
    );
    assert.ok(error instanceof OutcomeUnknownError);
  });

  it("says closed when nothing was sent", async () => {
    const error = await failure([new Fault("closed", "s", false)], [], 60);
    assert.ok(error instanceof ClosedError);
  });

  it("names the subject that is forbidden", async () => {
    const error = await failure(
      [new Fault("permission", "aether.ev.x", false)],
      [],
      60,
    );
    assert.ok(error instanceof PermissionDeniedError);
    assert.match(error.message, /aether\.ev\.x/);
  });

  it("rejects with the signal's reason before, and with unknown after sending", async () => {
    const reason = new Error("enough");
    await assert.rejects(
      run([noResponders()], [], 1_000, { after: 1, reason }),
      (error) => error === reason,
    );
    await assert.rejects(
      run([timeout()], [undefined], 1_000, { after: 1, reason }),
      OutcomeUnknownError,
    );
  });

  it("takes a refusal as final once the stream is another one", async () => {
    const fake = fakeContext([undefined], "now");
    const deadline = new Deadline(systemClock, 1_000);
    let sends = 0;
    const outcome = await settle(fake.context, [SLOT], deadline, () => {
      sends++;
      return Promise.resolve(undefined);
    });
    assert.equal(outcome, undefined);
    assert.equal(sends, 1);
  });

  it("settles a batch by any slot: another's in one refutes all", async () => {
    const second = { ...SLOT, actorId: "a-2", subject: "t", expected: 3 };
    const context = fakeContext([undefined, [9, ulid()]]);
    const deadline = new Deadline(systemClock, 1_000);
    const outcome = await settle(
      context.context,
      [SLOT, second],
      deadline,
      () => {
        return Promise.reject(timeout());
      },
    );
    assert.equal(outcome, undefined);
  });
});

function timeout(): Fault {
  return new Fault("timeout", "s", true);
}

function noResponders(): Fault {
  return new Fault("no_responders", "s", false);
}

function endless<T>(step: T): T[] {
  return new Array<T>(1_000).fill(step);
}

type Found = readonly [sequence: number, commitId: string] | undefined;

async function run(
  steps: readonly Step[],
  slot: readonly Found[],
  ms: number = 1_000,
  abort?: { after: number; reason: Error },
) {
  const fake = fakeContext(slot);
  let sends = 0;
  const controller = new AbortController();
  const deadline = new Deadline(systemClock, ms, controller.signal);
  const outcome = await settle(fake.context, [SLOT], deadline, () => {
    const step = steps[sends++];
    if (abort !== undefined && sends === abort.after) {
      controller.abort(abort.reason);
    }
    return step instanceof Error ? Promise.reject(step) : Promise.resolve(step);
  });
  return { outcome, sends, looks: fake.looks(), stats: fake.context.stats };
}

async function failure(
  steps: readonly Step[],
  slot: readonly Found[],
  ms: number,
) {
  try {
    await run(steps, slot, ms);
  } catch (error) {
    return error as Error & {
      retryable: boolean;
      ambiguous: boolean;
      details: unknown;
    };
  }
  throw new assert.AssertionError({ message: "it was settled" });
}

function fakeContext(slot: readonly Found[], created = "then") {
  let looks = 0;
  const stats: Partial<StoreStats> = { resent: 0, settled: 0, unknown: 0 };
  const api = {
    streamInfo: () => Promise.resolve({ created }),
    next: (): Promise<StoredMessage | undefined> => {
      const found = slot[looks++];
      if (found === undefined) return Promise.resolve(undefined);
      const [sequence, commitId] = found;
      const text = new TextDecoder().decode(
        encodeHeaders({ "Aether-Commit": commitId }),
      );
      return Promise.resolve({
        subject: "s",
        sequence,
        headers: new RawHeaders(text),
        data: new Uint8Array(0),
        at: 0,
      });
    },
  };
  const context = {
    api,
    created: "then",
    eventStream: "S",
    positions: new PositionCache(1),
    stats,
  } as unknown as Context;
  return { context, looks: () => looks };
}
