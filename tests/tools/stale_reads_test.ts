import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connect } from "../../nats/mod.ts";
import { destroyNamespace, JetStreamEventStore } from "../../store/mod.ts";
import {
  serveStale,
  startTcpProxy,
  testServer,
  uniqueNamespace,
} from "../support/mod.ts";

describe("serveStale()", () => {
  it("hides what is young from direct reads, and from no others", async () => {
    const { url } = await testServer();
    const namespace = uniqueNamespace("stale");
    await using proxy = await startTcpProxy({ target: url });
    const nc = await connect({ servers: url });
    const far = await connect({ servers: proxy.url });
    const near = await JetStreamEventStore.open(nc, { namespace });
    const behind = await JetStreamEventStore.open(far, { namespace });
    for (let i = 0; i < 5; i++) {
      await near.append("order-1", [{ eventType: "Placed", data: i }]);
    }

    const rule = serveStale(proxy, 60_000);
    const { commits, position } = await behind.load("order-1");
    assert.equal(position.version, 5);
    assert.deepEqual(
      commits.flatMap(({ events }) => events).map(({ data }) => data),
      [0, 1, 2, 3, 4],
    );
    const { staleReads } = behind.stats();
    assert.ok(staleReads > 0);
    assert.ok(rule.count > 0);

    rule.stop();
    await behind.load("order-1");
    assert.equal(behind.stats().staleReads, staleReads);

    // What is older than that is shown.
    const young = serveStale(proxy, 0);
    await behind.load("order-1");
    assert.equal(young.count, 0);
    await Promise.all([near.close(), behind.close()]);
    await destroyNamespace(nc, namespace, { confirm: namespace });
    await Promise.all([nc.close(), far.close()]);
  });
});
