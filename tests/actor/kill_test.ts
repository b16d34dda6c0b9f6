/** Nodes in processes of their own, killed and frozen under load. */
import { type ChildProcess, spawn } from "node:child_process";
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Aether, type AetherError, shardOf, ulid } from "@flowmade/aether";
import { clusterOf } from "../../actor/aether.ts";
import { eventually, isDeno } from "../support/mod.ts";
import { Account } from "./_account.ts";
import { isShared, type NatsWorld, natsWorld } from "./_worlds.ts";

async function worker(world: NatsWorld, nodeId: string): Promise<ChildProcess> {
  const file = fileURLToPath(new URL("./_worker.ts", import.meta.url));
  const child = spawn(process.execPath, [
    ...(isDeno ? ["run", "-A", "--no-check"] : []),
    file,
    world.servers,
    world.namespace,
    nodeId,
  ], { stdio: ["ignore", "pipe", "inherit"] });
  const ready = Promise.withResolvers<void>();
  child.stdout!.on("data", (data) => {
    if (String(data).includes("ready")) ready.resolve();
  });
  child.on("exit", () => ready.reject(new Error(`worker ${nodeId} ended`)));
  await ready.promise;
  return child;
}

// ChildProcess.kill() of Deno sends one signal and no second one.
function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.exitCode === null && child.signalCode === null) {
    process.kill(child.pid!, name);
  }
}

interface History {
  /** Command ids by actor, acknowledged. */
  readonly done: Map<string, Set<string>>;
  /** The longest time between a call and its answer, in ms. */
  longest: number;
  /** Calls that ended as unknown and were settled by calling again. */
  unknown: number;
}

/** Deposits 1 on each key again and again, until told to stop. */
async function load(
  client: Aether,
  keys: readonly string[],
  until: (count: number) => boolean,
): Promise<History> {
  const done = new Map(keys.map((key) => [key, new Set<string>()]));
  const history: History = { done, longest: 0, unknown: 0 };
  let count = 0;
  await Promise.all(keys.map(async (key) => {
    while (!until(count)) {
      const commandId = ulid();
      const began = performance.now();
      for (;;) {
        try {
          await client.actor(Account, key).deposit({ amount: 1 }, {
            commandId,
          });
          break;
        } catch (error) {
          if (!(error as AetherError).ambiguous) throw error;
          history.unknown++;
        }
      }
      history.longest = Math.max(history.longest, performance.now() - began);
      done.get(key)!.add(commandId);
      count++;
    }
  }));
  return history;
}

async function assertExact(client: Aether, { done }: History) {
  for (const [key, ids] of done) {
    const events = await client.store.getEvents(`account-${key}`);
    assert.deepEqual(events.map((e) => e.version), events.map((_, i) => i + 1));
    assert.deepEqual(
      new Set(events.map((event) => event.commandId)),
      ids,
      `what ${key} acknowledged is what is stored`,
    );
    assert.equal(events.length, ids.size, `a command of ${key} was done twice`);
    assert.equal(await client.actor(Account, key).balance(), ids.size);
  }
}

function keysOn(client: Aether, nodeId: string, count: number): string[] {
  const { placement } = clusterOf(client)!;
  const keys: string[] = [];
  for (let i = 0; keys.length < count; i++) {
    const owner = placement.ownerOf("account", shardOf(`account-k${i}`));
    if (owner?.node === nodeId) keys.push(`k${i}`);
  }
  return keys;
}

async function twoWorkers(world: NatsWorld) {
  const [victim, other] = await Promise.all([
    worker(world, "victim"),
    worker(world, "other"),
  ]);
  const client = await world.start({ actors: [] });
  await eventually(() => isShared(client, "account", ["other", "victim"]));
  const keys = [
    ...keysOn(client, "victim", 16),
    ...keysOn(client, "other", 16),
  ];
  // Whoever has been there for less than two seconds condemns nobody.
  const since = performance.now();
  const isSettled = () => performance.now() - since > 3_000;
  return { victim, other, client, keys, isSettled };
}

describe("a node in a process of its own", () => {
  it(
    "killed under load: its actors answer elsewhere, nothing lost, nothing twice",
    { timeout: 60_000 },
    async () => {
      await using world = await natsWorld();
      const { victim, other, client, keys, isSettled } = await twoWorkers(
        world,
      );
      try {
        let killed = 0;
        const history = await load(client, keys, (count) => {
          if (killed === 0 && count >= 1_000 && isSettled()) {
            killed = count;
            signal(victim, "SIGKILL");
          }
          return killed > 0 && count >= killed + 3_000;
        });
        assert.ok(killed > 0);
        await assertExact(client, history);
        assert.equal(history.unknown, 0);
        assert.ok(history.longest < 5_000, `a call took ${history.longest} ms`);
        console.log(`  longest call over the kill: ${history.longest | 0} ms`);
      } finally {
        signal(victim, "SIGKILL");
        signal(other, "SIGTERM");
      }
    },
  );

  it(
    "frozen under load and woken again: the same, and it answers from the present",
    { timeout: 60_000 },
    async () => {
      await using world = await natsWorld();
      const { victim, other, client, keys, isSettled } = await twoWorkers(
        world,
      );
      try {
        let frozen = false;
        let woken = false;
        let wake = 0;
        const mine = new Set(keysOn(client, "victim", 16));
        const after = new Set<string>();
        const history = await load(client, keys, (count) => {
          if (!frozen && count >= 1_000 && isSettled()) {
            frozen = true;
            signal(victim, "SIGSTOP");
          }
          const { placement } = clusterOf(client)!;
          if (frozen && !woken && !placement.nodes.includes("victim")) {
            for (const key of mine) after.add(key);
            if (wake === 0) wake = count + 3_000;
            if (count >= wake) {
              woken = true;
              signal(victim, "SIGCONT");
            }
          }
          return woken && count >= wake + 3_000;
        });
        assert.equal(after.size, 16);
        await eventually(() =>
          clusterOf(client)!.placement.nodes.includes("victim")
        );
        // Its actors are its own again, and it must not tell of the past.
        await assertExact(client, history);
        assert.ok(
          history.longest < 12_000,
          `a call took ${history.longest} ms`,
        );
        console.log(
          `  longest call over the freeze: ${history.longest | 0} ms`,
        );
      } finally {
        signal(victim, "SIGCONT");
        signal(victim, "SIGKILL");
        signal(other, "SIGTERM");
      }
    },
  );
});
