/** A soak of a minute, at night; and one that leaks, which must be seen. */
import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { isDeno } from "../support/mod.ts";
import { judge } from "./report.ts";
import { soak } from "./soak.ts";

const SHORT = { minutes: 1, every: 1, warmUp: 0 };
const NIGHT = {
  timeout: 300_000,
  skip: !isDeno || process.env["AETHER_NIGHTLY"] !== "1",
};

describe("a soak", NIGHT, () => {
  it(
    "sees a node that leaks, and what it works with stand still",
    NIGHT,
    async () => {
      // Two MiB with each reading. For a minute the others grow, too, by what they
      // remember of commands.
      const { calls, problems, series } = await soak({
        ...SHORT,
        leak: 250_000,
      });
      const others = problems.filter((problem) => !problem.includes("heap"));
      assert.deepEqual(others, []);
      const grown = judge(series).filter(({ series: { name } }) =>
        name.endsWith(": heap")
      ).map(({ series, trend }) => [series.name, trend!.change] as const);
      const [[first, leaked], ...rest] = grown as [
        readonly [string, number],
        ...(readonly [string, number])[],
      ];
      assert.equal(first, "n1 (deno): heap");
      assert.equal(rest.length, 3);
      const most = Math.max(...rest.map(([, change]) => change));
      assert.ok(leaked > 30 + most, JSON.stringify(grown));
      assert.ok(calls.answered > 1_000);
    },
  );
});
