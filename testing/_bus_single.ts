/** A durable subscription with one active reader. */
import assert from "node:assert/strict";
import type { BusEvent, SubscribeOptions } from "../bus/mod.ts";
import {
  type BusCase,
  type BusSuite,
  Tail,
  tell,
  within,
} from "./_bus_suite.ts";

const QUICK = { limit: 3, delay: 5, maxDelay: 20 };

export function testSingle(suite: BusSuite): void {
  suite.group("durable, one active", () => {
    suite.test("starts at the beginning, and resumes where it was", async (t) => {
      for (let i = 0; i < 10; i++) await t.put("order-1", `E${i}`);
      const got: BusEvent[] = [];
      for (let part = 0; part < 4; part++) {
        const subscription = t.bus.subscribe(t.namespace, { durable: "d" });
        for await (const event of subscription) {
          got.push(event);
          if (got.length % 3 !== 0) continue;
          await subscription.acknowledge();
          break;
        }
        if (part === 1) await t.put("order-1", "E10");
        if (part === 2) await t.put("order-1", "E11");
      }
      assert.deepEqual(got, await t.stored());
    });

    suite.test("repeats only what was not acknowledged", async (t) => {
      await t.store.append("order-1", [
        { eventType: "A" },
        { eventType: "B" },
        { eventType: "C" },
      ]);
      const first: string[] = [];
      for await (const e of t.bus.subscribe(t.namespace, { durable: "d" })) {
        first.push(e.eventType);
        if (first.length === 2) break; // B is not acknowledged
      }
      const tail = await t.tail({ durable: "d" });
      await tail.first(2);
      assert.deepEqual(tail.events.map((e) => e.eventType), ["B", "C"]);
    });

    suite.test("starts from now, or from a point, the first time only", async (t) => {
      for (let i = 0; i < 4; i++) await t.put("order-1", `E${i}`);
      const now = await t.tail({ durable: "now", from: "now" });
      const third = await t.tail({ durable: "third", from: { sequence: 3 } });
      await now.until(() => now.subscription.stats().active);
      await third.first(2);
      await t.put("order-1", "E4");
      await now.first(1);
      await third.first(3);
      assert.equal(now.told[0], "order-1@5 E4");
      assert.equal(third.told[0], "order-1@3 E2");
      await third.subscription.acknowledge();
      await third.subscription.close();
      const again = await t.tail({ durable: "third", from: { sequence: 1 } });
      await t.put("order-1", "E5");
      await again.until(() => again.events.at(-1)?.eventType === "E5");
      assert.ok(again.events[0]!.version >= 5);
    });

    suite.test("has one active, and another takes over in order", async (t) => {
      const another = await t.another();
      const options: SubscribeOptions = { durable: "d", lease: 1_000 };
      const one = await t.tail(options);
      for (let i = 0; i < 5; i++) await t.put("order-1", `E${i}`);
      await one.first(5);
      const two = await t.tail(options, t.namespace, another);
      for (let i = 5; i < 10; i++) await t.put("order-1", `E${i}`);
      await one.first(10);
      assert.equal(two.events.length, 0);
      assert.equal(two.subscription.stats().active, false);
      await one.subscription.close();
      for (let i = 10; i < 15; i++) await t.put("order-1", `E${i}`);
      await two.until(() => two.events.at(-1)?.version === 15);
      const all = [...one.events, ...two.events];
      // Only what was in the first one's hands may come twice.
      assert.ok(all.length <= 16, all.map(tell).join());
      const versions = all.map((e) => e.version);
      assert.deepEqual(versions, [...versions].sort((a, b) => a - b));
      assert.equal(new Set(versions).size, 15);
    });

    suite.test("keeps its place over events it does not want", async (t) => {
      const tail = await t.tail({ durable: "d", eventTypes: ["Wanted"] });
      await t.put("order-1", "Wanted");
      for (let i = 0; i < 20; i++) await t.put("order-1", "Other");
      await tail.first(1);
      await tail.until(() => tail.subscription.stats().filtered === 20);
      await tail.subscription.close();
      const again = await t.tail({ durable: "d", eventTypes: ["Wanted"] });
      await t.put("order-1", "Wanted");
      await again.until(() => again.events.at(-1)?.version === 22);
      assert.ok(again.subscription.stats().filtered < 20);
    });

    suite.test("keeps durables of different names apart", async (t) => {
      const one = await t.tail({ durable: "one" });
      const two = await t.tail({ durable: "two" });
      await t.put("order-1");
      await one.first(1);
      await two.first(1);
    });

    suite.test("delivers again what failed, before anything later", async (t) => {
      const attempts: string[] = [];
      const tail = handled(t, (event, attempt) => {
        attempts.push(`${event.eventType}#${attempt}`);
        if (event.eventType === "Bad" && attempt < 3) {
          throw new Error("not yet");
        }
      });
      await t.put("order-1", "Good");
      await t.put("order-1", "Bad");
      await t.put("order-1", "Better");
      await tail.first(5);
      assert.deepEqual(attempts, [
        "Good#1",
        "Bad#1",
        "Bad#2",
        "Bad#3",
        "Better#1",
      ]);
      const { parked, retried } = tail.subscription.stats();
      assert.deepEqual([parked, retried], [0, 2]);
    });

    suite.test("parks what keeps failing, with the later ones of its actor", async (t) => {
      const tail = handled(t, (event) => {
        if (event.eventType === "Bad") throw new Error("never");
      });
      await t.put("order-1", "Good");
      await t.put("order-1", "Bad");
      await t.put("order-1", "Later");
      await t.put("order-2", "Other");
      await tail.until(() => tail.events.at(-1)?.actorId === "order-2");
      assert.deepEqual(tail.told, [
        "order-1@1 Good",
        ...Array.from({ length: 3 }, () => "order-1@2 Bad"),
        "order-2@1 Other",
      ]);
      const parked = await t.bus.parking(t.namespace, "d").list();
      assert.deepEqual(
        parked.map((p) => [tell(p.event), p.attempts]),
        [["order-1@2 Bad", 3], ["order-1@3 Later", 0]],
      );
      assert.match(parked[0]!.reason, /never/);
      assert.deepEqual(parked[0]!.event, (await t.stored())[1]);
      assert.ok(parked[0]!.at.getTime() > 0);
    });

    suite.test("replays what is parked, in order, and goes on", async (t) => {
      let isBroken = true;
      const tail = handled(t, (event) => {
        if (event.eventType === "Bad" && isBroken) throw new Error("never");
      });
      await t.put("order-1", "Bad");
      await t.put("order-1", "Later");
      await t.put("order-2", "Other");
      await tail.until(() => tail.events.at(-1)?.actorId === "order-2");
      const parking = t.bus.parking(t.namespace, "d");
      isBroken = false;
      assert.equal(await parking.replay(), 2);
      await tail.until(() => tail.events.at(-1)?.eventType === "Later");
      await t.put("order-1", "Last");
      await tail.until(() => tail.events.at(-1)?.eventType === "Last");
      assert.deepEqual(tail.told.slice(-3), [
        "order-1@1 Bad",
        "order-1@2 Later",
        "order-1@3 Last",
      ]);
      assert.deepEqual(await parking.list(), []);
    });

    suite.test("parks again what fails when replayed", async (t) => {
      const tail = handled(t, (event) => {
        if (event.eventType === "Bad") throw new Error("never");
      });
      await t.put("order-1", "Bad");
      await t.put("order-1", "Later");
      await tail.until(() => tail.subscription.stats().parked === 2);
      const parking = t.bus.parking(t.namespace, "d");
      assert.equal(await parking.replay({ actorId: "order-1" }), 2);
      await tail.until(() => tail.subscription.stats().parked === 3);
      await tail.until(() => tail.events.length === 4);
      const parked = await eventually(
        () => parking.list(),
        (list) => list[0]?.attempts === 4 && list.length === 2,
      );
      assert.deepEqual(parked.map((p) => tell(p.event)), [
        "order-1@1 Bad",
        "order-1@2 Later",
      ]);
    });

    suite.test("forgets what is dropped, and lets its actor go on", async (t) => {
      const tail = handled(t, (event) => {
        if (event.eventType === "Bad") throw new Error("never");
      });
      await t.put("order-1", "Bad");
      await t.put("order-1", "Later");
      await tail.until(() => tail.subscription.stats().parked === 2);
      const parking = t.bus.parking(t.namespace, "d");
      const [bad] = await parking.list();
      assert.equal(await parking.drop({ id: bad!.id }), 1);
      assert.equal(await parking.replay(), 1);
      await tail.until(() => tail.events.at(-1)?.eventType === "Later");
      await t.put("order-1", "Last");
      await tail.until(() => tail.events.at(-1)?.eventType === "Last");
      assert.deepEqual(await parking.list(), []);
    });

    suite.test("remembers what is parked when another takes over", async (t) => {
      const fail = (event: BusEvent) => {
        if (event.eventType === "Bad") throw new Error("never");
      };
      const one = handled(t, fail);
      await t.put("order-1", "Bad");
      await one.until(() => one.subscription.stats().parked === 1);
      await one.subscription.close();
      const two = handled(t, fail);
      await t.put("order-1", "Later");
      await t.put("order-2", "Other");
      await two.until(() => two.events.at(-1)?.actorId === "order-2");
      assert.ok(!two.events.some((e) => e.eventType === "Later"));
      const parked = await t.bus.parking(t.namespace, "d").list();
      assert.equal(parked.length, 2);
    });

    suite.test("lets a loop say that an event failed", async (t) => {
      await t.put("order-1", "Bad");
      await t.put("order-2", "Good");
      const subscription = t.bus.subscribe(t.namespace, {
        durable: "d",
        retry: QUICK,
      });
      const seen: string[] = [];
      for await (const event of subscription) {
        seen.push(event.eventType);
        if (event.eventType === "Good") break;
        await subscription.fail(new Error("no"));
      }
      assert.deepEqual(seen, ["Bad", "Bad", "Bad", "Good"]);
      const [parked] = await t.bus.parking(t.namespace, "d").list();
      assert.equal(parked!.reason, "no");
    });

    suite.test("starts anew when it is forgotten", async (t) => {
      await t.put("order-1", "Placed");
      const tail = handled(t, () => {
        throw new Error("never");
      });
      await tail.until(() => tail.subscription.stats().parked === 1);
      await tail.subscription.close();
      await t.bus.forget(t.namespace, "d");
      assert.deepEqual(await t.bus.parking(t.namespace, "d").list(), []);
      const again = await t.tail({ durable: "d" });
      await again.first(1);
      assert.deepEqual(again.told, ["order-1@1 Placed"]);
    });
  });
}

function handled(
  t: BusCase,
  handle: (event: BusEvent, attempt: number) => void,
): Tail {
  return new Tail(
    t.bus,
    t.namespace,
    { durable: "d", retry: QUICK },
    (event, { attempt }) => handle(event, attempt),
  );
}

async function eventually<T>(
  look: () => Promise<T>,
  isSo: (value: T) => boolean,
): Promise<T> {
  return await within(
    (async () => {
      for (;;) {
        const value = await look();
        if (isSo(value)) return value;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })(),
    "it did not come about",
  );
}
