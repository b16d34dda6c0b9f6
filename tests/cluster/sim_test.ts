/**
 * The cluster in simulated worlds: thousands of lives in virtual time, each drawn
 * from a seed, with everything going wrong that may, and the promises of the
 * cluster looked at all the while (`sim/checker.ts`).
 *
 * 1,000 seeds in all, half of them under each runtime, and with
 * `AETHER_NIGHTLY=1` 10,000 new ones under each. `SEED=n` runs one and prints what
 * happened in it.
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import process from "node:process";
import { LONG, NIGHTLY } from "../event/_property.ts";
import { isBun } from "../support/mod.ts";
import {
  report,
  runScenario,
  type Scenario,
  scenarioOf,
} from "./sim/scenario.ts";

const SEED = process.env["SEED"];
/** Worlds of one test, and how many such tests there are. */
const [PART, PARTS] = NIGHTLY ? [1_000, 10] : [100, 5];
const FIRST = NIGHTLY ? Date.now() % 1e9 : isBun ? 1 + PART * PARTS : 1;

describe("a simulated cluster", () => {
  if (SEED !== undefined) {
    it(`lives as seed ${SEED} says`, LONG, () => replay(Number(SEED)));
    return;
  }
  const totals: Record<string, number> = {};
  for (let part = 0; part < PARTS; part++) {
    const first = FIRST + part * PART;
    const name = `keeps its promises in worlds ${first} to ${first + PART - 1}`;
    it(name, LONG, async () => {
      for (const seed of seeds(first, PART)) {
        const counts = await run(scenarioOf(seed));
        for (const [name, count] of Object.entries(counts)) {
          totals[name] = (totals[name] ?? 0) + count;
        }
      }
    });
  }

  it("met what it was to be tried by", () => {
    // A run that saw none of these has shown nothing.
    const { evicted, refusedAppends, refusedControlWrites, released, seized } =
      totals;
    for (
      const [name, count] of Object.entries({
        evicted,
        refusedAppends,
        refusedControlWrites,
        released,
        seized,
      })
    ) assert.ok(count! > 0, `nothing was ${name}`);
  });

  it("is the same for the same seed", LONG, async () => {
    for (const seed of seeds(1, 5)) {
      const scenario = scenarioOf(seed);
      const [one, other] = [
        await runScenario(scenario),
        await runScenario(scenario),
      ];
      assert.equal(one.hash, other.hash);
      assert.equal(one.events, other.events);
    }
    const [one, other] = [
      await runScenario(scenarioOf(1)),
      await runScenario(scenarioOf(2)),
    ];
    assert.notEqual(one.hash, other.hash);
  });

  it("fails no call when all nodes restart in order", LONG, async () => {
    for (const seed of seeds(1, 10)) {
      const scenario = scenarioOf(seed, []);
      const faults = Array.from(
        { length: scenario.nodes },
        (_, i) =>
          ({
            at: 1_000 + 5_000 * i,
            ms: 500,
            kind: "stop",
            target: 0,
          }) as const,
      );
      const { calls, released, unknown } = await run({
        ...scenario,
        faults,
        isOrderly: true,
      });
      assert.ok(calls! > 0 && released! >= 256);
      assert.equal(unknown, 0);
    }
  });

  for (
    const { fault, options = {}, upTo, what } of [
      {
        what: "as a server restarts",
        fault: "restartServer",
        upTo: 25,
        options: { ttl: 15_000 },
      },
      { what: "whose answers take long", fault: "far", upTo: 15 },
      { what: "on one sick node's word", fault: "sick", upTo: 15 },
    ] as const
  ) {
    it(`evicts nobody ${what}`, LONG, async () => {
      for (const seed of seeds(1, upTo)) {
        const scenario = scenarioOf(seed, [fault]);
        const counts = await run({ ...scenario, ...options });
        const { deposed, evicted, seized } = counts;
        const none = { deposed: 0, evicted: 0, seized: 0 };
        assert.deepEqual({ seed, deposed, evicted, seized }, { seed, ...none });
      }
    });
  }
});

function seeds(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

async function run(
  scenario: Scenario,
): Promise<Readonly<Record<string, number>>> {
  const outcome = await runScenario(scenario);
  if (outcome.violation !== undefined) {
    throw new Error(report(scenario, outcome));
  }
  return outcome.counts;
}

async function replay(seed: number): Promise<void> {
  const scenario = scenarioOf(seed);
  const outcome = await runScenario(scenario, {
    lines: 100_000,
    isVerbose: true,
  });
  console.log(outcome.trace.join("\n"));
  console.log(outcome.counts);
  if (outcome.violation !== undefined) {
    throw new Error(report(scenario, outcome));
  }
}
