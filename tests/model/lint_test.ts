import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isPastTense } from "../../model/_past_tense.ts";
import {
  lint,
  LINT_RULES,
  type LintRuleName,
  type Model,
} from "../../model/mod.ts";

/** A model in which there is nothing to find. */
const clean: Model = {
  name: "bank",
  people: { clerk: {} },
  aggregates: {
    account: {
      events: {
        Opened: {
          fields: {
            owner: { type: "string", subject: true },
            email: { type: "string", personal: true },
          },
        },
      },
      commands: { open: { emits: ["Opened"] } },
    },
  },
  policies: { Greet: { on: ["account.Opened"], sends: ["account.open"] } },
  readModels: {
    Owners: {
      from: ["account.Opened"],
      fields: {
        owner: "string",
        letter: { type: "string", from: ["account.Opened.email"] },
      },
    },
  },
  contexts: { money: { aggregates: ["account"] }, law: {} },
  hotspots: [{ text: "?", settled: "Yes." }],
};

const account = (change: object): Model => ({
  ...clean,
  aggregates: { account: { ...clean.aggregates!["account"]!, ...change } },
});

/** For each rule a model in which it alone finds something, and where. */
const DIRTY: Record<LintRuleName, [Model, string]> = {
  "event-past-tense": [
    {
      name: "x",
      aggregates: {
        a: {
          events: { PlaceOrder: {} },
          commands: { place: { emits: ["PlaceOrder"] } },
          queries: { order: {} },
        },
      },
    },
    "a.PlaceOrder",
  ],
  "command-without-event": [
    account({
      commands: { open: { emits: ["Opened"] }, look: {} },
    }),
    "account.look",
  ],
  "event-without-cause": [
    account({
      events: { ...clean.aggregates!["account"]!.events, Seized: {} },
      queries: { owner: {} },
    }),
    "account.Seized",
  ],
  "event-unhandled": [
    {
      name: "x",
      aggregates: {
        a: { events: { Done: {} }, commands: { do: { emits: ["Done"] } } },
      },
    },
    "a.Done",
  ],
  "policy-without-trigger": [
    { ...clean, policies: { Greet: { sends: ["account.open"] } } },
    "policy:Greet",
  ],
  "policy-without-effect": [
    { ...clean, policies: { Greet: { on: ["account.Opened"] } } },
    "policy:Greet",
  ],
  "field-without-source": [
    {
      ...clean,
      readModels: {
        Owners: { from: ["account.Opened"], fields: { balance: "number" } },
      },
    },
    "readModel:Owners.balance",
  ],
  "aggregate-in-two-contexts": [
    {
      ...clean,
      contexts: {
        money: { aggregates: ["account"] },
        law: { aggregates: ["account"] },
      },
    },
    "account",
  ],
  "open-hotspot": [
    { ...clean, hotspots: [{ on: "account.Opened", text: "Why?" }] },
    "account.Opened",
  ],
  "personal-without-subject": [
    account({
      events: {
        Opened: {
          fields: {
            owner: "string",
            email: "string",
            contact: {
              type: "object",
              fields: { phone: { type: "string", personal: true } },
            },
          },
        },
      },
    }),
    "account.Opened",
  ],
};

describe("lint()", () => {
  it("finds nothing where there is nothing to find", () => {
    assert.deepEqual(lint(clean), []);
  });

  for (const [rule, [model, at]] of Object.entries(DIRTY)) {
    it(`${rule} finds its own, and nothing else does`, () => {
      const found = lint(model);
      assert.deepEqual(found.map((one) => [one.rule, one.at]), [[rule, at]]);
      assert(found[0]!.message.length > 5);
    });
    it(`${rule} can be switched off, here or everywhere`, () => {
      assert.deepEqual(lint(model, { off: [rule as LintRuleName] }), []);
      assert.deepEqual(lint(model, { except: { [rule]: [at] } }), []);
      assert.equal(lint(model, { except: { [rule]: ["other"] } }).length, 1);
    });
  }

  it("has a reason and a fix for every rule, and tells the fix", () => {
    assert.deepEqual(LINT_RULES.map(({ name }) => name), Object.keys(DIRTY));
    for (const { name, reason, fix } of LINT_RULES) {
      assert(reason.endsWith(".") && fix.endsWith("."), name);
      assert.equal(lint(DIRTY[name][0])[0]?.fix, fix);
    }
  });

  it("refuses to switch off what does not exist", () => {
    const off = ["no-such-rule" as LintRuleName];
    assert.throws(() => lint(clean, { off }), /"no-such-rule"/);
  });

  it("names a source that is not in the event it names", () => {
    const model: Model = {
      ...clean,
      readModels: {
        Owners: {
          from: ["account.Opened"],
          fields: {
            owner: { type: "string", from: ["account.Opened.name"] },
            all: { type: "any", from: ["account.Opened"] },
          },
        },
      },
    };
    const found = lint(model);
    assert.deepEqual(found.map(({ at }) => at), ["readModel:Owners.owner"]);
    assert.match(found[0]!.message, /account\.Opened\.name/);
  });

  it("takes an aggregate's key as the subject", () => {
    const model = account({
      keyIsSubject: true,
      events: {
        Opened: {
          fields: {
            owner: "string",
            email: { type: "string", personal: true },
          },
        },
      },
    });
    assert.deepEqual(lint(model), []);
  });
});

describe("isPastTense()", () => {
  const past = [
    "OrderPlaced",
    "Withdrawn",
    "MoneySentAbroad",
    "user_registered",
    "PaymentFreed",
    "AgreementAgreed",
    "HTTPRequestSent",
    "CheckedIn",
    "Paid",
    "TicketBought",
  ];
  for (const name of past) {
    it(`is so of ${name}`, () => assert(isPastTense(name)));
  }
  const other = [
    "PlaceOrder",
    "Order",
    "Feed",
    "NeedHelp",
    "SpeedLimit",
    "HundredOrders",
    "Shipping",
    "RedButton",
  ];
  for (const name of other) {
    it(`is not so of ${name}`, () => assert(!isPastTense(name)));
  }
});
