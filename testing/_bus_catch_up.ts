/** What is stored, then what comes: no gap, no repeat, in the order of the log. */
import assert from "node:assert/strict";
import type { BusEvent, StartFrom } from "../bus/mod.ts";
import type { Event } from "../event/mod.ts";
import { type BusSuite, failing, Tail, within } from "./_bus_suite.ts";

export function testCatchUp(suite: BusSuite): void {
  suite.group("catch-up", () => {
    suite.test("shows history, then what comes", async (t) => {
      for (let i = 0; i < 30; i++) await t.put(`order-${i % 4}`, "Before");
      const tail = await t.tail({ from: "beginning" });
      await tail.first(30);
      for (let i = 0; i < 30; i++) await t.put(`order-${i % 4}`, "After");
      await tail.first(60);
      assert.deepEqual(tail.events, await t.stored());
    });

    suite.test("misses and repeats nothing while others write", async (t) => {
      const writing = Promise.all(
        Array.from({ length: 8 }, async (_, w) => {
          for (let i = 0; i < 40; i++) {
            await t.store.append(`order-${w}`, [
              { eventType: "One" },
              { eventType: "Two" },
            ]);
          }
        }),
      );
      const tails: Tail[] = [];
      for (let i = 0; i < 6; i++) {
        tails.push(await t.tail({ from: "beginning" }));
      }
      await writing;
      const stored = await t.stored();
      for (const tail of tails) {
        await tail.first(640);
        assert.deepEqual(tail.events, stored);
      }
    });

    suite.test("starts at a sequence, a time or behind an event", async (t) => {
      for (let i = 0; i < 10; i++) {
        if (i === 6) await new Promise((resolve) => setTimeout(resolve, 30));
        await t.store.append(`order-${i % 2}`, [
          { eventType: `A${i}` },
          { eventType: `B${i}` },
        ]);
      }
      const stored = await t.stored();
      const { commits } = await t.store.load("order-0", { schema: false });
      const time = new Date(commits[3]!.at - 10); // A6, between two commits
      const starts: [StartFrom, number][] = [
        [{ sequence: 0 }, 0],
        [{ sequence: stored[8]!.sequence! }, 8],
        [{ time: new Date(0) }, 0],
        [{ time }, 12],
        [{ after: stored[0] as Event }, 1],
        [{ after: stored[7] as Event }, 8],
        [{ after: stored[19] as Event }, 20],
      ];
      const last = {
        ...await t.put("order-9", "Last"),
        namespace: t.namespace,
      };
      for (const [from, index] of starts) {
        const tail = await t.tail({ from });
        await tail.until(() => tail.events.at(-1)?.eventType === "Last");
        assert.deepEqual(
          tail.events,
          [...stored.slice(index), last],
          JSON.stringify(from),
        );
        await tail.subscription.close();
      }
    });

    suite.test("starts behind the end, and waits", async (t) => {
      await t.put("order-1", "Before");
      const tail = await t.tail({ from: { sequence: 3 } });
      await t.put("order-1", "Two");
      await t.put("order-1", "Three");
      await t.put("order-1", "Four");
      await tail.first(2);
      assert.deepEqual(tail.told, ["order-1@3 Three", "order-1@4 Four"]);
    });

    suite.test("goes on behind an event as another one left off", async (t) => {
      for (let i = 0; i < 20; i++) {
        await t.store.append("order-1", [
          { eventType: `A${i}` },
          { eventType: `B${i}` },
        ]);
      }
      const got: BusEvent[] = [];
      for (let part = 0; part < 8; part++) {
        const last = got.at(-1);
        const from: StartFrom = last === undefined
          ? "beginning"
          : { after: last };
        const subscription = t.bus.subscribe(t.namespace, { from });
        for await (const event of subscription) {
          got.push(event);
          if (got.length % 5 === 0) break;
        }
      }
      assert.deepEqual(got, await t.stored());
    });

    suite.test("fails loudly behind an event that is not there", async (t) => {
      const stored = await t.put("order-1", "Placed");
      await t.put("order-1", "Paid");
      const strange = { ...stored, id: "another-life" };
      const tail = new Tail(t.bus, t.namespace, { from: { after: strange } });
      await failing("corrupt_log", () => within(tail.ended, "it went on"));
      assert.equal(tail.events.length, 0);
    });

    suite.test("fails loudly where there is no log", async (t) => {
      const run = async () => {
        const tail = new Tail(t.bus, `${t.namespace}-none`, {
          from: "beginning",
        });
        await within(tail.ended, "it went on");
      };
      await failing("store_unavailable", run);
    });

    suite.test("slows down with its subscriber, and drops nothing", async (t) => {
      for (let i = 0; i < 300; i++) await t.put(`order-${i % 3}`);
      const subscription = t.bus.subscribe(t.namespace, {
        from: "beginning",
        buffer: { events: 20 },
      });
      await subscription.ready;
      const got: BusEvent[] = [];
      for await (const event of subscription) {
        got.push(event);
        if (got.length < 300) continue;
        break;
      }
      assert.deepEqual(got, await t.stored());
      assert.equal(subscription.stats().gaps, 0);
    });

    suite.test("shows large events whatever the buffer", async (t) => {
      const sizes = [1, 200_000, 5, 400_000, 300_000, 2];
      for (const size of sizes) await t.put("order-1", "E", "x".repeat(size));
      const tail = await t.tail({
        from: "beginning",
        buffer: { bytes: 1_000 },
      });
      await tail.first(sizes.length);
      assert.deepEqual(
        tail.events.map((e) => (e.data as string).length),
        sizes,
      );
    });

    suite.test("passes over fences", async (t) => {
      await t.store.append("order-1", [], { fence: true });
      await t.put("order-1", "Placed");
      await t.store.append("order-1", [], { fence: true });
      await t.put("order-1", "Paid");
      const tail = await t.tail({ from: "beginning" });
      await tail.first(2);
      assert.deepEqual(tail.told, ["order-1@1 Placed", "order-1@2 Paid"]);
    });

    const { writeRaw } = suite.options;
    if (writeRaw !== undefined) {
      suite.test("drops, counts and reports what is no event", async (t) => {
        await t.put("order-1", "Before");
        const body = new TextEncoder().encode("[");
        const type = "application/cloudevents+json";
        const headers = { "Aether-Commit": "01J00000000000000000000000" };
        await writeRaw(t.namespace, "order-2", headers, body, type);
        await t.put("order-3", "After");
        const tail = await t.tail({ from: "beginning" });
        await tail.first(2);
        assert.deepEqual(tail.told, ["order-1@1 Before", "order-3@1 After"]);
        assert.deepEqual(tail.errors.map((e) => e.code), ["corrupt_log"]);
        assert.equal(tail.subscription.stats().refused, 1);
      });
    }

    suite.test("refuses a start that is none", async (t) => {
      const stored = await t.put("order-1");
      const starts = [
        "yesterday",
        { sequence: -1 },
        { sequence: 1.5 },
        { time: new Date(NaN) },
        { time: "2026-01-01" },
        { after: { ...stored, sequence: undefined } },
        {},
        null,
      ] as unknown as StartFrom[];
      for (const from of starts) {
        await failing(
          "invalid_argument",
          () => t.bus.subscribe(t.namespace, { from }),
        );
      }
    });
  });
}
