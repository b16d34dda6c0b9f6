import { after, before, describe, it } from "node:test";
import process from "node:process";
import { connect } from "../../nats/mod.ts";
import { destroyNamespace, JetStreamEventStore } from "../../store/mod.ts";
import { storeContract } from "../../testing/mod.ts";
import {
  isBun,
  startNatsServer,
  testServer,
  uniqueNamespace,
} from "../support/mod.ts";
import { jetStreamFaults } from "./_jetstream_faults.ts";

const nightly = process.env.AETHER_NIGHTLY === "1";
const LIMIT = { timeout: nightly ? 600_000 : 120_000 };

type Connection = Awaited<ReturnType<typeof connect>>;

describe("JetStreamEventStore on one server", () => {
  contract(1, async () => {
    const { url } = await testServer();
    return { urls: [url, url], stop: () => Promise.resolve() };
  });
});

// Each runtime has its share of what takes long and tests servers rather than the
// runtime: this one is Bun's, but for the night.
if (isBun || nightly) {
  describe("JetStreamEventStore on three servers", () => {
    contract(3, async () => {
      const servers = await startNatsServer({ servers: 3 });
      return { urls: servers.urls, stop: () => servers.stop() };
    });
  });
}

interface Started {
  readonly urls: readonly string[];
  stop(): Promise<void>;
}

/** Registers the suite; the second URL is for the stores of "another process". */
function contract(replicas: 1 | 3, start: () => Promise<Started>): void {
  let started: Started;
  let one: Connection;
  let other: Connection;
  // nats-server removes a folder behind the last stream that is deleted, and a
  // stream created at that moment fails (10049): so one stream stays.
  const keeper = uniqueNamespace("keeper");
  before(async () => {
    started = await start();
    const [first, second] = started.urls;
    one = await connect({ servers: first!, ignoreClusterUpdates: true });
    other = await connect({ servers: second!, ignoreClusterUpdates: true });
    await (await JetStreamEventStore.open(one, { namespace: keeper })).close();
  }, LIMIT);
  after(async () => {
    await destroyNamespace(one, keeper, { confirm: keeper });
    await one.close();
    await other.close();
    await started.stop();
  }, LIMIT);

  storeContract({
    name: `JetStreamEventStore, R${replicas}`,
    describe,
    it: (name, run) => it(name, LIMIT, run),
    open: (namespace) => JetStreamEventStore.open(one, { namespace, replicas }),
    another: (namespace) =>
      JetStreamEventStore.open(other, { namespace, replicas }),
    cleanup: (namespace) =>
      destroyNamespace(one, namespace, { confirm: namespace }),
    faults: jetStreamFaults(() => other),
    snapshotsTooLarge: (store) =>
      (store as JetStreamEventStore).stats().snapshotsTooLarge,
    received: () => one.stats().inBytes,
    sent: () => one.stats().outBytes,
    pairs: nightly ? 10_000 : 2_000,
    longActor: nightly ? 10_000 : 4_000,
    ...(process.env.SEED ? { seed: Number(process.env.SEED) } : {}),
  });
}
