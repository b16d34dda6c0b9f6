import process from "node:process";
import { after, before, describe, it } from "node:test";
import { NatsEventBus } from "../../bus/mod.ts";
import { encodeHeaders, Link } from "../../nats/mod.ts";
import { parseActorId, subjectsOf } from "../../event/mod.ts";
import { connect, type Connection } from "../../nats/mod.ts";
import { JetStreamEventStore } from "../../store/mod.ts";
import { busContract } from "../../testing/mod.ts";
import {
  type NatsServers,
  startNatsServer,
  testServer,
} from "../support/mod.ts";
import { destroyAll } from "./_streams.ts";

const nightly = process.env.AETHER_NIGHTLY === "1";
const LIMIT = { timeout: 120_000 };

describe("NatsEventBus on one server", () => {
  contract(1, async () => [(await testServer()).url, (await testServer()).url]);
});

if (nightly) {
  describe("NatsEventBus on three servers", () => {
    let servers: NatsServers;
    before(async () => {
      servers = await startNatsServer({ servers: 3 });
    }, LIMIT);
    after(() => servers?.stop(), LIMIT);
    contract(3, () => Promise.resolve([servers.urls[0]!, servers.urls[1]!]));
  });
}

/** Registers the suite; the second URL is for buses of "another process". */
function contract(
  replicas: 1 | 3,
  urls: () => Promise<readonly [string, string]>,
): void {
  let one: Connection;
  let other: Connection;
  let link: Link;
  before(async () => {
    const [first, second] = await urls();
    one = await connect({ servers: first, ignoreClusterUpdates: true });
    other = await connect({ servers: second, ignoreClusterUpdates: true });
    link = new Link(other);
  }, LIMIT);
  after(async () => {
    await link?.close();
    await one?.close();
    await other?.close();
  }, LIMIT);

  busContract({
    name: `NatsEventBus, R${replicas}`,
    describe,
    it: (name, run) => it(name, LIMIT, run),
    openStore: (namespace) =>
      JetStreamEventStore.open(one, { namespace, replicas }),
    openBus: () => Promise.resolve(new NatsEventBus(one)),
    anotherBus: () => Promise.resolve(new NatsEventBus(other)),
    cleanup: (namespace) => destroyAll(one, namespace),
    writeRaw: async (namespace, actorId, headers, body, contentType) => {
      const subject = subjectsOf(namespace).event(parseActorId(actorId));
      await link.request(subject, body, {
        headers: encodeHeaders({ ...headers, "content-type": contentType }),
        timeout: 5_000,
      });
    },
    ...(process.env.SEED ? { seed: Number(process.env.SEED) } : {}),
  });
}
