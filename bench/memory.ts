/**
 * How many bytes does an actor in memory take, over its state? With no command
 * remembered, and with the thousand it remembers at least.
 *
 * @module
 */
import process from "node:process";
import {
  type EventStore,
  type LoadedActor,
  parseActorId,
  type StoredCommit,
  systemClock,
  ulid,
} from "../mod.ts";
import { makeCall } from "../actor/_call.ts";
import { Host } from "../actor/_host.ts";
import { defineActor } from "../mod.ts";
import { type Goal, printReport, type Table } from "./_report.ts";
import { benchOptions, collectGarbage, runtime } from "./_runtime.ts";

const options = benchOptions();
const REMEMBERED = 1_000;
/** They are forgotten 256 at a time, so for a while there are more. */
const MOST = REMEMBERED + 255;

/** An actor whose state takes no memory of its own. */
const Still = defineActor("still", {
  state: () => 0,
  events: { Stirred: (s) => s },
}).queries({ look: (s) => s });

/** A store whose actors have so many commands behind them, one a commit. */
function storeOf(commands: number): EventStore {
  const load = (actorId: string): Promise<LoadedActor> => {
    const commits = Array.from({ length: commands }, (_, i): StoredCommit => ({
      commitId: ulid(),
      sequence: i + 1,
      version: i + 1,
      events: [{
        id: ulid(),
        eventType: "Stirred",
        actorId,
        version: i + 1,
        data: undefined,
        timestamp: new Date(),
        sequence: i + 1,
        commitId: "",
      }],
      commands: [{ id: ulid(), events: 1 }],
      at: Date.now(),
    }));
    const trail = commits.slice(-17).map(({ sequence }) => sequence).reverse();
    return Promise.resolve({
      commits,
      position: { actorId, version: commands, trail },
    });
  };
  return { namespace: "memory", load } as unknown as EventStore;
}

/** Brings actors into memory and tells how many bytes each takes. */
async function measure(commands: number, actors: number): Promise<number> {
  const host = new Host({
    nodeId: "bench",
    actors: [Still],
    store: storeOf(commands),
    clock: systemClock,
    log: () => {},
    maxActivations: actors * 2,
    alone: true,
    refer: () => undefined,
  });
  const look = (i: number) =>
    new Promise((resolve, reject) => {
      const address = parseActorId(`still-${i}`);
      const call = makeCall(systemClock, address, "look", undefined);
      host.submit(call, resolve, reject);
    });
  for (let i = 0; i < 50; i++) await look(actors + i);
  const before = await bytesInUse();
  for (let i = 0; i < actors; i++) await look(i);
  const bytes = (await bytesInUse() - before) / actors;
  if (host.stats.activations !== actors + 50) throw new Error("some have left");
  await host.close(1_000);
  return bytes;
}

async function bytesInUse(): Promise<number> {
  for (let i = 0; i < 5; i++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { external, heapUsed } = process.memoryUsage();
  // JavaScriptCore counts buffers into its heap, V8 does not.
  return runtime === "bun" ? heapUsed : heapUsed + external;
}

const empty = await measure(0, Math.ceil(20_000 * options.scale));
const full = await measure(REMEMBERED, Math.ceil(1_000 * options.scale));
const most = await measure(MOST, Math.ceil(1_000 * options.scale));
const goals: Goal[] = [
  { name: "idle, nothing remembered ÷ 2 KB", bytes: empty, most: 2_048 },
  { name: "idle, 1,000 commands ÷ 20 KB", bytes: full, most: 20_480 },
].map(({ name, bytes, most }) => ({
  name,
  ratio: bytes / most,
  goal: 1,
  better: "at most",
}));
const table: Table = {
  title: "bytes of an actor in memory, over its state",
  columns: ["", "bytes"],
  rows: [
    ["nothing remembered", empty.toFixed(0)],
    [`${REMEMBERED} commands remembered`, full.toFixed(0)],
    [`${MOST}, before the oldest go`, most.toFixed(0)],
  ],
};
printReport({
  bench: "memory",
  rounds: 1,
  ratios: Object.fromEntries(goals.map(({ name, ratio }) => [name, ratio])),
  goals,
  tables: [table],
  notes: [
    "Heap in use behind a collection, with and without the actors, divided by their number. " +
    "Command ids are ULIDs; other ids take what they are long.",
  ],
});
