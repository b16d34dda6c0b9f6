import { setTimeout as delay } from "node:timers/promises";
import type { Fault, World } from "../fault.ts";
import { anyNode, Findings, keysOf } from "./_findings.ts";

const HOUR = 3_600_000;
/** Milliseconds after which a node's word on others counts. */
const SETTLED = 3_500;

/** A node's wall clock is wrong, and jumps; then the leader dies. */
export const f11: Fault = {
  id: "F11",
  title: "a node's clock is wrong by an hour",
  replicas: [1, 3],
  takes: 40_000,
  quick: false,
  async inject(world, random, quick) {
    const found = new Findings();
    const name = anyNode(world, random);
    const ways = quick
      ? [random.pick([[HOUR], [-HOUR]])]
      : [[HOUR], [-HOUR], [0, HOUR, -HOUR, 60_000]];
    try {
      for (const clock of ways) {
        await world.restartNode(name, { clock });
        await world.settled();
        const off = await skewOf(world, name);
        found.measured("the node's clock was ahead", off);
        found.injected(
          off.some((ms) => Math.abs(ms) > HOUR / 2),
          "no event was stamped by a clock that is wrong",
        );
        // An election that depends on the clock would be won or lost by it.
        await elect(world, name, found);
      }
    } finally {
      await (world.nodes.has(name)
        ? world.restartNode(name)
        : world.startNode(name));
    }
    await world.settled();
    return found;
  },
};

/** Milliseconds in which a clock that jumps has been wrong at some time. */
const ENOUGH_JUMPS = 10_000;

/** Calls some of the node's actors; how far ahead of ours the stamps of their events are. */
async function skewOf(world: World, name: string): Promise<number[]> {
  const { store } = world.client;
  const off: number[] = [];
  const keys = keysOf(world, name, 5);
  const began = world.now();
  const isWrong = () => off.some((ms) => Math.abs(ms) > HOUR / 2);
  // Two seconds are between two jumps, and some are back to the right time.
  do {
    for (const key of keys) {
      await world.call(key, 10_000);
      const now = Date.now();
      const version = await store.getLatestVersion(`tally-${key}`);
      const [event] = await store.getEvents(`tally-${key}`, version);
      if (event !== undefined) off.push(event.timestamp.getTime() - now);
    }
  } while (keys.length > 0 && !isWrong() && world.now() - began < ENOUGH_JUMPS);
  return off;
}

/** Kills the leader; unless it is the node with the wrong clock, which then stands for election. */
async function elect(
  world: World,
  skewed: string,
  found: Findings,
): Promise<void> {
  const leader = world.client.cluster!.leader()?.node;
  const node = leader === undefined ? undefined : world.nodes.get(leader);
  if (leader === undefined || node === undefined || leader === skewed) return;
  const mine = keysOf(world, leader, 20);
  await delay(SETTLED);
  const began = world.now();
  world.expectEnd(leader);
  node.signal("SIGKILL");
  await node.ended;
  const answered = await Promise.all(
    mine.map((key) => world.call(key, 30_000)),
  );
  found.measured("a killed leader's actors answered", answered, "ms", 1_500);
  found.measured(
    "another leader, and its actors served",
    [world.now() - began],
    "ms",
    5_000,
  );
  await world.startNode(leader);
  await world.settled();
}
