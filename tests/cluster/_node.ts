/**
 * A node in a process of its own, under either runtime. Takes its options as
 * JSON; says in a line of JSON each time what it has become, and does what it is
 * told by lines on its standard input: `block <ms>`, `drain`, `stop`.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { ClusterManager } from "../../cluster/mod.ts";
import { connect } from "../../nats/mod.ts";

/** What a node is started with. */
export interface ProcessOptions {
  readonly url: string;
  readonly cluster: string;
  readonly name: string;
  readonly ttl?: number;
}

/** What a node is, at a time. */
export interface ProcessState {
  /** Milliseconds since 1970, by the clock of the machine. */
  readonly at: number;
  readonly run: string;
  readonly held: number;
  readonly leads: boolean;
  readonly epoch: number;
}

const { cluster, name, ttl, url } = JSON.parse(
  process.argv[2]!,
) as ProcessOptions;
const type = { namespace: cluster, type: "job" };
const nc = await connect({ servers: url });
const manager = new ClusterManager(nc, name, {
  cluster,
  hosts: [type],
  ...(ttl === undefined ? {} : { ttl }),
});
let last = "";
const look = () => {
  let held = 0;
  for (let shard = 0; shard < 256; shard++) {
    if (manager.held(type, shard) !== undefined) held++;
  }
  const state = {
    run: manager.run,
    held,
    leads: manager.isLeader(),
    epoch: manager.leader()?.epoch ?? 0,
  };
  const now = JSON.stringify(state);
  if (now === last) return;
  last = now;
  console.log(JSON.stringify({ at: Date.now(), ...state }));
};
manager.onChange(look);
await manager.start();
setInterval(look, 10);
createInterface({ input: process.stdin }).on("line", async (line) => {
  const [command, argument] = line.split(" ");
  if (command === "block") {
    const until = performance.now() + Number(argument);
    while (performance.now() < until);
  }
  if (command === "drain") await manager.drain();
  if (command === "stop") {
    await manager.stop();
    await nc.close();
    process.exit(0);
  }
});
