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

/** For each rule a model in which it alone finds something, where, and what. */
const DIRTY: Record<LintRuleName, [Model, string, string]> = {
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
    '"PlaceOrder" does not tell of something that happened',
  ],
  "command-without-event": [
    account({
      commands: { open: { emits: ["Opened"] }, look: {} },
    }),
    "account.look",
    '"account.look" leads to no event',
  ],
  "event-without-cause": [
    account({
      events: { ...clean.aggregates!["account"]!.events, Seized: {} },
      queries: { owner: {} },
    }),
    "account.Seized",
    'no command leads to "account.Seized"',
  ],
  "event-unhandled": [
    {
      name: "x",
      aggregates: {
        a: { events: { Done: {} }, commands: { do: { emits: ["Done"] } } },
      },
    },
    "a.Done",
    'no policy, read model or system takes note of "a.Done", and its aggregate has no query that tells of it',
  ],
  "policy-without-trigger": [
    { ...clean, policies: { Greet: { sends: ["account.open"] } } },
    "policy:Greet",
    'no event triggers "Greet"',
  ],
  "policy-without-effect": [
    { ...clean, policies: { Greet: { on: ["account.Opened"] } } },
    "policy:Greet",
    '"Greet" sends no command and calls no system',
  ],
  "field-without-source": [
    {
      ...clean,
      readModels: {
        Owners: { from: ["account.Opened"], fields: { balance: "number" } },
      },
    },
    "readModel:Owners.balance",
    '"balance" of "Owners" has no source: an event\'s field "balance" is in none of its events',
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
    '"account" lies in money and law',
  ],
  "open-hotspot": [
    { ...clean, hotspots: [{ on: "account.Opened", text: "Why?" }] },
    "account.Opened",
    "open: Why?",
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
    '"account.Opened" says something about a person (phone) and not about whom',
  ],
};

describe("lint()", () => {
  it("finds nothing where there is nothing to find", () => {
    assert.deepEqual(lint(clean), []);
  });

  for (const [rule, [model, at, message]] of Object.entries(DIRTY)) {
    it(`${rule} finds its own, and nothing else does`, () => {
      const found = lint(model);
      assert.deepEqual(found.map((one) => [one.rule, one.at]), [[rule, at]]);
      assert.equal(found[0]!.message, message);
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
    const words =
      /^InvalidArgumentError: Cannot switch off a rule that does not exist: got "no-such-rule", known: event-past-tense, command-without-event, /;
    assert.throws(() => lint(clean, { off }), words);
    const except = { "no-such-rule": [] } as object;
    assert.throws(() => lint(clean, { except }), words);
    const [known] = off.concat("open-hotspot");
    assert.throws(
      () => lint(clean, { off: ["open-hotspot", known!] }),
      /got "no-such-rule"/,
    );
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

  const sources: readonly [string, object, string[]][] = [
    ["a field of an event", { from: ["account.Opened.email"] }, []],
    ["an event as a whole", { from: ["account.Opened"] }, []],
    ["a field in a field", { from: ["account.Opened.home.street"] }, []],
    ["a field not in that field", { from: ["account.Opened.home.zip"] }, [
      "account.Opened.home.zip",
    ]],
    ["a field of a field without any", { from: ["account.Opened.email.at"] }, [
      "account.Opened.email.at",
    ]],
    ["a field that is in a field only", { from: ["account.Opened.street"] }, [
      "account.Opened.street",
    ]],
    ["an event that is not read", { from: ["account.Closed.email"] }, [
      "account.Closed.email",
    ]],
    ["an event whose name begins so", { from: ["account.OpenedTwice"] }, [
      "account.OpenedTwice",
    ]],
    ["two, of which one is missing", {
      from: ["account.Opened.no", "account.Opened.email"],
    }, ["account.Opened.no"]],
    ["two that are missing", { from: ["account.Opened.no", "x.Y.z"] }, [
      "account.Opened.no",
      "x.Y.z",
    ]],
    ["a field of the same name, without saying so", {}, [
      'an event\'s field "shown"',
    ]],
  ];
  for (const [what, from, missing] of sources) {
    it(`looks for what is shown in ${what}`, () => {
      const model = {
        ...account({
          events: {
            Opened: {
              fields: {
                email: "string",
                home: { type: "object", fields: { street: "string" } },
              },
            },
            Closed: { fields: { email: "string", shown: "string" } },
          },
          commands: { open: { emits: ["Opened", "Closed"] } },
          queries: { it: {} },
        }),
        readModels: {
          Owners: {
            from: ["account.Opened"],
            fields: { shown: { type: "string", ...from } },
          },
          // Another's sources are not this one's.
          Others: { from: ["account.Closed"], fields: { shown: "string" } },
        },
      } as Model;
      assert.deepEqual(
        lint(model).map(({ at, message }) => [at, message]),
        missing.length === 0 ? [] : [[
          "readModel:Owners.shown",
          `"shown" of "Owners" has no source: ${
            missing.join(", ")
          } is in none of its events`,
        ]],
      );
    });
  }

  it("looks at each note by itself", () => {
    const model: Model = {
      name: "x",
      aggregates: {
        a: {
          events: { Done: {}, Seen: {} },
          commands: { do: { emits: ["Done"] }, see: {} },
        },
        b: {
          events: { Sent: {} },
          commands: { send: { sends: ["a.do"] } },
          queries: { sent: {} },
        },
      },
      policies: { All: { on: ["a.Done"], calls: ["post"] }, None: {} },
      systems: { post: {} },
      hotspots: [{ text: "Why?" }, { text: "How?", settled: "So." }],
    };
    assert.deepEqual(lint(model).map(({ rule, at }) => `${rule} ${at}`), [
      "command-without-event a.see",
      "event-without-cause a.Seen",
      "event-without-cause b.Sent",
      "event-unhandled a.Seen",
      "policy-without-trigger policy:None",
      "policy-without-effect policy:None",
      "open-hotspot hotspot:1",
    ]);
  });

  it("finds no aggregate in two contexts where there are none of either", () => {
    const { aggregates: _, contexts: __, ...rest } = clean;
    const off = ["policy-without-trigger", "policy-without-effect"] as const;
    const model: Model = { name: rest.name, contexts: { law: {} } };
    assert.deepEqual(lint(model, { off }), []);
    const bare: Model = { name: "x", aggregates: { a: {} } };
    assert.deepEqual(lint(bare), []);
  });

  it("finds no source in an event that is not there", () => {
    const model: Model = {
      name: "x",
      readModels: {
        V: {
          from: ["a.Gone"],
          fields: {
            one: "string",
            two: { type: "string", from: ["a.Gone.field"] },
          },
        },
      },
    };
    assert.deepEqual(lint(model).map(({ at }) => at), [
      "readModel:V.one",
      "readModel:V.two",
    ]);
  });

  it("names all that is personal, and takes a subject at any depth", () => {
    const personal = (subject: boolean): Model =>
      account({
        keyIsSubject: false,
        events: {
          Opened: {
            fields: {
              owner: {
                type: "object",
                fields: { id: { type: "string", subject } },
              },
              email: { type: "string", personal: true },
              phone: { type: "string", personal: true },
            },
          },
        },
      });
    assert.deepEqual(lint(personal(true)), []);
    assert.deepEqual(lint(personal(false)).map(({ message }) => message), [
      '"account.Opened" says something about a person (email, phone) and not about whom',
    ]);
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
