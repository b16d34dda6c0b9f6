/**
 * How fast is a command, against publishing the bytes it stores with the plain
 * client? Through an actor in this process, and through one on a node in another.
 *
 * @module
 */
import { parseActorId, streamNames, subjectsOf } from "../event/mod.ts";
import { Aether } from "../mod.ts";
import { actorId, actorKey, ACTORS, Turns } from "./_actors.ts";
import { assertSameSize, orderData, readPattern } from "./_commits.ts";
import { Order } from "./_order.ts";
import { RawWriter } from "./_raw_writer.ts";
import { startRemoteNode } from "./_remote_node.ts";
import { type Goal, printReport, ratesTable, type Table } from "./_report.ts";
import { type Contestant, drive, inTurns, ratio } from "./_rounds.ts";
import { benchOptions } from "./_runtime.ts";
import { type Arena, eachServer } from "./_servers.ts";

/** Commands until every actor's trail is full. */
const SEED = ACTORS * 18;
const options = benchOptions();
const goals: Goal[] = [];
const ratios: Record<string, number> = {};
const tables: Table[] = [];

async function measure(arena: Arena): Promise<void> {
  await using local = await Aether.start({
    servers: arena.url,
    namespace: "own",
    actors: [Order],
  });
  const endNode = await startRemoteNode(arena.url, "far");
  try {
    await using client = await Aether.start({
      servers: arena.url,
      namespace: "far",
      actors: [],
    });
    const sides = { local: commander(local), remote: commander(client) };
    for (const send of [sides.local, sides.remote]) {
      await drive(SEED, 64, (worker) => send(worker, 64));
    }
    const subject = subjectsOf("own").event(parseActorId(actorId(0)));
    const stream = streamNames("own").events;
    const pattern = await readPattern(arena.own, stream, subject);
    const raws = [
      await RawWriter.open(arena, "same bytes", "raw", pattern),
      await RawWriter.open(arena, "bytes made", "mad", pattern),
    ];
    for (const inFlight of [64, 1]) {
      await compare(arena, inFlight, raws, sides);
    }
    assertSameSize(pattern, await raws[0]!.stored());
  } finally {
    await endNode();
  }
}

async function compare(
  arena: Arena,
  inFlight: number,
  raws: readonly RawWriter[],
  sides: { readonly local: Send; readonly remote: Send },
): Promise<void> {
  const contestant = (name: string, send: Send): Contestant => ({
    name,
    run: (operations) =>
      drive(operations, inFlight, (worker) => send(worker, inFlight)),
  });
  const results = await inTurns([
    ...raws.map((raw) =>
      contestant(`raw, ${raw.kind}`, (...args) => raw.write(...args))
    ),
    contestant("local actor", sides.local),
    contestant("remote actor", sides.remote),
  ], { ...options, warmUp: inFlight === 1 ? 300 : 3_000 });
  const what = `x${inFlight}, server ${arena.name}`;
  const [raw, , local, remote] = results;
  tables.push(
    ratesTable(`command ${what}`, "commands/s", results, [local!, remote!]),
  );
  const compared = [
    { name: `command, local actor ${what}`, result: local!, goal: 0.8 },
    { name: `command, remote actor ${what}`, result: remote!, goal: 0.5 },
  ];
  for (const { name, result, goal } of compared) {
    for (const other of results.slice(0, 2)) {
      ratios[`${name} ÷ ${other.name}`] = ratio(result, other);
    }
    // The goals are for 64 in flight; one at a time, an ask is a round trip more.
    if (inFlight === 1) continue;
    goals.push({ name, ratio: ratio(result, raw!), goal, better: "at least" });
  }
}

type Send = (worker: number, inFlight: number) => Promise<unknown>;

/** Sends commands to actors in turn. */
function commander(aether: Aether): Send {
  const turns = new Turns();
  const actors = Array.from(
    { length: ACTORS },
    (_, actor) => aether.actor(Order, actorKey(actor)),
  );
  let made = 0;
  return (worker, inFlight) =>
    actors[turns.next(worker, inFlight)]!.place(orderData(made++));
}

await eachServer(options, measure);
printReport({
  bench: "command",
  rounds: options.rounds,
  ratios,
  goals,
  tables,
  notes: [
    `${ACTORS} actors in turn, all in memory, one event a command, snapshots as by default. ` +
    "The remote node runs in a process of its own under the same runtime, so that caller, node " +
    "and nats-server share the machine's cores. Raw is js.publish with lastSubjectSequence.",
  ],
});
