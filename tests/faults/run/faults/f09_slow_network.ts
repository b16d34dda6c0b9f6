import type { Random, TcpProxy } from "../../../support/mod.ts";
import { eventually } from "../../../support/mod.ts";
import type { Fault, World } from "../fault.ts";
import { anyNode, Findings, keysOf, LOST, said } from "./_findings.ts";
import { mend, proxied } from "./_proxied.ts";

/** Milliseconds there and back, half each way. */
const LATENCIES = [50, 500];
const BANDWIDTH = 64 * 1024;

/** A node is far away, behind a narrow line, and its connections break in mid-message. */
export const f9: Fault = {
  id: "F9",
  title: "a node's network is slow",
  replicas: [1, 3],
  takes: 75_000,
  quick: false,
  async inject(world, random, quick) {
    const found = new Findings();
    const lasts = quick ? 2_000 : 15_000;
    const name = anyNode(world, random);
    await proxied(world, random, name, async (proxy) => {
      // The same ones all the time: others may own them by then.
      const mine = keysOf(world, name, 20);
      /** Makes calls of the node's actors, one after the other, and counts who was given up. */
      const watch = async (what: string) => {
        const lost = said(world.nodes.values(), LOST);
        const took = await callAll(world, mine, lasts);
        const losses = said(world.nodes.values(), LOST) - lost;
        found.measured(`call at ${what}`, took);
        found.measured(`leases lost at ${what}`, [losses], "count", 1);
        return took;
      };
      for (const latency of LATENCIES) {
        const away = jittered(proxy, random, latency);
        try {
          const took = await watch(`${latency} ms`);
          found.injected(
            Math.max(...took) >= latency / 2,
            `no call took as long as the way at ${latency} ms`,
          );
        } finally {
          away();
        }
        await world.settled();
      }

      proxy.bandwidth(BANDWIDTH);
      await watch("64 KiB/s");
      mend(proxy);
      // What has piled up would go on to pass as slowly.
      proxy.cut();
      await world.settled();

      const { accepted } = proxy.stats;
      for (let cut = 0; cut < (quick ? 3 : 20); cut++) {
        const before = proxy.stats.accepted;
        const direction = random.pick(["toServer", "toClient"] as const);
        proxy.cutAfter(1 + random.int(20_000), direction);
        await eventually(() => proxy.stats.accepted > before, {
          timeout: 20_000,
        });
      }
      found.injected(proxy.stats.accepted > accepted, "no connection was cut");
      await watch("cuts in mid-message");
    });
    return found;
  },
};

/** Delays both ways, by half as much up to half as much again, anew each 20 ms. */
function jittered(
  proxy: TcpProxy,
  random: Random,
  latency: number,
): () => void {
  const some = () => latency / 2 * (0.5 + random.next());
  const change = () => proxy.delay({ toServer: some(), toClient: some() });
  change();
  const timer = setInterval(change, 20);
  return () => {
    clearInterval(timer);
    proxy.delay({});
  };
}

async function callAll(
  world: World,
  keys: readonly string[],
  lasts: number,
): Promise<number[]> {
  const took: number[] = [];
  const until = world.now() + lasts;
  for (let turn = 0; world.now() < until; turn++) {
    took.push(await world.call(keys[turn % keys.length]!, 10_000));
  }
  return took;
}
