import { describe, it } from "node:test";
import assert from "node:assert/strict";
import process from "node:process";
import {
  cloudEventsCodec,
  type EventCodec,
  systemClock,
} from "../../event/mod.ts";
import { InMemoryEventStore, InMemoryLog } from "../../store/mod.ts";
import { InMemoryStores, storeContract } from "../../testing/mod.ts";

const stores = new InMemoryStores();

storeContract({
  name: "InMemoryEventStore",
  describe,
  it: (name, run) => it(name, { timeout: 60_000 }, run),
  open: (namespace) => stores.open(namespace),
  cleanup: (namespace) => stores.forget(namespace),
  faults: stores,
  snapshotsTooLarge: (store) =>
    (store as InMemoryEventStore).stats().snapshotsTooLarge,
  ...(process.env.SEED ? { seed: Number(process.env.SEED) } : {}),
});

describe("InMemoryEventStore", () => {
  it("stamps commits and events by its clock", async () => {
    const clock = { ...systemClock, now: () => 1_234_567_890_123 };
    await using store = new InMemoryEventStore({ namespace: "bank", clock });
    await store.append("account-ada", [{ eventType: "Opened" }]);
    const { commits } = await store.load("account-ada");
    assert.equal(commits[0]!.at, 1_234_567_890_123);
    assert.deepEqual(
      commits[0]!.events[0]!.timestamp,
      new Date(1_234_567_890_123),
    );
  });

  it("decodes no more than is read", async () => {
    let decoded = 0;
    const codec: EventCodec = {
      encode: cloudEventsCodec.encode,
      decode: (contentType, body) => {
        decoded++;
        return cloudEventsCodec.decode(contentType, body);
      },
    };
    await using store = new InMemoryEventStore({ namespace: "bank", codec });
    for (let i = 0; i < 500; i++) {
      await store.append("account-ada", [{ eventType: "Deposited" }]);
    }
    for (const where of [{}, { type: "account" }, { actorId: "account-ada" }]) {
      for (const direction of ["forward", "backward"] as const) {
        decoded = 0;
        let seen = 0;
        for await (const _ of store.read({ ...where, direction })) {
          if (++seen === 3) break;
        }
        assert.ok(
          decoded >= 3 && decoded <= 4,
          `${decoded} commits for 3 events`,
        );
      }
    }
  });

  it("encodes each commit once where it knows the version", async () => {
    let encoded = 0;
    const codec: EventCodec = {
      encode: (namespace, events) => {
        encoded++;
        return cloudEventsCodec.encode(namespace, events);
      },
      decode: cloudEventsCodec.decode,
    };
    await using store = new InMemoryEventStore({ namespace: "bank", codec });
    let { position } = await store.append("account-ada", [{ eventType: "A" }]);
    ({ position } = await store.append("account-ada", [{ eventType: "B" }], {
      expectedVersion: position,
    }));
    await store.append("account-ada", [{ eventType: "C" }], {
      expectedVersion: position.version,
    });
    await store.append("account-ada", [{ eventType: "D" }]);
    assert.equal(encoded, 4);
  });

  it("refuses the log of another namespace", () => {
    const log = new InMemoryLog("bank");
    assert.throws(
      () => new InMemoryEventStore({ namespace: "shop", log }),
      { code: "invalid_argument" },
    );
  });

  it("refuses a namespace that is none", () => {
    assert.throws(() => new InMemoryEventStore({ namespace: "a.*" }), {
      code: "invalid_argument",
    });
  });

  it("counts headers into the size of a commit", async () => {
    await using store = new InMemoryEventStore({
      namespace: "bank",
      maxPayload: 2_000,
    });
    const commands = Array.from({ length: 60 }, (_, i) => ({
      id: `command-${i}-${"x".repeat(20)}`,
      events: 0,
    }));
    await store.append("account-ada", [{
      eventType: "E",
      data: "x".repeat(1_000),
    }]);
    await assert.rejects(
      store.append("account-ada", [{ eventType: "E" }], { commands }),
      { code: "payload_too_large" },
    );
    assert.equal(await store.getLatestVersion("account-ada"), 1);
  });

  it("counts what it does", async () => {
    await using store = new InMemoryEventStore({ namespace: "bank" });
    await store.append("account-ada", [{ eventType: "Opened" }]);
    await assert.rejects(
      store.append("account-ada", [{ eventType: "Opened" }], {
        expectedVersion: 0,
      }),
    );
    const { appended, conflicts } = store.stats();
    assert.deepEqual([appended, conflicts], [1, 1]);
  });
});
