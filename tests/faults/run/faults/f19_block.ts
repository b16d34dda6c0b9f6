/** F19: a handler lets its whole process stand still; as F2, with a load of its own. */
import type { Fault } from "../fault.ts";
import { answers, keysOf, ms } from "./_figures.ts";

const BLOCKED = 15_000;
const QUICK = 6_000;
/** The caller gives up before anybody else is asked, and would stand still too. */
const PATIENCE = 1_000;

export const f19: Fault = {
  id: "F19",
  title: "a handler lets its process stand still",
  replicas: [1, 3],
  takes: 25_000,
  quick: false,
  async inject(world, random, quick) {
    const name = random.pick([...world.nodes.keys()].sort());
    const [key, ...mine] = keysOf(world, name);
    if (key === undefined) {
      return { observations: [], violations: [`${name} owns no tally`] };
    }
    const blocked = world.block(key, quick ? QUICK : BLOCKED, PATIENCE);
    const took = await answers(world, mine, 60_000);
    await blocked;
    await world.settled();
    return {
      observations: [
        ms(
          "first answer of each actor of a node that is blocked",
          took,
          12_000,
        ),
      ],
      violations: [],
    };
  },
};
