/**
 * How fast is an append, against publishing the same bytes with the plain client?
 *
 * Both write to actors in turn, always the actor's next version, with the
 * sequence of its last commit as the expectation.
 *
 * @module
 */
import { parseActorId, streamNames, subjectsOf } from "../event/mod.ts";
import { type ActorPosition, JetStreamEventStore } from "../store/mod.ts";
import { actorId, ACTORS, Turns } from "./_actors.ts";
import { assertSameSize, orderData, readPattern } from "./_commits.ts";
import { goalPanel } from "./_goal_bars.ts";
import { RawWriter } from "./_raw_writer.ts";
import type { Chart, Panel } from "./_chart.ts";
import { type Goal, printReport, ratesTable, type Table } from "./_report.ts";
import { type Contestant, drive, inTurns, ratio } from "./_rounds.ts";
import { benchOptions } from "./_runtime.ts";
import { type Arena, eachServer } from "./_servers.ts";

/** Commits of so many events, so many at once. */
interface Case {
  readonly events: number;
  readonly inFlight: number;
  readonly goal: number;
}

const CASES: readonly Case[] = [
  { events: 1, inFlight: 64, goal: 0.9 },
  { events: 1, inFlight: 1, goal: 0.9 },
  { events: 10, inFlight: 64, goal: 0.8 },
  { events: 10, inFlight: 1, goal: 0.8 },
];
/** Commits until every actor's trail is full. */
const SEED = ACTORS * 18;

const options = benchOptions();
const goals: Goal[] = [];
const ratios: Record<string, number> = {};
const tables: Table[] = [];
const panels: Panel[] = [];

async function measure(arena: Arena, one: Case): Promise<void> {
  const { events, inFlight, goal } = one;
  const mark = `${events}x${inFlight}`;
  // Namespaces are part of subjects and bodies: all have the same length.
  const [own, read] = [`own-${mark}`, `red-${mark}`];
  const stores = [await openStore(arena, own), await openStore(arena, read)];
  const append = appender(stores[0]!, events, false);
  const appendAndRead = appender(stores[1]!, events, true);
  for (const write of [append, appendAndRead]) {
    await drive(SEED, 64, (worker) => write(worker, 64));
  }
  const subject = subjectsOf(own).event(parseActorId(actorId(0)));
  const stream = streamNames(own).events;
  const pattern = await readPattern(arena.own, stream, subject);
  const raws = [
    await RawWriter.open(arena, "same bytes", `raw-${mark}`, pattern, events),
    await RawWriter.open(arena, "bytes made", `mad-${mark}`, pattern, events),
    await RawWriter.open(arena, "bare event", `bar-${mark}`, pattern, events),
  ];
  const contestant = (name: string, write: Write): Contestant => ({
    name,
    run: (operations) =>
      drive(operations, inFlight, (worker) => write(worker, inFlight)),
  });
  const results = await inTurns([
    ...raws.map((raw) =>
      contestant(`raw, ${raw.kind}`, (...args) => raw.write(...args))
    ),
    contestant("Aether", append),
    contestant("Aether, events read", appendAndRead),
  ], { ...options, warmUp: inFlight === 1 ? 300 : 3_000 });
  for (const raw of raws.slice(0, 2)) {
    assertSameSize(pattern, await raw.stored());
  }
  for (const store of stores) await store.close();

  const what = `append ${nameOf(one)}, server ${arena.name}`;
  const sizes =
    `body ${pattern.body.length} B, headers ${pattern.headerBytes} B`;
  const owns = results.slice(-2);
  tables.push(ratesTable(`${what} (${sizes})`, "commits/s", results, owns));
  for (const result of owns) {
    for (const raw of results.slice(0, -2)) {
      ratios[`${what}: ${result.name} ÷ ${raw.name}`] = ratio(result, raw);
    }
  }
  goals.push({
    name: what,
    ratio: ratio(owns[0]!, results[0]!),
    goal,
    better: "at least",
  });
}

function nameOf({ events, inFlight }: Case): string {
  return `${events} event${events > 1 ? "s" : ""} x${inFlight}`;
}

type Write = (worker: number, inFlight: number) => Promise<unknown>;

function openStore(
  arena: Arena,
  namespace: string,
): Promise<JetStreamEventStore> {
  return JetStreamEventStore.open(arena.own, { namespace });
}

/** Appends with the position of the append before, as an actor does. */
function appender(
  store: JetStreamEventStore,
  count: number,
  read: boolean,
): Write {
  const turns = new Turns();
  const positions: ActorPosition[] = [];
  let made = 0;
  return async (worker, inFlight) => {
    const actor = turns.next(worker, inFlight);
    const events = Array.from({ length: count }, () => ({
      eventType: "OrderPlaced",
      data: orderData(made++),
    }));
    const result = await store.append(actorId(actor), events, {
      expectedVersion: positions[actor] ?? 0,
    });
    positions[actor] = result.position;
    if (read && result.events.length !== count) throw new Error("not stored");
  };
}

await eachServer(options, async (arena) => {
  const before = goals.length;
  for (const one of CASES) await measure(arena, one);
  panels.push(goalPanel(
    `server ${arena.name}`,
    goals.slice(before).map((goal, i) => ({ ...goal, x: nameOf(CASES[i]!) })),
  ));
});
const chart: Chart = {
  name: "append",
  title: "Appends, beside a plain client that publishes the same bytes",
  kind: "bars",
  x: { label: "events of an append, and appends in flight" },
  y: { label: "commits/s ÷ raw; at least the goal" },
  panels,
};
printReport({
  bench: "append",
  rounds: options.rounds,
  ratios,
  goals,
  tables,
  charts: [chart],
  notes: [
    `${ACTORS} actors in turn. "raw, same bytes": js.publish with lastSubjectSequence, the body ` +
    "and headers that Aether stores made beforehand, which is what the goals are measured by; " +
    '"raw, bytes made": ids, JSON and headers made for each message; ' +
    '"raw, bare event": the data alone, made beforehand, no header but the expectation. ' +
    '"Aether, events read" looks at the result\'s events as stored; who does not, does not pay for them.',
  ],
});
