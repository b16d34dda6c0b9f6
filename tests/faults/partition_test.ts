/**
 * A partition of servers and nodes, for 20 seconds; see `partition/partition.ts`.
 *
 * At night only, under Deno (the nodes run under both), and where network
 * namespaces can be had: that takes root.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { isDeno, seeded } from "../support/mod.ts";
import { Network } from "./partition/network.ts";
import { ASKED, partition, TYPED } from "./partition/partition.ts";

const CUT = 20_000;
/** Milliseconds a call may take beyond its time, on a machine that has much to do. */
const MARGIN = 1_500;

const isNight = isDeno && process.env["AETHER_NIGHTLY"] === "1";
const missing = isNight ? Network.missing() : undefined;
if (missing !== undefined) console.log(`skipped: partitions, as ${missing}`);
const LIMIT = {
  timeout: 480_000,
  skip: !isNight || missing !== undefined,
};

describe("a log whose leader is cut off from its peers", LIMIT, () => {
  it(
    "loses nothing and doubles nothing, on whichever side",
    LIMIT,
    async () => {
      const random = seeded();
      const found = await partition(random, CUT);
      console.log(`  ${JSON.stringify(found)}`);
      assert.deepEqual(found.problems, [], `seed ${random.seed}`);
      assert.ok(
        found.first < 15_000,
        `the majority served after ${found.first} ms`,
      );
      assert.ok(
        found.all < 30_000,
        `the majority served all after ${found.all} ms`,
      );
      assert.ok(
        found.doneByMajority > 0,
        "nothing was done while the leader was cut off",
      );
      const codes = Object.keys(found.failed);
      assert.ok(codes.length > 0, "the minority noticed nothing");
      for (const code of codes) {
        assert.ok(TYPED.has(code), `the minority was told "${code}"`);
      }
      assert.ok(
        found.told < ASKED + MARGIN,
        `the minority was told after ${found.told} ms`,
      );
      assert.ok(
        found.back < 30_000,
        `the minority was back after ${found.back} ms`,
      );
      assert.deepEqual(found.staleBeyond, []);
    },
  );
});
