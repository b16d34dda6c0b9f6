/**
 * Two checkers that know nothing of each other come to the same: ours, which takes
 * the log for the order of things, and porcupine, which searches for one.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { dice, LONG, NIGHTLY, seed } from "../event/_property.ts";
import {
  check,
  type InvariantId,
  namedLog,
  type RunRecord,
} from "./checker/mod.ts";
import { MUTATIONS, rightRecord, RULES } from "./proof/mod.ts";
import { crossCheck, hasGo, operationsOf } from "./porcupine/mod.ts";

const SKIP = !NIGHTLY
  ? "runs with AETHER_NIGHTLY=1"
  : !hasGo()
  ? "there is no go on PATH"
  : false;

/** What both can see: whether calls happened one after the other, as they were told. */
const SEEN: readonly InvariantId[] = ["I1", "I2", "I3", "I4", "I15"];

/** Mutations of which both must say that calls did not happen as they were told. */
const WRONG: Readonly<Record<string, (wrong: RunRecord) => boolean>> = {
  "a read is stale": always,
  "a read misses what another one saw": always,
  "a read is ahead of the log": always,
  "a call overtakes one that began behind its end": always,
  "an acknowledged commit is lost, everywhere": always,
  "a call is acknowledged, and never stored": always,
  "an acknowledgement names another version": always,
  "a call that failed was stored": always,
  "a call that was told rejected takes effect later": always,
  // Only of one actor's events, and of those of callers, both have an opinion.
  "two commits change places": ({ log }) => {
    const place = log.findIndex(({ sequence }, i) =>
      i > 0 && sequence < log[i - 1]!.sequence
    );
    return log[place]!.actorId === log[place - 1]!.actorId;
  },
  "an event is stored twice": ofCallers,
  "a command is applied twice": ofCallers,
};

/** Mutations that harm something else; calls are as they were. */
const HARMLESS = [
  "an ordered subscriber misses an event",
  "a timer fires too early",
  "a server has lost a commit",
  "a snapshot is of another state",
];

async function opinions(record: RunRecord) {
  const { violations } = check(record, RULES);
  const { illegal, operations, result } = await crossCheck(record);
  return {
    ours: violations.filter(({ invariant }) => SEEN.includes(invariant)),
    illegal,
    operations,
    result,
  };
}

function always(): boolean {
  return true;
}

function ofCallers(wrong: RunRecord): boolean {
  const { called } = namedLog(wrong);
  const { commandId = "", id } = wrong.log.at(-1)!;
  return called.has(id) || called.has(commandId);
}

describe("operationsOf()", () => {
  it("tells what callers did, and the log as it is in the end", () => {
    const operations = operationsOf({
      ...rightRecord(1, 0),
      journal: [
        {
          type: "append",
          call: 1,
          parts: [{ actorId: "a-1", eventIds: ["e"] }],
        },
        {
          type: "append",
          call: 2,
          parts: [{ actorId: "a-1", eventIds: ["f"] }],
        },
        { type: "read", call: 3, actorId: "a-1" },
        { type: "ok", call: 1, commitId: "c", versions: [1] },
        { type: "saw", call: 3, version: 1 },
        {
          type: "append",
          call: 4,
          parts: [{ actorId: "a-1", eventIds: ["g"] }],
        },
        { type: "failed", call: 4, code: "overloaded" },
        { type: "unknown", call: 2 },
      ],
      log: [{
        ...{ id: "e", actorId: "a-1", version: 1, sequence: 1, commitId: "c" },
        ...{ type: "Added", data: {}, generation: 0, storedAt: 0 },
      }],
    });
    const actor = "a-1";
    const return_ = Number.MAX_SAFE_INTEGER;
    assert.deepEqual(operations, [
      { actor, kind: "append", ids: ["e"], call: 0, version: 1, return: 3 },
      { actor, kind: "read", ids: [], version: 1, call: 2, return: 4 },
      {
        actor,
        kind: "append",
        ids: ["f"],
        call: 1,
        version: -1,
        return: return_,
      },
      { actor, kind: "log", ids: ["e"], version: -1, call: 8, return: 9 },
    ]);
  });

  it("tells of some actors only, where it is asked to", () => {
    const record = rightRecord(1);
    const all = operationsOf(record);
    const some = operationsOf(record, (actorId) => actorId === "tally-0");
    assert.ok(some.length > 10 && some.length < all.length);
    assert.deepEqual(some, all.filter(({ actor }) => actor === "tally-0"));
  });
});

describe("porcupine", { skip: SKIP }, () => {
  const start = seed();

  it(
    "agrees that a right record of 10,000 operations is right",
    LONG,
    async () => {
      const record = rightRecord(start, 10_000);
      const { illegal, operations, ours, result } = await opinions(record);
      assert.ok(operations >= 10_000);
      assert.equal(result, "Ok", `seed ${start}: ${illegal}`);
      assert.deepEqual(ours, []);
    },
  );

  function mutated(
    name: string,
    counts: (wrong: RunRecord) => boolean = always,
  ): RunRecord {
    const record = rightRecord(start, 10_000);
    const below = dice(start);
    for (let attempt = 0; attempt < 1_000; attempt++) {
      const wrong = MUTATIONS[name]!.mutate(record, below);
      if (wrong !== undefined && counts(wrong)) return wrong;
    }
    throw new Error(`seed ${start} has no place where ${name}`);
  }

  for (const [name, counts] of Object.entries(WRONG)) {
    it(`agrees that ${name}`, LONG, async () => {
      const wrong = mutated(name, counts);
      const { ours, result } = await opinions(wrong);
      assert.equal(result, "Illegal", `seed ${start}`);
      assert.ok(ours.length > 0, `seed ${start}`);
    });
  }

  for (const name of HARMLESS) {
    it(`agrees that calls are not to blame where ${name}`, LONG, async () => {
      const { ours, result } = await opinions(mutated(name));
      assert.equal(result, "Ok", `seed ${start}`);
      assert.deepEqual(ours, []);
    });
  }
});
