/** How subscriptions begin and end, and what they say of themselves. */
import assert from "node:assert/strict";
import type { SubscribeOptions } from "../bus/mod.ts";
import {
  type BusSuite,
  failing,
  notice,
  Tail,
  tell,
  within,
} from "./_bus_suite.ts";

const KINDS: [string, SubscribeOptions][] = [
  ["live", {}],
  ["catch-up", { from: "beginning" }],
  ["single", { durable: "single" }],
  ["competing", { durable: "competing", mode: "competing" }],
];

export function testLifecycle(suite: BusSuite): void {
  for (const [kind, options] of KINDS) {
    suite.group(`a ${kind} subscription`, () => {
      suite.test("ends when its loop is left", async (t) => {
        const subscription = t.bus.subscribe(t.namespace, options);
        assert.equal(t.bus.subscriberCount(t.namespace), 1);
        await subscription.ready;
        await t.put("order-1");
        for await (const event of subscription) {
          assert.equal(event.actorId, "order-1");
          break;
        }
        assert.equal(t.bus.subscriberCount(t.namespace), 0);
      });

      suite.test("ends when its loop throws", async (t) => {
        const subscription = t.bus.subscribe(t.namespace, options);
        await subscription.ready;
        await t.put("order-1");
        const problem = new Error("the loop's own");
        const run = async () => {
          for await (const _ of subscription) throw problem;
        };
        await assert.rejects(run(), (error) => error === problem);
        assert.equal(t.bus.subscriberCount(t.namespace), 0);
      });

      suite.test("ends a waiting loop with close()", async (t) => {
        const tail = await t.tail(options);
        await tail.subscription.close();
        await within(tail.ended, "the loop did not end");
        assert.equal(t.bus.subscriberCount(t.namespace), 0);
        await tail.subscription.close(); // twice is harmless
      });

      suite.test("ends with its signal, before and while waiting", async (t) => {
        const controller = new AbortController();
        const { signal } = controller;
        const tail = await t.tail({ ...options, signal });
        controller.abort();
        await within(tail.ended, "the loop did not end");
        const late = new Tail(t.bus, t.namespace, { ...options, signal });
        await within(late.ended, "the loop did not end");
        assert.equal(late.events.length, 0);
        assert.equal(t.bus.subscriberCount(t.namespace), 0);
      });

      suite.test("ends with its bus, and none begins after", async (t) => {
        const bus = await suite.options.openBus();
        const tail = await t.tail(options, t.namespace, bus);
        await bus.close();
        await within(tail.ended, "the loop did not end");
        await failing("closed", () => bus.subscribe(t.namespace, options));
        await failing(
          "closed",
          () => bus.publish(t.namespace, notice("order-1")),
        );
        await bus.stop(); // twice is harmless
      });

      suite.test("is read once", async (t) => {
        const subscription = t.bus.subscribe(t.namespace, options);
        subscription[Symbol.asyncIterator]();
        await failing(
          "invalid_argument",
          () => subscription[Symbol.asyncIterator](),
        );
        await subscription.close();
      });

      suite.test("is disposable, and says what it did", async (t) => {
        {
          await using subscription = t.bus.subscribe(t.namespace, options);
          await subscription.ready;
          assert.equal(subscription.pattern, t.namespace);
          const items = subscription[Symbol.asyncIterator]();
          await t.put("order-1");
          await within(items.next(), "nothing came");
          const stats = subscription.stats();
          assert.deepEqual(
            [stats.delivered, stats.gaps, stats.errors, stats.active],
            [1, 0, 0, true],
          );
        }
        assert.equal(t.bus.subscriberCount(t.namespace), 0);
      });
    });
  }

  suite.group("a bus", () => {
    suite.test("counts its subscriptions by namespace", async (t) => {
      const { bus, namespace } = t;
      const one = bus.subscribe(namespace);
      const two = bus.subscribe(namespace, { from: "beginning" });
      const wide = bus.subscribe(">");
      const below = bus.subscribe(`${namespace}.*`);
      assert.equal(bus.subscriberCount(namespace), 3);
      assert.equal(bus.subscriberCount(`${namespace}.eu`), 2);
      assert.equal(bus.subscriberCount(`${namespace}-b`), 1);
      await failing("invalid_argument", () => bus.subscriberCount("a.*"));
      for (const each of [one, two, wide, below]) await each.close();
      assert.equal(bus.subscriberCount(namespace), 0);
    });

    suite.test("lets subscribers come and go while others read", async (t) => {
      const steady = await t.tail({ from: "beginning" });
      const random = t.chance();
      for (let round = 0; round < 20; round++) {
        const tails = await Promise.all(
          Array.from(
            { length: 1 + random.int(4) },
            () => t.tail(random.pick(KINDS.slice(0, 2))[1]),
          ),
        );
        await t.put(`order-${round % 3}`, `E${round}`);
        for (const tail of tails) {
          await tail.until(() => tail.events.at(-1)?.eventType === `E${round}`);
          await tail.subscription.close();
        }
      }
      await steady.first(20);
      assert.deepEqual(steady.events, await t.stored());
      assert.equal(t.bus.subscriberCount(t.namespace), 1, `SEED=${suite.seed}`);
    });

    suite.test("calls a handler one at a time, and survives it", async (t) => {
      for (const kind of [{}, { from: "beginning" }] as SubscribeOptions[]) {
        let running = 0;
        const actor = kind.from === undefined ? "order-1" : "order-2";
        const tail = new Tail(
          t.bus,
          t.namespace,
          { ...kind, actorId: actor },
          async (event) => {
            assert.equal(++running, 1);
            await Promise.resolve();
            running--;
            if (event.version === 2) throw new Error("not this one");
          },
        );
        await tail.subscription.ready;
        for (let i = 0; i < 4; i++) await t.put(actor);
        await tail.first(4);
        assert.deepEqual(tail.events.map((e) => e.version), [1, 2, 3, 4]);
        assert.deepEqual(tail.errors.map((e) => e.code), ["command_failed"]);
        assert.match(tail.errors[0]!.message, /not this one/);
        await tail.subscription.close();
        await within(tail.ended, "it did not end");
      }
    });

    suite.test("refuses options that cannot be", async (t) => {
      const wrong = [
        { durable: "a.b" },
        { durable: "" },
        { durable: "d", mode: "both" },
        { mode: "single" },
        { retry: { limit: 3 } },
        { lease: 5_000 },
        { durable: "d", lease: 1 },
        { durable: "d", retry: { limit: 0 } },
        { from: "beginning", notices: true },
        { durable: "d", notices: true },
        { buffer: { events: 0 } },
        { buffer: { bytes: -1 } },
        { gaps: "silent" },
      ] as unknown as SubscribeOptions[];
      for (const options of wrong) {
        const error = await failing(
          "invalid_argument",
          () => t.bus.subscribe(t.namespace, options),
        );
        assert.match(error.message, /^Cannot /);
      }
    });

    suite.test("is told apart by namespace of each event", async (t) => {
      const other = await t.openStore(`${t.namespace}.b`);
      const tail = await t.tail({}, `${t.namespace}.>`);
      const own = await t.tail();
      await other.append("order-1", [{ eventType: "There" }]);
      await t.put("order-1", "Here");
      await tail.first(1);
      await own.first(1);
      assert.deepEqual(own.events.map((e) => [e.namespace, tell(e)]), [
        [t.namespace, "order-1@1 Here"],
      ]);
      assert.deepEqual(tail.events.map((e) => [e.namespace, tell(e)]), [
        [`${t.namespace}.b`, "order-1@1 There"],
      ]);
    });
  });
}
