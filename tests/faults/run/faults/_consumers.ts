/** What the faults of subscribers share: the consumers on the log, and its end. */
import { streamNames } from "../../../../event/mod.ts";
import type { Connection } from "../../../../nats/mod.ts";
import { eventually } from "../../../support/mod.ts";
import type { World } from "../fault.ts";
import type { Findings } from "./_findings.ts";

/** Milliseconds in which consumers that nobody wants are gone. */
const GONE = 60_000;

/** Names of all consumers on the log. */
export async function consumersOf(
  world: World,
  admin: Connection,
): Promise<readonly string[]> {
  const stream = streamNames(world.namespace).events;
  const names: string[] = [];
  for (let total = Infinity; names.length < total;) {
    const answer = await admin.request(
      `$JS.API.CONSUMER.NAMES.${stream}`,
      JSON.stringify({ offset: names.length }),
      { timeout: 5_000 },
    );
    const page = answer.json() as {
      readonly consumers?: readonly string[] | null;
      readonly total?: number;
    };
    if (!page.consumers?.length) break;
    names.push(...page.consumers);
    total = page.total ?? 0;
  }
  return names;
}

/** Sees to it that no more consumers are left than there were, but for one. */
export async function areGone(
  world: World,
  admin: Connection,
  before: readonly string[],
  found: Findings,
): Promise<void> {
  const freed = world.now();
  await found.proved("consumers", () =>
    eventually(async () => {
      const left = await consumersOf(world, admin);
      if (left.length <= before.length + 1) return true;
      throw new Error(
        `${left.length} are on the stream, and there were ${before.length}`,
      );
    }, { timeout: GONE, interval: 500 }));
  found.measured(
    "consumers are as many as before",
    [world.now() - freed],
    "ms",
    GONE,
  );
}

/** The last sequence of a tally in the log. */
export async function lastOf(world: World): Promise<number> {
  const newest = world.client.store.read({
    type: "tally",
    direction: "backward",
    limit: 1,
  });
  for await (const { sequence } of newest) return sequence;
  return 0;
}
