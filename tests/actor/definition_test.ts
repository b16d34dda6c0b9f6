import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { defineActor } from "@flowmade/aether";

describe("defineActor()", () => {
  it("makes frozen values that build on each other", () => {
    const base = defineActor("thing", { state: () => 0, events: {} });
    const more = base.commands({ act: () => [] });
    assert.ok(Object.isFrozen(base) && Object.isFrozen(more));
    assert.equal(base.commandHandlers.size, 0);
    assert.deepEqual([...more.commandHandlers.keys()], ["act"]);
    assert.deepEqual(more.options, {
      snapshotEvery: 100,
      schema: 1,
      mailbox: 1000,
      passivateAfter: 120_000,
    });
  });

  it("refuses names that break a rule or come twice", () => {
    const base = defineActor("thing", { state: () => 0, events: {} });
    const nothing = () => [];
    for (
      const name of ["then", "toString", "constructor", "catch", "a b", ""]
    ) {
      assert.throws(() => base.commands({ [name]: nothing }), {
        code: "invalid_argument",
      }, name);
      assert.throws(() => base.queries({ [name]: nothing }), {
        code: "invalid_argument",
      }, name);
    }
    assert.throws(
      () => base.commands({ twice: nothing }).queries({ twice: nothing }),
      /"twice" comes twice/,
    );
    assert.throws(() =>
      defineActor("thing", {
        state: () => 0,
        events: JSON.parse('{"__proto__": 1}'),
      }), { code: "invalid_argument" });
    assert.throws(() => defineActor("a-b", { state: () => 0, events: {} }), {
      code: "invalid_argument",
    });
  });

  it("refuses options out of range", () => {
    for (
      const options of [
        { snapshotEvery: 0 },
        { mailbox: 1.5 },
        { schema: -1 },
        { passivateAfter: NaN },
      ]
    ) {
      assert.throws(
        () => defineActor("thing", { state: () => 0, events: {}, ...options }),
        { code: "invalid_argument" },
      );
    }
  });
});
