import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { dice, holds, LONG } from "../event/_property.ts";
import {
  check,
  INVARIANTS,
  isVacuous,
  missingIn,
  type RunRecord,
  type Verdict,
} from "./checker/mod.ts";
import { MUTATIONS, rightRecord, RULES } from "./proof/mod.ts";

const SEED = fc.integer({ min: 0, max: 2 ** 31 - 1 });

function told({ violations }: Verdict): string {
  return violations.slice(0, 20).map(({ invariant, what }) =>
    `${invariant}: ${what}`
  ).join("\n");
}

/** A record of some seed that has a place for a mutation, and that mutation's work. */
function mutated(name: string, seed: number): RunRecord {
  const below = dice(seed);
  for (let attempt = 0; attempt < 100; attempt++) {
    const record = rightRecord(seed + attempt);
    const wrong = MUTATIONS[name]!.mutate(record, below);
    if (wrong !== undefined) return wrong;
  }
  throw new Error(`no record has a place for "${name}"`);
}

describe("check()", () => {
  it("finds nothing in records in which all is right", LONG, () => {
    holds(SEED, (seed) => {
      assert.equal(told(check(rightRecord(seed), RULES)), "", `seed ${seed}`);
    }, 50);
  });

  it("looks at every invariant, and says how often", () => {
    const { checked } = check(rightRecord(1, 1_000), RULES);
    const unseen = Object.keys(INVARIANTS).filter((id) =>
      !(checked[id as keyof typeof checked] > 0)
    );
    assert.deepEqual(unseen, []);
  });

  it("says that nothing was looked at where there is nothing", () => {
    const { checked, violations } = check({
      ...{ journal: [], log: [], effects: [], parked: [], subscriptions: [] },
      ...{ projections: [], snapshots: [], copies: [], accidents: [] },
    }, { actors: {} });
    assert.deepEqual(violations, []);
    const { I12: _accidents, ...others } = checked;
    assert.deepEqual([...new Set(Object.values(others))], [0]);
  });

  it("only counts stale reads of those that may be", () => {
    const record = rightRecord(1);
    const stale = (mayBeStale: boolean) =>
      check({
        ...record,
        journal: [
          ...record.journal,
          { type: "read", call: 1e6, actorId: "tally-0", mayBeStale },
          { type: "saw", call: 1e6, version: 0 },
        ],
      }, RULES);
    assert.equal(told(stale(true)), "");
    assert.match(stale(true).staleReads.join(), /read version 0 of tally-0/);
    assert.match(told(stale(false)), /^I3: call 1000000 read version 0/);
    assert.deepEqual(stale(false).staleReads, []);
  });

  for (const [name, { invariant }] of Object.entries(MUTATIONS)) {
    it(`reports by ${invariant} that ${name}`, () => {
      for (const seed of [11, 222]) {
        const verdict = check(mutated(name, seed), RULES);
        assert.ok(
          verdict.violations.some((found) => found.invariant === invariant),
          `seed ${seed}: ${told(verdict) || "nothing was found"}`,
        );
      }
    });
  }

  it("reports every mutation of every record", LONG, () => {
    const names = fc.constantFrom(...Object.keys(MUTATIONS));
    holds(fc.tuple(names, SEED), ([name, seed]) => {
      const { invariant } = MUTATIONS[name]!;
      const verdict = check(mutated(name, seed), RULES);
      assert.ok(
        verdict.violations.some((found) => found.invariant === invariant),
        `${name}, seed ${seed}: ${told(verdict) || "nothing was found"}`,
      );
    }, 100);
  });
});

describe("check() of a long run", () => {
  // What grows with the square of it would take minutes.
  it("takes time in proportion to it", LONG, () => {
    const record = rightRecord(1, 72_000);
    assert.ok(record.log.length > 100_000);
    assert.equal(told(check(record, RULES)), "");
  });

  it("does so too where there is as much to report", LONG, () => {
    const record = { ...rightRecord(1, 20_000), outcomes: [], journal: [] };
    assert.ok(check(record, RULES).violations.length > 20_000);
  });
});

describe("isVacuous()", () => {
  const counts = { staleWritesRefused: 1, conflicts: 1, retries: 1 };

  it("lets a run count that has seen everything", () => {
    assert.equal(isVacuous(counts), false);
    assert.deepEqual(missingIn(counts), []);
  });

  for (const name of ["staleWritesRefused", "conflicts", "retries"] as const) {
    it(`fails a run that has no ${name}`, () => {
      assert.equal(isVacuous({ ...counts, [name]: 0 }), true);
      assert.equal(isVacuous({ ...counts, [name]: NaN }), true);
      assert.equal(missingIn({ ...counts, [name]: 0 }).length, 1);
    });
  }
});
