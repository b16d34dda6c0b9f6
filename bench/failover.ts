/**
 * How long does an actor not answer when its node is killed?
 *
 * Nodes in processes of their own, Deno and Bun in turn, under a steady load of
 * calls on actors of which few are busy. Again and again a random node, the leader
 * included, is killed with SIGKILL; in that moment each of the victim's actors is
 * called once, and the time to the answer is a sample. The node is started again,
 * and when the shards are shared evenly and every node has been there for three
 * seconds, the next one is killed. At the end the log is held against what the
 * callers were told.
 *
 * The last line is one JSON object: `p50Ms`, `p99Ms`, `maxMs` of the first answer.
 *
 * @module
 */
import { cpus } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { checkHistory } from "../tests/faults/checker/history.ts";
import { Fleet } from "../tests/faults/fleet/fleet.ts";
import { Load } from "../tests/faults/fleet/load.ts";
import { seeded } from "../tests/support/mod.ts";
import { percentile } from "./_statistics.ts";

const HELP = `Measures fail-over after SIGKILL.

  --kills <n>      how many nodes are killed (20)
  --nodes <n>      how many run (3)
  --replicas <n>   nats-servers and copies of each stream, 1 or 3 (1)
  --runtime <r>    deno, bun or mixed (mixed)
  --rate <n>       calls a second (300)
  --actors <n>     how many actors (200)
  --seed <n>       repeats a run's choices`;

/** One node's death. */
interface Death {
  readonly node: string;
  readonly runtime: string;
  readonly led: boolean;
  /** Milliseconds until the map no longer names it. */
  readonly takeover: number;
  /** Milliseconds until another one led, where it led. */
  readonly election: number | undefined;
  /** Milliseconds until its actors answered. */
  readonly answers: readonly number[];
}

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "20" },
    nodes: { type: "string", default: "3" },
    replicas: { type: "string", default: "1" },
    runtime: { type: "string", default: "mixed" },
    rate: { type: "string", default: "300" },
    actors: { type: "string", default: "200" },
    seed: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const random = seeded(
  values.seed === undefined ? undefined : Number(values.seed),
);
const kills = Number(values.kills);

await using fleet = await Fleet.start({
  nodes: Number(values.nodes),
  replicas: Number(values.replicas) as 1 | 3,
  runtime: values.runtime as "mixed",
});
const load = new Load(fleet.client, {
  random,
  rate: Number(values.rate),
  actors: Number(values.actors),
});
// Every actor is there, and loaded.
await Promise.all(load.keys.map((key) => load.add(key)));
load.start();
const deaths: Death[] = [];
for (let i = 0; i < kills; i++) {
  await quiet();
  deaths.push(await kill());
}
await load.stop();
const log = await load.log();
let stale = 0;
const problems = checkHistory(load.journal, log, () => stale++);
print();
process.exitCode = problems.length === 0 && stale === 0 ? 0 : 1;

/** A node judges others only when it has been there for a while itself. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 3_500));
}

async function kill(): Promise<Death> {
  const manager = fleet.client.cluster!;
  const names = [...fleet.nodes.keys()].sort();
  const name = random.pick(names);
  const node = fleet.nodes.get(name)!;
  const led = manager.leader()?.node === name;
  const epoch = manager.leader()?.epoch;
  const victims = load.keys.filter((key) => fleet.ownerOf(key) === name);
  let takeover = NaN;
  let election: number | undefined;
  const began = performance.now();
  const since = () => performance.now() - began;
  const stop = manager.onChange(() => {
    if (Number.isNaN(takeover) && fleet.shares()[name] === undefined) {
      takeover = since();
    }
    const leader = manager.leader();
    if (led && leader !== undefined && leader.epoch !== epoch) {
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
  const { runtime } = node;
  const death = { node: name, runtime, led, takeover, election, answers };
  console.log(
    `${deaths.length + 1}. ${name} (${runtime}${
      led ? ", led" : ""
    }): takeover ${
      takeover.toFixed(0)
    } ms, ${answers.length} actors answered after ${
      Math.min(...answers).toFixed(0)
    } to ${Math.max(...answers).toFixed(0)} ms`,
  );
  return death;
}

function print(): void {
  const row = (name: string, of: readonly number[]) =>
    of.length === 0
      ? `| ${name} | 0 | | | |`
      : `| ${name} | ${of.length} | ${
        [percentile(of, 0.5), percentile(of, 0.99), Math.max(...of)]
          .map((ms) => ms.toFixed(0)).join(" | ")
      } |`;
  const of = (led: boolean) => deaths.filter((death) => death.led === led);
  const answers = (some: readonly Death[]) =>
    some.flatMap((death) => death.answers);
  const { done, failed, nothing, read, rejected } = load.counts;
  console.log([
    "",
    `${values.nodes} nodes (${values.runtime}), ${values.replicas} nats-server(s), ${values.rate} calls/s on ${values.actors} actors, ${cpus().length} cores, seed ${random.seed}`,
    "",
    "| after SIGKILL | samples | p50 ms | p99 ms | max ms |",
    "|---|---|---|---|---|",
    row("another node has the shards", deaths.map(({ takeover }) => takeover)),
    row(
      "another node leads, where the leader was killed",
      of(true).map(({ election }) => election ?? NaN),
    ),
    row("first answer of each actor of the victim", answers(deaths)),
    row("… where the victim led", answers(of(true))),
    row("… where it did not", answers(of(false))),
    "",
    `calls: ${done} done, ${rejected} rejected, ${nothing} without effect, ${read} read, failed: ${
      JSON.stringify(Object.fromEntries(failed))
    }`,
    `log: ${log.length} events; violations: ${problems.length}, stale reads: ${stale}`,
    ...problems.slice(0, 20),
    "",
    "Not measured: a machine or a network that fails, more nodes than cores, handlers that take long.",
    "",
  ].join("\n"));
  const all = answers(deaths);
  const figures = (some: readonly number[]) =>
    some.length === 0 ? null : ({
      p50Ms: Math.round(percentile(some, 0.5)),
      p99Ms: Math.round(percentile(some, 0.99)),
      maxMs: Math.round(Math.max(...some)),
    });
  console.log(JSON.stringify({
    bench: "failover",
    kills,
    samples: all.length,
    ...figures(all),
    leader: figures(answers(of(true))),
    takeover: figures(deaths.map(({ takeover }) => takeover)),
    violations: problems.length + stale,
    seed: random.seed,
  }));
}
