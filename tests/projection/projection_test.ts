import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type AetherError,
  type AnyProjection,
  defineProjection,
  type LogEntry,
  type StoredEvent,
} from "@flowmade/aether";
import { eventually } from "../support/mod.ts";
import { worlds } from "../actor/_worlds.ts";
import { Customers, Order, Turnover, Visit } from "./_shop.ts";

const LIMIT = { timeout: 30_000 };
const ACTORS = [Order, Visit];

for (const [where, open] of worlds) {
  describe(`a projection ${where}`, () => {
    it("folds several actor types into one document", LIMIT, async () => {
      await using world = await open();
      const aether = await world.start({
        actors: ACTORS,
        projections: [Turnover],
      });
      const turnover = aether.projection(Turnover);
      assert.deepEqual((await turnover.get()).sum, 0);
      await aether.actor(Order, "1").place({ customer: "ada", total: 10 });
      await aether.actor(Visit, "1").visit("ada");
      const receipt = await aether.actor(Order, "1").add([1, 2, 3]);
      await turnover.caughtUpTo(receipt);
      const { orders, sum, visits } = await turnover.get();
      assert.deepEqual([orders, sum, visits], [1, 16, 1]);
      assert.equal(turnover.status().active, true);
      assert.ok(turnover.status().position >= receipt.events[0]!.sequence);
    });

    it("keeps a document for each key, and removes it", LIMIT, async () => {
      await using world = await open();
      const aether = await world.start({
        actors: ACTORS,
        projections: [Customers],
      });
      const customers = aether.projection(Customers);
      const names = ["ada", "bob", "ünï cödé / * > ."];
      for (const [i, customer] of names.entries()) {
        await aether.actor(Order, `${i}`).place({ customer, total: i });
      }
      await aether.actor(Order, "0").add([5]);
      const again = await aether.actor(Order, "9").place({
        customer: "ada",
        total: 7,
      });
      await customers.caughtUpTo(again);
      assert.deepEqual(await customers.get("ada"), {
        orders: ["order-0", "order-9"],
        sum: 7,
      });
      assert.equal(await customers.get("nobody"), undefined);
      const listed = new Map<string, number>();
      for await (const { key, value } of customers.list()) {
        listed.set(key, value.sum);
      }
      assert.deepEqual(
        [...listed].sort(),
        [["ada", 7], ["bob", 1], [names[2]!, 2]].sort(),
      );
      const gone = await aether.actor(Order, "1").cancel({ customer: "bob" });
      await customers.caughtUpTo(gone);
      assert.equal(await customers.get("bob"), undefined);
      // A document that was removed begins anew.
      const back = await aether.actor(Order, "2").place({
        customer: "bob",
        total: 4,
      });
      await customers.caughtUpTo(back);
      assert.deepEqual(await customers.get("bob"), {
        orders: ["order-2"],
        sum: 4,
      });
      await assert.rejects(customers.get(""), { code: "invalid_argument" });
    });

    it("is waited for by any receipt, also by a client", LIMIT, async () => {
      await using world = await open();
      const aether = await world.start({
        actors: ACTORS,
        projections: [Customers, Turnover],
      });
      const reader = where === "in memory"
        ? aether
        : await world.start({ actors: [], projections: [Customers] });
      const order = aether.actor(Order, "1");
      const placed = await order.place({ customer: "ada", total: 1 });
      const customers = reader.projection(Customers);
      await customers.caughtUpTo(placed);
      assert.equal((await customers.get("ada"))?.sum, 1);
      const appended = await aether.store.append("order-2", [{
        eventType: "Placed",
        data: { customer: "ada", total: 2 },
      }]);
      await customers.caughtUpTo(appended);
      assert.equal((await customers.get("ada"))?.sum, 3);
      const [event] = (await order.place({ customer: "ada", total: 3 })).events;
      await customers.caughtUpTo(event as StoredEvent);
      assert.equal((await customers.get("ada"))?.sum, 6);
      await order.place({ customer: "ada", total: 4 });
      await customers.caughtUpTo();
      assert.equal((await customers.get("ada"))?.sum, 10);
      // What no handler is for, and what is no event, is not waited for.
      const visited = await aether.actor(Visit, "1").visit("ada");
      await customers.caughtUpTo(visited);
      await customers.caughtUpTo(await order.nothing());
      const { sequence } = visited.events[0]!;
      await reader.projection(Turnover).caughtUpTo(sequence);
      assert.equal((await reader.projection(Turnover).get()).visits, 1);
      // Of one actor type nothing may ever come behind its last event.
      await customers.caughtUpTo(sequence + 1_000);
      const late = { actorId: "order-1", eventType: "Placed", sequence: 1e9 };
      await assert.rejects(customers.caughtUpTo(late, { timeout: 50 }), {
        code: "deadline_exceeded",
      });
      const aborted = AbortSignal.abort(new Error("enough"));
      await assert.rejects(
        customers.caughtUpTo(late, { signal: aborted }),
        /enough/,
      );
      await assert.rejects(customers.caughtUpTo(late, { timeout: 0 }), {
        code: "invalid_argument",
      });
    });

    it(
      "folds each event exactly once, with several nodes at it",
      LIMIT,
      async () => {
        await using world = await open();
        const options = { actors: ACTORS, projections: [Turnover, Customers] };
        const nodes = [await world.start(options), await world.start(options)];
        await Promise.all(Array.from({ length: 8 }, async (_, i) => {
          for (let j = 0; j < 15; j++) {
            const node = nodes[j % 2]!;
            const customer = `c${(i + j) % 5}`;
            await node.actor(Order, `${i}`).place({ customer, total: 1 });
            await node.actor(Order, `${i}`).add([1, 1]);
            await node.actor(Visit, `${i}`).visit(customer);
          }
        }));
        const view = nodes[0]!.projection(Turnover);
        await view.caughtUpTo();
        const stored: string[] = [];
        for await (const { id } of nodes[0]!.store.read({})) stored.push(id);
        const { seen, sum } = await view.get();
        assert.deepEqual(seen, stored);
        assert.equal(sum, 8 * 15 * 3);
        const customers = nodes[1]!.projection(Customers);
        await customers.caughtUpTo();
        let total = 0;
        for await (const { value } of customers.list()) total += value.sum;
        assert.equal(total, 8 * 15);
      },
    );

    it("goes on where it was, in another node", LIMIT, async () => {
      await using world = await open();
      let folded = 0;
      const Count = defineProjection("count", {
        initial: () => 0,
        on: [Order, { Placed: (n) => (folded++, n + 1) }],
      });
      const Each = defineProjection("each", {
        initial: () => 0,
        key: (event) => event.actorId,
        on: [Order, { Placed: (n) => (folded++, n + 1) }],
      });
      const options = { actors: ACTORS, projections: [Count, Each] };
      for (let round = 1; round <= 3; round++) {
        const node = await world.start(options);
        const receipt = await node.actor(Order, "1").place({
          customer: "ada",
          total: 1,
        });
        const [count, each] = [node.projection(Count), node.projection(Each)];
        await count.caughtUpTo(receipt);
        await each.caughtUpTo(receipt);
        assert.equal(await count.get(), round);
        assert.equal(await each.get("order-1"), round);
        await node.close();
      }
      assert.equal(folded, 6);
    });

    it(
      "stops before what it cannot fold, says so, and goes on when it can",
      LIMIT,
      async () => {
        await using world = await open();
        const entries: LogEntry[] = [];
        let isBroken = true;
        const Fragile = defineProjection("fragile", {
          initial: () => [] as number[],
          on: [Order, {
            Placed(list, { data }) {
              if (isBroken && data.total === 13) throw new TypeError("unlucky");
              return [...list, data.total];
            },
          }],
        });
        const aether = await world.start({
          actors: ACTORS,
          projections: [Fragile],
          log: (entry) => entries.push(entry),
        });
        const view = aether.projection(Fragile);
        const order = aether.actor(Order, "1");
        const place = (total: number) =>
          order.place({ customer: "ada", total });
        await place(1);
        const before = await place(2);
        const poison = await place(13);
        const behind = await place(3);
        await view.caughtUpTo(before);
        await assert.rejects(view.caughtUpTo(poison), (error: AetherError) => {
          assert.equal(error.code, "command_failed");
          assert.match(error.message, /"fragile".*unlucky/);
          assert.equal(error.details["version"], 3);
          return true;
        });
        assert.deepEqual(await view.get(), [1, 2]);
        assert.equal(view.status().failure?.code, "command_failed");
        await assert.rejects(view.caughtUpTo(behind), {
          code: "command_failed",
        });
        const [told] = entries.filter(({ level }) => level === "error");
        assert.equal(told?.["projection"], "fragile");
        isBroken = false;
        await eventually(() => view.status().failure === undefined);
        await view.caughtUpTo(behind);
        assert.deepEqual(await view.get(), [1, 2, 13, 3]);
      },
    );

    it("stores a commit whole or not at all", LIMIT, async () => {
      await using world = await open();
      let isBroken = true;
      const Prices = defineProjection("prices", {
        initial: () => 0,
        key: ({ eventType, data }) =>
          eventType === "Added" ? `${data.price}` : undefined,
        on: [Order, {
          Added(n, { data }) {
            if (isBroken && data.price === 13) throw new Error("unlucky");
            return n + 1;
          },
        }],
      });
      const aether = await world.start({
        actors: ACTORS,
        projections: [Prices],
      });
      const view = aether.projection(Prices);
      await aether.actor(Order, "1").add([1, 2]);
      const receipt = await aether.actor(Order, "1").add([1, 2, 13]);
      await assert.rejects(view.caughtUpTo(receipt));
      assert.deepEqual(
        [await view.get("1"), await view.get("2"), await view.get("13")],
        [1, 1, undefined],
      );
      isBroken = false;
      await eventually(() => view.status().failure === undefined);
      await view.caughtUpTo(receipt);
      assert.deepEqual(
        [await view.get("1"), await view.get("2"), await view.get("13")],
        [2, 2, 1],
      );
    });

    const bad: [string, AnyProjection, string][] = [
      [
        "too large",
        defineProjection("large", {
          initial: () => "",
          on: [Order, { Placed: () => "x".repeat(1_100_000) }],
        }),
        "payload_too_large",
      ],
      [
        "no JSON",
        defineProjection("dates", {
          initial: () => ({ at: new Date(0) }),
          on: [Order, { Placed: (view) => view }],
        }),
        "invalid_argument",
      ],
      [
        "nothing",
        defineProjection("forgetful", {
          initial: () => ({ n: 0 }),
          on: [Order, { Placed: () => undefined as unknown as { n: number } }],
        }),
        "invalid_argument",
      ],
      [
        "of a key that is none",
        defineProjection("keyless", {
          initial: () => 0,
          key: () => "",
          on: [Order, { Placed: () => 1 }],
        }),
        "invalid_argument",
      ],
    ];
    for (const [what, projection, code] of bad) {
      it(`refuses a document that is ${what}`, LIMIT, async () => {
        await using world = await open();
        const aether = await world.start({
          actors: ACTORS,
          projections: [projection],
        });
        const receipt = await aether.actor(Order, "1").place({
          customer: "ada",
          total: 1,
        });
        const view = aether.projection(
          projection as typeof Turnover,
        );
        await assert.rejects(view.caughtUpTo(receipt), { code });
      });
    }

    it(
      "is built anew under another version, and the old one removed",
      LIMIT,
      async () => {
        await using world = await open();
        const spec = (version: number, factor: number) => ({
          version,
          initial: () => 0,
          on: {
            order: {
              Placed: (
                sum: number,
                { data }: StoredEvent<"Placed", { total: number }>,
              ) => sum + factor * data.total,
            },
          },
        });
        const One = defineProjection("sum", spec(1, 1));
        const Two = defineProjection("sum", spec(2, 100));
        const old = await world.start({ actors: ACTORS, projections: [One] });
        for (let i = 0; i < 5; i++) {
          await old.actor(Order, "1").place({ customer: "ada", total: i });
        }
        await old.projection(One).caughtUpTo();
        assert.equal(await old.projection(One).get(), 10);
        const fresh = await world.start({ actors: ACTORS, projections: [Two] });
        await fresh.projection(Two).caughtUpTo();
        assert.equal(await fresh.projection(Two).get(), 1_000);
        if (where === "on NATS") {
          // Whoever runs the old one keeps it.
          assert.equal(await fresh.projection(One).get(), 10);
        }
        await old.close();
        await eventually(async () => await fresh.projection(One).get() === 0);
        assert.equal(await fresh.projection(Two).get(), 1_000);
      },
    );

    it(
      "refuses two of one name, and a listing of one document",
      LIMIT,
      async () => {
        await using world = await open();
        const Twice = defineProjection("turnover", {
          initial: () => 0,
          on: [Order, { Placed: (n) => n + 1 }],
        });
        await assert.rejects(
          world.start({ actors: ACTORS, projections: [Turnover, Twice] }),
          { code: "invalid_argument" },
        );
        const aether = await world.start({ actors: ACTORS });
        const view = aether.projection(Turnover) as unknown as {
          list(): unknown;
        };
        assert.throws(() => view.list(), { code: "invalid_argument" });
      },
    );
  });
}
