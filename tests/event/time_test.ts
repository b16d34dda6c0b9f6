import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { parseTime } from "../../event/_time.ts";
import { holds, LONG } from "./_property.ts";

describe("parseTime()", () => {
  it("reads what toISOString writes, in any order", LONG, () => {
    const first = new Date("0000-01-01T00:00:00.000Z");
    const last = new Date("9999-12-31T23:59:59.999Z");
    const date = fc.date({ min: first, max: last, noInvalidDate: true });
    holds(fc.array(date, { maxLength: 4 }), (dates) => {
      for (const each of dates) {
        assert.equal(parseTime(each.toISOString()), each.getTime());
      }
    });
  });

  it("reads the same day before and behind another one", () => {
    for (const day of ["02-28", "03-01", "02-28", "12-31", "02-28"]) {
      const text = `2026-${day}T23:59:59.999Z`;
      assert.equal(parseTime(text), Date.parse(text));
    }
  });

  it("refuses what is no time", () => {
    const wrong = [
      "",
      "2026-02-30T00:00:00.000Z",
      "2026-02-29T00:00:00.000Z",
      "2026-13-01T00:00:00.000Z",
      "2026-00-01T00:00:00.000Z",
      "2026-01-00T00:00:00.000Z",
      "2026-01-01T24:00:00.000Z",
      "2026-01-01T00:60:00.000Z",
      "2026-01-01T00:00:60.000Z",
      "2026-01-01T00:00:00.00Z",
      "2026-01-01T00:00:00.0000Z",
      "2026-01-01T00:00:00,000Z",
      "2026-01-01 00:00:00.000Z",
      "2026-01-01T00:00:00.000z",
      "2026-01-01T00:00:00.000+",
      "2026/01/01T00:00:00.000Z",
      "+002026-01-01T00:00:0.0Z",
    ];
    for (const text of wrong) assert.equal(parseTime(text), NaN, text);
  });

  it("refuses a character that is no digit, wherever one stands", () => {
    const right = "2026-01-01T00:00:00.000Z";
    for (let i = 0; i < right.length; i++) {
      for (const char of [" ", "/", ":", "a", "-", "٣", "\0"]) {
        if (right[i] === char) continue;
        const text = right.slice(0, i) + char + right.slice(i + 1);
        assert.equal(parseTime(text), NaN, text);
        assert.equal(parseTime(right), Date.parse(right));
      }
    }
  });
});
