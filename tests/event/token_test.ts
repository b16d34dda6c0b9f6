import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeToken,
  encodeToken,
  InvalidArgumentError,
} from "../../event/mod.ts";
import { text } from "./_arbitraries.ts";
import { cases, holds, LONG } from "./_property.ts";

describe("encodeToken()", () => {
  // Part of the stored format: another spelling would be another actor.
  const vectors: ReadonlyArray<readonly [string, string]> = [
    ["", ""],
    ["abc-XYZ_09", "abc-XYZ_09"],
    ["a.b", "a=2Eb"],
    ["*", "=2A"],
    [">", "=3E"],
    ["=", "=3D"],
    [" \t", "=20=09"],
    ["/", "=2F"],
    ["é", "=C3=A9"],
    ["😀", "=F0=9F=98=80"],
    ["\ufeffx", "=EF=BB=BFx"],
    ["\u0000", "=00"],
    ["~", "=7E"],
  ];
  for (const [plain, token] of vectors) {
    it(`writes ${JSON.stringify(plain)} as "${token}" and reads it back`, () => {
      assert.equal(encodeToken(plain), token);
      assert.equal(decodeToken(token), plain);
    });
  }

  it("is one to one", LONG, () => {
    holds(fc.tuple(text, text), ([a, b]) => {
      assert.equal(encodeToken(a) === encodeToken(b), a === b);
    });
  });

  it("round trips any text as one safe token", LONG, () => {
    holds(text, (plain) => {
      const token = encodeToken(plain);
      assert.match(token, /^[A-Za-z0-9_=-]*$/);
      assert.equal(token === "", plain === "");
      assert.equal(decodeToken(token), plain);
    });
  });

  it("refuses lone surrogates, which UTF-8 would merge into one", () => {
    for (const lone of ["\ud800", "a\udfff", "\udc00\ud800"]) {
      assert.throws(() => encodeToken(lone), InvalidArgumentError);
    }
  });
});

describe("decodeToken()", () => {
  const foreign = [
    ["a safe character escaped", "=61"],
    ["a safe dash escaped", "a=2Db"],
    ["lower-case hex", "=c3=a9"],
    ["mixed-case hex", "=2e"],
    ["an escape cut short", "a=2"],
    ["a lone escape sign", "="],
    ["no hex", "=GG"],
    ["a sign for hex", "=+1"],
    ["UTF-8 cut short", "=C3"],
    ["overlong UTF-8", "=C0=AE"],
    ["a surrogate in UTF-8", "=ED=A0=80"],
    ["beyond Unicode", "=F4=90=80=80"],
    ["a raw dot", "a.b"],
    ["a wildcard", "*"],
    ["a full wildcard", ">"],
    ["white space", "a b"],
    ["raw UTF-8", "é"],
    // 0x0141 & 0xff is "A": a decoder that cuts to a byte would take it.
    ["a character whose low byte is safe", "\u0141=2E"],
  ] as const;
  for (const [what, token] of foreign) {
    it(`refuses ${what}: "${token}"`, () => {
      assert.throws(() => decodeToken(token), InvalidArgumentError);
    });
  }

  it("reads a token only if it is the encoder's", LONG, () => {
    const soup = fc.string({
      unit: fc.constantFrom(..."===2E3FabcdefAC09xyz_-.é".split("")),
      maxLength: 10,
    });
    let read = 0, refused = 0;
    holds(soup, (token) => {
      let plain: string;
      try {
        plain = decodeToken(token);
      } catch (error) {
        assert.ok(error instanceof InvalidArgumentError);
        refused++;
        return;
      }
      read++;
      assert.equal(encodeToken(plain), token);
    });
    assert.ok(
      read > cases(20) && refused > cases(20),
      `${read} read, ${refused} refused`,
    );
  });

  it("refuses every other spelling of a text", LONG, () => {
    holds(
      fc.tuple(text.filter((plain) => plain !== ""), fc.nat()),
      ([plain, place]) => {
        const token = encodeToken(plain);
        const units = token.match(/=..|./g)!;
        const i = place % units.length;
        const unit = units[i]!;
        units[i] = unit.startsWith("=")
          ? unit.toLowerCase()
          : "=" + unit.charCodeAt(0).toString(16).toUpperCase();
        const other = units.join("");
        if (other === token) return; // "=20" has no letters to write small
        assert.throws(() => decodeToken(other), InvalidArgumentError);
      },
    );
  });
});
