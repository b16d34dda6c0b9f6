/**
 * One run of faults: short and on one server for each commit; at night all of them,
 * on one server and on three. `deno task faults` makes longer ones.
 *
 * Its nodes are the same whichever runtime runs the test, so only Deno does.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { isDeno, seeded } from "../support/mod.ts";
import { FAULTS } from "./run/faults/mod.ts";
import { run } from "./run/run.ts";

const NIGHTLY = process.env["AETHER_NIGHTLY"] === "1";
const MINUTE = 60_000;
const LIMIT = { timeout: (NIGHTLY ? 45 : 6) * MINUTE, skip: !isDeno };
/** Those of each commit. */
const QUICK = ["F1", "F3", "F4", "F10", "F14", "F16"];

describe("faults under load", LIMIT, () => {
  for (const replicas of NIGHTLY ? [1, 3] as const : [1] as const) {
    it(
      `break no promise, on ${replicas} server(s)`,
      LIMIT,
      async () => {
        const { report } = await run({
          replicas,
          random: seeded(),
          time: 15 * MINUTE,
          faults: NIGHTLY
            ? FAULTS
            : FAULTS.filter(({ id }) => QUICK.includes(id)),
          quick: !NIGHTLY,
          rate: NIGHTLY ? 300 : 100,
          tell: (line) => console.log(`  ${line}`),
        });
        const { checked, counts, porcupine, schedule, violations } = report;
        console.log(`  ${JSON.stringify({ ...counts, porcupine })}`);
        assert.deepEqual(violations, [], `seed ${report.seed}`);
        assert.ok(schedule.length >= (NIGHTLY ? 15 : QUICK.length));
        for (const [invariant, times] of Object.entries(checked)) {
          assert.ok(times > 0, `nothing was looked at for ${invariant}`);
        }
      },
    );
  }
});
