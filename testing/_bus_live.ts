/** From now on: what comes, in which order, and what a slow subscriber is told. */
import assert from "node:assert/strict";
import type { BusEvent, Gap } from "../bus/mod.ts";
import { VersionConflictError } from "../event/mod.ts";
import { forgery } from "./_bus_forgery.ts";
import { assertOrder, type BusSuite, tell, within } from "./_bus_suite.ts";

export function testLive(suite: BusSuite): void {
  suite.group("live", () => {
    suite.test("delivers an event as it is stored", async (t) => {
      const tail = await t.tail();
      const stored = await t.put("order-1", "Placed", { total: 100 });
      const [event] = await tail.first(1);
      assert.deepEqual(event, { ...stored, namespace: t.namespace });
      assert.equal(typeof event!.sequence, "number");
    });

    suite.test("delivers a commit's events one by one, in order", async (t) => {
      const tail = await t.tail();
      await t.store.append("order-1", [
        { eventType: "Placed" },
        { eventType: "Paid" },
        { eventType: "Shipped" },
      ]);
      await tail.first(3);
      assert.deepEqual(tail.told, [
        "order-1@1 Placed",
        "order-1@2 Paid",
        "order-1@3 Shipped",
      ]);
      assert.equal(new Set(tail.events.map((e) => e.sequence)).size, 1);
    });

    suite.test("delivers what many write, in the order of the log", async (t) => {
      const tail = await t.tail();
      await Promise.all(
        Array.from({ length: 20 }, async (_, i) => {
          for (let n = 0; n < 10; n++) {
            await t.putAmongOthers(`order-${i % 7}`);
          }
        }),
      );
      await tail.first(200);
      assertOrder(tail.events);
      assert.deepEqual(tail.events, await t.stored());
      assert.equal(tail.gaps.length, 0);
    });

    suite.test("delivers nothing from before", async (t) => {
      await t.put("order-1", "Before");
      const tail = await t.tail();
      await t.put("order-1", "After");
      await tail.first(1);
      assert.deepEqual(tail.told, ["order-1@2 After"]);
    });

    suite.test("delivers nothing of another namespace", async (t) => {
      const other = await t.openStore(`${t.namespace}-b`);
      const tail = await t.tail();
      await other.append("order-1", [{ eventType: "Elsewhere" }]);
      await t.put("order-1", "Here");
      await tail.first(1);
      assert.deepEqual(tail.told, ["order-1@1 Here"]);
    });

    suite.test("never shows an append that was refused", async (t) => {
      const tail = await t.tail();
      let refused = 0;
      for (let round = 0; round < 20; round++) {
        const writers = await Promise.allSettled(
          ["a", "b", "c"].map((name) =>
            t.store.append("order-1", [{ eventType: name }], {
              expectedVersion: round,
            })
          ),
        );
        for (const each of writers) {
          if (each.status === "fulfilled") continue;
          assert.ok(each.reason instanceof VersionConflictError);
          refused++;
        }
      }
      await t.put("order-2", "Last");
      await tail.until(() => tail.events.at(-1)?.eventType === "Last");
      assert.equal(refused, 40);
      assert.deepEqual(tail.events, await t.stored());
      assertOrder(tail.events);
    });

    suite.test("shows neither fences nor a gap where they are", async (t) => {
      const tail = await t.tail();
      await t.put("order-1", "Placed");
      for (let i = 0; i < 5; i++) {
        await t.store.append("order-1", [], { fence: true });
      }
      await t.put("order-1", "Paid");
      await tail.first(2);
      assert.deepEqual(tail.told, ["order-1@1 Placed", "order-1@2 Paid"]);
      assert.equal(tail.gaps.length, 0);
      assert.equal(tail.subscription.stats().errors, 0);
    });

    suite.test("shows all of several actors' common decision", async (t) => {
      const tail = await t.tail();
      await t.store.appendAll([
        { actorId: "account-a", events: [{ eventType: "Withdrawn" }] },
        { actorId: "account-b", events: [{ eventType: "Deposited" }] },
      ]);
      await tail.first(2);
      assert.deepEqual(tail.told, [
        "account-a@1 Withdrawn",
        "account-b@1 Deposited",
      ]);
    });

    suite.test("shows everything to each subscriber, and shares no data", async (t) => {
      const tails = await Promise.all(
        Array.from({ length: 5 }, () => t.tail()),
      );
      await t.put("order-1", "Placed", { lines: [1] });
      for (const tail of tails) await tail.first(1);
      const data = tails.map((tail) =>
        tail.events[0]!.data as { lines: number[] }
      );
      data[0]!.lines.push(2);
      for (const each of data.slice(1)) assert.deepEqual(each, { lines: [1] });
    });

    suite.test("shows what was written in another process", async (t) => {
      const another = await t.another();
      const tail = await t.tail({}, t.namespace, another);
      await t.put("order-1", "Placed");
      await tail.first(1);
      assert.deepEqual(tail.told, ["order-1@1 Placed"]);
    });

    suite.test("delivers ids of any spelling", async (t) => {
      const ids = ["order-größe", "order-a.b*c>d", "Ω", "order-=41", "_x"];
      const tail = await t.tail();
      for (const id of ids) await t.put(id);
      await tail.first(ids.length);
      assert.deepEqual(tail.events.map((e) => e.actorId), ids);
    });

    const { writeRaw } = suite.options;
    if (writeRaw !== undefined) {
      suite.test("drops, counts and reports what is no event", async (t) => {
        const tail = await t.tail();
        await t.put("order-1", "Before");
        const body = new TextEncoder().encode('{"no":"event"}');
        const type = "application/cloudevents+json";
        const headers = { "Aether-Commit": "01J00000000000000000000000" };
        await writeRaw(t.namespace, "order-1", headers, body, type);
        await writeRaw(t.namespace, "order-2", {}, body, type);
        await t.put("order-3", "After");
        await tail.first(2);
        assert.deepEqual(tail.told, ["order-1@1 Before", "order-3@1 After"]);
        assert.deepEqual(tail.errors.map((e) => e.code), [
          "corrupt_log",
          "corrupt_log",
        ]);
        const { errors, refused } = tail.subscription.stats();
        assert.deepEqual([errors, refused], [2, 2]);
        assert.equal(tail.gaps.length, 0);
      });

      suite.test("drops an event that is not its actor's", async (t) => {
        const tail = await t.tail();
        await t.put("order-1", "Mine");
        const { body, contentType, headers } = forgery(t.namespace, "order-1");
        await writeRaw(t.namespace, "order-2", headers, body, contentType);
        await t.put("order-3", "After");
        await tail.until(() => tail.events.at(-1)?.eventType === "After");
        assert.deepEqual(tail.told.slice(0, 1), ["order-1@1 Mine"]);
        assert.equal(tail.events.length, 2);
        assert.match(tail.errors[0]!.message, /order-1/);
      });
    }
  });

  suite.group("a slow live subscriber", () => {
    suite.test("loses the oldest, and is told which", async (t) => {
      const gaps: Gap[] = [];
      const subscription = t.bus.subscribe(t.namespace, {
        buffer: { events: 10 },
        onGap: (gap) => gaps.push(gap),
      });
      await subscription.ready;
      const witness = await t.tail();
      for (let i = 0; i < 60; i++) await t.put(`order-${i % 3}`, `E${i}`);
      await witness.first(60);
      await witness.until(() => subscription.stats().dropped >= 50);
      const got: BusEvent[] = [];
      for await (const event of subscription) {
        got.push(event);
        if (event.eventType === "E59") break;
      }
      const stored = await t.stored();
      assert.deepEqual(got, stored.slice(-10));
      assert.equal(gaps.length, 1);
      assert.deepEqual(gaps[0], {
        kind: "gap",
        namespace: t.namespace,
        reason: "overflow",
        from: stored[0]!.sequence,
        to: stored[49]!.sequence,
        dropped: 50,
      });
      const stats = subscription.stats();
      assert.deepEqual([stats.gaps, stats.dropped, stats.delivered], [
        1,
        50,
        10,
      ]);
    });

    suite.test("finds the gap in its place where it asks for gaps", async (t) => {
      const subscription = t.bus.subscribe(t.namespace, {
        buffer: { events: 5 },
        gaps: "yield",
      });
      await subscription.ready;
      const items: string[] = [];
      const iterator = subscription[Symbol.asyncIterator]();
      const witness = await t.tail();
      await t.put("order-1", "E0");
      const next = async () => {
        const { value } = await within(iterator.next(), "nothing came");
        const item = value!;
        items.push("kind" in item ? `gap of ${item.dropped}` : tell(item));
        return item;
      };
      await next();
      for (let i = 1; i < 21; i++) await t.put("order-1", `E${i}`);
      await witness.first(21);
      await witness.until(() => subscription.stats().waiting >= 5);
      await witness.until(() => subscription.stats().dropped >= 15);
      for (let i = 0; i < 6; i++) await next();
      assert.deepEqual(items, [
        "order-1@1 E0",
        "gap of 15",
        ...[17, 18, 19, 20, 21].map((v) => `order-1@${v} E${v - 1}`),
      ]);
      await subscription.close();
    });

    suite.test("is bounded by bytes too", async (t) => {
      const subscription = t.bus.subscribe(t.namespace, {
        buffer: { bytes: 50_000 },
      });
      await subscription.ready;
      const witness = await t.tail();
      for (let i = 0; i < 30; i++) {
        await t.put("order-1", `E${i}`, "x".repeat(10_000));
      }
      await witness.first(30);
      await witness.until(() => {
        const { dropped, waiting } = subscription.stats();
        return dropped + waiting === 30;
      });
      assert.ok(subscription.stats().waiting <= 5);
      assert.ok(subscription.stats().waiting >= 3);
      await subscription.close();
    });

    suite.test("never keeps others waiting", async (t) => {
      const slow = t.bus.subscribe(t.namespace, { buffer: { events: 1 } });
      await slow.ready;
      const tail = await t.tail();
      for (let i = 0; i < 50; i++) await t.put("order-1");
      await tail.first(50);
      assertOrder(tail.events);
      assert.equal(tail.gaps.length, 0);
      await slow.close();
    });
  });
}
