/**
 * F2: a node stands still while it leads, owns shards and has commands in its
 * handlers. Others take over; what it had decided comes too late when it wakes, and
 * is refused.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Fault } from "../fault.ts";
import { answers, count, keysOf, leaderOf, ms } from "./_figures.ts";

const FROZEN = 30_000;
/** Enough for the others to have noticed. */
const QUICK = 8_000;
/** How long the handlers take that are frozen, and how far they have got. */
const HANDLER = 2_000;
const LATE = 20;

export const f2: Fault = {
  id: "F2",
  title: "a node stands still, and wakes up late",
  replicas: [1, 3],
  takes: 45_000,
  quick: false,
  async inject(world, random, quick) {
    const name = leaderOf(world) ?? random.pick([...world.nodes.keys()].sort());
    const node = world.nodes.get(name)!;
    const mine = keysOf(world, name);
    // Actors of their own, so that nobody else is at work in them.
    const fresh = Array.from(
      { length: LATE * 12 },
      () => `late${random.int(1e9)}`,
    );
    const late = fresh.filter((key) => world.ownerOf(key) === name)
      .slice(0, LATE);
    const told = late.map((key) => world.slowly(key, HANDLER, 60_000));
    await delay(HANDLER / 3);
    const from = node.log.length;
    node.signal("SIGSTOP");
    const began = world.now();
    const elsewhere = answers(world, mine, 60_000);
    await delay(quick ? QUICK : FROZEN);
    const took = await elsewhere;
    await Promise.all(told);
    const stood = world.now() - began;
    node.signal("SIGCONT");
    const woke = world.now();
    await world.settled();
    const back = world.now() - woke;
    const refused = node.log.slice(from)
      .filter(({ message }) => message === "another writer was first").length;
    return {
      observations: [
        ms("first answer of each actor of a frozen node", took, 12_000),
        ms("a node stood still", [stood]),
        ms("a woken node shares the shards again", [back], 5_000),
        count("late writes of a woken node that were refused", refused),
      ],
      violations: late.length > 0 && refused === 0
        ? ["no late write of the woken node was refused"]
        : [],
    };
  },
};
