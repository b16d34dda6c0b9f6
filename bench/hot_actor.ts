/**
 * How many commands a second can one actor take? 64 callers at once, whose
 * commands are stored together, against one caller, whose commands go one in a
 * round trip, and against a plain client that publishes the same bytes one at a
 * time: each has to name the one before.
 *
 * @module
 */
import { parseActorId, streamNames, subjectsOf } from "../event/mod.ts";
import { Aether } from "../mod.ts";
import type { Panel } from "./_chart.ts";
import { orderData, readPattern } from "./_commits.ts";
import { goalPanel } from "./_goal_bars.ts";
import { Order } from "./_order.ts";
import { RawWriter } from "./_raw_writer.ts";
import { type Goal, printReport, ratesTable, type Table } from "./_report.ts";
import { drive, inTurns, ratio, type Result } from "./_rounds.ts";
import { benchOptions } from "./_runtime.ts";
import { type Arena, eachServer } from "./_servers.ts";

const IN_FLIGHT = 64;
/** Commands until the actor's trail is full. */
const SEED = 18;
const options = benchOptions();
const goals: Goal[] = [];
const ratios: Record<string, number> = {};
const tables: Table[] = [];
const panels: Panel[] = [];

async function measure(arena: Arena): Promise<void> {
  await using aether = await Aether.start({
    servers: arena.url,
    namespace: "hot",
    actors: [Order],
  });
  let made = 0;
  const send = (key: string) => {
    const actor = aether.actor(Order, key);
    return () => actor.place(orderData(made++));
  };
  const [alone, hot] = [send("alone"), send("hot")];
  for (let i = 0; i < SEED; i++) await alone();
  const pattern = await readPattern(
    arena.own,
    streamNames("hot").events,
    subjectsOf("hot").event(parseActorId("order-alone")),
  );
  const raw = await RawWriter.open(arena, "same bytes", "raw", pattern);
  const results = await inTurns([
    {
      name: "raw, 1 in flight",
      run: (operations) => drive(operations, 1, () => raw.write(0, 1)),
    },
    { name: "1 in flight", run: (operations) => drive(operations, 1, alone) },
    {
      name: `${IN_FLIGHT} in flight`,
      run: (operations) => drive(operations, IN_FLIGHT, hot),
    },
  ], { ...options, warmUp: 500, ownCount: true });
  const [plain, single, group] = results as [Result, Result, Result];
  const name = `hot actor, x${IN_FLIGHT} ÷ x1, server ${arena.name}`;
  ratios[name] = ratio(group, single);
  ratios[`hot actor, x${IN_FLIGHT} ÷ raw x1, server ${arena.name}`] = ratio(
    group,
    plain,
  );
  goals.push({ name, ratio: ratios[name], goal: 8, better: "at least" });
  panels.push(goalPanel(`server ${arena.name}`, [
    { x: "÷ one caller", ratio: ratios[name], goal: 8 },
    { x: "÷ raw, one at a time", ratio: ratio(group, plain) },
  ]));
  tables.push(
    ratesTable(
      `one actor, server ${arena.name}`,
      "commands/s",
      results,
      [group],
      { tail: true },
    ),
  );
}

await eachServer(options, measure);
printReport({
  bench: "hot_actor",
  rounds: options.rounds,
  ratios,
  goals,
  tables,
  charts: [{
    name: "hot-actor",
    title: `One actor with ${IN_FLIGHT} callers at once`,
    kind: "bars",
    x: { label: "" },
    y: { label: "commands/s ÷ those of one at a time; at least the goal" },
    panels,
  }],
  notes: [
    "One actor in this process, one event a command, snapshots as by default. What waits " +
    "while a commit is under way is decided one after another and stored in one message. Raw " +
    "is js.publish with lastSubjectSequence and the bytes of a commit of one event.",
  ],
});
