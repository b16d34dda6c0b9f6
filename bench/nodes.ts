/**
 * What does a node more cost? Commands on 1 to 5 nodes in processes of their own,
 * against publishing the bytes they store with the plain client while the same nodes
 * are there.
 *
 * All processes share one machine: it shows what it costs to spread actors, not what
 * is gained by more machines.
 *
 * @module
 */
import { cpus } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { parseActorId, streamNames, subjectsOf } from "../event/mod.ts";
import { Aether } from "../mod.ts";
import { actorId, actorKey, ACTORS, Turns } from "./_actors.ts";
import { assertSameSize, orderData, readPattern } from "./_commits.ts";
import { Order } from "./_order.ts";
import { RawWriter } from "./_raw_writer.ts";
import { startRemoteNode } from "./_remote_node.ts";
import { printReport, type Table } from "./_report.ts";
import { drive, inTurns, ratio, type Result } from "./_rounds.ts";
import { benchOptions } from "./_runtime.ts";
import { type Arena, onServer } from "./_servers.ts";

/** Commands until every actor's trail is full. */
const SEED = ACTORS * 18;
const IN_FLIGHT = 64;
const MOST = 5;
const SHARED_WITHIN = 30_000;

/** What was found on so many nodes. */
interface Found {
  readonly nodes: number;
  readonly raw: Result;
  readonly own: Result;
}

const options = benchOptions();
const found: Found[] = [];

async function measure(arena: Arena): Promise<void> {
  await using client = await Aether.start({
    servers: arena.url,
    namespace: "far",
    actors: [],
  });
  const send = commander(client);
  const ends: (() => Promise<void>)[] = [];
  let raw: RawWriter | undefined;
  try {
    for (let nodes = 1; nodes <= MOST; nodes++) {
      ends.push(await startRemoteNode(arena.url, "far"));
      await shared(client, nodes);
      if (raw === undefined) {
        await drive(SEED, IN_FLIGHT, send);
        raw = await openRaw(arena);
      }
      found.push({ nodes, ...await compare(raw, send) });
    }
    assertSameSize(await storedBy(arena, "far"), await raw!.stored());
  } finally {
    await Promise.all(ends.map((end) => end()));
  }
}

async function compare(
  writer: RawWriter,
  send: (worker: number) => Promise<unknown>,
): Promise<{ readonly raw: Result; readonly own: Result }> {
  const [raw, own] = await inTurns([
    {
      name: "raw",
      run: (operations) =>
        drive(
          operations,
          IN_FLIGHT,
          (worker) => writer.write(worker, IN_FLIGHT),
        ),
    },
    {
      name: "Aether",
      run: (operations) => drive(operations, IN_FLIGHT, send),
    },
  ], { ...options, warmUp: 3_000 });
  return { raw: raw!, own: own! };
}

/** Waits until so many nodes, and no others, have even shares. */
async function shared(client: Aether, nodes: number): Promise<void> {
  const until = performance.now() + SHARED_WITHIN;
  for (;;) {
    const counts = new Map<string | undefined, number>();
    for (const node of client.cluster!.shardMap("order").nodes) {
      counts.set(node, (counts.get(node) ?? 0) + 1);
    }
    const isEven = !counts.has(undefined) && counts.size === nodes &&
      [...counts.values()].every((n) => Math.abs(n - 256 / nodes) <= 1);
    if (isEven) return;
    if (performance.now() > until) {
      throw new Error(
        `${nodes} nodes do not share the shards: ${
          JSON.stringify([...counts])
        }`,
      );
    }
    await delay(50);
  }
}

async function openRaw(arena: Arena): Promise<RawWriter> {
  const pattern = await storedBy(arena, "far");
  return RawWriter.open(arena, "same bytes", "raw", pattern);
}

function storedBy(arena: Arena, namespace: string) {
  const subject = subjectsOf(namespace).event(parseActorId(actorId(0)));
  return readPattern(arena.own, streamNames(namespace).events, subject);
}

/** Sends commands to actors in turn. */
function commander(client: Aether): (worker: number) => Promise<unknown> {
  const turns = new Turns();
  const actors = Array.from(
    { length: ACTORS },
    (_, actor) => client.actor(Order, actorKey(actor)),
  );
  let made = 0;
  return (worker) =>
    actors[turns.next(worker, IN_FLIGHT)]!.place(orderData(made++));
}

await onServer(measure);
const table: Table = {
  title: `commands x${IN_FLIGHT} on 1 to ${MOST} nodes`,
  columns: [
    "nodes",
    "commands/s",
    "p50 ms",
    "p99 ms",
    "raw commits/s",
    "÷ raw",
  ],
  rows: found.map(({ nodes, own, raw }) => [
    String(nodes),
    own.rate.toFixed(0),
    own.p50.toFixed(2),
    own.p99.toFixed(2),
    raw.rate.toFixed(0),
    ratio(own, raw).toFixed(2),
  ]),
};
const line = (name: string, of: (found: Found) => Result) => ({
  name,
  points: found.map((one) => ({ x: one.nodes, y: of(one).rate })),
});
printReport({
  bench: "nodes",
  rounds: options.rounds,
  ratios: Object.fromEntries(
    found.map(({ nodes, own, raw }) => [
      `commands x${IN_FLIGHT}, ${nodes} nodes ÷ raw`,
      ratio(own, raw),
    ]),
  ),
  goals: [],
  tables: [table],
  charts: [{
    name: "nodes",
    title: `Commands on 1 to ${MOST} nodes that share ${cpus().length} cores`,
    kind: "lines",
    x: { label: "nodes, a process each", exact: true },
    y: { label: "a second" },
    panels: [{
      title: `${IN_FLIGHT} in flight, server default`,
      series: [
        line("Aether", ({ own }) => own),
        line("raw", ({ raw }) => raw),
      ],
    }],
  }],
  notes: [
    `Nodes, caller and nats-server share ${cpus().length} cores, so this is what it costs to spread ${ACTORS} actors ` +
    "over more processes, and says nothing of what more machines would gain. Raw is js.publish with " +
    "lastSubjectSequence by the caller's process, while the nodes have nothing to do.",
  ],
});
