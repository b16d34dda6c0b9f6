import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { figures, scaleOf, scaleOver, shortly } from "../../bench/_scale.ts";

const ENDS = [200, 0] as const;

describe("scaleOf()", () => {
  it("starts at 0 and ends at a round tick above all values", () => {
    const { at, ticks } = scaleOf({ values: [3, 17, 42], ends: ENDS });
    assert.deepEqual(ticks, [0, 10, 20, 30, 40, 50]);
    assert.deepEqual([at(0), at(25), at(50)], [200, 100, 0]);
  });

  it("has round ticks for fractions", () => {
    const { ticks } = scaleOf({ values: [0.85, 1.17], ends: ENDS });
    assert.deepEqual(ticks, [0, 0.5, 1, 1.5]);
  });

  it("can be made of nothing but zeros", () => {
    const { at, ticks } = scaleOf({ values: [0, 0], ends: ENDS });
    assert.equal(at(0), 200);
    assert.ok(ticks.length > 1);
  });

  it("has 1, 2 and 5 of each power on a short logarithmic axis", () => {
    const { at, ticks } = scaleOf({ values: [3, 40], ends: ENDS, log: true });
    assert.deepEqual(ticks, [2, 5, 10, 20, 50]);
    assert.ok(Math.abs(at(10) - 100) < 1e-9);
  });

  it("has powers alone on a long logarithmic axis", () => {
    const values = [0.3, 4_000];
    const { at, ticks } = scaleOf({ values, ends: ENDS, log: true });
    assert.ok(at(0.2) === 200 && at(5_000) === 0, "it ends at 0.2 and 5,000");
    assert.deepEqual(ticks, [1, 10, 100, 1_000]);
  });

  it("holds every value between its ends", () => {
    for (const log of [false, true]) {
      for (const values of [[1, 1], [0.001], [7, 9_999_999], [10, 100]]) {
        const { at } = scaleOf({ values, ends: ENDS, log });
        for (const value of values) {
          assert.ok(
            at(value) >= 0 && at(value) <= 200,
            `${value} of ${values}`,
          );
        }
      }
    }
  });

  it("refuses what no logarithmic axis has a place for", () => {
    assert.throws(() => scaleOf({ values: [0, 1], ends: ENDS, log: true }));
  });
});

describe("scaleOver()", () => {
  it("marks each value once and ends at them", () => {
    const values = [16, 1, 256, 1, 4, 64];
    const { at, ticks } = scaleOver({ values, ends: [0, 100], log: true });
    assert.deepEqual(ticks, [1, 4, 16, 64, 256]);
    assert.deepEqual(ticks.map((tick) => Math.round(at(tick))), [
      0,
      25,
      50,
      75,
      100,
    ]);
  });

  it("puts a single value into the middle", () => {
    assert.equal(scaleOver({ values: [5], ends: [0, 100] }).at(5), 50);
  });
});

describe("shortly()", () => {
  it("shows thousands and millions as such, and no digits that are none", () => {
    const shown = [0, 0.05, 250, 1_000, 10_000, 250_000, 1e6, 1.5e6].map(
      shortly,
    );
    assert.deepEqual(shown, [
      "0",
      "0.05",
      "250",
      "1000",
      "10 k",
      "250 k",
      "1 M",
      "1.5 M",
    ]);
  });
});

describe("figures()", () => {
  it("shows three figures, or all of those before the point", () => {
    assert.deepEqual([0.4567, 12.34, 123.4, 1234, 12_345].map(figures), [
      "0.46",
      "12.3",
      "123",
      "1234",
      "12.3 k",
    ]);
  });
});
