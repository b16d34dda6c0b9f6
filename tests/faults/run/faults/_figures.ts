/** How faults name what they measure, so that figures of many can be laid together. */
import type { Observation, World } from "../fault.ts";

/** Durations, with what they are to stay below. */
export function ms(
  what: string,
  samples: readonly number[],
  goal?: number,
): Observation {
  return { what, samples, unit: "ms", goal };
}

/** A number of something. */
export function count(what: string, n: number, goal?: number): Observation {
  return { what, samples: [n], unit: "count", goal };
}

/** The tallies a node owns, as the client knows. */
export function keysOf(world: World, node: string): readonly string[] {
  return world.keys.filter((key) => world.ownerOf(key) === node);
}

/** Calls tallies at once; milliseconds until each was answered. */
export function answers(
  world: World,
  keys: readonly string[],
  timeout?: number,
): Promise<number[]> {
  return Promise.all(keys.map((key) => world.call(key, timeout)));
}

/** The leader of the nodes, as the client knows. */
export function leaderOf(world: World): string | undefined {
  return world.client.cluster!.leader()?.node;
}
