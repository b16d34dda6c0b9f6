/** What a fault gathers while it lasts. */
import type { AetherError } from "../../../../mod.ts";
import type { FleetNode } from "../../fleet/process.ts";
import type { Injected, Observation, World } from "../fault.ts";

/** Gathers figures and broken promises. */
export class Findings implements Injected {
  readonly observations: Observation[] = [];
  readonly violations: string[] = [];

  /** Notes figures, and what each of them is to stay below. */
  measured(
    what: string,
    samples: readonly number[],
    unit: Observation["unit"] = "ms",
    goal?: number,
  ): void {
    this.observations.push({ what, samples, unit, goal });
  }

  /** Notes a broken promise unless it was kept. */
  promised(isKept: boolean, broken: string): void {
    if (!isKept) this.violations.push(broken);
  }

  /** Notes what an assertion says, if it fails. */
  async proved(what: string, assertion: () => unknown): Promise<void> {
    try {
      await assertion();
    } catch (error) {
      this.violations.push(`${what}: ${(error as Error).message}`);
    }
  }

  /** Notes that nothing was hurt, unless it was: a run that hurts nothing proves nothing. */
  injected(isHurt: boolean, what: string): void {
    this.promised(isHurt, `nothing was injected: ${what}`);
  }
}

/** How often nodes have said something in their logs. */
export function said(nodes: Iterable<FleetNode>, message: string): number {
  return [...nodes].flatMap(({ log }) => log)
    .filter((entry) => entry["message"] === message).length;
}

/** What a node says when it finds that it was given up. */
export const LOST = "a node lost its record";

/** The busiest of the actors that a node owns, as the client knows. */
export function keysOf(world: World, node: string, count: number): string[] {
  return world.keys.filter((key) => world.ownerOf(key) === node)
    .slice(0, count);
}

/** One of the nodes that run. */
export function anyNode(
  world: World,
  random: { pick<T>(values: readonly T[]): T },
): string {
  return random.pick([...world.nodes.keys()].sort());
}

/** The error's code; `none` of what has none, and so is not one of ours. */
export function codeOf(error: unknown): string {
  return (error as Partial<AetherError> | undefined)?.code ?? "none";
}
