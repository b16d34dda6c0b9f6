/**
 * Nodes in processes of their own, Deno and Bun in turn, under a steady load:
 * killed, frozen, restarted one after the other, and left without NATS. At the end
 * the log is held against what every caller was told.
 *
 * Each commit sees most of that in `run_test.ts`, and here only what takes longer.
 * The nodes are the same whichever runtime runs the test, so only Deno does.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { isDeno, type Random, seeded } from "../support/mod.ts";
import { checkHistory, type StaleRead } from "./checker/history.ts";
import { Fleet, type FleetOptions } from "./fleet/fleet.ts";
import { Load } from "./fleet/load.ts";

const NIGHTLY = process.env["AETHER_NIGHTLY"] === "1";
const LIMIT = { timeout: NIGHTLY ? 1_200_000 : 120_000, skip: !isDeno };
/** What a run of faults does as well, for each commit. */
const NIGHT = { ...LIMIT, skip: !isDeno || !NIGHTLY };
/** Milliseconds after which a node's word on others counts. */
const SETTLED = 3_500;

/** What a run has come to. */
interface Outcome {
  readonly load: Load;
  readonly stale: readonly StaleRead[];
}

/** Runs faults under load, and checks everything that was told. */
async function underLoad(
  options: FleetOptions,
  faults: (fleet: Fleet, load: Load, random: Random) => Promise<void>,
): Promise<Outcome> {
  const random = seeded();
  await using fleet = await Fleet.start(options);
  const load = new Load(fleet.client, { random, rate: 300 });
  await Promise.all(load.keys.map((key) => load.add(key)));
  load.start();
  await faults(fleet, load, random);
  await load.stop();
  const stale: StaleRead[] = [];
  const log = await load.log();
  const problems = checkHistory(load.journal, log, (read) => stale.push(read));
  assert.deepEqual(problems, [], `seed ${random.seed}`);
  assert.ok(load.counts.done > 200, "next to nothing was done");
  const { done, failed, nothing, read, rejected } = load.counts;
  console.log(
    `  ${done} done, ${rejected} rejected, ${nothing} without effect, ${read} read, ` +
      `failed ${
        JSON.stringify(Object.fromEntries(failed))
      }, stale ${stale.length}`,
  );
  return { load, stale };
}

/** The longest time that a call took, of those made since `from`. */
function slowest(load: Load, from: number): number {
  return Math.max(...load.latencies.slice(from));
}

/** Three nodes on one server; the others at night. */
const FLEETS: readonly FleetOptions[] = [
  { nodes: 3, replicas: 1 },
  ...(NIGHTLY
    ? [{ nodes: 5, replicas: 1 }, { nodes: 3, replicas: 3 }] as const
    : []),
];

for (const fleetOf of FLEETS) {
  describe(
    `${fleetOf.nodes} nodes on ${fleetOf.replicas} server(s), under load`,
    LIMIT,
    () => {
      it(
        "loses nothing when nodes are killed, the leader included",
        NIGHT,
        async () => {
          let led = 0;
          const { load, stale } = await underLoad(
            {},
            async (fleet, load, random) => {
              for (let kill = 0; kill < (NIGHTLY ? 20 : 3); kill++) {
                await delay(SETTLED);
                // The second one is the leader, whoever else chance picks.
                const leader = fleet.client.cluster!.leader()!.node;
                const name = kill === 1
                  ? leader
                  : random.pick([...fleet.nodes.keys()].sort());
                if (name === leader) led++;
                const node = fleet.nodes.get(name)!;
                const from = load.latencies.length;
                node.signal("SIGKILL");
                await node.ended;
                await fleet.settled();
                await Promise.all(load.keys.map((key) => load.add(key)));
                console.log(
                  `  ${name}: slowest call ${slowest(load, from) | 0} ms`,
                );
                await fleet.startNode(name);
                await fleet.settled();
              }
            },
          );
          assert.ok(led > 0);
          assert.deepEqual([...load.counts.failed], []);
          assert.deepEqual(stale, []);
          assert.ok(
            slowest(load, 0) < 5_000,
            `a call took ${slowest(load, 0)} ms`,
          );
        },
      );

      it(
        "fails no call when its nodes are restarted one after the other",
        NIGHT,
        async () => {
          const { load, stale } = await underLoad(
            fleetOf,
            async (fleet, load) => {
              for (let roll = 0; roll < (NIGHTLY ? 5 : 1); roll++) {
                const from = load.latencies.length;
                for (const name of [...fleet.nodes.keys()].sort()) {
                  const node = fleet.nodes.get(name)!;
                  node.signal("SIGTERM");
                  assert.equal(await node.ended, "SIGTERM");
                  await fleet.startNode(name);
                  await fleet.settled();
                }
                const during = load.latencies.slice(from).sort((a, b) => a - b);
                const p99 = during[Math.floor(during.length * 0.99)]!;
                console.log(
                  `  roll ${roll + 1}: p99 ${p99 | 0} ms, slowest ${
                    slowest(load, from) | 0
                  } ms`,
                );
              }
            },
          );
          assert.deepEqual([...load.counts.failed], []);
          assert.deepEqual(stale, []);
        },
      );

      it(
        "goes on without a frozen node, whose late writes are refused",
        LIMIT,
        async () => {
          const frozen = NIGHTLY ? 30_000 : 8_000;
          await underLoad(fleetOf, async (fleet, load) => {
            await delay(SETTLED);
            const name = fleet.client.cluster!.leader()!.node;
            const node = fleet.nodes.get(name)!;
            const mine = load.keys.filter((key) => fleet.ownerOf(key) === name);
            // Commands that are being decided when the process stops.
            const fresh = Array.from({ length: 200 }, (_, i) => `late${i}`)
              .filter((key) => fleet.ownerOf(key) === name).slice(0, 20);
            const late = fresh.map((key) => load.slowly(key, 400, 60_000));
            await delay(100);
            const began = performance.now();
            node.signal("SIGSTOP");
            const answers = Promise.all(mine.map((key) => load.add(key)))
              .then(() => performance.now() - began);
            await delay(frozen);
            const took = await answers;
            console.log(`  its actors answered elsewhere after ${took | 0} ms`);
            assert.ok(took < 12_000, `others served after ${took} ms`);
            await Promise.all(late);
            node.signal("SIGCONT");
            await fleet.settled();
            // What it had decided before it stopped came too late.
            const refused = node.log.filter(({ message }) =>
              message === "another writer was first"
            ).length;
            assert.ok(refused > 0, "no late write was refused");
            console.log(`  ${refused} of its writes were refused`);
          });
        },
      );

      it("goes on when NATS is back", NIGHT, async () => {
        const { load } = await underLoad(fleetOf, async (fleet, load) => {
          for (const down of NIGHTLY ? [2_000, 15_000] : [2_000]) {
            await delay(SETTLED);
            await fleet.servers.kill();
            await delay(down);
            await fleet.servers.restart();
            const began = performance.now();
            await load.add("k0", 60_000);
            console.log(
              `  down ${down} ms: answered ${
                performance.now() - began | 0
              } ms later`,
            );
            await fleet.settled();
          }
        });
        assert.ok(load.counts.done > 500);
      });
    },
  );
}
