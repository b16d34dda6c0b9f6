/** Projections and policies while acknowledgements are lost and processes die. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import {
  Aether,
  type AetherError,
  connect,
  type Connection,
  defineProjection,
  JetStreamEventStore,
  NatsEventBus,
  type StoredEvent,
} from "@flowmade/aether";
import { streamNames, systemClock } from "../../event/mod.ts";
import { Deadline, JetStreamApi, Link } from "../../nats/mod.ts";
import { Projections } from "../../projection/mod.ts";
import {
  eventually,
  isDeno,
  startNatsServer,
  startTcpProxy,
  testServer,
  uniqueNamespace,
} from "../support/mod.ts";
import { natsWorld } from "../actor/_worlds.ts";
import { Forward, Journal, Sums, Transfer } from "./_bank.ts";
import { Customers, Order, Turnover, Visit } from "./_shop.ts";

const LIMIT = { timeout: 60_000 };

describe("a projection on NATS", () => {
  it("settles writes whose acknowledgements are lost", LIMIT, async () => {
    await using world = await natsWorld();
    await using proxy = await startTcpProxy({ target: world.servers });
    const far = await connect({
      servers: proxy.url,
      ignoreClusterUpdates: true,
    });
    const { aether } = await world.startOn({
      actors: [Order, Visit],
      bulkConnection: far,
      projections: [Turnover],
    });
    const view = aether.projection(Turnover);
    await view.caughtUpTo(
      await aether.actor(Order, "1").place({ customer: "ada", total: 1 }),
    );
    let dropped = 0;
    const lost = proxy.dropReplies(({ payload }) =>
      utf8.decode(payload).includes(`"stream":"AETHER=VIEW=`) && dropped++ < 2
    );
    const receipt = await aether.actor(Order, "1").add([2, 3]);
    await view.caughtUpTo(receipt, { timeout: 20_000 });
    lost.stop();
    assert.ok(lost.count >= 2);
    const { seen, sum } = await view.get();
    assert.equal(sum, 6);
    assert.equal(seen.length, 3);
    await aether.close();
    await far.close();
  });

  it(
    "is folded right by two processes that both believe to be the one",
    LIMIT,
    async () => {
      await using place = await openPlace();
      const { store } = place;
      const [one, other] = [await place.side(), await place.side()];
      await Promise.all(["x", "y", "z"].map(async (key) => {
        for (let i = 0; i < 40; i++) {
          await store.append(`a-${key}`, [{ eventType: "E" }, {
            eventType: "E",
          }]);
        }
      }));
      await one.of(All).caughtUpTo();
      await other.of(Each).caughtUpTo();
      const stored: string[] = [];
      for await (const { id } of store.read({})) stored.push(id);
      assert.equal(stored.length, 240);
      assert.deepEqual(await other.of(All).get(), stored);
      const versions = Array.from({ length: 80 }, (_, i) => i + 1);
      for (const key of ["x", "y", "z"]) {
        assert.deepEqual(await one.of(Each).get(`a-${key}`), versions);
      }
    },
  );

  it("keeps what is there from a write that comes late", LIMIT, async () => {
    await using place = await openPlace();
    const { store } = place;
    await using proxy = await startTcpProxy({ target: place.servers });
    const far = await place.side(proxy.url);
    await store.append("a-x", [{ eventType: "E" }]);
    await far.of(All).caughtUpTo();
    const isView = (subject: string) => subject.startsWith("aether.view.");
    const held = proxy.holdRequests(({ subject }) => isView(subject));
    await store.append("a-x", [{ eventType: "E" }]);
    await held.first;
    const near = await place.side();
    await store.append("a-x", [{ eventType: "E" }]);
    await near.of(All).caughtUpTo();
    assert.equal((await near.of(All).get()).length, 3);
    // It arrives, and nothing else of its sender's does.
    const lost = proxy.dropRequests(({ subject }) => isView(subject));
    held.release();
    await place.flush();
    assert.equal((await near.of(All).get()).length, 3);
    lost.stop();
    await store.append("a-x", [{ eventType: "E" }]);
    await far.of(All).caughtUpTo(undefined, { timeout: 20_000 });
    assert.equal((await near.of(All).get()).length, 4);
  });
});

describe("a projection whose log was made anew", () => {
  it("stops, and says so", LIMIT, async () => {
    await using world = await natsWorld();
    const { namespace, servers } = world;
    const options = { actors: [Order], projections: [Customers] };
    const first = await world.start(options);
    const place = { customer: "ada", total: 1 };
    const receipt = await first.actor(Order, "1").place(place);
    await first.projection(Customers).caughtUpTo(receipt);
    await first.close();
    const nc = await connect({ servers });
    const link = new Link(nc);
    await new JetStreamApi(link).deleteStream(
      streamNames(namespace).events,
      new Deadline(systemClock, 10_000),
    );
    await link.close();
    await nc.close();
    const second = await world.start(options);
    for (let i = 0; i < 5; i++) await second.actor(Order, "1").place(place);
    const view = second.projection(Customers);
    await eventually(() => view.status().failure?.code === "corrupt_log");
    assert.equal((await view.get("ada"))?.sum, 1);
    await assert.rejects(view.caughtUpTo(), { code: "corrupt_log" });
  });
});

const All = defineProjection("all", {
  initial: () => [] as string[],
  on: { a: { E: (list, { id }) => [...list, id] } },
});

const Each = defineProjection("each", {
  initial: () => [] as number[],
  key: ({ actorId }) => actorId,
  on: { a: { E: (list, { version }) => [...list, version] } },
});

/** A namespace whose projections each believe to be the active one. */
async function openPlace() {
  const { url: servers } = await testServer();
  const namespace = uniqueNamespace("both");
  const closes: (() => Promise<unknown>)[] = [];
  const connections: Connection[] = [];
  const open = async (url: string) => {
    const nc = await connect({ servers: url, ignoreClusterUpdates: true });
    closes.push(() => nc.close());
    connections.push(nc);
    return nc;
  };
  const nc = await open(servers);
  const store = await JetStreamEventStore.open(nc, { namespace });
  closes.push(() => store.close());
  return {
    servers,
    store,
    /** Resolves when the server has had all that was sent so far. */
    flush: () => Promise.all(connections.map((each) => each.flush())),
    async side(url: string = servers): Promise<Projections> {
      const connection = await open(url);
      const bus = new NatsEventBus(connection);
      const projections = new Projections({
        namespace,
        place: { connection },
        clock: systemClock,
        tell: () => {},
      });
      const always = {
        ready: Promise.resolve(),
        term: 1,
        failure: undefined,
        close: () => Promise.resolve(),
      };
      closes.push(() => bus.close(), () => projections.close());
      await projections.run([All, Each], {
        seat: () => always,
        subscribe: bus.subscribe.bind(bus),
        forget: bus.forget.bind(bus),
      } as unknown as NatsEventBus);
      return projections;
    },
    async [Symbol.asyncDispose]() {
      for (const close of closes.reverse()) await close();
    },
  };
}

describe("policies and projections over a server that is killed", () => {
  it("go on when it is back: nothing lost, nothing twice", LIMIT, async () => {
    await using server = await startNatsServer();
    await using aether = await Aether.start({
      namespace: "bank",
      servers: server.url,
      actors: [Transfer],
      policies: [Forward],
      projections: [Sums, Journal],
    });
    const options = { timeout: 30_000 };
    const send = async (from: number, to: number) => {
      for (let n = from; n <= to; n++) {
        const commandId = `send-${n}`;
        for (;;) {
          try {
            await aether.actor(Transfer, "from-1").send(n, {
              ...options,
              commandId,
            });
            break;
          } catch (error) {
            const { ambiguous, retryable } = error as AetherError;
            if (!ambiguous && !retryable) throw error;
          }
        }
      }
    };
    await send(1, 30);
    const under = send(31, 60);
    await server.kill();
    await server.restart();
    await under;
    await eventually(
      async () => (await eventsOf(aether)).length === 120,
      { timeout: 30_000, interval: 100 },
    );
    const all = Array.from({ length: 60 }, (_, i) => i + 1);
    const received = (await eventsOf(aether)).filter(({ eventType }) =>
      eventType === "Received"
    ).map(({ data }) => (data as { n: number }).n);
    assert.deepEqual(received, all);
    const [sums, journal] = [
      aether.projection(Sums),
      aether.projection(Journal),
    ];
    await sums.caughtUpTo(undefined, options);
    await journal.caughtUpTo(undefined, options);
    const sum = 60 * 61 / 2;
    assert.deepEqual(await sums.get(), {
      sent: sum,
      received: sum,
      events: 120,
    });
    assert.deepEqual(await journal.get("transfer-to-1"), all);
    assert.deepEqual(await journal.get("transfer-from-1"), all);
  });
});

async function node(
  servers: string,
  namespace: string,
  nodeId: string,
): Promise<ChildProcess> {
  const file = fileURLToPath(new URL("./_node.ts", import.meta.url));
  const child = spawn(
    process.execPath,
    ["run", "-A", "--no-check", file, servers, namespace, nodeId],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const ready = Promise.withResolvers<void>();
  child.stdout!.on("data", (data) => {
    if (String(data).includes("ready")) ready.resolve();
  });
  child.on("exit", () => ready.reject(new Error(`node ${nodeId} ended`)));
  await ready.promise;
  return child;
}

async function eventsOf(aether: Aether): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  for await (const event of aether.store.read({})) events.push(event);
  return events;
}

describe("policies and projections in processes that are killed", {
  skip: !isDeno,
}, () => {
  it(
    "are taken over: everything received once, in order, every event folded once",
    LIMIT,
    async () => {
      await using world = await natsWorld();
      const { namespace, servers } = world;
      const first = await node(servers, namespace, "first");
      const second = await node(servers, namespace, "second");
      const client = await world.start({ actors: [] });
      const alive = new Set([first, second]);
      const kill = (child: ChildProcess) => {
        alive.delete(child);
        process.kill(child.pid!, "SIGKILL");
      };
      try {
        const send = async (from: number, to: number) => {
          await Promise.all(["1", "2", "3"].map(async (key) => {
            for (let n = from; n <= to; n++) {
              const from = client.actor(Transfer, `from-${key}`);
              await from.send(n, { timeout: 30_000 });
            }
          }));
        };
        await send(1, 20);
        const under = send(21, 60);
        await eventually(async () =>
          (await client.projection(Sums).get()).events > 80
        );
        kill(first);
        await under;
        // Whichever was the active one: now it is the third.
        const third = await node(servers, namespace, "third");
        alive.add(third);
        const more = send(61, 90);
        kill(second);
        await more;
        const all = 3 * 90;
        await eventually(
          async () =>
            (await client.projection(Sums).get()).received ===
              all * 91 / 2,
          { timeout: 30_000, interval: 50 },
        );
        const events = await eventsOf(client);
        for (const key of ["1", "2", "3"]) {
          const got = events.filter(({ actorId, eventType }) =>
            actorId === `transfer-to-${key}` && eventType === "Received"
          ).map(({ data }) => (data as { n: number }).n);
          assert.deepEqual(got, Array.from({ length: 90 }, (_, i) => i + 1));
        }
        await client.projection(Sums).caughtUpTo(undefined, {
          timeout: 20_000,
        });
        assert.deepEqual(await client.projection(Sums).get(), {
          sent: all * 91 / 2,
          received: all * 91 / 2,
          events: 2 * all,
        });
        await client.projection(Journal).caughtUpTo(undefined, {
          timeout: 20_000,
        });
        for await (const { key, value } of client.projection(Journal).list()) {
          assert.deepEqual(value, value.map((_, i) => i + 1), key);
          assert.equal(value.length, 90, key);
        }
        assert.equal(Forward.durable.length, 32);
      } finally {
        for (const child of alive) process.kill(child.pid!, "SIGKILL");
      }
    },
  );
});

const utf8 = new TextDecoder();
