import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type Aether,
  defineActor,
  definePolicy,
  deriveId,
  type LogEntry,
  Rejected,
  type StoredEvent,
} from "@flowmade/aether";
import { eventually } from "../support/mod.ts";
import { natsWorld, worlds } from "./_worlds.ts";

const LIMIT = { timeout: 30_000 };

const Account = defineActor("account", {
  state: () => ({ balance: 0 }),
  events: {
    Deposited: (s, e: { amount: number; from?: string }) => ({
      balance: s.balance + e.amount,
    }),
    Withdrawn: (s, e: { amount: number; to: string }) => ({
      balance: s.balance - e.amount,
    }),
  },
}).commands({
  deposit(_s, c: { amount: number; from?: string }) {
    if (c.amount === 13) throw new Rejected("unlucky");
    return { type: "Deposited", data: c };
  },
  fail() {
    throw new TypeError("broken");
  },
  withdraw: (_s, c: { amount: number; to: string }) => ({
    type: "Withdrawn",
    data: c,
  }),
}).queries({ balance: (s) => s.balance });

const keyOf = (actorId: string) => actorId.slice(actorId.indexOf("-") + 1);

/** Money goes where it was withdrawn for. */
const PayIn = definePolicy("when money was withdrawn", {
  on: [Account, {
    Withdrawn({ actorId, data }, ctx) {
      ctx.send(Account, data.to).deposit({
        amount: data.amount,
        from: keyOf(actorId),
      });
    },
  }],
});

async function eventsOf(aether: Aether, key: string) {
  return await aether.store.getEvents(`account-${key}`) as StoredEvent[];
}

for (const [where, open] of worlds) {
  describe(`a policy ${where}`, () => {
    it(
      "sends what its handler sends, with where it came from",
      LIMIT,
      async () => {
        await using world = await open();
        const aether = await world.start({
          actors: [Account],
          policies: [PayIn],
        });
        const { events: [withdrawn] } = await aether.actor(Account, "ada")
          .withdraw({ amount: 5, to: "bob" }, { correlationId: "request-1" });
        await eventually(async () =>
          await aether.actor(Account, "bob").balance() === 5
        );
        const [deposited] = await eventsOf(aether, "bob");
        assert.deepEqual(deposited!.data, { amount: 5, from: "ada" });
        assert.equal(deposited!.metadata?.correlationId, "request-1");
        assert.equal(deposited!.metadata?.causationId, withdrawn!.id);
        assert.equal(
          deposited!.commandId,
          deriveId(withdrawn!.commitId, `/${PayIn.durable}@1#0`),
        );
      },
    );

    it(
      "sends in order per actor, and everything once, with two nodes at it",
      LIMIT,
      async () => {
        await using world = await open();
        const options = { actors: [Account], policies: [PayIn] };
        const nodes = [await world.start(options), await world.start(options)];
        await Promise.all(["a", "b", "c"].map(async (key, i) => {
          for (let n = 1; n <= 20; n++) {
            await nodes[i % 2]!.actor(Account, key).withdraw({
              amount: n === 13 ? 100 : n,
              to: "bank",
            });
          }
        }));
        await eventually(async () =>
          (await eventsOf(nodes[0]!, "bank")).length >= 60
        );
        await nodes[0]!.close();
        const deposits = await eventsOf(nodes[1]!, "bank");
        for (const from of ["a", "b", "c"]) {
          const amounts = deposits.map(({ data }) =>
            data as { amount: number; from: string }
          ).filter((data) => data.from === from).map(({ amount }) => amount);
          assert.deepEqual(
            amounts,
            Array.from({ length: 20 }, (_, n) => n === 12 ? 100 : n + 1),
          );
        }
      },
    );

    it("changes nothing where all events come again", LIMIT, async () => {
      await using world = await open();
      let handled = 0;
      const Split = definePolicy("split it", {
        on: [Account, {
          Withdrawn({ data }, ctx) {
            handled++;
            const half = data.amount / 2;
            ctx.send(Account, data.to).deposit({ amount: half });
            ctx.send(Account, data.to).deposit({ amount: half });
          },
        }],
      });
      const options = { actors: [Account], policies: [Split] };
      const first = await world.start(options);
      for (let n = 0; n < 5; n++) {
        await first.actor(Account, "ada").withdraw({ amount: 2, to: "bob" });
      }
      await eventually(async () =>
        (await eventsOf(first, "bob")).length === 10
      );
      await first.close();
      assert.equal(handled, 5);
      const second = await world.start({ actors: [Account] });
      await second.bus.forget(world.namespace, Split.durable);
      const third = await world.start(options);
      await eventually(() => handled === 10);
      await third.actor(Account, "ada").withdraw({ amount: 8, to: "bob" });
      await eventually(async () =>
        (await eventsOf(third, "bob")).length === 12
      );
      assert.equal(await third.actor(Account, "bob").balance(), 18);
    });

    it(
      "tries again what throws, then parks it and what is behind it of its actor",
      LIMIT,
      async () => {
        await using world = await open();
        const entries: LogEntry[] = [];
        let isBroken = true;
        const attempts: number[] = [];
        const Fragile = definePolicy("fragile", {
          retry: { limit: 3, delay: 5 },
          on: [Account, {
            Withdrawn({ data }, ctx) {
              ctx.send(Account, data.to).deposit({ amount: data.amount });
              if (data.amount !== 7 || !isBroken) return;
              attempts.push(ctx.attempt);
              throw new TypeError("not that one");
            },
          }],
        });
        const aether = await world.start({
          actors: [Account],
          policies: [Fragile],
          log: (entry) => entries.push(entry),
        });
        const [ada, eve] = ["ada", "eve"].map((key) =>
          aether.actor(Account, key)
        );
        for (const amount of [1, 7, 2]) {
          await ada!.withdraw({ amount, to: "bob" });
        }
        await eve!.withdraw({ amount: 10, to: "bob" });
        await eventually(async () =>
          await aether.actor(Account, "bob").balance() === 11
        );
        assert.deepEqual(attempts, [1, 2, 3]);
        const failures = entries.filter(({ message }) =>
          message === "a policy could not handle an event"
        );
        assert.equal(failures.length, 3);
        assert.equal(failures[0]!["policy"], "fragile");
        const parking = aether.bus.parking(world.namespace, Fragile.durable);
        const parked = await parking.list();
        assert.deepEqual(
          parked.map(({ event }) => event.version),
          [2, 3],
        );
        assert.match(parked[0]!.reason, /not that one/);
        isBroken = false;
        assert.equal(await parking.replay(), 2);
        await eventually(async () =>
          await aether.actor(Account, "bob").balance() === 20
        );
        assert.deepEqual(
          (await eventsOf(aether, "bob")).map(({ data }) =>
            (data as { amount: number }).amount
          ).filter((amount) => amount !== 10),
          [1, 7, 2],
        );
      },
    );

    it("parks what is rejected, and goes on", LIMIT, async () => {
      await using world = await open();
      const aether = await world.start({
        actors: [Account],
        policies: [PayIn],
      });
      const ada = aether.actor(Account, "ada");
      await ada.withdraw({ amount: 13, to: "bob" });
      await ada.withdraw({ amount: 1, to: "bob" });
      await eventually(async () =>
        await aether.actor(Account, "bob").balance() === 1
      );
      const [parked, ...rest] = await aether.parked().list({
        source: `${PayIn.durable}/account-ada`,
      });
      assert.deepEqual(rest, []);
      assert.equal(parked?.because, "rejected");
      assert.equal(parked?.command.actorId, "account-bob");
      assert.deepEqual(parked?.command.input, { amount: 13, from: "ada" });
    });

    it("is not held up by a target that fails", LIMIT, async () => {
      await using world = await open();
      const Pair = definePolicy("to two", {
        on: [Account, {
          Withdrawn({ data }, ctx) {
            ctx.send(Account, "broken").fail();
            ctx.send(Account, data.to).deposit({ amount: data.amount });
          },
        }],
      });
      const aether = await world.start({ actors: [Account], policies: [Pair] });
      for (const amount of [1, 2, 3]) {
        await aether.actor(Account, "ada").withdraw({ amount, to: "bob" });
      }
      await eventually(async () =>
        await aether.actor(Account, "bob").balance() === 6
      );
    });

    it(
      "refuses what can not be sent, as a failure of its handler",
      LIMIT,
      async () => {
        await using world = await open();
        const problems: string[] = [];
        type Anything = Record<string, (input?: unknown) => void>;
        let late: Anything | undefined;
        const tried = (run: () => unknown) => {
          try {
            run();
          } catch (error) {
            problems.push((error as { code: string }).code);
          }
        };
        const Careless = definePolicy("careless", {
          on: {
            account: {
              Withdrawn(_event, ctx) {
                const to = ctx.send(Account, "bob") as unknown as Anything;
                tried(() => to["fly"]!());
                tried(() => to["deposit"]!({ amount: NaN }));
                tried(() => ctx.send(Account, ""));
                tried(() => ctx.send(7 as never, "bob"));
                to["deposit"]!({ amount: 3 });
                late = to;
              },
            },
          },
        });
        const aether = await world.start({
          actors: [Account],
          policies: [Careless],
        });
        await aether.actor(Account, "ada").withdraw({ amount: 1, to: "bob" });
        await eventually(async () =>
          await aether.actor(Account, "bob").balance() === 3
        );
        assert.deepEqual(problems, Array(4).fill("invalid_argument"));
        assert.throws(() => late!["deposit"]!({ amount: 1 }), {
          code: "invalid_argument",
        });
      },
    );

    it("that has to remember something is an actor", LIMIT, async () => {
      await using world = await open();
      // Three withdrawals make a gift, once.
      const Loyalty = defineActor("loyalty", {
        state: () => ({ count: 0, gifts: 0 }),
        events: {
          Counted: (s) => ({ ...s, count: s.count + 1 }),
          Earned: (s) => ({ count: 0, gifts: s.gifts + 1 }),
        },
      }).commands({
        count: (s) =>
          s.count < 2
            ? { type: "Counted" }
            : [{ type: "Counted" }, { type: "Earned" }],
      });
      const Counting = definePolicy("loyalty counts withdrawals", {
        sends: ["loyalty.count"],
        on: [Account, {
          Withdrawn: ({ actorId }, ctx) =>
            ctx.send(Loyalty, keyOf(actorId)).count(),
        }],
      });
      const Giving = definePolicy("loyalty is rewarded", {
        on: [Loyalty, {
          Earned: ({ actorId }, ctx) =>
            ctx.send(Account, keyOf(actorId)).deposit({ amount: 1_000 }),
        }],
      });
      assert.deepEqual(Counting.sends, ["loyalty.count"]);
      const aether = await world.start({
        actors: [Account, Loyalty],
        policies: [Counting, Giving],
      });
      for (let n = 1; n <= 7; n++) {
        await aether.actor(Account, "ada").withdraw({ amount: 1, to: "bob" });
      }
      await eventually(async () => {
        const counted = await aether.store.getLatestVersion("loyalty-ada");
        return counted === 7 + 2 &&
          await aether.actor(Account, "ada").balance() === 2_000 - 7;
      });
    });

    it("does not run in clients, nor twice in a node", LIMIT, async () => {
      await using world = await open();
      await assert.rejects(
        world.start({
          actors: [Account],
          policies: [PayIn, { ...PayIn }],
        }),
        { code: "invalid_argument" },
      );
      if (where === "in memory") return; // a client there has no node
      const node = await world.start({ actors: [Account] });
      const client = await world.start({ actors: [], policies: [PayIn] });
      await client.actor(Account, "ada").withdraw({ amount: 1, to: "bob" });
      const taken = node.bus.subscribe(world.namespace, {
        durable: PayIn.durable,
      });
      await taken.ready;
      // Nobody else is in the line.
      await eventually(() => taken.stats().active);
      assert.equal(await node.actor(Account, "bob").balance(), 0);
    });
  });
}

describe("a policy on NATS, when something is missing", () => {
  it(
    "waits for a target that cannot be reached, and loses nothing",
    LIMIT,
    async () => {
      await using world = await natsWorld();
      const Shop = defineActor("shop", {
        state: () => 0,
        events: { Sold: (s: number, e: { price: number }) => s + e.price },
      }).commands({
        sell: (_s, price: number) => ({ type: "Sold", data: { price } }),
      });
      const Banking = definePolicy("sales are banked", {
        on: [Shop, {
          Sold: ({ data }, ctx) =>
            ctx.send(Account, "shop").deposit({ amount: data.price }),
        }],
      });
      const shop = await world.start({ actors: [Shop], policies: [Banking] });
      await shop.actor(Shop, "1").sell(3);
      await shop.actor(Shop, "1").sell(4);
      // Nobody hosts accounts yet.
      const bank = await world.start({ actors: [Account] });
      await eventually(
        async () => await bank.actor(Account, "shop").balance() === 7,
        { timeout: 20_000 },
      );
      assert.equal((await eventsOf(bank, "shop")).length, 2);
    },
  );
});
