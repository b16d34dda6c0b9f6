/**
 * How fast is reading events back, against the plain client with the JSON parsed?
 *
 * One actor's events against a direct batch of the same messages, and a whole
 * namespace's against an ordered consumer.
 *
 * @module
 */
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { createInbox } from "@nats-io/nats-core";
import { parseActorId, streamNames, subjectsOf } from "../event/mod.ts";
import type { Connection } from "../nats/mod.ts";
import { JetStreamEventStore } from "../store/mod.ts";
import { actorId, ACTORS } from "./_actors.ts";
import { orderData } from "./_commits.ts";
import { goalPanel } from "./_goal_bars.ts";
import type { Chart } from "./_chart.ts";
import { getBatch } from "./_loads.ts";
import { type Goal, printReport, ratesTable, type Table } from "./_report.ts";
import {
  type Contestant,
  drive,
  inTurns,
  ratio,
  type Result,
} from "./_rounds.ts";
import { benchOptions } from "./_runtime.ts";
import { Seeder } from "./_seeder.ts";
import { type Arena, onServer } from "./_servers.ts";

const options = benchOptions();
const ONE_ACTOR = Math.ceil(10_000 * options.scale);
const NAMESPACE = Math.ceil(50_000 * options.scale);
const ONE = "order-0001";

const goals: Goal[] = [];
const ratios: Record<string, number> = {};
const tables: Table[] = [];

async function measure(arena: Arena): Promise<void> {
  const one = await openFilled(arena, "one", ONE_ACTOR, () => ONE);
  const all = await openFilled(
    arena,
    "all",
    NAMESPACE,
    (n) => actorId(n % ACTORS),
  );
  const jsm = await jetstreamManager(arena.raw);
  const stream = streamNames("one").events;
  const subject = subjectsOf("one").event(parseActorId(ONE));
  await compare(arena, `replay of one actor's ${ONE_ACTOR} events`, ONE_ACTOR, [
    reading(
      "raw, direct.getBatch with a callback",
      ONE_ACTOR,
      () => getBatch(jsm, stream, subject, ONE_ACTOR),
    ),
    reading(
      "raw, direct get request",
      ONE_ACTOR,
      () => requestBatch(arena.raw, stream, subject),
    ),
    reading("Aether", ONE_ACTOR, async () => (await one.getEvents(ONE)).length),
  ]);
  await compare(
    arena,
    `replay of a namespace's ${NAMESPACE} events`,
    NAMESPACE,
    [
      reading(
        "raw, ordered consumer (pull)",
        NAMESPACE,
        () => pullAll(arena.raw, streamNames("all").events),
      ),
      reading(
        "raw, ordered consumer (push)",
        NAMESPACE,
        () => pushAll(arena.raw, streamNames("all").events),
      ),
      reading("Aether", NAMESPACE, () => readAll(all)),
    ],
  );
  await one.close();
  await all.close();
}

async function compare(
  arena: Arena,
  what: string,
  events: number,
  contestants: readonly Contestant[],
): Promise<void> {
  const results = await inTurns(contestants, { ...options, warmUp: 3 });
  const title = `${what}, server ${arena.name}`;
  const own = results.at(-1)!;
  const raws = results.slice(0, -1);
  tables.push(ratesTable(title, "events/s", results, [own], { each: events }));
  for (const raw of raws) ratios[`${title} ÷ ${raw.name}`] = ratio(own, raw);
  const faster = (a: Result, b: Result) => a.rate > b.rate ? a : b;
  goals.push({
    name: title,
    ratio: ratio(own, raws.reduce(faster)),
    goal: 0.8,
    better: "at least",
  });
}

/** A contestant that reads everything once per operation, and must find it all. */
function reading(
  name: string,
  events: number,
  read: () => Promise<number>,
): Contestant {
  return {
    name,
    run: (operations) =>
      drive(operations, 1, async () => {
        const found = await read();
        if (found !== events) {
          throw new Error(`${name} found ${found} of ${events} events`);
        }
      }),
  };
}

async function openFilled(
  arena: Arena,
  namespace: string,
  events: number,
  whose: (n: number) => string,
): Promise<JetStreamEventStore> {
  const store = await JetStreamEventStore.open(arena.own, { namespace });
  await using seeder = new Seeder(arena.own, namespace);
  for (let n = 0; n < events; n++) {
    await seeder.write(whose(n), orderData(n));
  }
  return store;
}

async function readAll(store: JetStreamEventStore): Promise<number> {
  let found = 0;
  for await (const _event of store.read()) found++;
  return found;
}

/** The same request without the client's help, and without a look at the headers. */
function requestBatch(
  nc: Connection,
  stream: string,
  subject: string,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const events: unknown[] = [];
  const reply = createInbox();
  const subscription = nc.subscribe(reply, {
    callback: (error, message) => {
      if (error) return reject(error);
      const { data } = message;
      if (data.length > 0) {
        events.push(JSON.parse(utf8.decode(data)));
        return;
      }
      subscription.unsubscribe();
      resolve(events.length);
    },
  });
  const query = { seq: 1, next_by_subj: subject, batch: ONE_ACTOR };
  nc.publish(`$JS.API.DIRECT.GET.${stream}`, JSON.stringify(query), { reply });
  return promise;
}

async function pullAll(nc: Connection, stream: string): Promise<number> {
  const consumer = await jetstream(nc).consumers.get(stream);
  const messages = await consumer.consume({ max_messages: 2_000 });
  let last: unknown;
  let found = 0;
  for await (const message of messages) {
    last = JSON.parse(utf8.decode(message.data));
    if (++found === NAMESPACE) break;
  }
  await messages.close();
  await consumer.delete();
  return last === undefined ? 0 : found;
}

async function pushAll(nc: Connection, stream: string): Promise<number> {
  const consumer = await jetstream(nc).consumers.getPushConsumer(stream);
  const messages = await consumer.consume();
  let last: unknown;
  let found = 0;
  for await (const message of messages) {
    last = JSON.parse(utf8.decode(message.data));
    if (++found === NAMESPACE) break;
  }
  await messages.close();
  await consumer.delete();
  return last === undefined ? 0 : found;
}

const utf8 = new TextDecoder();

await onServer(measure);
const names = [`one actor, ${ONE_ACTOR} events`, `a namespace, ${NAMESPACE}`];
const chart: Chart = {
  name: "replay",
  title: "Replay, beside the fastest way of a plain client",
  kind: "bars",
  x: { label: "" },
  y: { label: "events/s ÷ raw; at least the goal" },
  panels: [goalPanel(
    "server default",
    goals.map((goal, i) => ({ ...goal, x: names[i]! })),
  )],
};
printReport({
  bench: "replay",
  rounds: options.rounds,
  ratios,
  goals,
  tables,
  charts: [chart],
  notes: [
    'JSON is parsed on all sides. "raw, direct get request" asks for the batch without the ' +
    "client's help and looks at no header, so it checks nothing: it could not tell that a message " +
    "is missing. The goals are measured by the fastest raw row.",
  ],
});
