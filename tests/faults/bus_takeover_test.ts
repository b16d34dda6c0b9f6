import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { connect } from "../../nats/mod.ts";
import { JetStreamEventStore } from "../../store/mod.ts";
import { findBun } from "../../tools/bun_binary.ts";
import {
  eventually,
  isDeno,
  startNatsServer,
  uniqueNamespace,
} from "../support/mod.ts";
import {
  assertNoConsumers,
  assertOrderOfNew,
  logOf,
  report,
  type Seen,
  Writer,
} from "./_bus_world.ts";

const LEASE = 1_500;

describe("a durable's active one, in another process", () => {
  for (
    const [name, signal] of [["killed", "SIGKILL"], [
      "frozen",
      "SIGSTOP",
    ]] as const
  ) {
    it(
      `${name}: another takes over, and order holds`,
      { timeout: 90_000 },
      async () => {
        await using servers = await startNatsServer();
        const namespace = uniqueNamespace("busover");
        const nc = await connect({ servers: servers.url });
        const store = await JetStreamEventStore.open(nc, { namespace });
        const writer = new Writer(store, { pause: 5 });
        await writer.more(10);
        const journal: Seen[] = [];
        const readers: Reader[] = [];
        try {
          for (let i = 0; i < 2; i++) {
            readers.push(
              await Reader.start(servers.url, namespace, i === 1, journal),
            );
          }
          await eventually(() => readers[0]!.count > 20, { timeout: 15_000 });
          assert.equal(readers[1]!.count, 0);
          const stopped = performance.now();
          process.kill(readers[0]!.pid, signal);
          await eventually(() => readers[1]!.count > 0, { timeout: 20_000 });
          const took = performance.now() - stopped;
          await writer.more(50);
          if (signal === "SIGSTOP") {
            // What it still has in hand it may finish; what it writes is refused.
            process.kill(readers[0]!.pid, "SIGCONT");
            await delay(LEASE);
          }
          await writer.more(50);
          await writer.stop();
          const log = await logOf(store);
          await eventually(() => {
            assert.deepEqual(journal.at(-1), log.at(-1));
            return true;
          }, { timeout: 15_000 });
          assertOrderOfNew("both", journal, log);
          report(`active one ${name}`, {
            tookMs: Math.round(took),
            events: log.length,
            repeated: journal.length - log.length,
          });
          assert.ok(took < 2 * LEASE + 3_000, `it took ${took} ms`);
        } finally {
          await writer.stop();
          for (const reader of readers) await reader.end();
        }
        // What a killed one leaves, the server takes away in half a minute.
        if (signal === "SIGSTOP") await assertNoConsumers(nc, namespace);
        await store.close();
        await nc.close();
      },
    );
  }
});

/** A reader in a process of its own. */
class Reader {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  count = 0;

  /** Under this runtime, or under the other one. */
  static async start(
    url: string,
    namespace: string,
    isOther: boolean,
    journal: Seen[],
  ): Promise<Reader> {
    const script = fileURLToPath(new URL("./_bus_reader.ts", import.meta.url));
    const underDeno = isDeno !== isOther;
    const deno = isDeno ? process.execPath : "deno";
    const bun = isDeno ? await findBun() : process.execPath;
    const child = underDeno
      ? spawn(deno, ["run", "-A", script, url, namespace, `${LEASE}`])
      : spawn(bun, [script, url, namespace, `${LEASE}`]);
    const reader = new Reader(child);
    await reader.#listen(journal);
    return reader;
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      child.once("close", () => resolve());
      child.once("error", () => resolve());
    });
    child.stderr!.on("data", (text) => console.error(String(text)));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async end(): Promise<void> {
    this.#child.stdin!.end();
    const late = setTimeout(() => this.#child.kill("SIGKILL"), 5_000);
    await this.#ended;
    clearTimeout(late);
  }

  async #listen(journal: Seen[]): Promise<void> {
    const ready = Promise.withResolvers<void>();
    let rest = "";
    this.#child.stdout!.on("data", (chunk) => {
      const lines = (rest + String(chunk)).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        if (line === "ready") ready.resolve();
        else if (line.startsWith("{")) {
          journal.push(JSON.parse(line) as Seen);
          this.count++;
        }
      }
    });
    const early = this.#ended.then(() => {
      throw new Error("the reader ended before it was ready");
    });
    early.catch(() => {});
    await Promise.race([ready.promise, early]);
  }
}
