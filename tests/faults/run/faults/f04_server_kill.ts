/** F4: the one server is killed, and comes back with what it had. */
import { setTimeout as delay } from "node:timers/promises";
import type { Fault } from "../fault.ts";
import { answers, ms } from "./_figures.ts";

const DOWN = [2_000, 15_000];
/** How many tallies are called when it is back. */
const ASKED = 30;

export const f4: Fault = {
  id: "F4",
  title: "the only server is killed",
  replicas: [1],
  takes: 20_000,
  quick: true,
  async inject(world, random, quick) {
    const down = quick ? DOWN[0]! : random.pick(DOWN);
    await world.servers.kill();
    await delay(down);
    await world.servers.restart();
    const took = await answers(world, world.keys.slice(0, ASKED), 60_000);
    await world.settled();
    return {
      observations: [
        ms(`first answer after a server was down for ${down} ms`, took, 3_000),
      ],
      violations: [],
    };
  },
};
