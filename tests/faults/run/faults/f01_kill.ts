/** F1: a node is killed, the leader included, and started again. */
import { setTimeout as delay } from "node:timers/promises";
import type { Fault } from "../fault.ts";
import { answers, keysOf, leaderOf, ms } from "./_figures.ts";

/** Milliseconds until it is started again. */
const DOWN = 5_000;

export const f1: Fault = {
  id: "F1",
  title: "a node is killed",
  replicas: [1, 3],
  takes: 12_000,
  quick: true,
  async inject(world, random, quick) {
    const manager = world.client.cluster!;
    const leader = leaderOf(world);
    const names = [...world.nodes.keys()].sort();
    const led = leader !== undefined && random.next() < 0.4;
    const name = led ? leader : random.pick(names);
    const node = world.nodes.get(name)!;
    const victims = keysOf(world, name);
    const began = world.now();
    let elsewhere: number | undefined;
    const stop = manager.onChange(() => {
      if (world.shares!()[name] === undefined) {
        elsewhere ??= world.now() - began;
      }
    });
    world.expectEnd(name);
    node.signal("SIGKILL");
    const took = await answers(world, victims);
    await node.ended;
    stop();
    await delay(quick ? DOWN / 5 : DOWN);
    await world.startNode(name);
    await world.settled();
    return {
      observations: [
        name === leader
          ? ms("first answer of each actor of a killed leader", took, 1_500)
          : ms("first answer of each actor of a killed node", took, 1_000),
        ms(
          "a killed node's shards are elsewhere",
          elsewhere === undefined ? [] : [elsewhere],
        ),
      ],
      violations: [],
    };
  },
};
