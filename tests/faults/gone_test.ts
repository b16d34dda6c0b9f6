import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  type AetherError,
  ClosedError,
  OutcomeUnknownError,
  StoreUnavailableError,
} from "../../event/mod.ts";
import { connect, type Connection } from "../../nats/mod.ts";
import { JetStreamEventStore } from "../../store/mod.ts";
import {
  type NatsServers,
  startNatsServer,
  testServer,
  uniqueNamespace,
} from "../support/mod.ts";

/** Each test ends by itself, but for this. */
const LIMIT = { timeout: 30_000 };
const EVENT = { eventType: "Written" };

/** Every call that waits. */
function calls(store: JetStreamEventStore, timeout: number) {
  const options = { timeout };
  const fresh = { events: [EVENT], expectedVersion: 0 };
  return {
    append: () => store.append("a-1", [EVENT], options),
    "append of a new actor": () =>
      store.append("new-1", [EVENT], { ...options, expectedVersion: 0 }),
    saveEvent: () =>
      store.saveEvent({
        ...EVENT,
        id: "x",
        actorId: "a-1",
        version: 2,
        data: {},
        timestamp: new Date(),
      }, options),
    appendAll: () =>
      store.appendAll([
        { actorId: "new-1", ...fresh },
        { actorId: "new-2", ...fresh },
      ], options),
    load: () => store.load("a-1", options),
    getEvents: () => store.getEvents("a-1", 0, options),
    getLatestVersion: () => store.getLatestVersion("a-1", options),
    read: () => Array.fromAsync(store.read(options)),
    listActors: () => Array.fromAsync(store.listActors(options)),
    saveSnapshot: () =>
      store.saveSnapshot({
        actorId: "a-1",
        version: 1,
        state: 1,
        timestamp: new Date(),
      }, options),
    getLatestSnapshot: () => store.getLatestSnapshot("a-1", options),
  };
}
const NAMES = Object.keys(
  calls(undefined as unknown as JetStreamEventStore, 1),
) as (keyof ReturnType<typeof calls>)[];

describe("over a connection that is closed", () => {
  let nc: Connection;
  let store: JetStreamEventStore;
  const namespace = uniqueNamespace("closed");
  const unknown: Promise<unknown>[] = [];
  before(async () => {
    const { url } = await testServer();
    nc = await connect({ servers: url });
    store = await JetStreamEventStore.open(nc, { namespace });
    await store.append("a-1", [EVENT]);
    unknown.push(store.append("a-1", [EVENT]).catch((error) => error));
    await nc.close();
  }, LIMIT);

  for (const name of NAMES) {
    it(`${name} says so at once`, LIMIT, async () => {
      const start = performance.now();
      await assert.rejects(calls(store, 10_000)[name](), ClosedError);
      assert(performance.now() - start < 500);
    });
  }

  it(
    "what was sent before is unknown, and says what to look for",
    LIMIT,
    async () => {
      const [error] = await Promise.all(unknown);
      assert(error instanceof OutcomeUnknownError);
      assert.match(
        error.message,
        /before the call was ended; look for it behind sequence 1$/,
      );
    },
  );

  it("no store opens", LIMIT, async () => {
    await assert.rejects(
      JetStreamEventStore.open(nc, { namespace }),
      ClosedError,
    );
  });
});

describe("while the server is down", () => {
  let servers: NatsServers;
  let nc: Connection;
  let store: JetStreamEventStore;
  const namespace = uniqueNamespace("down");
  before(async () => {
    servers = await startNatsServer();
    nc = await connect({ servers: servers.url });
    store = await JetStreamEventStore.open(nc, { namespace });
    await store.append("a-1", [EVENT]);
    const down = (async () => {
      for await (const { type } of nc.status()) {
        if (type === "disconnect") return;
      }
    })();
    await servers.kill();
    await down;
  }, LIMIT);
  after(async () => {
    await nc.close();
    await servers.stop();
  }, LIMIT);

  for (const name of NAMES) {
    it(
      `${name} ends by its deadline as unavailable, and may be repeated`,
      LIMIT,
      async () => {
        const start = performance.now();
        await assert.rejects(calls(store, 200)[name](), isUnavailable);
        const took = performance.now() - start;
        assert(took < 1_000, `it took ${took} ms`);
      },
    );
  }

  it(
    "a store does not take it for a server without JetStream",
    LIMIT,
    async () => {
      await assert.rejects(
        JetStreamEventStore.open(nc, { namespace, timeout: 200 }),
        isUnavailable,
      );
    },
  );

  it("a call that is ended early rejects with the reason", LIMIT, async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const { signal } = controller;
    const appended = store.append("a-1", [EVENT], { signal });
    controller.abort(reason);
    await assert.rejects(appended, (error) => error === reason);
  });
});

function isUnavailable(error: unknown): boolean {
  assert(error instanceof StoreUnavailableError, String(error));
  assert((error as AetherError).retryable && !(error as AetherError).ambiguous);
  return true;
}
