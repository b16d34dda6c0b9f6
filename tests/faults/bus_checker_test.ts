import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Gap } from "../../bus/mod.ts";
import {
  assertCovered,
  assertExact,
  assertLive,
  assertOrderOfNew,
  type Seen,
} from "./_bus_world.ts";

const LOG: Seen[] = Array.from({ length: 10 }, (_, i) => ({
  sequence: i + 1,
  actorId: `order-${i % 2}`,
  version: Math.floor(i / 2) + 1,
}));
const gap = (from: number, to: number): Gap => ({
  kind: "gap",
  namespace: "a",
  reason: "missed",
  from,
  to,
  dropped: 0,
});
const without = LOG.filter(({ sequence }) => sequence !== 5);
const twice = [...LOG.slice(0, 5), ...LOG.slice(4)];
const swapped = [...LOG.slice(0, 4), LOG[5]!, LOG[4]!, ...LOG.slice(6)];
const forged = [...LOG, { sequence: 11, actorId: "order-9", version: 1 }];

describe("the checker of subscribers", () => {
  it("takes what is right", () => {
    assertExact("exact", LOG, LOG);
    assert.equal(assertLive("live", { seen: LOG, gaps: [] }, LOG, 0), 0);
    assert.equal(
      assertLive("live", { seen: without, gaps: [gap(5, 5)] }, LOG, 0),
      1,
    );
    assertOrderOfNew("new", twice, LOG);
    assert.equal(assertCovered("covered", swapped, LOG), 0);
  });

  it("finds an event that was skipped", () => {
    assert.throws(() => assertExact("exact", without, LOG));
    assert.throws(() =>
      assertLive("live", { seen: without, gaps: [] }, LOG, 0)
    );
    assert.throws(() =>
      assertLive(
        "live",
        { seen: without, gaps: [gap(1, 4), gap(6, 9)] },
        LOG,
        0,
      )
    );
    assert.throws(() => assertOrderOfNew("new", without, LOG));
    assert.throws(() => assertCovered("covered", without, LOG));
  });

  it("finds an event that came twice", () => {
    assert.throws(() => assertExact("exact", twice, LOG));
    assert.throws(() => assertLive("live", { seen: twice, gaps: [] }, LOG, 0));
    assert.equal(assertCovered("covered", twice, LOG), 1);
  });

  it("finds events out of order", () => {
    assert.throws(() => assertExact("exact", swapped, LOG));
    assert.throws(() =>
      assertLive("live", { seen: swapped, gaps: [] }, LOG, 0)
    );
    assert.throws(() => assertOrderOfNew("new", swapped, LOG));
  });

  it("finds an event that is not stored", () => {
    assert.throws(() => assertExact("exact", forged, LOG));
    assert.throws(() => assertLive("live", { seen: forged, gaps: [] }, LOG, 0));
    assert.throws(() => assertCovered("covered", forged, LOG));
  });
});
