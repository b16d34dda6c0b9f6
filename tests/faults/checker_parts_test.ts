/** What the checker's rules are made of, each by itself. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, typeOf } from "./checker/_place.ts";
import { same, shown } from "./checker/_same.ts";
import { checkCopies } from "./checker/copies.ts";
import { type RecordedEvent, ruleOf, type RunRecord } from "./checker/mod.ts";
import { Findings } from "./checker/verdict.ts";

describe("same()", () => {
  const equal: readonly (readonly [unknown, unknown])[] = [
    [1, 1],
    [0, -0],
    [NaN, NaN],
    [null, null],
    [undefined, undefined],
    ["a", "a"],
    [{}, {}],
    [[], []],
    [[1, [2]], [1, [2]]],
    [{ a: 1, b: { c: [2] } }, { b: { c: [2] }, a: 1 }],
    [{ a: 1, b: undefined }, { a: 1 }],
    [{ a: 1 }, { a: 1, b: undefined }],
    [{ a: undefined, b: undefined }, {}],
  ];
  for (const [one, other] of equal) {
    it(`holds for ${shown(one)} and ${shown(other)}`, () => {
      assert.equal(same(one, other), true);
      assert.equal(same(other, one), true);
    });
  }

  const different: readonly (readonly [unknown, unknown])[] = [
    [1, 2],
    [1, NaN],
    [1, "1"],
    [0, false],
    ["ab", ["a", "b"]],
    [null, undefined],
    [null, {}],
    [null, 0],
    ["", {}],
    [[], {}],
    [["a"], { 0: "a" }],
    [[1], [2]],
    [[1], [1, 2]],
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, { b: 1 }],
    [{ a: 1 }, { a: 1, b: 2 }],
    [{ a: { b: 1 } }, { a: { b: 2 } }],
    [{ a: 1, b: undefined }, { b: 1 }],
    // What an object has from elsewhere is not its own.
    [{ toString: undefined, a: Object.prototype.toString }, {
      toString: Object.prototype.toString,
    }],
    [{ constructor: Object }, { a: Object }],
  ];
  for (const [one, other] of different) {
    it(`does not hold for ${shown(one)} and ${shown(other)}`, () => {
      assert.equal(same(one, other), false);
      assert.equal(same(other, one), false);
    });
  }
});

describe("shown()", () => {
  it("writes a value as JSON, and what JSON has no word for as a text", () => {
    assert.equal(shown({ a: [1, "b"] }), '{"a":[1,"b"]}');
    assert.equal(shown(undefined), "undefined");
  });

  it("cuts what is longer than 200 characters", () => {
    assert.equal(shown("x".repeat(198)), `"${"x".repeat(198)}"`);
    assert.equal(shown("x".repeat(199)), `"${"x".repeat(199)}…`);
  });
});

describe("places", () => {
  it("are named by actor, version, event and sequence", () => {
    assert.equal(
      at({ actorId: "a-1", version: 2, id: "e", sequence: 3 }),
      "a-1@2 (event e, sequence 3)",
    );
  });

  it("are of the type that an actor's id begins with", () => {
    assert.equal(typeOf("account-a-b"), "account");
    assert.equal(typeOf("account"), "_");
    assert.equal(typeOf("-a"), "");
  });
});

describe("ruleOf()", () => {
  const event = (type: string, data: unknown) =>
    ({ type, data }) as RecordedEvent;
  const definition = {
    initial: () => 0,
    eventHandlers: new Map([
      [
        "Added",
        (state: unknown, data: unknown) => (state as number) + (data as number),
      ],
    ]),
  };

  it("folds events as the definition's handlers do", () => {
    const rule = ruleOf(definition);
    assert.equal(rule.initial(), 0);
    assert.equal(rule.apply(2, event("Added", 3)), 5);
    assert.equal("broken" in rule, false);
  });

  it("knows no event without a handler", () => {
    assert.throws(
      () => ruleOf(definition).apply(0, event("Lost", 1)),
      new Error('no handler for "Lost"'),
    );
  });

  it("says what breaks a state, where it was told how", () => {
    const rule = ruleOf(
      definition,
      (state: number) => state < 0 ? `below zero: ${state}` : undefined,
    );
    assert.equal(rule.broken!(-1), "below zero: -1");
    assert.equal(rule.broken!(1), undefined);
  });
});

type Copy = RunRecord["copies"][number];

/** What is said of copies, beside a log of commits `sequence commit`. */
function saidOf(copies: readonly Copy[], ...log: string[]) {
  const findings = new Findings();
  const events = log.map((line) => {
    const [sequence, commitId] = line.split(" ");
    return { sequence: Number(sequence), commitId } as RecordedEvent;
  });
  checkCopies({ copies, log: events } as unknown as RunRecord, findings);
  const { checked, violations } = findings.verdict();
  assert.ok(violations.every(({ invariant }) => invariant === "copies"));
  return { looked: checked.copies, said: violations.map(({ what }) => what) };
}

describe("checkCopies()", () => {
  const whole: Copy = [[1, "c1"], [2, "c2"]];

  it("has nothing to say where there are none", () => {
    assert.deepEqual(saidOf([], "1 c1"), { looked: 0, said: [] });
  });

  it("finds copies the same as each other and as the log", () => {
    const { looked, said } = saidOf([whole, whole, whole], "1 c1", "2 c2");
    assert.deepEqual({ looked, said }, { looked: 6, said: [] });
  });

  it("names the first place where a copy differs, and of which server", () => {
    const other: Copy = [[1, "c1"], [2, "x2"], [3, "x3"]];
    assert.deepEqual(saidOf([whole, whole, other], "1 c1", "2 c2"), {
      looked: 7,
      said: [
        "the first server tells commit c2 at sequence 2 where server 3 tells commit x2 at sequence 2",
      ],
    });
  });

  it("misses the end of a copy", () => {
    const short: Copy = [[1, "c1"]];
    assert.deepEqual(saidOf([whole, short]).said, [
      "the first server tells commit c2 at sequence 2 where server 2 tells the end",
    ]);
    assert.deepEqual(saidOf([short, whole]), {
      looked: 2,
      said: [
        "the first server tells the end where server 2 tells commit c2 at sequence 2",
      ],
    });
  });

  it("holds the log against what the servers tell", () => {
    assert.deepEqual(saidOf([whole], "1 c1", "2 x2", "3 c3"), {
      looked: 3,
      said: [
        "the log has commit x2 at sequence 2, and the servers tell commit c2 there",
        "the log has commit c3 at sequence 3, and the servers tell nothing there",
      ],
    });
  });
});
