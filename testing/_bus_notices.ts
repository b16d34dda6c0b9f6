/** Notices: sent to those who listen, stored nowhere. */
import assert from "node:assert/strict";
import { type BusSuite, failing, notice } from "./_bus_suite.ts";

export function testNotices(suite: BusSuite): void {
  suite.group("publish()", () => {
    suite.test("delivers a notice, which has no sequence", async (t) => {
      const tail = await t.tail();
      const event = {
        ...notice("order-1", { seen: true }),
        commandId: "c1",
        metadata: { correlationId: "x", userId: "u" },
      };
      await t.bus.publish(t.namespace, event);
      const [got] = await tail.first(1);
      assert.deepEqual(got, { ...event, namespace: t.namespace });
      assert.equal(got!.sequence, undefined);
    });

    suite.test("stores nothing", async (t) => {
      const tail = await t.tail();
      await t.bus.publish(t.namespace, notice("order-1"));
      await tail.first(1);
      assert.deepEqual(await t.stored(), []);
    });

    suite.test("sends a stored event as a notice", async (t) => {
      const stored = await t.put("order-1", "Placed");
      const tail = await t.tail();
      await t.bus.publish(t.namespace, stored);
      const [got] = await tail.first(1);
      assert.equal(got!.id, stored.id);
      assert.equal(got!.sequence, undefined);
    });

    suite.test("reaches other processes", async (t) => {
      const another = await t.another();
      const tail = await t.tail({}, t.namespace, another);
      for (let i = 0; i < 50; i++) {
        await t.bus.publish(t.namespace, notice("order-1", i));
      }
      await tail.first(50);
      assert.deepEqual(
        tail.events.map((e) => e.data),
        Array.from({ length: 50 }, (_, i) => i),
      );
    });

    suite.test("reaches its namespace only, and only who wants notices", async (t) => {
      const other = await t.tail({}, `${t.namespace}-b`);
      const without = await t.tail({ notices: false });
      const tail = await t.tail();
      await t.bus.publish(t.namespace, notice("order-1"));
      await t.bus.publish(`${t.namespace}-b`, notice("order-2"));
      await t.put("order-3", "Stored");
      await tail.first(2);
      await other.first(1);
      await without.first(1);
      assert.deepEqual(without.told, ["order-3@1 Stored"]);
      assert.deepEqual(other.told, ["order-2@1 Noticed"]);
    });

    suite.test("is filtered like any event", async (t) => {
      const tail = await t.tail({
        actorType: "order",
        eventTypes: ["Noticed"],
      });
      await t.bus.publish(t.namespace, notice("cart-1"));
      await t.bus.publish(t.namespace, {
        ...notice("order-1"),
        eventType: "X",
      });
      await t.bus.publish(t.namespace, notice("order-2"));
      await tail.first(1);
      assert.deepEqual(tail.told, ["order-2@1 Noticed"]);
    });

    suite.test("refuses what is no event or no namespace", async (t) => {
      const { bus, namespace } = t;
      const event = notice("order-1");
      await failing("invalid_argument", () => bus.publish("a.*", event));
      await failing("invalid_argument", () => bus.publish("", event));
      await failing(
        "invalid_argument",
        () => bus.publish(namespace, { ...event, actorId: "" }),
      );
      await failing(
        "invalid_argument",
        () => bus.publish(namespace, { ...event, version: 0 }),
      );
      await failing(
        "invalid_argument",
        () => bus.publish(namespace, { ...event, data: { n: NaN } }),
      );
    });

    suite.test("never reaches a catch-up or a durable", async (t) => {
      const catchUp = await t.tail({ from: "beginning" });
      const durable = await t.tail({ durable: "d" });
      const live = await t.tail();
      await t.bus.publish(t.namespace, notice("order-1"));
      await live.first(1);
      await t.put("order-1", "Stored");
      await catchUp.first(1);
      await durable.first(1);
      assert.deepEqual(catchUp.told, ["order-1@1 Stored"]);
      assert.deepEqual(durable.told, ["order-1@1 Stored"]);
    });
  });
}
