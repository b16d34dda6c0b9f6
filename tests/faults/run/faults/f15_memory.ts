import { eventually } from "../../../support/mod.ts";
import type { FleetNode } from "../../fleet/process.ts";
import type { Fault } from "../fault.ts";
import { anyNode, Findings } from "./_findings.ts";

/** MiB of heap. */
const HEAP = 128;
/** Actors that may be in memory, and how many times as many are called. */
const ROOM = 1_000;
const TIMES = 3;
/** Calls that are under way at once. */
const AT_ONCE = 64;

/** A node has a small heap, and more actors are called than it has room for. */
export const f15: Fault = {
  id: "F15",
  title: "a node has little memory",
  replicas: [1, 3],
  takes: 45_000,
  quick: false,
  async inject(world, random, quick) {
    const found = new Findings();
    const room = quick ? ROOM / 4 : ROOM;
    const name = anyNode(world, random);
    try {
      const node = await world.restartNode(name, {
        heap: HEAP,
        activations: room,
      });
      await world.settled();
      let hasEnded = false;
      node.ended.then(() => hasEnded = true);
      const keys: string[] = [];
      for (let i = 0; keys.length < TIMES * room; i++) {
        const key = `many-${random.int(1e9)}`;
        if (world.ownerOf(key) === name) keys.push(key);
        if (i > 100 * TIMES * room) throw new Error(`${name} owns nothing`);
      }
      const took: number[] = [];
      // Twice: those that had to leave come back.
      const queue = [...keys, ...keys];
      await Promise.all(Array.from({ length: AT_ONCE }, async () => {
        for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
          took.push(await world.call(key));
        }
      }));
      const before = lastCount(node);
      await eventually(() => lastCount(node) !== before, { timeout: 10_000 });
      const { passivations, activations } = lastCount(node).host;
      found.injected(passivations > keys.length, "actors stayed in memory");
      found.promised(
        !hasEnded,
        `${name} died of ${HEAP} MiB (${node.runtime})`,
      );
      found.promised(
        activations <= room * 1.5,
        `${activations} actors are in memory that has room for ${room}`,
      );
      found.measured("actors that left memory", [passivations], "count");
      found.measured("call of actors that come and go", took, "ms", 1_000);
      found.measured(
        "MiB of the process",
        [lastCount(node).rss / 2 ** 20],
        "count",
        2 * HEAP + 128,
      );
    } finally {
      await (world.nodes.has(name)
        ? world.restartNode(name)
        : world.startNode(name));
    }
    await world.settled();
    return found;
  },
};

interface Counted {
  readonly host: {
    readonly passivations: number;
    readonly activations: number;
  };
  readonly rss: number;
}

/** What the node said last of how much it has. */
function lastCount({ log }: FleetNode): Counted {
  const last = log.findLast(({ message }) => message === "counted");
  if (last === undefined) throw new Error("the node has not counted");
  return last as unknown as Counted;
}
