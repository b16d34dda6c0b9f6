import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type BusEvent, NatsEventBus } from "../../bus/mod.ts";
import { connect } from "../../nats/mod.ts";
import { JetStreamEventStore } from "../../store/mod.ts";
import { findBun } from "../../tools/bun_binary.ts";
import {
  eventually,
  isDeno,
  testServer,
  uniqueNamespace,
} from "../support/mod.ts";
import { destroyAll } from "./_streams.ts";

const COUNT = 200;

describe("a bus in one runtime, a writer in the other", () => {
  it("see the same events", { timeout: 60_000 }, async () => {
    const { url } = await testServer();
    const namespace = uniqueNamespace("other");
    const nc = await connect({ servers: url });
    const store = await JetStreamEventStore.open(nc, { namespace });
    const bus = new NatsEventBus(nc);
    const kinds = [
      {},
      { from: "beginning" },
      { durable: "s" },
      { durable: "c", mode: "competing" },
    ] as const;
    const seen: BusEvent[][] = [];
    const gaps: unknown[] = [];
    for (const kind of kinds) {
      const events: BusEvent[] = [];
      seen.push(events);
      const subscription = bus.subscribe(namespace, {
        ...kind,
        onGap: (gap) => gaps.push(gap),
      });
      await subscription.ready;
      void (async () => {
        for await (const event of subscription) events.push(event);
      })();
    }
    const script = fileURLToPath(
      new URL("./_other_writer.ts", import.meta.url),
    );
    const args = [script, url, namespace, `${COUNT}`];
    const [program, rest] = isDeno
      ? [await findBun(), args]
      : [process.env.DENO ?? "deno", ["run", "-A", ...args]];
    const { stdout } = await promisify(execFile)(program, rest);
    assert.match(stdout, /done/);

    const stored: BusEvent[] = [];
    for await (const event of store.read()) {
      stored.push({ ...event, namespace });
    }
    assert.equal(stored.length, 2 * COUNT);
    await eventually(() => {
      assert.equal(seen[0]!.length, 2 * COUNT + COUNT / 10);
      for (const events of seen.slice(1)) {
        assert.equal(events.length, 2 * COUNT);
      }
      return true;
    }, { timeout: 20_000 });
    const [live, ...others] = seen;
    assert.deepEqual(live!.filter((e) => e.sequence !== undefined), stored);
    assert.deepEqual(
      live!.filter((e) => e.sequence === undefined).map((e) => e.data),
      Array.from({ length: COUNT / 10 }, (_, i) => ({ n: i * 10 })),
    );
    for (const events of others) assert.deepEqual(events, stored);
    assert.deepEqual(gaps, []);
    await bus.close();
    await store.close();
    await destroyAll(nc, namespace);
    await nc.close();
  });
});
