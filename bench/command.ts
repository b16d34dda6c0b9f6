/**
 * How fast is a command, and how long does it take, against publishing the bytes it
 * stores with the plain client? Through an actor in this process, and through one on
 * a node in another; with 1 to 256 of them in flight.
 *
 * @module
 */
import { parseActorId, streamNames, subjectsOf } from "../event/mod.ts";
import { Aether } from "../mod.ts";
import { actorId, actorKey, ACTORS, Turns } from "./_actors.ts";
import {
  commandCharts,
  type Compared,
  type ServerFound,
} from "./_command_charts.ts";
import { assertSameSize, orderData, readPattern } from "./_commits.ts";
import { Order } from "./_order.ts";
import { RawWriter } from "./_raw_writer.ts";
import { startRemoteNode } from "./_remote_node.ts";
import { type Goal, printReport, ratesTable, type Table } from "./_report.ts";
import {
  type Contestant,
  drive,
  inTurns,
  ratio,
  type Result,
} from "./_rounds.ts";
import { benchOptions } from "./_runtime.ts";
import { type Arena, eachServer } from "./_servers.ts";

const IN_FLIGHT = [1, 4, 16, 64, 256];
/** The goals are for so many; one at a time, an ask is a round trip more. */
const GOALS_AT = 64;
const GOALS = { local: 0.8, remote: 0.5 };
/** Commands until every actor's trail is full. */
const SEED = ACTORS * 18;
const options = benchOptions();
const goals: Goal[] = [];
const ratios: Record<string, number> = {};
const tables: Table[] = [];
const servers: ServerFound[] = [];
/** Of how many operations the figures of one row are, at least. */
let fewest = Infinity;

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
    const rows: Compared[] = [];
    for (const inFlight of IN_FLIGHT) {
      rows.push(await compare(arena, inFlight, raws, sides));
    }
    servers.push({ name: arena.name, rows });
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
): Promise<Compared> {
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
  ], {
    ...options,
    warmUp: Math.min(3_000, 300 * inFlight),
    least: 4 * inFlight,
  });
  fewest = Math.min(fewest, ...results.map(({ operations }) => operations));
  const what = `x${inFlight}, server ${arena.name}`;
  const [raw, , local, remote] = results as [Result, Result, Result, Result];
  tables.push(
    ratesTable(`command ${what}`, "commands/s", results, [local, remote], {
      tail: true,
    }),
  );
  for (const [side, result] of Object.entries({ local, remote })) {
    const name = `command, ${side} actor ${what}`;
    for (const other of results.slice(0, 2)) {
      ratios[`${name} ÷ ${other.name}`] = ratio(result, other);
    }
    if (inFlight !== GOALS_AT) continue;
    goals.push({
      name,
      ratio: ratio(result, raw),
      goal: GOALS[side as keyof typeof GOALS],
      better: "at least",
    });
  }
  return {
    inFlight,
    raw,
    local,
    remote,
    ...(inFlight === GOALS_AT ? { goals: GOALS } : {}),
  };
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
  charts: commandCharts(servers),
  notes: [
    `${ACTORS} actors in turn, all in memory, one event a command, snapshots as by default. ` +
    "The remote node runs in a process of its own under the same runtime, so that caller, node " +
    "and nats-server share the machine's cores. Raw is js.publish with lastSubjectSequence.",
    `Percentiles are over at least ${
      Math.floor(fewest / 100) * 100
    } commands a row: where those are few, p99.9 is one of the slowest.`,
  ],
});
