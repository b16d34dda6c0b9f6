/**
 * How evenly does a ring share keys out, by the number of virtual nodes?
 *
 * Counts who owns each of 100,000 keys, over several rings of equal nodes, and
 * prints the share of the busiest and of the quietest node relative to the mean:
 * averages over the rings. It does not measure time, and the outcome is the same
 * in every runtime.
 *
 * @module
 */
import { ConsistentHashRing } from "../cluster/mod.ts";

const VIRTUAL_NODES = [1, 8, 32, 64, 128, 256, 512];
const NODES = [3, 10, 50];
const RINGS = 10;
const KEYS = 100_000;

/** The quietest and the busiest node's keys, in per cent of the mean. */
function extremes(nodes: number, virtualNodes: number): [number, number] {
  let [least, most] = [0, 0];
  for (let ringNo = 0; ringNo < RINGS; ringNo++) {
    const ring = new ConsistentHashRing({ virtualNodes });
    const counts = new Map<string, number>();
    for (let i = 1; i <= nodes; i++) {
      ring.addNode(`ring-${ringNo}-node-${i}`);
      counts.set(`ring-${ringNo}-node-${i}`, 0);
    }
    for (let key = 0; key < KEYS; key++) {
      const owner = ring.getNode(`key-${key}`)!;
      counts.set(owner, counts.get(owner)! + 1);
    }
    least += Math.min(...counts.values());
    most += Math.max(...counts.values());
  }
  const mean = KEYS / nodes * RINGS;
  return [100 * least / mean, 100 * most / mean];
}

const rows = [
  ["virtual nodes", ...NODES.map((nodes) => `${nodes} nodes`)],
  ["-------------:", ...NODES.map(() => "-----------:")],
  ...VIRTUAL_NODES.map((virtualNodes) => [
    String(virtualNodes),
    ...NODES.map((nodes) => {
      const [least, most] = extremes(nodes, virtualNodes);
      return `${least.toFixed(0)} … ${most.toFixed(0)} %`;
    }),
  ]),
];
for (const row of rows) {
  const cells = row.map((cell, i) => cell.padStart(rows[1]![i]!.length));
  console.log(`| ${cells.join(" | ")} |`);
}
