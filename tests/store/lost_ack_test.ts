import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  OutcomeUnknownError,
  subjectsOf,
  VersionConflictError,
} from "../../event/mod.ts";
import { connect, type Connection } from "../../nats/mod.ts";
import { destroyNamespace, JetStreamEventStore } from "../../store/mod.ts";
import {
  startTcpProxy,
  type TcpProxy,
  testServer,
  uniqueNamespace,
} from "../support/mod.ts";

const EVENT = { eventType: "Counted", data: { by: 1 } };

describe("an append whose acknowledgement is lost", () => {
  const namespace = uniqueNamespace("lost-ack");
  const publishes = `${subjectsOf(namespace).allEvents.split("*")[0]}`;
  let url: string;
  let direct: Connection;
  let other: JetStreamEventStore;

  before(async () => {
    ({ url } = await testServer());
    direct = await connect({ servers: url });
    other = await JetStreamEventStore.open(direct, { namespace });
  });
  after(async () => {
    await destroyNamespace(direct, namespace, { confirm: namespace });
    await other.close();
    await direct.close();
  });

  it("is found by its slot", () =>
    throughProxy(async (store, proxy) => {
      const lost = dropFirstAck(proxy);
      const result = await store.append("a-1", [EVENT], {
        expectedVersion: 0,
        timeout: 1_500,
      });
      lost.stop();
      assert.equal(result.version, 1);
      assert.equal(store.stats().settled, 1);
      assert.deepEqual(await versions("a-1"), [1]);
    }));

  it("is found although another writer's commit lies behind it", () =>
    throughProxy(async (store, proxy) => {
      const lost = dropFirstAck(proxy);
      const appended = store.append("a-2", [EVENT, EVENT], {
        expectedVersion: 0,
        timeout: 1_500,
      });
      await lost.first;
      await other.append("a-2", [EVENT], { expectedVersion: 2 });
      const result = await appended;
      lost.stop();
      assert.equal(result.version, 2);
      assert.deepEqual(await versions("a-2"), [1, 2, 3]);
    }));

  it("is refused for good when it never arrived and another was first", () =>
    throughProxy(async (store, proxy) => {
      const lost = dropFirstPublish(proxy);
      const appended = store.append("a-3", [EVENT], {
        expectedVersion: 0,
        timeout: 1_500,
      });
      await lost.first;
      const theirs = await other.append("a-3", [EVENT], { expectedVersion: 0 });
      await assert.rejects(appended, (error) => {
        assert.ok(error instanceof VersionConflictError);
        assert.equal(error.actualVersion, 1);
        assert.deepEqual(error.newerEvents, theirs.events);
        return true;
      });
      lost.stop();
      assert.deepEqual(await versions("a-3"), [1]);
    }));

  it("goes behind the other writer when it expects nothing in particular", () =>
    throughProxy(async (store, proxy) => {
      const lost = dropFirstPublish(proxy);
      const appended = store.append("a-4", [EVENT], { timeout: 1_500 });
      await lost.first;
      await other.append("a-4", [EVENT], { expectedVersion: 0 });
      assert.equal((await appended).version, 2);
      lost.stop();
      assert.deepEqual(await versions("a-4"), [1, 2]);
    }));

  it("is stored once when its first copy lands behind the second", () =>
    throughProxy(async (store, proxy) => {
      let held = 0;
      const hold = proxy.holdRequests(({ subject }) =>
        subject.startsWith(publishes) && held++ === 0
      );
      const result = await store.append("a-5", [EVENT], {
        expectedVersion: 0,
        timeout: 1_500,
      });
      assert.equal(result.version, 1);
      assert.ok(store.stats().resent >= 1);
      hold.release(); // the first copy arrives now, and must be refused
      await store.append("a-5", [EVENT], { expectedVersion: 1 });
      assert.deepEqual(await versions("a-5"), [1, 2]);
    }));

  it("is found when its first copy lands just before the second", () =>
    throughProxy(async (store, proxy) => {
      const hold = proxy.holdRequests(({ subject }) =>
        subject.startsWith(publishes)
      );
      const looked = proxy.holdRequests(({ subject }) =>
        subject.includes("STREAM.MSG.GET")
      );
      const appended = store.append("a-6", [EVENT], {
        expectedVersion: 0,
        timeout: 1_500,
      });
      await looked.first; // it timed out and looks at its slot
      looked.release(); // empty, so far
      hold.release(); // the first copy arrives; the second is on its way
      assert.equal((await appended).version, 1);
      assert.deepEqual(await versions("a-6"), [1]);
    }));

  it("is unknown, and said so, when its slot cannot be read either", () =>
    throughProxy(async (store, proxy) => {
      const lost = proxy.dropReplies(() => true);
      const appended = store.append("a-7", [EVENT], {
        expectedVersion: 0,
        timeout: 400,
      });
      await assert.rejects(appended, (error) => {
        assert.ok(error instanceof OutcomeUnknownError);
        assert.ok(error.ambiguous);
        assert.equal(error.details["actorId"], "a-7");
        return true;
      });
      lost.stop();
      const version = await store.getLatestVersion("a-7");
      assert.ok(version <= 1, `stored ${version} times`);
    }));

  it("is settled for a whole batch by its slots", () =>
    throughProxy(async (store, proxy) => {
      let dropped = 0;
      const lost = proxy.dropReplies(({ payload }) =>
        new TextDecoder().decode(payload).includes('"batch"') && dropped++ === 0
      );
      const results = await store.appendAll([
        { actorId: "b-1", events: [EVENT], expectedVersion: 0 },
        { actorId: "b-2", events: [EVENT, EVENT], expectedVersion: 0 },
      ], { timeout: 1_500 });
      lost.stop();
      assert.equal(lost.count, 1);
      assert.deepEqual(results.map(({ version }) => version), [1, 2]);
      assert.deepEqual(await versions("b-1"), [1]);
      assert.deepEqual(await versions("b-2"), [1, 2]);
    }));

  async function throughProxy(
    run: (store: JetStreamEventStore, proxy: TcpProxy) => Promise<void>,
  ): Promise<void> {
    await using proxy = await startTcpProxy({ target: url });
    const nc = await connect({
      servers: proxy.url,
      ignoreClusterUpdates: true,
    });
    try {
      await using store = await JetStreamEventStore.open(nc, { namespace });
      await run(store, proxy);
    } finally {
      await nc.close();
    }
  }

  async function versions(actorId: string): Promise<number[]> {
    return (await other.getEvents(actorId)).map(({ version }) => version);
  }

  function dropFirstAck(proxy: TcpProxy) {
    let acks = 0;
    return proxy.dropReplies(({ payload }) => {
      const text = new TextDecoder().decode(payload);
      return text.startsWith('{"stream":"AETHER=EV') && acks++ === 0;
    });
  }

  function dropFirstPublish(proxy: TcpProxy) {
    let sent = 0;
    return proxy.dropRequests(({ subject }) =>
      subject.startsWith(publishes) && sent++ === 0
    );
  }
});
