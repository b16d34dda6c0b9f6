/**
 * Waiting until a run has come to rest: what was sent is carried out, timers have
 * rung, policies have reacted, views and subscribers are up to date. That it does
 * come to rest is a promise, too.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Inbox } from "../../../store/mod.ts";
import type { RecordedEffect } from "../checker/mod.ts";
import type { RunLog } from "./log.ts";
import { Sums } from "./workload/reactions.ts";
import type { RunWorld } from "./world.ts";

/** Milliseconds between two looks. */
const PAUSE = 500;

/**
 * Waits for all of it.
 *
 * @returns What has not come to rest in time, one sentence each.
 */
export async function rest(
  world: RunWorld,
  log: RunLog,
  timeout: number,
): Promise<readonly string[]> {
  const until = performance.now() + timeout;
  let left: string[] = [];
  do {
    await log.read();
    left = await unsettled(world, log);
    if (left.length === 0) break;
    await delay(PAUSE);
  } while (performance.now() < until);
  // Whoever follows the log is given the same time, once nothing is added to it.
  const tail =
    log.events.findLast(({ actorId }) => actorId.startsWith("tally-"))
      ?.sequence ?? 0;
  await Promise.all([
    world.watchers.reached(tail, timeout),
    world.client.projection(Sums).caughtUpTo(tail, { timeout }),
  ].map((reached) =>
    reached.catch((error: Error) => void left.push(error.message))
  ));
  return left;
}

/**
 * Milliseconds ahead that timers are waited for: those of a node whose clock is an
 * hour ahead ring in an hour.
 */
const AHEAD = 60_000;

async function unsettled(world: RunWorld, log: RunLog): Promise<string[]> {
  const parked = new Set(
    (await world.client.parked().list()).map(({ command }) =>
      command.commandId
    ),
  );
  const { inbox } = world.client.store as unknown as { readonly inbox: Inbox };
  const { places } = await inbox.places(1);
  const outcomes = new Map(
    log.outcomes.map((outcome) => [outcome.commandId, outcome]),
  );
  const lost: string[] = [];
  const live = new Map<string, RecordedEffect>();
  for (const effect of log.effects) {
    const { from, id, kind, name, rejectionId, to } = effect;
    if (kind === "send") {
      const outcome = outcomes.get(id);
      if (outcome === undefined && !parked.has(id)) {
        lost.push(`what ${from} sent to ${to} (${id})`);
      } else if (
        outcome?.rejected !== undefined && rejectionId !== undefined &&
        !outcomes.has(rejectionId)
      ) lost.push(`what ${from} is told of a rejection by ${to} (${id})`);
    } else if (kind === "schedule") live.set(`${from} ${name}`, effect);
    else live.delete(`${from} ${name}`);
  }
  const soon = Date.now() + AHEAD;
  const unrung = [...live.values()].filter(({ due = 0, id }) =>
    !outcomes.has(id) && due < soon
  );
  const spent = log.events.filter(({ type }) => type === "Spent").length;
  const noted = log.events.filter(({ type }) => type === "Noted").length;
  return [
    ...some("was not carried out", lost),
    ...some(
      "did not ring",
      unrung.map(({ from, id, name }) => `timer ${name} of ${from} (${id})`),
    ),
    ...some(
      "still waits in the inbox",
      places.map(({ shard, type }) =>
        `something for ${type} of shard ${shard}`
      ),
    ),
    ...(spent === noted
      ? []
      : [`${spent} spendings have led to ${noted} notes`]),
  ];
}

function some(what: string, of: readonly string[]): string[] {
  const [first] = of;
  if (first === undefined) return [];
  const more = of.length === 1 ? "" : `, and ${of.length - 1} more`;
  return [`${first} ${what}${more}`];
}
