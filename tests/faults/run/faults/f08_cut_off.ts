import { setTimeout as delay } from "node:timers/promises";
import type { Fault } from "../fault.ts";
import { anyNode, Findings, keysOf } from "./_findings.ts";
import { mend, proxied } from "./_proxied.ts";

/** A node loses NATS, and nobody else does. */
export const f8: Fault = {
  id: "F8",
  title: "a node is cut off from NATS",
  replicas: [1, 3],
  takes: 45_000,
  quick: false,
  async inject(world, random, quick) {
    const found = new Findings();
    const lasts = quick ? 4_000 : 30_000;
    const name = anyNode(world, random);
    // Its packets are swallowed, or its connections are reset and refused.
    const isSilent = random.next() < 0.5;
    await proxied(world, random, name, async (proxy, node) => {
      const mine = keysOf(world, name, 20);
      // Decided while the node is cut off: what it stores then comes too late.
      const late = mine.slice(0, 5).map((key) =>
        world.slowly(key, 300, lasts + 30_000)
      );
      await delay(100);
      const began = world.now();
      if (isSilent) proxy.halfOpen(true);
      else {
        proxy.refuse(true);
        proxy.cut();
      }
      const passed = proxy.stats.toServer + proxy.stats.toClient;
      const noticed = node.log.length;
      const answers = Promise.all(
        mine.map((key) => world.call(key, lasts + 30_000)),
      );
      await delay(lasts);
      found.injected(
        proxy.stats.toServer + proxy.stats.toClient === passed,
        "bytes passed while the node was cut off",
      );
      if (!quick) {
        found.promised(
          mine.every((key) => world.ownerOf(key) !== name),
          `${name} was cut off for ${lasts} ms and still owned actors`,
        );
        found.promised(
          node.log.slice(noticed).some(({ message }) => message !== "counted"),
          `${name} was cut off for ${lasts} ms and did not notice`,
        );
      }
      const healed = world.now();
      mend(proxy);
      found.measured(
        isSilent
          ? "its actors answered elsewhere, its packets swallowed"
          : "its actors answered elsewhere, its connections refused",
        await answers,
        "ms",
        12_000,
      );
      await Promise.all(late);
      await world.settled();
      found.measured(
        "back with its shards",
        [world.now() - healed],
        "ms",
        5_000,
      );
      found.measured("all of it", [world.now() - began]);
    });
    return found;
  },
};
