/**
 * How long does an actor not answer when its node is killed?
 *
 * Nodes in processes of their own, under a steady load of calls. Again and again a
 * node, every third time the leader, is killed with SIGKILL; in that moment each of
 * the victim's actors is called once, and the time to the answer is a sample. The
 * node is started again, and when the shards are shared evenly and every node has
 * been there for three seconds, the next one is killed. At the end the log is held
 * against what the callers were told.
 *
 * @module
 */
import process from "node:process";
import {
  callsTable,
  FLEET,
  FLEET_HELP,
  fleetName,
  type LoadedFleet,
  noViolation,
  p99Goal,
  spreadPanel,
  spreadTable,
  underLoad,
} from "./_fleet.ts";
import { printReport } from "./_report.ts";
import { benchOptions } from "./_runtime.ts";

const HELP = `Measures fail-over after SIGKILL.

  --kills <n>      how many nodes are killed (6)${FLEET_HELP}`;

/** One node's death. */
interface Death {
  readonly led: boolean;
  /** Milliseconds until the map no longer names it. */
  readonly takeover: number;
  /** Milliseconds until another one led, where it led. */
  readonly election: number | undefined;
  /** Milliseconds until its actors answered. */
  readonly answers: readonly number[];
}

if (process.argv.includes("--help")) {
  console.log(HELP);
  process.exit(0);
}
const options = benchOptions({ ...FLEET, kills: 6 });
const kills = Math.max(2, Math.ceil(options.kills * options.scale));

/** A node judges others only when it has been there for a while itself. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 3_500));
}

async function kill(
  { fleet, load, random }: LoadedFleet,
  leader: boolean,
): Promise<Death> {
  const manager = fleet.client.cluster!;
  const before = manager.leader();
  const names = [...fleet.nodes.keys()].sort();
  const wanted = names.filter((name) => (name === before?.node) === leader);
  const name = random.pick(wanted.length > 0 ? wanted : names);
  const node = fleet.nodes.get(name)!;
  const led = before?.node === name;
  const victims = load.keys.filter((key) => fleet.ownerOf(key) === name);
  let takeover = NaN;
  let election: number | undefined;
  const began = performance.now();
  const since = () => performance.now() - began;
  const stop = manager.onChange(() => {
    if (Number.isNaN(takeover) && fleet.shares()[name] === undefined) {
      takeover = since();
    }
    const now = manager.leader();
    if (led && now !== undefined && now.epoch !== before.epoch) {
      election ??= since();
    }
  });
  node.signal("SIGKILL");
  const answers = await Promise.all(
    victims.map((key) => load.add(key).then(since)),
  );
  await node.ended;
  stop();
  await fleet.startNode(name);
  await fleet.settled();
  console.log(
    `${name} (${node.runtime}${led ? ", led" : ""}): takeover ${
      takeover.toFixed(0)
    } ms, ${answers.length} actors answered after ${
      Math.min(...answers).toFixed(0)
    } to ${Math.max(...answers).toFixed(0)} ms`,
  );
  return { led, takeover, election, answers };
}

const deaths: Death[] = [];
const outcome = await underLoad(options, async (loaded) => {
  for (let i = 0; i < kills; i++) {
    await quiet();
    deaths.push(await kill(loaded, i % 3 === 1));
  }
});
const answers = (some: readonly Death[]) =>
  some.flatMap((death) => death.answers);
const all = answers(deaths);
const ofLeader = answers(deaths.filter(({ led }) => led));
const ofOthers = answers(deaths.filter(({ led }) => !led));
const goals = [
  ...p99Goal("first answer after SIGKILL", all, 1_000),
  ...p99Goal("first answer after SIGKILL of the leader", ofLeader, 1_500),
  noViolation("fail-over", outcome),
];
printReport({
  bench: "failover",
  rounds: 1,
  ratios: Object.fromEntries(goals.map(({ name, ratio }) => [name, ratio])),
  goals,
  tables: [
    spreadTable(`after SIGKILL, ${kills} times: ${fleetName(options)}`, {
      "another node has the shards": deaths.map(({ takeover }) => takeover)
        .filter((ms) => !Number.isNaN(ms)),
      "another node leads, where the leader was killed": deaths.flatMap((
        { election },
      ) => election ?? []),
      "first answer of each actor of the victim": all,
      "… where the victim led": ofLeader,
      "… where it did not": ofOthers,
    }),
    callsTable("calls during the fail-overs", outcome),
  ],
  charts: [{
    name: "failover",
    title: "An actor's first answer after its node was killed",
    kind: "bars",
    x: { label: "" },
    y: { label: "ms; p99 at most the goal" },
    panels: [
      spreadPanel("any node", all, 1_000),
      spreadPanel("the leader", ofLeader, 1_500),
    ],
  }],
  notes: [
    "The first call of each actor in the moment its node is killed; nodes run on the callers' runtime unless told otherwise. " +
    "More deaths: bench/failover.ts --kills 60, on both runtimes at once: --runtime mixed. " +
    "Not measured: a machine or a network that fails, more nodes than cores, handlers that take long.",
  ],
});
process.exitCode = outcome.violations.length + outcome.stale === 0 ? 0 : 1;
