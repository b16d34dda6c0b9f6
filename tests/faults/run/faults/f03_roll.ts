/** F3: all nodes are restarted, one after the other, and no call notices. */
import type { Fault } from "../fault.ts";
import { ms } from "./_figures.ts";

export const f3: Fault = {
  id: "F3",
  title: "all nodes are restarted one after the other",
  replicas: [1, 3],
  takes: 15_000,
  quick: true,
  async inject(world) {
    // What was called in the fault before may still be failing.
    await world.ended?.();
    const before = new Map(world.failed());
    const from = world.latencies.length;
    for (const name of [...world.nodes.keys()].sort()) {
      await world.restartNode(name);
      await world.settled();
    }
    await world.ended?.();
    const violations: string[] = [];
    for (const [code, times] of world.failed()) {
      const more = times - (before.get(code) ?? 0);
      if (more > 0) violations.push(`${more} calls failed with "${code}"`);
    }
    return {
      observations: [
        ms(
          "any call while nodes are restarted",
          world.latencies.slice(from),
          100,
        ),
      ],
      violations,
    };
  },
};
