/**
 * `deno task nats`: a local nats-server with JetStream, for people.
 *
 * @module
 */
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { startNatsServer } from "./nats_server.ts";

const HELP = `Starts a local nats-server with JetStream.

  --port <number>  client port (default 4222)
  --dir <folder>   where the data is kept (default .cache/nats)
  --ephemeral      keep no data
  --sync           sync each write to disk before it is acknowledged`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "4222" },
      dir: { type: "string", default: ".cache/nats" },
      ephemeral: { type: "boolean", default: false },
      sync: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const dir = resolve(values.dir);
  if (!values.ephemeral) mkdirSync(dir, { recursive: true });
  const nats = await startNatsServer({
    port: portOf(values.port),
    syncAlways: values.sync,
    log: (line) => console.error(line),
    ...(values.ephemeral ? {} : { storeDir: dir }),
  });
  const server = nats.servers[0]!;
  console.log(`nats-server with JetStream listens at ${nats.url}`);
  console.log(values.ephemeral ? "No data is kept." : `Data is kept in ${dir}`);
  console.log("Stop it with Ctrl-C.");

  const told = Promise.withResolvers<"told">();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => told.resolve("told"));
  }
  const keepAlive = setInterval(() => {}, 60_000);
  const why = await Promise.race([told.promise, server.exited]);
  clearInterval(keepAlive);
  const tail = server.logTail();
  await nats.stop();
  if (why === "told") {
    console.log("Stopped.");
    return 0;
  }
  console.error(
    `nats-server has ended by itself. The end of its log:\n${tail}`,
  );
  return 1;
}

function portOf(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new Error(
    `Cannot listen on port ${JSON.stringify(text)} as a port is 1 to 65535`,
  );
}

try {
  process.exit(await main());
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
