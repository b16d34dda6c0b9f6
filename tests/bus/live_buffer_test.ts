import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Monitor } from "../../bus/_feed.ts";
import { LiveBuffer } from "../../bus/_live_buffer.ts";
import { type BusEvent, type Gap, isGap } from "../../bus/mod.ts";

function event(sequence: number | undefined, namespace = "a"): BusEvent {
  return {
    id: `e${sequence}`,
    eventType: "E",
    actorId: "order-1",
    version: 1,
    data: null,
    timestamp: new Date(0),
    namespace,
    ...(sequence === undefined ? {} : { sequence }),
  };
}

function drain(buffer: LiveBuffer): (number | undefined | Gap)[] {
  const all: (number | undefined | Gap)[] = [];
  for (let item = buffer.take(); item !== undefined; item = buffer.take()) {
    all.push(isGap(item) ? item : item.sequence);
  }
  return all;
}

describe("LiveBuffer", () => {
  it("drops the oldest beyond its bound, and tells them in one gap", () => {
    const monitor = new Monitor({});
    const buffer = new LiveBuffer({ events: 2, bytes: 1_000 }, monitor);
    for (let i = 1; i <= 5; i++) buffer.push(event(i), 10);
    assert.equal(buffer.waiting, 2);
    assert.deepEqual(drain(buffer), [
      {
        kind: "gap",
        namespace: "a",
        reason: "overflow",
        from: 1,
        to: 3,
        dropped: 3,
      },
      4,
      5,
    ]);
    assert.equal(monitor.dropped, 3);
  });

  it("keeps the last one whatever its size", () => {
    const buffer = new LiveBuffer({ events: 9, bytes: 5 }, new Monitor({}));
    buffer.push(event(1), 100);
    buffer.push(event(2), 100);
    assert.deepEqual(drain(buffer).slice(1), [2]);
  });

  it("tells gaps by namespace, and notices without a place", () => {
    const buffer = new LiveBuffer({ events: 1, bytes: 1_000 }, new Monitor({}));
    buffer.push(event(1, "a"), 1);
    buffer.push(event(7, "b"), 1);
    buffer.push(event(undefined, "c"), 1);
    buffer.push(event(2, "a"), 1);
    assert.deepEqual(drain(buffer), [
      {
        kind: "gap",
        namespace: "a",
        reason: "overflow",
        from: 1,
        to: 1,
        dropped: 1,
      },
      {
        kind: "gap",
        namespace: "b",
        reason: "overflow",
        from: 7,
        to: 7,
        dropped: 1,
      },
      { kind: "gap", namespace: "c", reason: "overflow", dropped: 1 },
      2,
    ]);
  });

  it("keeps a gap that it was told where it belongs", () => {
    const buffer = new LiveBuffer({ events: 9, bytes: 1_000 }, new Monitor({}));
    const gap: Gap = {
      kind: "gap",
      namespace: "a",
      reason: "missed",
      from: 2,
      to: 3,
      dropped: 0,
    };
    buffer.push(event(1), 1);
    buffer.pushGap(gap);
    buffer.pushGap({ ...gap, from: 4, to: 5 });
    buffer.push(event(6), 1);
    assert.deepEqual(drain(buffer), [1, { ...gap, to: 5 }, 6]);
  });

  it("loses nothing it does not tell, and keeps the order", () => {
    fc.assert(fc.property(
      fc.array(fc.constantFrom("push", "take", "gap"), { maxLength: 200 }),
      fc.integer({ min: 1, max: 5 }),
      (steps, events) => {
        const buffer = new LiveBuffer({ events, bytes: 1e9 }, new Monitor({}));
        let next = 1;
        const got: (number | undefined | Gap)[] = [];
        for (const step of steps) {
          if (step === "push") buffer.push(event(next++), 1);
          else if (step === "gap") {
            const place = { from: next, to: next };
            next++;
            buffer.pushGap({
              kind: "gap",
              namespace: "a",
              reason: "missed",
              ...place,
              dropped: 0,
            });
          } else {
            const item = buffer.take();
            if (item !== undefined) {
              got.push(isGap(item) ? item : item.sequence);
            }
          }
          assert.ok(buffer.waiting <= events);
        }
        got.push(...drain(buffer));
        let at = 1;
        for (const item of got) {
          if (typeof item === "number") assert.equal(item, at++);
          else {
            assert.equal(item!.from, at);
            at = item!.to! + 1;
          }
        }
        assert.equal(at, next);
      },
    ));
  });
});
