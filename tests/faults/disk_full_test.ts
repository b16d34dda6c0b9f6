import assert from "node:assert/strict";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { AetherError } from "../../event/mod.ts";
import { connect } from "../../nats/mod.ts";
import { JetStreamEventStore } from "../../store/mod.ts";
import { run } from "../../tools/process.ts";
import {
  eventually,
  type NatsServers,
  seeded,
  startNatsServer,
  uniqueNamespace,
} from "../support/mod.ts";
import { report, Workload } from "./_workload.ts";

/** Each test ends by itself, but for this. */
const LIMIT = { timeout: 60_000 };

const able = process.platform === "linux" && process.getuid?.() === 0;

describe("a disk that is full", () => {
  const random = seeded();
  let folder: string | undefined;
  let servers: NatsServers | undefined;

  before(async () => {
    if (!able) return;
    const made = mkdtempSync(join(tmpdir(), "aether-full-"));
    const { code } = await run("mount", [
      "-t",
      "tmpfs",
      "-o",
      "size=24m",
      "tmpfs",
      made,
    ]);
    if (code !== 0) return rmdirSync(made);
    folder = made;
    // Allowed more than there is, so that it is the disk that says no.
    servers = await startNatsServer({
      jetstream: false,
      config: `jetstream { store_dir: "${made}", max_file_store: 1GB }`,
    });
  }, LIMIT);
  after(async () => {
    await servers?.stop();
    if (folder === undefined) return;
    await run("umount", [folder]);
    rmdirSync(folder);
  }, LIMIT);

  it(
    "ends calls in time with a typed error, and what was acknowledged is there",
    LIMIT,
    async () => {
      if (servers === undefined) {
        console.log(
          "skipped: only root can mount a small disk, and only on Linux",
        );
        return;
      }
      const namespace = uniqueNamespace("full");
      const nc = await connect({ servers: servers.url });
      const store = await JetStreamEventStore.open(nc, { namespace });
      const workload = new Workload([store], {
        random,
        writers: 8,
        timeout: 1_000,
        size: 60_000,
      });
      const ended = () => {
        const { failed, unknown } = workload.figures;
        return unknown + (failed["store_unavailable"] ?? 0);
      };
      await eventually(() => ended() >= 8, { timeout: 20_000 });
      await workload.stop();

      const { resent } = store.stats();
      const start = performance.now();
      let error: unknown;
      try {
        // Another one may still fit where there is no room for a large one.
        for (;;) {
          await store.append("a-1", [{
            eventType: "Written",
            data: "x".repeat(500_000),
          }], {
            timeout: 2_000,
          });
        }
      } catch (thrown) {
        error = thrown;
      }
      const took = performance.now() - start;
      assert(error instanceof AetherError, String(error));
      assert(
        ["store_unavailable", "outcome_unknown"].includes(error.code),
        error.code,
      );
      assert(error.retryable !== error.ambiguous);
      const tries = store.stats().resent - resent;
      assert(tries <= 10, `${tries} tries in ${took} ms`);

      await run("mount", ["-o", "remount,size=200m", folder!]);
      await servers.servers[0]!.restart();
      workload.resume();
      const back = await workload.eachAcked();
      const log = await workload.verify(store);
      const { figures } = workload;
      report("disk full", {
        ...figures,
        tries,
        code: error.code,
        back,
        stored: log.length,
      });
      assert(
        figures.overrun < 1_000,
        `a call took ${figures.overrun} ms too long`,
      );
      await store.close();
      await nc.close();
    },
  );
});
