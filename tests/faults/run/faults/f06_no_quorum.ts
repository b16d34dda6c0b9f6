/**
 * F6: two of three servers are down: nothing can be acknowledged. Every call ends
 * in its time, and what was told to be done is there when they are back.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Fault } from "../fault.ts";
import { answers, ms } from "./_figures.ts";

const DOWN = 20_000;
const QUICK = 6_000;
const ASKED = 30;
const TIMEOUT = 4_000;
/** Milliseconds a call may take beyond its time, on a machine that has much to do. */
const MARGIN = 3_000;

export const f6: Fault = {
  id: "F6",
  title: "two of three servers are killed",
  replicas: [3],
  takes: 45_000,
  quick: false,
  async inject(world, random, quick) {
    const [first, second] = random.next() < 0.5 ? [0, 1] : [1, 2];
    const down = [first!, second!].map((i) => world.servers.servers[i]!);
    await Promise.all(down.map((server) => server.kill()));
    const asked = answers(world, world.keys.slice(0, ASKED), TIMEOUT);
    await delay(quick ? QUICK : DOWN);
    const told = await asked;
    await Promise.all(down.map((server) => server.restart()));
    await world.servers.ready(120_000);
    const took = await answers(world, world.keys.slice(0, ASKED), 60_000);
    await world.settled();
    const late = told.filter((ms) => ms > TIMEOUT + MARGIN);
    return {
      observations: [
        ms("a call without a quorum has ended", told, TIMEOUT),
        ms("first answer after a quorum is back", took, 10_000),
      ],
      violations: late.map((ms) =>
        `a call with ${TIMEOUT} ms ended after ${ms | 0} ms`
      ),
    };
  },
};
