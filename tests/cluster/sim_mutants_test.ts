/**
 * Proof that the simulated world finds things: clusters with a fault built in are
 * each caught, within a bounded number of seeds.
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { LONG } from "../event/_property.ts";
import type { Fault, FaultKind } from "./sim/faults.ts";
import { type Change, mutate } from "./sim/mutant.ts";
import { type RunOptions, runScenario, scenarioOf } from "./sim/scenario.ts";

interface SeededBug {
  readonly name: string;
  /** The promises that it may break first. */
  readonly breaks: readonly string[];
  /** What goes wrong in the worlds that it is looked for in. */
  readonly kinds?: readonly FaultKind[];
  readonly faults?: readonly Fault[];
  readonly changes?: readonly Change[];
  readonly options?: RunOptions;
}

const BUGS: readonly SeededBug[] = [
  {
    name: "control writes that expect nothing",
    breaks: ["epochs never go back", "one leader in an epoch"],
    kinds: ["freezeInMapWrite", "kill"],
    options: { isLax: true },
  },
  {
    name: "trust in a lease that was looked at before",
    breaks: [
      "nothing is done when the lease has run out",
      "a seized shard is not served for long",
    ],
    kinds: ["freeze", "freezeHolding"],
    changes: [
      {
        file: "node_discovery.ts",
        from:
          "return this.#joined && this.#ports.clock.monotonic() < this.#until;",
        to: "return this.#joined;",
      },
      {
        file: "cluster_manager.ts",
        from: "if (still <= STALL) return;",
        to: "if (still <= Infinity) return;",
      },
    ],
  },
  {
    name: "a new owner before the old one has released",
    breaks: [
      "a released shard is not served",
      "a released shard is not written",
    ],
    faults: [
      { at: 0, ms: 15_000, kind: "lossy", target: 0 },
      { at: 1_000, ms: 0, kind: "join", target: 0 },
      { at: 6_000, ms: 4_000, kind: "drain", target: 1 },
    ],
    changes: [{
      file: "_allocator.ts",
      from:
        "else if (this.#released.get(key) === generation) give(entry.fence);",
      to: "else if (to?.run !== run) give(entry.fence);",
    }],
  },
  {
    name: "no fence after a seizure",
    breaks: ["what a new owner answered is not contradicted"],
    kinds: ["freezeInAppend"],
    options: { fences: false },
  },
  {
    name: "a seizure that is called a release",
    breaks: [
      "a released shard is not served",
      "a released shard is not written",
      "what a new owner answered is not contradicted",
    ],
    kinds: ["freezeInAppend"],
    changes: [{
      file: "_allocator.ts",
      from: "else if (!runs.has(run)) give(generation + 1",
      to: "else if (!runs.has(run)) give(entry.fence",
    }],
  },
  {
    name: "a seizure that is forgotten at the next hand-over",
    breaks: [
      "fences stay",
      "what a new owner answered is not contradicted",
    ],
    kinds: ["lateRequests", "kill"],
    changes: [{
      file: "_allocator.ts",
      from:
        "else if (this.#released.get(key) === generation) give(entry.fence);",
      to: "else if (this.#released.get(key) === generation) give(0);",
    }],
  },
  {
    name: "shards of the dead given away before they are evicted",
    breaks: ["eviction comes before seizure"],
    kinds: ["freeze", "freezeHolding"],
    changes: [
      {
        file: "_allocator.ts",
        from: "if (!await discovery.evict(node, known, isWanted)) return;",
        to: "",
      },
      {
        file: "_allocator.ts",
        from: "const roster = this.#roster ?? await discovery.list();",
        to: "const roster = (this.#roster ?? await discovery.list())" +
          ".filter(({ run }) => !this.#gone.has(run));",
      },
    ],
  },
  {
    name: "a generation that stays when the owner changes",
    breaks: ["generations grow"],
    kinds: ["kill", "join"],
    changes: [{
      file: "_allocator.ts",
      from: "          generation: generation + 1,",
      to: "          generation,",
    }],
  },
  {
    name: "a plan from a map that was only heard of",
    breaks: ["generations grow"],
    faults: [
      { at: 0, ms: 8_000, kind: "lossy", target: 0 },
      { at: 500, ms: 3_000, kind: "kill", target: 1 },
      { at: 2_000, ms: 3_000, kind: "kill", target: "leader" },
    ],
    changes: [{
      file: "_allocator.ts",
      from: "if (shards.revision < (election.boundary ?? 0)) {",
      to: "if (Number.isNaN(shards.revision)) {",
    }],
  },
  {
    name: "an observer that asks nobody else",
    breaks: ["a healthy node is not evicted"],
    kinds: ["sick"],
    changes: [{
      file: "_detector.ts",
      from: "if (others.length === 0) return",
      to: 'if (others.length >= 0) return "agree";\n    return',
    }],
  },
  {
    name: "an absence of 1.6 s taken for a hung node",
    breaks: ["a healthy node is not evicted"],
    kinds: ["restartServer"],
    changes: [{
      file: "_detector.ts",
      from: "if (isGone || silence >= HUNG * this.#every) {",
      to: "if (isGone || gone + silence / this.#every >= HUNG) {",
    }],
  },
  {
    name: "an answer that takes long taken for none",
    breaks: ["a healthy node is not evicted"],
    kinds: ["far"],
    changes: [
      {
        file: "_detector.ts",
        from: "const PATIENCE = 4;",
        to: "const PATIENCE = 1;",
      },
      {
        file: "_detector.ts",
        from: "const WITNESS = 4;",
        to: "const WITNESS = 1;",
      },
    ],
  },
];

/** Worlds that are tried for each. */
const MOST = 100;

describe("a simulated world finds", () => {
  for (const { breaks, changes = [], faults, kinds, name, options } of BUGS) {
    it(name, LONG, async () => {
      await using mutant = await mutate(changes);
      const { manager } = mutant;
      for (let seed = 1; seed <= MOST; seed++) {
        const drawn = scenarioOf(seed, kinds ?? []);
        const scenario = faults === undefined ? drawn : { ...drawn, faults };
        const found = await runScenario(scenario, { manager, ...options });
        if (found.violation === undefined) continue;
        const { rule } = found.violation;
        assert.ok(breaks.includes(rule), `seed ${seed} broke: ${rule}`);
        // It is the fault that was found, and not the world.
        const { violation } = await runScenario(scenario);
        assert.equal(violation, undefined);
        return;
      }
      assert.fail(`${MOST} worlds have not found it`);
    });
  }
});
