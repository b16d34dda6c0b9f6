import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AetherError } from "../../event/mod.ts";
import {
  checkModel,
  type CommandData,
  type DataOf,
  defineModel,
  type EventData,
  type EventRef,
  type Model,
  type NoteRef,
} from "../../model/mod.ts";
import { everything } from "./_models.ts";

/** Fails to compile unless two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends
  (<T>() => T extends B ? 1 : 2) ? true : false;
function same<A, B>(_: Same<A, B>): void {}

describe("defineModel()", () => {
  it("gives back the value, frozen, with its names as literal types", () => {
    const model = defineModel({
      name: "bank",
      aggregates: { account: { events: { Opened: {} } } },
    });
    assert.equal(model.name, "bank");
    assert(Object.isFrozen(model.aggregates.account.events));
    same<EventRef<typeof model>, "account.Opened">(true);
    same<NoteRef<typeof everything> & `policy:${string}`, "policy:Watch">(true);
  });

  it("refuses a reference to what is not there, compiled and run", () => {
    assert.throws(
      () =>
        defineModel({
          name: "bank",
          aggregates: {
            account: {
              events: { Opened: {} },
              // @ts-expect-error: there is no such event
              commands: { open: { emits: ["Opend"] } },
            },
          },
        }),
      /account\.open\.emits refers to what is not there: "Opend"/,
    );
    assert.throws(
      () =>
        defineModel({
          name: "bank",
          aggregates: { account: { events: { Opened: {} } } },
          // @ts-expect-error: there is no such event
          policies: { Greet: { on: ["account.Closed"] } },
        }),
      /policy Greet\.on/,
    );
    assert.throws(
      () =>
        defineModel({
          name: "bank",
          // @ts-expect-error: there is no such note
          hotspots: [{ on: "policy:Greet", text: "?" }],
        }),
      /a hotspot or opportunity/,
    );
  });

  it("refuses a key that means nothing, compiled and run", () => {
    // @ts-expect-error: people it is
    assert.throws(() => defineModel({ name: "x", peple: {} }), /no "peple"/);
    const events = { Opened: {} };
    assert.throws(
      () =>
        defineModel({
          name: "x",
          aggregates: {
            // @ts-expect-error: emits it is
            a: { events, commands: { open: { emit: ["Opened"] } } },
          },
        }),
      /aggregates\.a\.commands\.open has no "emit"/,
    );
  });
});

describe("types from a model", () => {
  it("are the data that fields describe", () => {
    type Opened = EventData<typeof everything, "account", "Opened">;
    const data: Opened = {
      owner: "ada",
      address: { street: "Main St" },
    };
    assert.equal(data.tags, undefined);
    // @ts-expect-error: the address is missing
    const lacking: Opened = { owner: "ada" };
    assert.equal("address" in lacking, false);
    // @ts-expect-error: a number is not a text
    const wrong: Opened = { owner: "ada", address: { street: 1 } };
    assert(wrong);
    same<
      CommandData<typeof everything, "account", "close">,
      undefined
    >(true);
  });

  it("cover every type, lists and what may be absent", () => {
    type Data = DataOf<{
      a: "number";
      b: "integer[]";
      c: "boolean?";
      d: "date[]?";
      e: { type: "uuid"; list: true; optional: true };
      f: "object";
      g: "any";
    }>;
    const full: Data = {
      a: 1,
      b: [1],
      c: true,
      d: ["2026-01-01"],
      e: ["x"],
      f: { anything: 1 },
      g: null,
    };
    const least: Data = { a: 1, b: [], f: {}, g: 0 };
    // @ts-expect-error: b is a list
    const wrong: Data = { a: 1, b: 1, f: {}, g: 0 };
    assert(full && least && wrong);
  });
});

describe("checkModel()", () => {
  const refused: readonly [string, unknown, RegExp][] = [
    ["no name", {}, /a model lacks its "name"/],
    ["an empty name", { name: "" }, /a model has a name/],
    ["nothing", null, /a model is an object/],
    ["a list", [], /a model is an object/],
    ["a name that is no text", { name: 1 }, /name is a text/],
    [
      "a text for a list",
      { name: "x", policies: { p: { on: "a.B" } } },
      /policies\.p\.on is a list/,
    ],
    [
      "a number for a name",
      { name: "x", timeline: ["a.b", 2] },
      /timeline\[1\] is a text/,
    ],
    [
      "a text for a flag",
      { name: "x", aggregates: { a: { events: { B: { first: "yes" } } } } },
      /aggregates\.a\.events\.B\.first is true or false/,
    ],
    [
      "an unknown key deep down",
      {
        name: "x",
        readModels: {
          V: { fields: { a: { type: "object", fields: { b: { tipe: 1 } } } } },
        },
      },
      /readModels\.V\.fields\.a\.fields\.b has no "tipe"/,
    ],
    [
      "what is missing",
      {
        name: "x",
        hotspots: [{}],
        specifications: [{ of: "a", name: "s", when: {} }],
      },
      /hotspots\[0\] lacks its "text".*lacks its "then".*\.when lacks its "type"/,
    ],
    [
      "a specification with an odd end",
      {
        name: "x",
        specifications: [{
          of: "a",
          name: "s",
          when: { type: "b" },
          then: "c",
        }],
      },
      /specifications\[0\]\.then is an object/,
    ],
    ["a bad name", { name: "x", people: { "a b": {} } }, /people are named/],
    [
      "a bad event name",
      { name: "x", aggregates: { a: { events: { "Was Done": {} } } } },
      /events are named.*"a\.Was Done"/,
    ],
    [
      "an event and a command of one name",
      {
        name: "x",
        aggregates: { a: { events: { b: {} }, commands: { b: {} } } },
      },
      /"a\.b" stands for two notes/,
    ],
    [
      "a type that does not exist",
      {
        name: "x",
        aggregates: { a: { events: { B: { fields: { c: "text" } } } } },
      },
      /a\.B: .*field "c".*got "text"/,
    ],
    [
      "an order with an unknown event",
      { name: "x", aggregates: { a: { events: { B: { after: ["C"] } } } } },
      /a\.B\.after refers to what is not there: "C"/,
    ],
    [
      "a command of nobody",
      { name: "x", aggregates: { a: { commands: { b: { by: ["c"] } } } } },
      /a\.b\.by/,
    ],
    [
      "a read model of nothing",
      { name: "x", readModels: { V: { from: ["a.B"] } } },
      /read model V\.from/,
    ],
    [
      "a system that is told nothing",
      { name: "x", systems: { s: { on: ["a.B"], sends: ["a.b"] } } },
      /system s\.on.*system s\.sends/,
    ],
    [
      "a context of nothing",
      { name: "x", contexts: { c: { aggregates: ["constructor"] } } },
      /context c\.aggregates.*"constructor"/,
    ],
    [
      "a relation to nowhere",
      { name: "x", relations: [{ from: "a", to: "b", kind: "conformist" }] },
      /a relation.*"a".*a relation.*"b"/,
    ],
    [
      "a term of nowhere",
      { name: "x", glossary: { t: { text: "?", context: "c" } } },
      /term t/,
    ],
    ["a lane of nothing", { name: "x", swimlanes: { l: ["a"] } }, /lane l/],
    ["a timeline of nothing", { name: "x", timeline: ["a.b"] }, /the timeline/],
    [
      "a specification of nothing",
      {
        name: "x",
        specifications: [{ of: "a", name: "s", when: { type: "b" }, then: [] }],
      },
      /specification "s".*"a".*specification "s".*"b"/,
    ],
  ];
  for (const [what, model, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => checkModel(model as Model),
        (error: unknown) =>
          error instanceof AetherError && error.code === "invalid_argument" &&
          message.test(error.message),
      );
    });
  }

  /** References of every kind to what is not there, and what is said of them. */
  const astray: readonly [string, object, string[]][] = [
    ["aggregates", {
      a: {
        events: { B: { after: ["C", "D"], notAfter: ["E"] } },
        commands: { c: { emits: ["F"], by: ["g"], sends: ["a.h"] } },
        queries: { q: { by: ["i"] } },
      },
    }, [
      "a.B.after: C",
      "a.B.after: D",
      "a.B.notAfter: E",
      "a.c.emits: F",
      "a.c.by: g",
      "a.q.by: i",
      "a.c.sends: a.h",
    ]],
    ["policies", { p: { on: ["a.b"], sends: ["a.B"], calls: ["u"] } }, [
      "policy p.on: a.b",
      "policy p.sends: a.B",
      "policy p.calls: u",
    ]],
    ["readModels", { v: { from: ["a.b"], shownTo: ["r"] } }, [
      "read model v.from: a.b",
      "read model v.shownTo: r",
    ]],
    ["systems", { t: { on: ["a.b"], sends: ["a.B"] } }, [
      "system t.on: a.b",
      "system t.sends: a.B",
    ]],
    ["contexts", {
      c: { aggregates: ["b"], policies: ["v"], readModels: ["p"] },
    }, [
      "context c.aggregates: b",
      "context c.policies: v",
      "context c.readModels: p",
    ]],
    ["relations", [{ from: "k", to: "d", kind: "conformist" }], [
      "a relation: d",
    ]],
    ["hotspots", [{ on: "a.x", text: "?" }, { text: "?" }], [
      "a hotspot or opportunity: a.x",
    ]],
    ["opportunities", [{ on: "person:x", text: "!" }], [
      "a hotspot or opportunity: person:x",
    ]],
    ["glossary", {
      t: { text: "?", context: "c" },
      u: { text: "?" },
      w: "?",
    }, ["term t: c"]],
    ["swimlanes", { l: ["b"] }, ["lane l: b"]],
    ["timeline", ["a.b", "a.B", "policy:p", "policy:x"], [
      "the timeline: a.B",
      "the timeline: policy:x",
    ]],
    ["specifications", [
      {
        of: "a",
        name: "s",
        given: [{ type: "b" }, { type: "B" }],
        when: { type: "B" },
        then: [{ type: "B" }, { type: "X" }],
      },
      { of: "a", name: "r", when: { type: "b" }, then: { rejected: "no" } },
      { of: "z", name: "n", when: { type: "b" }, then: { rejected: "no" } },
    ], [
      'specification "s": b',
      'specification "s": B',
      'specification "s": X',
      'specification "n": z',
      'specification "n": b',
    ]],
  ];
  /** One of each, to refer to. */
  const there = {
    name: "x",
    people: { q: {} },
    aggregates: {
      a: { events: { B: {} }, commands: { b: {} }, queries: { s: {} } },
    },
    policies: { p: {} },
    readModels: { v: {} },
    systems: { t: {} },
    contexts: { k: {} },
  };
  const problemsOf = (model: object): readonly string[] => {
    try {
      checkModel(model as Model);
    } catch (error) {
      assert(error instanceof AetherError);
      return error.details["problems"] as string[];
    }
    return [];
  };
  for (const [part, value, problems] of astray) {
    it(`names what ${part} refer to and is not there`, () => {
      assert.deepEqual(
        problemsOf({ ...there, [part]: value }),
        problems.map((problem) => {
          const [place, name] = problem.split(": ");
          return `${place} refers to what is not there: "${name}"`;
        }),
      );
    });
  }

  it("takes a reference to each kind of note", () => {
    const notes = ["a", "a.B", "a.b", "a.s"].concat(
      ["policy:p", "readModel:v", "person:q", "system:t"],
    );
    const sticking = notes.map((on) => ({ on, text: "?" }));
    const model = { ...there, hotspots: sticking, opportunities: sticking };
    assert.deepEqual(problemsOf(model), []);
    const nothing = { name: "x", hotspots: sticking };
    assert.equal(problemsOf(nothing).length, notes.length);
  });

  it("takes references of every kind to what is there", () => {
    const model = {
      ...there,
      aggregates: {
        a: {
          events: { B: { after: ["B"], notAfter: ["B"] } },
          commands: { b: { emits: ["B"], by: ["q"], sends: ["a.b"] } },
          queries: { s: { by: ["q"] } },
        },
      },
      policies: { p: { on: ["a.B"], sends: ["a.b"], calls: ["t"] } },
      readModels: { v: { from: ["a.B"], shownTo: ["q"] } },
      systems: { t: { on: ["a.B"], sends: ["a.b"] } },
      contexts: {
        k: { aggregates: ["a"], policies: ["p"], readModels: ["v"] },
      },
      relations: [{ from: "k", to: "k", kind: "conformist" }],
      glossary: { w: { text: "?", context: "k" } },
      swimlanes: { l: ["a"] },
      timeline: ["a.b", "policy:p"],
      specifications: [{
        of: "a",
        name: "s",
        given: [{ type: "B" }],
        when: { type: "b" },
        then: [{ type: "B" }],
      }],
    };
    assert.deepEqual(problemsOf(model), []);
  });

  it("holds names to one rule, wherever they are given", () => {
    const good = ["a", "Z", "aZ9_-", "a".repeat(128)];
    const bad = ["", "9a", "_a", "-a", "a b", "a.b", "a\n", " a", "a "].concat(
      "é",
      "a".repeat(129),
    );
    const parts = ["people", "policies", "readModels", "systems"].concat(
      ["aggregates", "contexts"],
    );
    const rule =
      'named by a letter and up to 127 letters, digits, "_" or "-": got ';
    for (const part of parts) {
      for (const name of good) {
        assert.deepEqual(problemsOf({ name: "x", [part]: { [name]: {} } }), []);
      }
      for (const name of bad) {
        assert.deepEqual(problemsOf({ name: "x", [part]: { [name]: {} } }), [
          `${part} are ${rule}${JSON.stringify(name)}`,
        ]);
      }
    }
    for (const part of ["events", "commands", "queries"]) {
      for (const name of good) {
        const aggregates = { a: { [part]: { [name]: {} } } };
        assert.deepEqual(problemsOf({ name: "x", aggregates }), []);
      }
      for (const name of bad) {
        const aggregates = { a: { [part]: { [name]: {} } } };
        assert.deepEqual(problemsOf({ name: "x", aggregates }), [
          `${part} are ${rule}${JSON.stringify(`a.${name}`)}`,
        ]);
      }
    }
  });

  it("looks at the fields of all that has fields", () => {
    const fields = { f: "text" };
    const model = {
      name: "x",
      aggregates: {
        a: {
          events: { E: { fields } },
          commands: { c: { fields } },
          queries: { q: { fields } },
        },
      },
      readModels: { v: { fields } },
    };
    const problems = problemsOf(model);
    assert.deepEqual(
      problems.map((problem) => problem.split(": ")[0]),
      ["a.E", "a.c", "a.q", "v"],
    );
    for (const problem of problems) assert.match(problem, /"f".*"text"/);
  });

  it("says of one note that it has another's name, and of an empty name", () => {
    assert.deepEqual(
      problemsOf({
        name: "",
        aggregates: {
          a: { events: { b: {} }, commands: { b: {} }, queries: { c: {} } },
          d: { events: { b: {} }, queries: { b: {} } },
        },
      }),
      [
        "a model has a name: got an empty one",
        '"a.b" stands for two notes',
        '"d.b" stands for two notes',
      ],
    );
  });

  it("follows no reference of what is not built like a model", () => {
    const policies = { p: { on: ["a.B"], odd: 1 } };
    assert.deepEqual(problemsOf({ name: "x", policies }).length, 1);
    assert.match(problemsOf({ name: "x", policies })[0]!, /has no "odd"/);
  });

  it("tells every problem at once", () => {
    const model = {
      name: "x",
      policies: { p: { on: ["a.B"], sends: ["a.c"], calls: ["d"] } },
    };
    assert.throws(() => checkModel(model), (error: AetherError) => {
      assert.equal((error.details["problems"] as unknown[]).length, 3);
      return true;
    });
  });

  it("takes a model that uses every word", () => {
    assert.equal(checkModel(everything), everything);
  });
});
