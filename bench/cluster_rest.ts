/**
 * What does a cluster cost at rest? Starts 3, 10 and 50 nodes, each on a connection
 * of its own, all in this process, lets them settle, and reads from the server's
 * monitoring how many messages come and go in a second: probes and their answers,
 * renewals of records and of the lease, and looks at the log.
 *
 * The cost is to grow with the number of nodes, not with its square.
 *
 * @module
 */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { ClusterManager } from "../cluster/mod.ts";
import { connect, type Connection } from "../nats/mod.ts";
import { startNatsServer } from "../tools/nats_server.ts";
import { printReport } from "./_report.ts";
import { benchOptions } from "./_runtime.ts";

const options = benchOptions({ seconds: 10 });
const SECONDS = Math.max(2, options.seconds * options.scale);
const SIZES = [3, 10, 50];
const TYPES = 3;

/** What the server has counted so far. */
interface Counted {
  readonly at: number;
  readonly in: number;
  readonly out: number;
  readonly inBytes: number;
  readonly outBytes: number;
}

/** What a cluster costs in a second. */
interface Cost {
  readonly nodes: number;
  readonly in: number;
  readonly out: number;
  readonly kilobytes: number;
  /** Milliseconds of this process's CPU. */
  readonly cpu: number;
  /** Milliseconds until all shards were shared, from the first node's start. */
  readonly shared: number;
}

async function counted(monitorUrl: string): Promise<Counted> {
  const varz = await (await fetch(`${monitorUrl}/varz`)).json() as Record<
    string,
    number
  >;
  return {
    at: performance.now(),
    in: varz["in_msgs"]!,
    out: varz["out_msgs"]!,
    inBytes: varz["in_bytes"]!,
    outBytes: varz["out_bytes"]!,
  };
}

async function costOf(nodes: number): Promise<Cost> {
  await using servers = await startNatsServer();
  const { monitorUrl } = servers.servers[0]!;
  const connections: Connection[] = [];
  const managers: ClusterManager[] = [];
  const hosts = Array.from({ length: TYPES }, (_, i) => ({
    namespace: "rest",
    type: `type${i}`,
  }));
  const began = performance.now();
  for (let i = 0; i < nodes; i++) {
    const nc = await connect({ servers: servers.url });
    connections.push(nc);
    managers.push(
      new ClusterManager(nc, `node-${i}`, { cluster: "rest", hosts }),
    );
  }
  await Promise.all(managers.map((manager) => manager.start()));
  while (!isShared(managers)) await delay(20);
  const shared = performance.now() - began;
  // Until everybody's word counts, and nothing is on its way any more.
  await delay(4_000);
  const before = await counted(monitorUrl);
  const cpu = process.cpuUsage();
  await delay(SECONDS * 1_000);
  const { system, user } = process.cpuUsage(cpu);
  const after = await counted(monitorUrl);
  await Promise.all(managers.map((manager) => manager.stop()));
  for (const nc of connections) await nc.close();
  const seconds = (after.at - before.at) / 1_000;
  return {
    nodes,
    in: (after.in - before.in) / seconds,
    out: (after.out - before.out) / seconds,
    kilobytes: (after.inBytes - before.inBytes + after.outBytes -
      before.outBytes) / 1_024 / seconds,
    cpu: (system + user) / 1_000 / seconds,
    shared,
  };
}

/** Whether the map of each type gives each node its share, everywhere the same. */
function isShared(managers: readonly ClusterManager[]): boolean {
  return managers.every((manager) => {
    for (let i = 0; i < TYPES; i++) {
      const map = manager.shardMap(`type${i}`);
      const least = Math.floor(256 / managers.length);
      const counts = new Map<string, number>();
      for (const owner of map.nodes) {
        if (owner === undefined) return false;
        counts.set(owner, (counts.get(owner) ?? 0) + 1);
      }
      if (counts.size !== managers.length) return false;
      if (Math.min(...counts.values()) < least) return false;
    }
    return true;
  });
}

const costs: Cost[] = [];
for (const size of SIZES) costs.push(await costOf(size));

const perNode = costs.map(({ nodes, in: sent, out }) => (sent + out) / nodes);
printReport({
  bench: "cluster_rest",
  rounds: 1,
  ratios: Object.fromEntries(
    costs.map(({ nodes }, i) => [`${nodes} nodes, each`, perNode[i]!]),
  ),
  goals: [{
    name: "messages per node, 50 nodes ÷ 10 nodes",
    ratio: perNode[2]! / perNode[1]!,
    goal: 1.25,
    better: "at most",
  }],
  tables: [{
    title: `A cluster at rest, ${TYPES} types`,
    columns: [
      "nodes",
      "to the server /s",
      "from it /s",
      "each node /s",
      "KiB/s",
      "CPU ms/s",
      "shared after ms",
    ],
    rows: costs.map((cost, i) => [
      String(cost.nodes),
      cost.in.toFixed(1),
      cost.out.toFixed(1),
      perNode[i]!.toFixed(1),
      cost.kilobytes.toFixed(1),
      cost.cpu.toFixed(0),
      cost.shared.toFixed(0),
    ]),
  }],
  charts: [{
    name: "cluster-rest",
    title: "What a node costs that has nothing to do",
    kind: "lines",
    x: { label: "nodes", log: true, exact: true },
    y: { label: "messages/s, each node" },
    panels: [{
      title: `${TYPES} types`,
      series: [{
        name: "Aether",
        points: costs.map(({ nodes }, i) => ({ x: nodes, y: perNode[i]! })),
      }],
    }],
  }],
  notes: [
    "Each node probes nobody but is probed by the leader 4 times a second, renews " +
    "its record every 2 s, and looks at the end of the log every 5 s. CPU is that " +
    "of all nodes together, without the server's.",
  ],
});
