/**
 * Runs of faults against copies of the source with a bug in each: every one must be
 * caught, by the promise it breaks, and the copy without the bug must break none. A
 * run that ends in any other way (it fails itself, injects nothing, finds something
 * else) has caught nothing.
 *
 * Its nodes are the same whichever runtime runs the test, so only Deno does.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { isDeno } from "../support/mod.ts";
import { BUGS, type Change, type SeededBug } from "./seeded/bugs.ts";
import { type MutantVerdict, runMutant } from "./seeded/mutant.ts";

const NIGHTLY = process.env["AETHER_NIGHTLY"] === "1";
const LIMIT = { timeout: 30 * 60_000 };
/** Seeds that are tried until one catches the bug: what meets what is up to the machine, too. */
const SEEDS = 3;

describe("a run of faults", { timeout: 90 * 60_000 }, () => {
  for (const bug of BUGS) {
    const { caughtBy, fault, isQuick = false, seed, what } = bug;
    const skip = !isDeno
      ? "runs under Deno alone"
      : !NIGHTLY && !isQuick
      ? "runs with AETHER_NIGHTLY=1"
      : false;
    it(
      `with ${fault} and seed ${seed} catches by ${caughtBy} that ${what}`,
      { ...LIMIT, skip },
      async () => {
        const caught = await seedThatCatches(bug);
        // With each commit the run without a bug is that of run_test.ts.
        if (NIGHTLY) await findsNothing(fault, caught, bug.aid ?? []);
      },
    );
  }
});

async function seedThatCatches(bug: SeededBug): Promise<number> {
  const { aid = [], changes, fault } = bug;
  const tried: string[] = [];
  for (let seed = bug.seed; seed < bug.seed + SEEDS; seed++) {
    const verdict = await runMutant([...aid, ...changes], { fault, seed });
    if (isCaught(bug, verdict)) return seed;
    tried.push(`seed ${seed}: ${endOf(verdict)}`);
  }
  assert.fail(
    `"${bug.what}" is not caught by ${bug.caughtBy}\n${tried.join("\n")}`,
  );
}

/** Whether it was found to be wrong by what the bug is about, in a run that hurt something. */
function isCaught(
  { caughtBy, fault, says = /./ }: SeededBug,
  { code, kept }: MutantVerdict,
): boolean {
  if (code !== 1 || kept === undefined) return false;
  return kept.schedule.some(({ id }) => id === fault) &&
    kept.violations.some((what) =>
      (what.startsWith(`${caughtBy}: `) || what.startsWith(`${caughtBy} (`)) &&
      says.test(what)
    );
}

const without = new Map<string, Promise<MutantVerdict>>();

/** That the same run without the bug has nothing to say. */
async function findsNothing(
  fault: string,
  seed: number,
  aid: readonly Change[],
): Promise<void> {
  const key = JSON.stringify([fault, seed, aid]);
  let running = without.get(key);
  if (running === undefined) {
    without.set(key, running = runMutant(aid, { fault, seed }));
  }
  const verdict = await running;
  const name = `without the bug, ${fault}, seed ${seed}`;
  const { kept } = verdict;
  assert.ok(kept !== undefined, `${name}: ${endOf(verdict)}`);
  assert.deepEqual(kept.schedule.map(({ id }) => id), [fault], name);
  // A run that short may meet no stale write. It proves nothing of what is right
  // then, but here it has only to differ from the one with the bug.
  const broken = kept.violations.filter((what) => !what.startsWith(NOTHING));
  assert.deepEqual(broken, [], `${name}: ${endOf(verdict)}`);
}

/** How a run says that it has met too little. */
const NOTHING = "the run shows nothing: ";

function endOf({ code, kept, output }: MutantVerdict): string {
  return kept === undefined
    ? `ended with ${code}\n${output.slice(-2_000)}`
    : `ended with ${code}, ${kept.violations.length} violations\n${
      kept.violations.slice(0, 10).join("\n")
    }`;
}
