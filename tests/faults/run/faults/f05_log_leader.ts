/**
 * F5: of three servers, the one that leads the log is killed, or stands still.
 * The others elect another one; no node may lose its lease by that.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Fault } from "../fault.ts";
import { answers, count, ms } from "./_figures.ts";
import { logLeader } from "./_log_leader.ts";

const DOWN = 10_000;
const FROZEN = 30_000;
const QUICK = 8_000;
const ASKED = 30;

export const f5: Fault = {
  id: "F5",
  title: "the server that leads the log is killed, or stands still",
  replicas: [3],
  takes: 45_000,
  quick: false,
  async inject(world, random, quick) {
    const leader = await logLeader(world);
    const kills = random.next() < 0.5;
    const marks = [...world.nodes.values()].map((node) =>
      [node, node.log.length] as const
    );
    if (kills) await leader.kill();
    else leader.pause();
    const asked = answers(world, world.keys.slice(0, ASKED), 60_000);
    await delay(quick ? QUICK : kills ? DOWN : FROZEN);
    const took = await asked;
    if (kills) await leader.restart();
    else leader.resume();
    await world.servers.ready(120_000);
    await world.settled();
    const lost = marks.flatMap(([node, from]) => node.log.slice(from))
      .filter(({ message }) => message === "a node lost its record").length;
    const what = kills ? "was killed" : "stood still";
    return {
      observations: [
        ms(`first answer after the log's leader ${what}`, took, 10_000),
        count("leases lost as the log's leader was gone", lost, 0),
      ],
      violations: [],
    };
  },
};
