import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { seeded } from "../support/mod.ts";
import { type Reading, trendOf } from "./trend.ts";

/** A reading each 5 s for 10 minutes, with noise as heaps have it. */
function series(value: (second: number) => number, noise: number): Reading[] {
  const random = seeded();
  return Array.from({ length: 120 }, (_, i) => ({
    at: 5 * i,
    value: value(5 * i) + noise * (random.next() - 0.5),
  }));
}

describe("trendOf()", () => {
  it("sees a leak that is smaller than the noise", () => {
    // By 2.98; the slope of such noise alone comes to a change of 0.36 (one sigma).
    const trend = trendOf(series((s) => 50 + s / 200, 4), 1);
    assert.ok(trend.grows);
    assert.ok(Math.abs(trend.change - 2.98) < 2, `${trend.change}`);
    assert.ok(Math.abs(trend.perMinute - 0.3) < 0.2);
  });

  it("sees steps of one, as of file descriptors", () => {
    assert.ok(trendOf(series((s) => 30 + Math.floor(s / 60), 0), 2).grows);
  });

  it("sees growth in noise once in a thousand times", () => {
    const seen = Array.from({ length: 200 }, () => series(() => 50, 8))
      .filter((noise) => trendOf(noise, 1).grows);
    // 0.2 on average; more than 5 once in ten million runs.
    assert.ok(seen.length <= 5, `${seen.length} of 200`);
  });

  it("sees none in what falls, stands still, or has one peak", () => {
    assert.equal(trendOf(series((s) => 50 - s / 100, 1), 0).grows, false);
    assert.deepEqual(trendOf(series(() => 7, 0), 0), {
      perMinute: 0,
      change: 0,
      z: 0,
      median: 7,
      grows: false,
    });
    const peak = series((s) => s >= 300 && s < 330 ? 500 : 50, 1);
    assert.equal(trendOf(peak, 1).grows, false);
  });

  it("lets pass what is allowed", () => {
    assert.equal(trendOf(series((s) => 50 + s / 100, 1), 7).grows, false);
  });

  it("says nothing of a handful of readings", () => {
    assert.throws(() => trendOf([], 1), RangeError);
  });
});
