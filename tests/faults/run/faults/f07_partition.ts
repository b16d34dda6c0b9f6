import { Network } from "../../partition/network.ts";
import { ASKED, partition, TYPED } from "../../partition/partition.ts";
import type { Fault } from "../fault.ts";
import { Findings } from "./_findings.ts";

/** Milliseconds a call may take beyond its time, on a machine that has much to do. */
const MARGIN = 1_500;

/**
 * Three servers on machines of their own, with nodes, a load and a check of their
 * own: what runs on one machine cannot be cut apart. The world only looks on.
 */
export const f7: Fault = {
  id: "F7",
  title: "the log's leader is cut off from its peers",
  replicas: [3],
  takes: 150_000,
  quick: false,
  unavailable: () => Promise.resolve(Network.missing()),
  async inject(world, random, quick) {
    const found = new Findings();
    const cut = await partition(random, quick ? 10_000 : 20_000);
    found.violations.push(...cut.problems);
    const codes = Object.keys(cut.failed);
    found.injected(codes.length > 0, "the minority noticed nothing");
    found.promised(
      cut.doneByMajority > 0,
      "nothing was done while the log's leader was cut off",
    );
    for (const code of codes) {
      found.promised(TYPED.has(code), `the minority was told "${code}"`);
    }
    found.promised(
      cut.told < ASKED + MARGIN,
      `the minority's calls of ${ASKED} ms ended after ${cut.told | 0} ms`,
    );
    for (const { problem } of cut.staleBeyond) {
      found.violations.push(`a read was stale without a partition: ${problem}`);
    }
    found.measured(
      "first actor answered by the majority",
      [cut.first],
      "ms",
      10_000,
    );
    found.measured(
      "all actors answered by the majority",
      [cut.all],
      "ms",
      20_000,
    );
    found.measured(
      "answered again on the side that was cut off",
      [cut.back],
      "ms",
      13_000,
    );
    found.measured("copies of the log were the same again", [cut.same]);
    found.measured("stale reads on the side that was cut off", [
      cut.stale.length,
    ], "count");
    found.measured("late writes that were refused", [cut.refused], "count");
    await world.settled();
    return found;
  },
};
