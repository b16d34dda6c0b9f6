/**
 * Tails a namespace from any point, from a second process: what is stored, then
 * what comes, without gap or repeat. The first process writes.
 *
 * Starts a nats-server of its own, unless it is given a URL. Given a namespace
 * too, it only tails that one, from where it is told, until Ctrl-C.
 *
 *     deno run -A examples/05_tail.ts
 *     bun examples/05_tail.ts nats://localhost:4222 shop beginning
 *     bun examples/05_tail.ts nats://localhost:4222 shop 42
 *     bun examples/05_tail.ts nats://localhost:4222 shop 2026-01-01T00:00:00Z
 *     bun examples/05_tail.ts nats://localhost:4222 "prod.*" now
 */
import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import {
  connect,
  JetStreamEventStore,
  NatsEventBus,
  type StartFrom,
  ulid,
} from "@flowmade/aether";
import { startNatsServer } from "../tools/nats_server.ts";

const [url, pattern, point, count] = process.argv.slice(2);
if (url !== undefined && pattern !== undefined) {
  await tail(url, pattern, startOf(point ?? "now"), Number(count ?? Infinity));
} else {
  await using own = url === undefined ? await startNatsServer() : undefined;
  await story(own?.url ?? url!);
}

/** Prints what happens in a namespace, or in several, from a point on. */
async function tail(
  servers: string,
  pattern: string,
  from: StartFrom,
  count: number,
): Promise<void> {
  const nc = await connect({ servers });
  const bus = new NatsEventBus(nc);
  process.on("SIGINT", () => void bus.close());
  const subscription = bus.subscribe(pattern, {
    from,
    onGap: ({ dropped, from, namespace, to }) =>
      console.log(`gap in ${namespace}: ${from} to ${to}, ${dropped} dropped`),
    onError: (error) => console.error(error.message),
  });
  await subscription.ready;
  console.log("tail: ready");
  let seen = 0;
  for await (const event of subscription) {
    const place = event.sequence ?? "notice";
    const data = JSON.stringify(event.data) ?? "";
    console.log(
      `tail: ${place} ${event.actorId}@${event.version} ${event.eventType} ${data}`
        .trimEnd(),
    );
    if (++seen === count) break;
  }
  await bus.close();
  await nc.close();
}

/** Writes, and has a second process tail: first from the middle, then from now. */
async function story(servers: string): Promise<void> {
  const nc = await connect({ servers });
  // On a server that stays: a namespace of its own for each run.
  const namespace = `shop-${ulid()}`;
  const store = await JetStreamEventStore.open(nc, { namespace });
  const place = (key: number) =>
    store.append(`order-${key}`, [
      { eventType: "OrderPlaced", data: { total: 10 * key } },
      { eventType: "OrderPaid" },
    ]);
  for (let key = 1; key <= 3; key++) await place(key);
  console.log(
    "three orders are stored; a second process tails from the second",
  );

  const second = await startTail(servers, namespace, "2", 6);
  await place(4);
  await second.ended;

  console.log("another one tails from now on, and sees notices too");
  const third = await startTail(servers, namespace, "now", 3);
  await place(5);
  const bus = new NatsEventBus(nc);
  await bus.publish(namespace, {
    id: ulid(),
    eventType: "ShopClosed",
    actorId: "shop-main",
    version: 1,
    data: { until: "tomorrow" },
    timestamp: new Date(),
  });
  await third.ended;
  await bus.close();
  await store.close();
  await nc.close();
  console.log("done");
}

/** Runs this file in another process, and waits until it tails. */
async function startTail(
  servers: string,
  namespace: string,
  point: string,
  count: number,
): Promise<{ readonly ended: Promise<void> }> {
  const file = fileURLToPath(import.meta.url);
  const run = "Deno" in globalThis ? ["run", "-A", "--quiet"] : [];
  const child = spawn(
    process.execPath,
    [...run, file, servers, namespace, point, String(count)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const ready = Promise.withResolvers<void>();
  const ended = new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`the tail has ended with code ${code}`));
    });
  });
  child.stdout.on("data", (chunk) => {
    process.stdout.write(chunk);
    if (String(chunk).includes("tail: ready")) ready.resolve();
  });
  await Promise.race([ready.promise, ended]);
  return { ended };
}

/** A point from the command line: `now`, `beginning`, a sequence or a time. */
function startOf(point: string): StartFrom {
  if (point === "now" || point === "beginning") return point;
  if (/^\d+$/.test(point)) return { sequence: Number(point) };
  return { time: new Date(point) };
}
