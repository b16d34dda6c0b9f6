/**
 * Nodes are killed while purses pay each other: no coin is made or lost, whatever
 * was promised is carried out, and once.
 */
import { type ChildProcess, spawn } from "node:child_process";
import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import {
  Aether,
  type AetherError,
  effectId,
  Rejected,
  type StoredCommit,
  ulid,
} from "@flowmade/aether";
import { Purse } from "../actor/_purse.ts";
import {
  eventually,
  isDeno,
  testServer,
  uniqueNamespace,
} from "../support/mod.ts";
import { nightly } from "./_workload.ts";

const WORKER = fileURLToPath(new URL("./_effects_worker.ts", import.meta.url));
const KEYS = Array.from({ length: 12 }, (_, i) => `p${i}`);
const EACH = 1_000;

async function worker(...args: string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, [
    "run",
    "-A",
    "--no-check",
    WORKER,
    ...args,
  ], { stdio: ["ignore", "pipe", "inherit"] });
  const ready = Promise.withResolvers<void>();
  child.stdout!.on("data", (data) => {
    if (String(data).includes("ready")) ready.resolve();
  });
  child.on("exit", () => ready.reject(new Error("a worker has ended")));
  await ready.promise;
  return child;
}

/** Calls until it is known what came of it; the id is the same each time. */
async function surely(call: (commandId: string) => Promise<unknown>) {
  const commandId = ulid();
  for (;;) {
    try {
      return await call(commandId);
    } catch (error) {
      if (error instanceof Rejected) return;
      const { ambiguous, retryable } = error as AetherError;
      if (!ambiguous && !retryable) throw error;
    }
  }
}

/** Every promise of every purse was carried out, and once; and the coins are all there. */
async function check(client: Aether): Promise<{ sent: number; back: number }> {
  const logs = new Map<string, readonly StoredCommit[]>();
  for (const key of KEYS) {
    const { commits } = await client.store.load(`purse-${key}`, {
      schema: false,
    });
    logs.set(`purse-${key}`, commits);
  }
  let coins = 0;
  let sent = 0;
  let back = 0;
  const answered = new Map<string, number>();
  for (const [actorId, commits] of logs) {
    for (const { commands, events } of commits) {
      for (const { id } of commands) {
        const key = `${actorId} ${id}`;
        answered.set(key, (answered.get(key) ?? 0) + 1);
      }
      for (const { data, eventType } of events) {
        const amount = (data as { coins?: number } | undefined)?.coins ?? 0;
        coins += eventType === "Put" ? amount : 0;
        coins -= eventType === "Taken" ? amount : 0;
        if (eventType === "Said") back++;
      }
    }
  }
  for (const [key, times] of answered) {
    assert.equal(times, 1, `${key} took effect ${times} times`);
  }
  for (const commits of logs.values()) {
    for (const { commitId, effects = [] } of commits) {
      for (const [i, effect] of effects.entries()) {
        if (effect.kind !== "send") continue;
        sent++;
        const key = `${effect.to} ${effectId(commitId, i)}`;
        assert.ok(answered.has(key), `${key} was not carried out`);
      }
    }
  }
  assert.equal(coins, KEYS.length * EACH, "coins were made or lost");
  return { sent, back };
}

describe("nodes that are killed while purses pay each other", {
  skip: !isDeno,
}, () => {
  it("keep every promise, once", { timeout: 600_000 }, async () => {
    const { url: servers } = await testServer();
    const namespace = uniqueNamespace("effects");
    let count = 0;
    const start = () => worker(servers, namespace, `node-${count++}`);
    const nodes = await Promise.all([start(), start()]);
    const client = await Aether.start({ servers, namespace, actors: [] });
    try {
      const purse = (key: string) => client.actor(Purse, key);
      await Promise.all(
        KEYS.map((key) =>
          surely((commandId) => purse(key).put({ coins: EACH }, { commandId }))
        ),
      );
      // One that takes nothing: what is paid to it comes back.
      await surely((commandId) => purse("p0").close(undefined, { commandId }));
      let isOver = false;
      let paid = 0;
      const payers = KEYS.map(async (from, i) => {
        for (let n = 0; !isOver; n++) {
          const to = KEYS[(i + 1 + n % 5) % KEYS.length]!;
          const coins = 1 + n % 3;
          await surely((commandId) =>
            purse(from).pay({ to, coins }, { commandId })
          );
          paid++;
        }
      });
      for (let kill = 0; kill < (nightly ? 100 : 2); kill++) {
        const until = paid + 300;
        await eventually(() => paid > until, { timeout: 30_000 });
        const [victim] = nodes.splice(0, 1);
        process.kill(victim!.pid!, "SIGKILL");
        nodes.push(await start());
      }
      const until = paid + 100;
      await eventually(() => paid > until, { timeout: 30_000 });
      isOver = true;
      await Promise.all(payers);
      const { sent, back } = await eventually(() => check(client), {
        timeout: 30_000,
        interval: 250,
      });
      assert.ok(
        sent > 500 && back > 10,
        `only ${sent} sent, ${back} came back`,
      );
      assert.deepEqual(await client.parked().list(), []);
    } finally {
      await client.close();
      for (const node of nodes) process.kill(node.pid!, "SIGKILL");
    }
  });
});
