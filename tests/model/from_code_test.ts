import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  defineActor,
  definePolicy,
  defineProjection,
  Rejected,
} from "../../mod.ts";
import { observe, observePolicies } from "../../testing/mod.ts";
import {
  assertModel,
  differencesFrom,
  type Model,
  modelOf,
  type PolicyLike,
  type ProjectionLike,
} from "../../model/mod.ts";
import { Booking, Room } from "../../examples/booking/actors.ts";
import { booking } from "../../examples/booking/model.ts";

const Account = defineActor("account", {
  state: () => 0,
  events: {
    Deposited: (s: number, e: { amount: number; note?: string }) =>
      s + e.amount,
    Withdrawn: (s: number, e: { amount: number }) => s - e.amount,
  },
}).commands({
  deposit: (_s, c: { amount: number; note?: string }) => ({
    type: "Deposited",
    data: c,
  }),
  withdraw(s, c: { amount: number }) {
    if (c.amount > s) throw new Rejected("insufficient_funds");
    return { type: "Withdrawn", data: c };
  },
}).queries({ balance: (s) => s });

const Alarm: PolicyLike = {
  name: "Alarm",
  on: { account: { Withdrawn: () => {} } },
  sends: ["account.deposit"],
};
const Statement: ProjectionLike = {
  name: "Statement",
  on: { account: { Deposited: () => {}, Withdrawn: () => {} } },
  initial: () => ({}),
};

describe("modelOf()", () => {
  it("derives names of actors, policies and projections", () => {
    const model = modelOf([Account, Alarm, Statement], { name: "bank" });
    assert.deepEqual(model, {
      name: "bank",
      aggregates: {
        account: {
          events: { Deposited: {}, Withdrawn: {} },
          commands: { deposit: {}, withdraw: {} },
          queries: { balance: {} },
        },
      },
      policies: {
        Alarm: { on: ["account.Withdrawn"], sends: ["account.deposit"] },
      },
      readModels: {
        Statement: { from: ["account.Deposited", "account.Withdrawn"] },
      },
    });
  });

  it("reads real policies and projections, named by sentences or not", () => {
    const PayIn = definePolicy("when money was withdrawn", {
      on: [Account, { Withdrawn: () => {} }],
      sends: ["account.deposit"],
    });
    const Turnover = defineProjection("turnover of all", {
      initial: () => 0,
      on: [Account, { Deposited: (sum: number) => sum }],
    });
    const { policies, readModels } = modelOf([Account, PayIn, Turnover], {
      name: "bank",
    });
    assert.deepEqual(policies, {
      WhenMoneyWasWithdrawn: {
        text: "when money was withdrawn",
        on: ["account.Withdrawn"],
        sends: ["account.deposit"],
      },
    });
    assert.deepEqual(readModels, {
      TurnoverOfAll: {
        text: "turnover of all",
        from: ["account.Deposited"],
      },
    });
  });

  it("adds what was observed: events, rejections, fields", async () => {
    const observed = await observe([Account], [
      { of: "account", when: { type: "deposit", data: { amount: 1 } } },
      {
        of: "account",
        when: { type: "deposit", data: { amount: 2, note: "x" } },
      },
      { of: "account", when: { type: "withdraw", data: { amount: 2 } } },
      {
        of: "account",
        given: [{ type: "Deposited", data: { amount: 3 } }],
        when: { type: "withdraw", data: { amount: 2 } },
      },
    ]);
    const { aggregates } = modelOf([Account], { name: "bank" }, observed);
    const { events, commands } = aggregates!["account"]!;
    const amount = { type: "number" };
    const note = { type: "string", optional: true };
    assert.deepEqual(events, {
      Deposited: { fields: { amount, note } },
      Withdrawn: { fields: { amount } },
    });
    assert.deepEqual(commands, {
      deposit: { fields: { amount, note }, emits: ["Deposited"] },
      withdraw: {
        fields: { amount },
        emits: ["Withdrawn"],
        rejects: ["insufficient_funds"],
      },
    });
  });

  it("adds what it is told, which counts for more than what was observed", async () => {
    const observed = await observe([Account], [
      { of: "account", when: { type: "deposit", data: { amount: 1 } } },
    ]);
    const told: Model = {
      name: "bank",
      people: { clerk: {} },
      aggregates: {
        account: {
          text: "Money.",
          events: { Deposited: { fields: { amount: "integer" } } },
          commands: { deposit: { by: ["clerk"] } },
        },
      },
      policies: { Alarm: { text: "Rings.", calls: ["police"] } },
      systems: { police: {} },
      hotspots: [{ on: "policy:Alarm", text: "How loud?" }],
    };
    const model = modelOf([Account, Alarm], told, observed);
    const account = model.aggregates!["account"]!;
    assert.equal(account.text, "Money.");
    assert.deepEqual(account.events!["Deposited"]!.fields, {
      amount: "integer",
    });
    assert.deepEqual(account.commands!["deposit"], {
      fields: { amount: { type: "number" } },
      by: ["clerk"],
      emits: ["Deposited"],
    });
    assert.deepEqual(model.policies!["Alarm"], {
      text: "Rings.",
      calls: ["police"],
      on: ["account.Withdrawn"],
      sends: ["account.deposit"],
    });
    assert.equal(model.hotspots?.length, 1);
  });

  it("knows an aggregate that lives elsewhere by the events others react to", () => {
    const model = modelOf([
      { name: "Greet", on: { customer: { Registered: () => {} } } },
    ], { name: "shop" });
    assert.deepEqual(model.aggregates, {
      customer: { events: { Registered: {} } },
    });
  });

  it("adds what commands and policies were seen to send", async () => {
    interface Sends {
      send(type: string, key: string): { ring(data: unknown): void };
    }
    const Till = defineActor("till", { state: () => 0, events: {} }).commands({
      open(_s, _c: unknown, ctx) {
        (ctx as unknown as Sends).send("bell", "1").ring({ times: 2 });
        return [];
      },
    });
    const Ring: PolicyLike = {
      name: "Ring",
      on: {
        account: {
          Withdrawn: (event: { actorId: string }, ctx: Sends) =>
            ctx.send("bell", event.actorId).ring({}),
        },
      },
    };
    const model = modelOf([Account, Till, Ring], { name: "bank" }, [
      ...await observe([Till], [{ of: "till", when: { type: "open" } }]),
      ...await observePolicies([Ring], [
        { policy: "Ring", of: "account", type: "Withdrawn" },
      ]),
    ]);
    assert.deepEqual(model.aggregates!["till"]!.commands, {
      open: { sends: ["bell.ring"] },
    });
    assert.deepEqual(model.policies!["Ring"], {
      on: ["account.Withdrawn"],
      sends: ["bell.ring"],
    });
    // It lives elsewhere, and is known by what is sent to it.
    assert.deepEqual(model.aggregates!["bell"], { commands: { ring: {} } });
  });

  it("refuses to be told otherwise than the code is", () => {
    const told: Model = {
      name: "bank",
      aggregates: {
        account: { events: { Closed: {} }, commands: { close: {} } },
      },
      policies: { Alarm: { on: ["account.Deposited"] } },
    };
    assert.throws(
      () => modelOf([Account, Alarm], told),
      /event of account.*"Closed".*command of account.*"close".*policy Alarm.*"account\.Deposited"/,
    );
  });

  it("refuses a policy on an event that its actor does not have", () => {
    const wrong = { name: "Greet", on: { account: { Opened: () => {} } } };
    assert.throws(
      () => modelOf([Account, wrong], { name: "bank" }),
      /"account" has no event "Opened"/,
    );
  });

  it("refuses a policy that sends what its actor does not take", () => {
    const wrong = { name: "Greet", on: {}, sends: ["account.open"] };
    assert.throws(
      () => modelOf([Account, wrong], { name: "bank" }),
      /"account" has no command "open"/,
    );
  });
});

describe("assertModel()", () => {
  it("is content where model and code have the same names", () => {
    assertModel(booking, [Booking, Room], { partial: true });
    assertModel(
      modelOf([Account, Alarm, Statement], { name: "bank" }),
      [Account, Alarm, Statement],
    );
  });

  it("tells every difference, and who has it", () => {
    const model: Model = {
      name: "bank",
      aggregates: {
        account: {
          events: { Deposited: {}, Closed: {} },
          commands: { deposit: {}, withdraw: {}, close: {} },
        },
        till: {},
      },
      policies: {
        Alarm: { on: ["account.Deposited"] },
        Greet: {},
      },
      readModels: { Statement: { from: ["account.Deposited"] } },
    };
    const found = differencesFrom(model, [Account, Alarm, Statement]);
    assert.deepEqual(
      found.map(({ at, only }) => `${only}: ${at}`).sort(),
      [
        "code: account.Withdrawn",
        "code: account.balance",
        "code: policy:Alarm",
        "code: policy:Alarm",
        "code: readModel:Statement",
        "model: account.Closed",
        "model: account.close",
        "model: policy:Alarm",
        "model: policy:Greet",
        "model: till",
      ],
    );
    assert.throws(
      () => assertModel(model, [Account, Alarm, Statement]),
      /the model has no event of account "Withdrawn"/,
    );
  });

  it("finds nothing in what every object has", () => {
    const Odd = defineActor("constructor", { state: () => 0, events: {} });
    assert.deepEqual(modelOf([Odd], { name: "x", aggregates: {} }).aggregates, {
      constructor: { events: {}, commands: {}, queries: {} },
    });
    assert.throws(
      () => assertModel({ name: "x", aggregates: {} }, [Odd]),
      /the model has no aggregate "constructor"/,
    );
  });

  it("asks for notes that no definition stands for, unless it is partial", () => {
    const model: Model = { name: "x", aggregates: { a: {}, b: {} } };
    const A = defineActor("a", { state: () => 0, events: {} });
    assert.throws(() => assertModel(model, [A]), /no aggregate "b"/);
    assertModel(model, [A], { partial: true });
  });
});
