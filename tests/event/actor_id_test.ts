import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  checkActorType,
  decodeToken,
  formatActorId,
  InvalidArgumentError,
  parseActorId,
  RAW_TYPE,
} from "../../event/mod.ts";
import { actorId, actorKey } from "./_arbitraries.ts";
import { holds, LONG } from "./_property.ts";

describe("parseActorId()", () => {
  // id, type, key, token of the key
  const table: ReadonlyArray<readonly [string, string, string, string]> = [
    ["order-123", "order", "123", "123"],
    ["order-a-1", "order", "a-1", "a-1"],
    ["order--", "order", "-", "-"],
    ["o-=", "o", "=", "=3D"],
    ["line_item-7", "line_item", "7", "7"],
    ["A1-x", "A1", "x", "x"],
    ["order-é", "order", "é", "=C3=A9"],
    ["order-a.b", "order", "a.b", "a=2Eb"],
    ["order", "_", "order", "order"],
    ["2024-report", "_", "2024-report", "2024-report"],
    ["_x-1", "_", "_x-1", "_x-1"],
    ["_-1", "_", "_-1", "_-1"],
    ["-1", "_", "-1", "-1"],
    ["-", "_", "-", "-"],
    ["é-1", "_", "é-1", "=C3=A9-1"],
    ["or.der-1", "_", "or.der-1", "or=2Eder-1"],
  ];
  for (const [id, type, key, keyToken] of table) {
    it(`takes ${id} apart`, () => {
      const { shard, ...address } = parseActorId(id);
      assert.deepEqual(address, { id, type, key, keyToken });
      assert.ok(Number.isInteger(shard) && shard >= 0 && shard < 256);
    });
  }

  const refused: ReadonlyArray<readonly [string, unknown]> = [
    ["an empty id", ""],
    ["an empty key", "order-"],
    ["a line break", "order-\n"],
    ["NUL", "\u0000"],
    ["DEL", "order-\u007f"],
    ["a C1 control character", "order-\u0085"],
    ["a noncharacter", "order-\uffff"],
    ["a lone high surrogate", "order-\ud800"],
    ["a lone low surrogate", "\udc00-1"],
    ["a number", 1],
    ["a bigint", 1n],
    ["undefined", undefined],
    ["null", null],
    ["a symbol", Symbol("order")],
    ["an object without a string form", Object.create(null)],
    [
      "a cycle",
      (() => {
        const cycle: unknown[] = [];
        cycle.push(cycle);
        return cycle;
      })(),
    ],
  ];
  for (const [what, id] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(() => parseActorId(id as string), InvalidArgumentError);
    });
  }

  it("allows type and key 128 bytes each, and no more", () => {
    const most = "a".repeat(128);
    assert.equal(parseActorId(`${most}-${most}`).keyToken.length, 128);
    assert.equal(parseActorId("é".repeat(21)).keyToken.length, 126);
    for (const id of [`${most}a-1`, `x-${most}a`, "x-" + "é".repeat(22)]) {
      assert.throws(() => parseActorId(id), /128 bytes/);
    }
  });

  it("keeps its error short for a long id", () => {
    assert.throws(
      () => parseActorId("x".repeat(100_000)),
      (error: Error) => error.message.length < 500,
    );
  });

  it("takes an id apart behind its normal form, not before", () => {
    // NFC makes a K of the Kelvin sign, so both are the actor 1 of type Key.
    assert.deepEqual(parseActorId("\u212aey-1"), parseActorId("Key-1"));
    assert.equal(parseActorId("\u212aey-1").type, "Key");
  });

  it("is the same for every spelling of a text", LONG, () => {
    const accented = actorId.map((id) => id + "é\u1e69가");
    holds(fc.oneof(actorId, accented), (id) => {
      const address = parseActorId(id);
      assert.deepEqual(parseActorId(id.normalize("NFD")), address);
      assert.deepEqual(parseActorId(id.normalize("NFC")), address);
      assert.deepEqual(parseActorId(address.id), address);
      assert.equal(address.id, id.normalize("NFC"));
    });
  });

  it("gives tokens that are safe in a subject", LONG, () => {
    holds(actorId, (id) => {
      const { type, key, keyToken } = parseActorId(id);
      assert.match(keyToken, /^[A-Za-z0-9_=-]{1,128}$/);
      assert.match(type, /^(_|[A-Za-z][A-Za-z0-9_]{0,127})$/);
      assert.equal(decodeToken(keyToken), key);
    });
  });
});

describe("formatActorId()", () => {
  it("undoes parseActorId()", LONG, () => {
    holds(actorId, (id) => {
      const { type, key, id: normal } = parseActorId(id);
      assert.equal(formatActorId(type, key), normal);
    });
  });

  it("is undone by parseActorId()", LONG, () => {
    const type = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,20}$/);
    holds(fc.tuple(type, actorKey), ([type, key]) => {
      const address = parseActorId(formatActorId(type, key));
      assert.equal(address.type, type);
      assert.equal(address.key, key.normalize("NFC"));
    });
  });

  it("refuses a raw id that reads as a typed one", () => {
    assert.equal(formatActorId(RAW_TYPE, "2024-report"), "2024-report");
    for (const key of ["order-1", "\u212aey-1"]) {
      assert.throws(() => formatActorId(RAW_TYPE, key), InvalidArgumentError);
    }
  });

  it("refuses a key that is no string instead of writing it out", () => {
    for (const key of [undefined, null, 1, "", {}, Symbol("k")]) {
      assert.throws(
        () => formatActorId("order", key as string),
        InvalidArgumentError,
      );
    }
  });
});

describe("checkActorType()", () => {
  it("gives a type back", () => {
    for (const type of ["a", "Order", "line_item", "A1_", "x".repeat(128)]) {
      assert.equal(checkActorType(type), type);
    }
  });

  it("refuses everything else", () => {
    const others = [
      "",
      "_",
      "_a",
      "1a",
      "a-b",
      "a.b",
      "*",
      ">",
      "é",
      "\u212aey",
      "a\n",
      "x".repeat(129),
      undefined,
      1n,
      Symbol("order"),
    ];
    for (const type of others) {
      assert.throws(
        () => checkActorType(type as string),
        InvalidArgumentError,
        String(type),
      );
    }
  });
});
