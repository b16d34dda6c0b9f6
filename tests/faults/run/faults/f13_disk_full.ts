import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type AetherError, ulid } from "../../../../event/mod.ts";
import { Aether } from "../../../../mod.ts";
import type { JetStreamEventStore } from "../../../../store/mod.ts";
import { run } from "../../../../tools/process.ts";
import { startNatsServer } from "../../../support/mod.ts";
import { Tally } from "../../fleet/tally.ts";
import type { Fault } from "../fault.ts";
import { codeOf, Findings } from "./_findings.ts";

const SMALL = "24m";
const LARGE = "200m";
const TIMEOUT = 2_000;
/** Milliseconds a call may take beyond its time, on a machine that has much to do. */
const MARGIN = 1_500;
/** What a caller may be told when there is no room. */
const TYPED = new Set([
  "store_unavailable",
  "outcome_unknown",
  "deadline_exceeded",
]);

/** A server of its own, on a disk that is too small: the world's other disks stay as they are. */
export const f13: Fault = {
  id: "F13",
  title: "a disk is full",
  replicas: [1, 3],
  takes: 30_000,
  quick: false,
  async unavailable() {
    if (process.platform !== "linux") {
      return "small disks are made on Linux only";
    }
    if (process.getuid?.() !== 0) return "it takes root to mount a small disk";
    try {
      await using _disk = await smallDisk();
    } catch (error) {
      return (error as Error).message;
    }
  },
  async inject(_world, _random, quick) {
    const found = new Findings();
    await using disk = await smallDisk();
    // Allowed more than there is, so that it is the disk that says no.
    await using servers = await startNatsServer({
      jetstream: false,
      config: `jetstream { store_dir: "${disk.folder}", max_file_store: 1GB }`,
    });
    await using aether = await Aether.start({
      servers: servers.url,
      namespace: "full",
      actors: [Tally],
      closeOnSignals: false,
    });
    const store = aether.store as JetStreamEventStore;
    const done: string[] = [];
    const failed: string[] = [];
    const codes = new Map<string, number>();
    const took: number[] = [];
    const add = async () => {
      const commandId = ulid();
      const began = performance.now();
      try {
        const tally = aether.actor(Tally, "t");
        await tally.add(1, { commandId, timeout: TIMEOUT });
        done.push(commandId);
      } catch (error) {
        const { ambiguous, code = "none" } = error as AetherError;
        codes.set(code, (codes.get(code) ?? 0) + 1);
        if (!ambiguous) failed.push(commandId);
      }
      took.push(performance.now() - began);
    };
    await add();

    // Large ones until there is no room, then small ones into what is left.
    for (const size of [500_000, 50_000, 500]) {
      while (await fill(store, size));
    }
    const { resent } = store.stats();
    const began = performance.now();
    const calls = quick ? 3 : 10;
    for (let call = 0; call < calls; call++) await add();
    const seconds = (performance.now() - began) / 1_000;
    const tries = (store.stats().resent - resent) / seconds;
    found.injected(codes.size > 0, "no call was refused");
    for (const code of codes.keys()) {
      found.promised(TYPED.has(code), `a full disk was told as "${code}"`);
    }
    found.promised(
      Math.max(...took) < TIMEOUT + MARGIN,
      `a call of ${TIMEOUT} ms took ${Math.max(...took) | 0} ms`,
    );
    found.measured("call on a full disk", took, "ms", TIMEOUT);
    found.measured("tries a second on a full disk", [tries], "count", 10);

    await disk.enlarge();
    await servers.servers[0]!.restart();
    const back = performance.now();
    const until = back + 30_000;
    const before = done.length;
    while (done.length === before && performance.now() < until) await add();
    found.promised(
      done.length > before,
      "nothing could be stored on a larger disk",
    );
    found.measured(
      "served again on a larger disk",
      [performance.now() - back],
      "ms",
      10_000,
    );

    const log = await store.getEvents("tally-t");
    const stored = new Set(log.map(({ commandId }) => commandId));
    found.promised(
      done.every((id) => stored.has(id)),
      "what was acknowledged before the disk was full is not in the log",
    );
    found.promised(
      !failed.some((id) => stored.has(id)),
      "what was told as not done is in the log",
    );
    found.promised(
      stored.size === log.length &&
        log.every(({ version }, i) => version === i + 1),
      "the log has gaps or repeats",
    );
    return found;
  },
};

/** Appends something; false where there was no room. */
async function fill(
  store: JetStreamEventStore,
  size: number,
): Promise<boolean> {
  const event = { eventType: "Filled", data: "x".repeat(size) };
  try {
    await store.append("filler-1", [event], { timeout: 1_000 });
    return true;
  } catch (error) {
    if (TYPED.has(codeOf(error))) return false;
    throw error;
  }
}

interface Disk extends AsyncDisposable {
  readonly folder: string;
  enlarge(): Promise<void>;
}

async function smallDisk(): Promise<Disk> {
  const folder = mkdtempSync(join(tmpdir(), "aether-full-"));
  const options = ["-t", "tmpfs", "-o", `size=${SMALL}`, "tmpfs", folder];
  const { code, output } = await run("mount", options);
  if (code !== 0) {
    rmdirSync(folder);
    throw new Error(`no small disk can be mounted: ${output.trim()}`);
  }
  return {
    folder,
    async enlarge() {
      await run("mount", ["-o", `remount,size=${LARGE}`, folder]);
    },
    async [Symbol.asyncDispose]() {
      await run("umount", [folder]);
      rmdirSync(folder);
    },
  };
}
