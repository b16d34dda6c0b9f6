import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  checkDurable,
  deriveDurable,
  InvalidArgumentError,
} from "../../event/mod.ts";
import { holds, LONG } from "./_property.ts";

describe("deriveDurable()", () => {
  it("keeps short text readable", () => {
    assert.equal(deriveDurable("policy", "pay-out"), "policy-pay-out");
    assert.equal(deriveDurable("policy", "pay out"), "policy-pay_20out");
    assert.equal(deriveDurable("view", "a_20b"), "view-a_5F20b");
  });

  it("hashes what is too long, the same for ever", () => {
    assert.equal(
      deriveDurable("policy", "when money was withdrawn"),
      "policy_7b2fc26pyjvngr58ynpdjgesc",
    );
    assert.equal(deriveDurable("policy", "").length, 32);
  });

  it("gives every text a name of its own that a durable may have", LONG, () => {
    const text = fc.string({ unit: "grapheme", maxLength: 40 })
      .filter((made) => made.isWellFormed());
    holds(fc.tuple(text, text), ([a, b]) => {
      const [one, other] = [deriveDurable("view", a), deriveDurable("view", b)];
      assert.equal(checkDurable(one), one);
      assert.equal(one === other, a === b);
    });
  });

  it("refuses what has no UTF-8", () => {
    assert.throws(() => deriveDurable("view", "\ud800"), InvalidArgumentError);
  });
});
