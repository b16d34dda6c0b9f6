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

describe("a simulated cluster", () => {
  it("keeps its promises whatever goes wrong", LONG, async () => {
    if (SEED !== undefined) return await replay(Number(SEED));
    const first = NIGHTLY ? Date.now() % 1e9 : isBun ? 501 : 1;
    const totals = await runAll(seeds(first, NIGHTLY ? 10_000 : 500));
    // In a run that saw none of these nothing was shown.
    for (
      const seen of [
        "refusedControlWrites",
        "refusedAppends",
        "seized",
      ] as const
    ) assert.ok((totals[seen] ?? 0) > 0, `no ${seen} in any world`);
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
    for (const seed of seeds(1, 20)) {
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

  it("evicts nobody as a server restarts", LONG, async () => {
    for (const seed of seeds(1, 40)) {
      const scenario = scenarioOf(seed, ["restartServer"]);
      const { deposed, evicted, seized } = await run({
        ...scenario,
        ttl: 15_000,
      });
      assert.deepEqual({ seed, deposed, evicted, seized }, {
        seed,
        deposed: 0,
        evicted: 0,
        seized: 0,
      });
    }
  });

  it("evicts nobody on one sick node's word", LONG, async () => {
    for (const seed of seeds(1, 30)) {
      const scenario = scenarioOf(seed, ["sick"]);
      const { deposed, evicted, seized } = await run(scenario);
      assert.deepEqual({ seed, deposed, evicted, seized }, {
        seed,
        deposed: 0,
        evicted: 0,
        seized: 0,
      });
    }
  });
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

async function runAll(
  seeds: readonly number[],
): Promise<Record<string, number>> {
  const totals: Record<string, number> = {};
  for (const seed of seeds) {
    for (const [name, count] of Object.entries(await run(scenarioOf(seed)))) {
      totals[name] = (totals[name] ?? 0) + count;
    }
  }
  return totals;
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
