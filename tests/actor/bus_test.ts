import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  Aether,
  type BusEvent,
  connect,
  type EventStore,
  InMemoryEventStore,
  ulid,
} from "@flowmade/aether";
import { startNatsServer } from "../../tools/nats_server.ts";
import { testServer, uniqueNamespace } from "../support/mod.ts";
import { Account } from "./_account.ts";

const places: readonly [string, () => Promise<{ servers?: string }>][] = [
  ["in memory", () => Promise.resolve({})],
  ["on NATS", async () => ({ servers: (await testServer()).url })],
];

for (const [name, place] of places) {
  describe(`aether.bus ${name}`, () => {
    it("shows what commands store, from the beginning and live", async () => {
      const namespace = uniqueNamespace("bus");
      const options = { namespace, actors: [Account], ...await place() };
      await using aether = await Aether.start(options);
      const ada = aether.actor(Account, "ada");
      await ada.deposit({ amount: 1 });
      const live = aether.bus.subscribe(namespace);
      await live.ready;
      await ada.deposit({ amount: 2 });
      assert.deepEqual((await take(live, 1)).map(shown), ["2 Deposited 2"]);
      const all = aether.bus.subscribe(namespace, { from: "beginning" });
      assert.deepEqual((await take(all, 2)).map(shown), [
        "1 Deposited 1",
        "2 Deposited 2",
      ]);
    });

    it("carries notices, and says who listens", async () => {
      const namespace = uniqueNamespace("bus");
      const options = { namespace, actors: [], ...await place() };
      await using aether = await Aether.start(options);
      await using live = aether.bus.subscribe(namespace);
      await live.ready;
      assert.equal(aether.bus.subscriberCount(namespace), 1);
      await aether.bus.publish(namespace, {
        id: ulid(),
        eventType: "Seen",
        actorId: "account-ada",
        version: 1,
        data: { amount: 0 },
        timestamp: new Date(),
      });
      const [notice] = await take(live, 1);
      assert.equal(notice!.eventType, "Seen");
      assert.equal(notice!.sequence, undefined);
    });

    it("is closed with the system, and its subscriptions with it", async () => {
      const namespace = uniqueNamespace("bus");
      const options = { namespace, actors: [], ...await place() };
      const aether = await Aether.start(options);
      const { bus } = aether;
      const live = bus.subscribe(namespace);
      await live.ready;
      const ended = take(live, Infinity);
      await aether.close();
      assert.deepEqual(await ended, []);
      assert.throws(() => bus.subscribe(namespace), { code: "closed" });
    });
  });
}

describe("aether.bus", () => {
  it("listens to an in-memory store that was given", async () => {
    const namespace = uniqueNamespace("bus");
    await using store = new InMemoryEventStore({ namespace });
    const options = { namespace, actors: [], store };
    await using aether = await Aether.start(options);
    await store.append("account-eve", [{ eventType: "Opened" }]);
    const all = aether.bus.subscribe(namespace, { from: "beginning" });
    assert.equal((await take(all, 1))[0]!.actorId, "account-eve");
  });

  it("reads on the connection for long reads", async () => {
    await using server = await startNatsServer();
    const namespace = uniqueNamespace("bus");
    const options = { namespace, actors: [], servers: server.url };
    await using aether = await Aether.start({ ...options, nodeId: "n1" });
    await aether.bus.subscribe(namespace, { notices: false }).ready;
    const [monitor] = server.servers;
    const answer = await fetch(`${monitor!.monitorUrl}/connz?subs=1`);
    const { connections } = await answer.json() as {
      connections: { name: string; subscriptions_list?: string[] }[];
    };
    const listening = connections.filter(({ subscriptions_list = [] }) =>
      subscriptions_list.includes(`aether.bus.${namespace}.*.*`)
    );
    assert.deepEqual(listening.map((each) => each.name), ["aether n1 bulk"]);
  });

  it("works on a connection that was given, which stays open", async () => {
    const connection = await connect({ servers: (await testServer()).url });
    const namespace = uniqueNamespace("bus");
    const aether = await Aether.start({ namespace, actors: [], connection });
    const live = aether.bus.subscribe(namespace);
    await live.ready;
    await aether.store.append("account-eve", [{ eventType: "Opened" }]);
    assert.equal((await take(live, 1))[0]!.actorId, "account-eve");
    await aether.close();
    assert.equal(connection.isClosed(), false);
    await connection.close();
  });

  it("refuses to listen to a store whose log it does not know", async () => {
    const namespace = uniqueNamespace("bus");
    await using inner = new InMemoryEventStore({ namespace });
    const store = new Proxy({} as EventStore, {
      get: (_, name) => {
        const found = Reflect.get(inner, name, inner);
        return typeof found === "function" ? found.bind(inner) : found;
      },
    });
    const options = { namespace, actors: [Account], store };
    await using aether = await Aether.start(options);
    assert.throws(() => aether.bus, {
      code: "invalid_argument",
      message: /new EventBus/,
    });
    // Everything else is as it was.
    await aether.actor(Account, "ada").deposit({ amount: 1 });
  });
});

/** The next items of a subscription, or all until it ends. */
async function take(
  subscription: AsyncIterable<BusEvent>,
  count: number,
): Promise<BusEvent[]> {
  const found: BusEvent[] = [];
  for await (const event of subscription) {
    if (found.push(event) === count) break;
  }
  return found;
}

function shown({ data, eventType, version }: BusEvent): string {
  return `${version} ${eventType} ${(data as { amount: number }).amount}`;
}
