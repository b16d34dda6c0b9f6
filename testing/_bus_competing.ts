/** A durable subscription whose subscribers compete. */
import assert from "node:assert/strict";
import type { BusEvent, SubscribeOptions } from "../bus/mod.ts";
import { type BusCase, type BusSuite, Tail, tell } from "./_bus_suite.ts";

const OPTIONS: SubscribeOptions = {
  durable: "d",
  mode: "competing",
  retry: { limit: 3, delay: 5, maxDelay: 20 },
};

export function testCompeting(suite: BusSuite): void {
  suite.group("durable, competing", () => {
    suite.test("hands each event to one of them", async (t) => {
      const another = await t.another();
      const tails = [
        await t.tail(OPTIONS),
        await t.tail(OPTIONS),
        await t.tail(OPTIONS, t.namespace, another),
      ];
      for (let i = 0; i < 150; i++) await t.put(`order-${i % 5}`);
      const all = () => tails.flatMap((tail) => tail.events);
      await tails[0]!.until(() => all().length >= 150);
      assert.deepEqual(
        all().map(tell).sort(),
        (await t.stored()).map(tell).sort(),
      );
    });

    suite.test("goes on where all of them left off", async (t) => {
      for (let i = 0; i < 20; i++) await t.put("order-1", `E${i}`);
      const got: BusEvent[] = [];
      for (let part = 0; part < 4; part++) {
        const subscription = t.bus.subscribe(t.namespace, OPTIONS);
        let count = 0;
        for await (const event of subscription) {
          got.push(event);
          if (++count < 5) continue;
          await subscription.acknowledge();
          break;
        }
      }
      assert.deepEqual(
        got.map(tell).sort(),
        (await t.stored()).map(tell).sort(),
      );
    });

    suite.test("hands what one had in hand to another", async (t) => {
      const one = t.bus.subscribe(t.namespace, OPTIONS);
      await one.ready;
      await t.put("order-1", "Placed");
      for await (const event of one) {
        assert.equal(event.eventType, "Placed");
        break;
      }
      const two = await t.tail(OPTIONS);
      await two.first(1);
      assert.deepEqual(two.told, ["order-1@1 Placed"]);
    });

    suite.test("tries again what failed, then parks it alone", async (t) => {
      const attempts: string[] = [];
      const tail = handled(t, (event, attempt) => {
        attempts.push(`${event.eventType}#${attempt}`);
        if (event.eventType === "Bad") throw new Error("never");
      });
      await t.put("order-1", "Bad");
      await t.put("order-1", "Later");
      await tail.until(() => tail.subscription.stats().parked === 1);
      await tail.until(() => attempts.includes("Later#1"));
      assert.deepEqual(attempts.filter((a) => a.startsWith("Bad")), [
        "Bad#1",
        "Bad#2",
        "Bad#3",
      ]);
      const parked = await t.bus.parking(t.namespace, "d").list();
      assert.deepEqual(
        parked.map((p) => [tell(p.event), p.attempts, p.reason]),
        [
          ["order-1@1 Bad", 3, "never"],
        ],
      );
    });

    suite.test("replays what is parked to one of them", async (t) => {
      let isBroken = true;
      const handle = (event: BusEvent) => {
        if (event.eventType === "Bad" && isBroken) throw new Error("never");
      };
      const tails = [handled(t, handle), handled(t, handle)];
      await t.put("order-1", "Bad");
      const parked = () =>
        tails.reduce((sum, tail) => sum + tail.subscription.stats().parked, 0);
      await tails[0]!.until(() => parked() === 1);
      isBroken = false;
      const before = tails.flatMap((tail) => tail.events).length;
      const parking = t.bus.parking(t.namespace, "d");
      assert.equal(await parking.replay(), 1);
      await tails[0]!.until(() =>
        tails.flatMap((tail) => tail.events).length === before + 1
      );
      await t.put("order-1", "Last");
      await tails[0]!.until(() =>
        tails.some((tail) => tail.events.at(-1)?.eventType === "Last")
      );
      for (let i = 0; (await parking.list()).length > 0; i++) {
        assert.ok(i < 500, "it is still parked");
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    });

    suite.test("does not repeat what of a commit went well", async (t) => {
      const seen: string[] = [];
      const tail = handled(t, (event, attempt) => {
        seen.push(event.eventType);
        if (event.eventType === "B" && attempt === 1) throw new Error("once");
      });
      await t.store.append("order-1", [
        { eventType: "A" },
        { eventType: "B" },
        { eventType: "C" },
      ]);
      await tail.first(4);
      assert.deepEqual(seen, ["A", "B", "B", "C"]);
    });

    suite.test("starts behind an event the first time", async (t) => {
      await t.store.append("order-1", [
        { eventType: "A" },
        { eventType: "B" },
        { eventType: "C" },
      ]);
      await t.put("order-2", "D");
      const [, b] = await t.stored();
      const tail = await t.tail({ ...OPTIONS, from: { after: b! } });
      await tail.first(2);
      assert.deepEqual(tail.events.map((e) => e.eventType), ["C", "D"]);
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
    OPTIONS,
    (event, { attempt }) => handle(event, attempt),
  );
}
