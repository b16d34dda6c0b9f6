/**
 * How many commands a second can one actor take? 64 callers at once, whose
 * commands are stored together, against one caller, whose commands go one in a
 * round trip.
 *
 * @module
 */
import { Aether } from "../mod.ts";
import { orderData } from "./_commits.ts";
import { Order } from "./_order.ts";
import { type Goal, printReport, ratesTable, type Table } from "./_report.ts";
import { drive, inTurns, ratio } from "./_rounds.ts";
import { benchOptions } from "./_runtime.ts";
import { type Arena, eachServer } from "./_servers.ts";

const IN_FLIGHT = 64;
const options = benchOptions();
const goals: Goal[] = [];
const ratios: Record<string, number> = {};
const tables: Table[] = [];

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
  const results = await inTurns([
    { name: "1 in flight", run: (operations) => drive(operations, 1, alone) },
    {
      name: `${IN_FLIGHT} in flight`,
      run: (operations) => drive(operations, IN_FLIGHT, hot),
    },
  ], { ...options, warmUp: 500, ownCount: true });
  const [single, group] = results;
  const name = `hot actor, x${IN_FLIGHT} ÷ x1, server ${arena.name}`;
  ratios[name] = ratio(group!, single!);
  goals.push({ name, ratio: ratios[name], goal: 8, better: "at least" });
  tables.push(
    ratesTable(
      `one actor, server ${arena.name}`,
      "commands/s",
      results,
      [group!],
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
  notes: [
    "One actor in this process, one event a command, snapshots as by default. What waits " +
    "while a commit is under way is decided one after another and stored in one message.",
  ],
});
