/**
 * How fast does the bus deliver, against the plain client that receives the same
 * bytes and parses their JSON?
 *
 * Live: what a server republishes is sent by another process, and received by 1,
 * 10 and 100 subscribers of this one. Catch-up: a stream is read from its
 * beginning, against the plain client's ordered consumer. Latency: from an append
 * to its delivery, against a plain publish into such a stream and a plain
 * subscription.
 *
 * @module
 */
import { jetstream } from "@nats-io/jetstream";
import type { Msg } from "@nats-io/nats-core";
import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { NatsEventBus } from "../bus/mod.ts";
import { parseActorId, streamNames, subjectsOf } from "../event/mod.ts";
import type { Connection } from "../nats/mod.ts";
import { JetStreamEventStore } from "../store/mod.ts";
import { actorId } from "./_actors.ts";
import type { Burst } from "./_bus_publisher.ts";
import { orderData, readPattern } from "./_commits.ts";
import { goalPanel } from "./_goal_bars.ts";
import { RawWriter } from "./_raw_writer.ts";
import { type Goal, printReport, ratesTable, type Table } from "./_report.ts";
import {
  type Contestant,
  inTurns,
  type Measured,
  ratio,
  type Result,
} from "./_rounds.ts";
import { benchOptions, runtime } from "./_runtime.ts";
import { type Arena, eachServer } from "./_servers.ts";

const LIVE = [1, 10, 100];
/** Most deliveries under way: what the server keeps for a slow client is bounded. */
const WINDOW = 20_000;
const COMMITS = 50_000;
/** The goals' names on the chart, in their order. */
const BARS = [...LIVE.map((n) => `live, ${n}`), "catch-up"];
const NONE = new Float64Array(0);

const options = benchOptions();
const goals: Goal[] = [];
const ratios: Record<string, number> = {};
const tables: Table[] = [];

/** Rates of those who do not time each operation. */
function throughputTable(
  title: string,
  unit: string,
  results: readonly Result[],
  own: Result,
): Table {
  return {
    title,
    columns: ["", unit, `${own.name} ÷ it`],
    rows: results.map((result) => [
      result.name,
      result.rate.toFixed(0),
      result === own ? "" : ratio(own, result).toFixed(2),
    ]),
  };
}

/** Subscribers that count what they get. */
interface Crowd {
  /** Resolves when all together have got so many more. */
  got(count: number): Promise<void>;
  close(): Promise<void>;
}

async function live(arena: Arena, subscribers: number): Promise<void> {
  const namespace = `live-${subscribers}`;
  const burst = await templateOf(arena, namespace);
  const stop = await startPublisher(arena.url);
  let sequence = 1_000_000;
  const contestant = (
    name: string,
    open: () => Promise<Crowd>,
  ): Contestant => ({
    name,
    async run(operations) {
      const crowd = await open();
      const each = Math.max(1, Math.ceil(operations / subscribers));
      const started = performance.now();
      for (let left = each; left > 0;) {
        const count = Math.min(left, Math.ceil(WINDOW / subscribers));
        const got = crowd.got(count * subscribers);
        const request = JSON.stringify({ ...burst, first: sequence, count });
        sequence += count;
        left -= count;
        await arena.raw.request("bench.bus", request, { timeout: 30_000 });
        await got;
      }
      const seconds = (performance.now() - started) / 1000;
      await crowd.close();
      // A crowd's share may be rounded up.
      return {
        seconds: seconds * operations / (each * subscribers),
        latencies: NONE,
      };
    },
  });
  const results = await inTurns([
    contestant(
      "raw, for await",
      () => rawCrowd(arena.raw, burst.subject, subscribers),
    ),
    contestant(
      "raw, callback",
      () => rawCallbacks(arena.raw, burst.subject, subscribers),
    ),
    contestant(
      "raw, for await, place read",
      () => rawCrowd(arena.raw, burst.subject, subscribers, readPlace),
    ),
    contestant("Aether", () => ownCrowd(arena.own, namespace, subscribers)),
  ], { ...options, warmUp: 2_000 });
  await stop();
  const [iterator, callback, placed, own] = results;
  const what = `live, ${subscribers} subscriber${subscribers > 1 ? "s" : ""}`;
  tables.push(throughputTable(what, "deliveries/s", results, own!));
  ratios[`${what} ÷ raw, callback`] = ratio(own!, callback!);
  ratios[`${what} ÷ raw, place read`] = ratio(own!, placed!);
  goals.push({
    name: `${what} ÷ raw core NATS`,
    ratio: ratio(own!, iterator!),
    goal: 0.9,
    better: "at least",
  });
}

function counter(): { count(): void; got(count: number): Promise<void> } {
  let total = 0;
  let target = 0;
  let onTarget = () => {};
  return {
    count: () => {
      if (++total === target) onTarget();
    },
    got: (count) => {
      target = total + count;
      return new Promise((resolve) => onTarget = resolve);
    },
  };
}

async function rawCrowd(
  nc: Connection,
  subject: string,
  size: number,
  look: (msg: Msg) => void = () => {},
): Promise<Crowd> {
  const { count, got } = counter();
  const subscriptions = Array.from(
    { length: size },
    () => nc.subscribe(subject),
  );
  for (const subscription of subscriptions) {
    void (async () => {
      for await (const msg of subscription) {
        JSON.parse(msg.string());
        look(msg);
        count();
      }
    })();
  }
  await nc.flush();
  return { got, close: () => closeAll(nc, subscriptions) };
}

/** What a plain client has to look at, if it is to see that something is missing. */
function readPlace(msg: Msg): void {
  if (!(Number(msg.headers?.get("Nats-Sequence")) > 0)) {
    throw new Error("A message without its place");
  }
}

async function rawCallbacks(
  nc: Connection,
  subject: string,
  size: number,
): Promise<Crowd> {
  const { count, got } = counter();
  const subscriptions = Array.from(
    { length: size },
    () =>
      nc.subscribe(subject, {
        callback: (_error, msg) => {
          JSON.parse(msg.string());
          count();
        },
      }),
  );
  await nc.flush();
  return { got, close: () => closeAll(nc, subscriptions) };
}

async function closeAll(
  nc: Connection,
  subscriptions: { unsubscribe(): void }[],
): Promise<void> {
  for (const subscription of subscriptions) subscription.unsubscribe();
  await nc.flush();
}

async function ownCrowd(
  nc: Connection,
  namespace: string,
  size: number,
): Promise<Crowd> {
  const { count, got } = counter();
  const bus = new NatsEventBus(nc);
  const buffer = { events: WINDOW, bytes: 1 << 26 };
  const subscriptions = Array.from(
    { length: size },
    () => bus.subscribe(namespace, { buffer }),
  );
  for (const subscription of subscriptions) {
    void (async () => {
      for await (const _ of subscription) count();
    })();
  }
  await Promise.all(subscriptions.map((subscription) => subscription.ready));
  return { got, close: () => bus.close() };
}

/** A message as the server republishes it, to be sent again with other sequences. */
async function templateOf(
  arena: Arena,
  namespace: string,
): Promise<Omit<Burst, "first" | "count">> {
  const store = await JetStreamEventStore.open(arena.own, { namespace });
  const subject = subjectsOf(namespace).bus(parseActorId(actorId(0)));
  const republished = new Promise<Omit<Burst, "first" | "count">>((resolve) => {
    arena.raw.subscribe(subject, {
      max: 1,
      callback: (_error, msg) => {
        const lines = [...msg.headers!].map(([name, [value]]) =>
          name === "Nats-Sequence" ? `${name}: SEQUENCE` : `${name}: ${value}`
        );
        const headers = ["NATS/1.0", ...lines, "", ""].join("\r\n");
        resolve({ subject, headers, body: msg.string() });
      },
    });
  });
  await arena.raw.flush();
  await store.append(actorId(0), [{
    eventType: "OrderPlaced",
    data: orderData(0),
  }]);
  await store.close();
  return await republished;
}

async function startPublisher(url: string): Promise<() => Promise<void>> {
  const script = fileURLToPath(new URL("./_bus_publisher.ts", import.meta.url));
  const run = runtime === "deno" ? ["run", "-A"] : [];
  const child = spawn(process.execPath, [...run, script, url], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) =>
    child.once("close", () => resolve())
  );
  await new Promise((resolve) => child.stdout.once("data", resolve));
  return async () => {
    child.stdin.end();
    await ended;
  };
}

async function catchUp(arena: Arena): Promise<void> {
  const namespace = "history";
  const store = await JetStreamEventStore.open(arena.own, { namespace });
  const count = Math.ceil(COMMITS * options.scale);
  let made = 0;
  await Promise.all(Array.from({ length: 64 }, async (_, worker) => {
    for (; made < count;) {
      const data = orderData(made++);
      await store.append(actorId(worker), [{ eventType: "OrderPlaced", data }]);
    }
  }));
  const stream = streamNames(namespace).events;
  const timed = async (
    run: (operations: number) => Promise<void>,
    n: number,
  ) => {
    const started = performance.now();
    await run(Math.min(n, count));
    const seconds = (performance.now() - started) / 1000;
    return { seconds: seconds * n / Math.min(n, count), latencies: NONE };
  };
  const raw = async (operations: number) => {
    const consumer = await jetstream(arena.raw).consumers.get(stream);
    const messages = await consumer.consume({ max_messages: 1_000 });
    let left = operations;
    for await (const msg of messages) {
      JSON.parse(msg.string());
      if (--left === 0) break;
    }
    await consumer.delete();
  };
  const own = async (operations: number) => {
    await using bus = new NatsEventBus(arena.own);
    let left = operations;
    for await (const _ of bus.subscribe(namespace, { from: "beginning" })) {
      if (--left === 0) break;
    }
  };
  const results = await inTurns([
    { name: "raw, ordered consumer", run: (n) => timed(raw, n) },
    { name: "Aether", run: (n) => timed(own, n) },
  ], { ...options, warmUp: Math.min(5_000, count) });
  const what = `catch-up over ${count} commits`;
  tables.push(throughputTable(what, "events/s", results, results[1]!));
  goals.push({
    name: `${what} ÷ raw ordered consumer`,
    ratio: ratio(results[1]!, results[0]!),
    goal: 0.8,
    better: "at least",
  });
  await store.close();
}

async function latency(arena: Arena): Promise<void> {
  const store = await JetStreamEventStore.open(arena.own, {
    namespace: "late-own",
  });
  const subjects = subjectsOf("late-own");
  await store.append(actorId(0), [{
    eventType: "OrderPlaced",
    data: orderData(0),
  }]);
  const pattern = await readPattern(
    arena.own,
    streamNames("late-own").events,
    subjects.event(parseActorId(actorId(0))),
  );
  const writer = await RawWriter.open(arena, "same bytes", "late-raw", pattern);
  const oneByOne = async (
    operations: number,
    receive: (onEvent: () => void) => Promise<() => Promise<void>>,
    send: () => Promise<unknown>,
  ): Promise<Measured> => {
    const latencies = new Float64Array(operations);
    let onEvent = () => {};
    const close = await receive(() => onEvent());
    const started = performance.now();
    for (let i = 0; i < operations; i++) {
      const arrived = new Promise<void>((resolve) => onEvent = resolve);
      const from = performance.now();
      const sent = send();
      await arrived;
      latencies[i] = performance.now() - from;
      await sent;
    }
    const seconds = (performance.now() - started) / 1000;
    await close();
    return { seconds, latencies };
  };
  const results = await inTurns([
    {
      name: "raw publish, raw subscription",
      run: (operations) =>
        oneByOne(operations, async (onEvent) => {
          const subscription = arena.raw.subscribe("aether.bus.late-raw.*.*");
          void (async () => {
            for await (const msg of subscription) {
              JSON.parse(msg.string());
              onEvent();
            }
          })();
          await arena.raw.flush();
          return () => closeAll(arena.raw, [subscription]);
        }, () => writer.write(0, 1)),
    },
    {
      name: "Aether append, live",
      run: (operations) =>
        oneByOne(operations, async (onEvent) => {
          const bus = new NatsEventBus(arena.own);
          const subscription = bus.subscribe("late-own");
          void (async () => {
            for await (const _ of subscription) onEvent();
          })();
          await subscription.ready;
          return () => bus.close();
        }, () =>
          store.append(actorId(0), [{
            eventType: "OrderPlaced",
            data: orderData(0),
          }])),
    },
  ], { ...options, warmUp: 200 });
  const [raw, own] = results;
  tables.push(ratesTable(
    `from append to delivery, one at a time, server ${arena.name}`,
    "events/s",
    results,
    [own!],
  ));
  ratios[`p50 from append to delivery ÷ raw, server ${arena.name}`] = own!.p50 /
    raw!.p50;
  await store.close();
}

await eachServer(options, async (arena) => {
  if (arena.first) {
    for (const subscribers of LIVE) await live(arena, subscribers);
    await catchUp(arena);
  }
  await latency(arena);
});
const charted = goals.map((goal, i) => ({ ...goal, x: BARS[i]! }));
for (const { name, ratio } of goals) ratios[name] = ratio;
printReport({
  bench: "bus",
  rounds: options.rounds,
  ratios,
  goals,
  tables,
  charts: [{
    name: "bus",
    title: "The bus, beside a plain client that parses the same messages",
    kind: "bars",
    x: { label: "live: by the number of subscribers in one process" },
    y: { label: "events/s ÷ raw; at least the goal" },
    panels: [goalPanel("server default", charted)],
  }],
  notes: [
    "Every side parses the JSON of each message; Aether also checks that it is the event of its subject, " +
    'its data and its place in the sequence, which of the raw rows only "place read" looks at; the ' +
    "goal is measured by the one that does not. The publisher of the live rows is another process on the " +
    "same machine. Not measured: several servers, networks, subscribers in several processes.",
  ],
});
