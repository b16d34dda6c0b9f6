import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  checkNamespace,
  InvalidArgumentError,
  streamNames,
} from "../../event/mod.ts";
import { namespace } from "./_arbitraries.ts";
import { holds, LONG } from "./_property.ts";

describe("checkNamespace()", () => {
  it("gives 1 to 4 tokens of 1 to 32 characters back", LONG, () => {
    const most = "x".repeat(32);
    for (
      const name of ["a", "-", "a.b.c.d", [most, most, most, most].join(".")]
    ) {
      assert.equal(checkNamespace(name), name);
    }
    holds(namespace, (name) => assert.equal(checkNamespace(name), name));
  });

  const refused = [
    "",
    ".",
    "a.",
    ".a",
    "a..b",
    "a.b.c.d.e",
    "x".repeat(33),
    "*",
    "a.*",
    ">",
    "a.>",
    "a b",
    "a=b",
    "a/b",
    "é",
    "a\n",
    "$JS",
    undefined,
    null,
    1n,
    Symbol("a"),
    ["a"],
  ];
  for (const name of refused) {
    it(`refuses ${typeof name === "string" ? JSON.stringify(name) : String(name)}`, () => {
      assert.throws(
        () => checkNamespace(name as string),
        (error) =>
          error instanceof InvalidArgumentError && error.message.length < 500,
      );
    });
  }

  it("keeps its error short for a long name", () => {
    assert.throws(
      () => checkNamespace("x".repeat(100_000)),
      (error: Error) => error.message.length < 500,
    );
  });
});

describe("streamNames()", () => {
  it("names the streams of a namespace", () => {
    assert.deepEqual(streamNames("prod.eu"), {
      events: "AETHER=EV=prod=eu",
      inbox: "AETHER=INBOX=prod=eu",
      snapshots: "AETHER=SNAP=prod=eu",
      subscriptions: "AETHER=SUB=prod=eu",
      views: "AETHER=VIEW=prod=eu",
    });
  });

  it("names no stream twice", LONG, () => {
    holds(fc.tuple(namespace, namespace), ([a, b]) => {
      const names = [streamNames(a), streamNames(b)];
      const distinct = new Set(names.flatMap((found) => Object.values(found)));
      const each = Object.keys(names[0]!).length;
      assert.equal(distinct.size, a === b ? each : 2 * each);
    });
  });

  it("gives names that nats-server takes", LONG, () => {
    holds(namespace, (name) => {
      for (const stream of Object.values(streamNames(name))) {
        assert.match(stream, /^[^\s.*>/\\]{1,255}$/);
      }
    });
  });

  it("refuses what is no namespace", () => {
    assert.throws(() => streamNames("a.*"), InvalidArgumentError);
  });
});
