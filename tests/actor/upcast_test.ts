/** Old events, read as those of today. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { defineActor } from "@flowmade/aether";
import { releaseAll } from "./_release.ts";
import { codeOf, hosted } from "./_hosted.ts";

interface Money {
  readonly amount: number;
  readonly currency: string;
}

/** An account whose events had other names and shapes in its youth. */
const Modern = defineActor("account", {
  state: () => ({ EUR: 0, USD: 0 }) as Readonly<Record<string, number>>,
  events: {
    Deposited: (s, e: Money) => ({
      ...s,
      [e.currency]: s[e.currency]! + e.amount,
    }),
    Closed: () => ({ EUR: 0, USD: 0 }),
  },
  upcast: {
    // Renamed twice.
    PaidIn: (data: { cents: number }) => ({
      type: "MoneyAdded",
      data: { amount: data.cents / 100 },
    }),
    MoneyAdded: (data: { amount: number }) => ({ type: "Deposited", data }),
    // Reshaped: those of today are left as they are.
    Deposited: (data: { amount: number; currency?: string }, event) => ({
      type: "Deposited",
      data: { currency: event.version < 3 ? "USD" : "EUR", ...data },
    }),
    Round: () => ({ type: "About", data: 1 }),
    About: () => ({ type: "Round", data: 1 }),
    Nonsense: (() => undefined) as never,
    Vanished: () => ({ type: "NeverHeardOf" }),
    Broken: () => {
      throw new TypeError("what is this?");
    },
  },
}).commands({
  deposit: (_s, c: Money) => ({ type: "Deposited", data: c }),
  deposit2: (_s, amount: number) => ({
    type: "Deposited",
    data: { amount } as Money,
  }),
}).queries({ all: (s) => s });

const modern = () => hosted({ actors: [Modern] });

describe("upcasters", () => {
  it("rename and reshape what was stored, in the log's order", async () => {
    const { ask, store } = modern();
    await store.append("account-ada", [
      { eventType: "PaidIn", data: { cents: 250 } },
      { eventType: "MoneyAdded", data: { amount: 1 } },
      { eventType: "Deposited", data: { amount: 4 } },
      { eventType: "Deposited", data: { amount: 8, currency: "USD" } },
    ]);
    assert.deepEqual(await ask("all"), { EUR: 4, USD: 11.5 });
    // The log stays as it is.
    const [first] = await store.getEvents("account-ada");
    assert.deepEqual([first!.eventType, first!.data], ["PaidIn", {
      cents: 250,
    }]);
  });

  it("see what is decided today as they will see it on replay", async () => {
    const { ask, host } = modern();
    await ask("deposit", { amount: 1, currency: "EUR" });
    await ask("deposit2", 2);
    await ask("deposit2", 3);
    const live = await ask("all");
    assert.deepEqual(live, { EUR: 4, USD: 2 });
    await releaseAll(host);
    assert.deepEqual(await ask("all"), live);
  });

  it("read what others wrote meanwhile", async () => {
    const { ask, store } = modern();
    await ask("deposit", { amount: 1, currency: "EUR" });
    await store.append("account-ada", [
      { eventType: "PaidIn", data: { cents: 100, currency: "EUR" } },
    ]);
    await ask("deposit", { amount: 1, currency: "EUR" });
    assert.deepEqual(await ask("all"), { EUR: 2, USD: 1 });
  });

  for (
    const [eventType, message] of [
      ["Round", /upcast in a circle: Round → About → Round/],
      ["Nonsense", /a "Nonsense", whose upcaster returned something else/],
      [
        "Vanished",
        /a "Vanished", upcast to a "NeverHeardOf", which "account" has/,
      ],
      ["Broken", /"Broken" threw at version 1: what is this/],
      ["Unheard", /event 1 is a "Unheard", which "account" has no handler for/],
    ] as const
  ) {
    it(`skip nothing: ${eventType}`, async () => {
      const { ask, host, store } = modern();
      await store.append("account-ada", [{ eventType }]);
      await store.append("account-bob", [{ eventType: "Closed" }]);
      await assert.rejects(ask("all"), { code: "quarantined", message });
      assert.equal(await codeOf(ask("deposit2", 1)), "quarantined");
      assert.deepEqual(
        host.quarantined().map(({ actorId }) => actorId),
        ["account-ada"],
      );
      assert.deepEqual(await ask("all", undefined, { key: "bob" }), {
        EUR: 0,
        USD: 0,
      });
    });
  }

  it("are functions with names of events", () => {
    const define = (upcast: Record<string, never>) => () =>
      defineActor("x", { state: () => 0, events: {}, upcast });
    assert.throws(define({ Old: 7 as never }), /upcaster "Old" is a function/);
    assert.throws(
      define({ "not a name": 7 as never }),
      /an? upcaster is named/,
    );
  });
});
