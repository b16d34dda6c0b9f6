import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { LiveWatch } from "../../bus/_live_watch.ts";

describe("LiveWatch of a whole namespace", () => {
  it("tells a hole, and drops what comes late", () => {
    const watch = new LiveWatch(false);
    watch.startedAt(10);
    assert.deepEqual(watch.arrived(11, 0), { late: false });
    assert.deepEqual(watch.arrived(14, 0), {
      late: false,
      missed: { from: 12, to: 13 },
    });
    assert.deepEqual(watch.arrived(12, 0), { late: true });
    assert.deepEqual(watch.arrived(14, 0), { late: true });
    assert.deepEqual(watch.arrived(15, 0), { late: false });
  });

  it("tells what is missing before the first", () => {
    const watch = new LiveWatch(false);
    watch.startedAt(10);
    assert.deepEqual(watch.arrived(13, 0).missed, { from: 11, to: 12 });
  });

  it("takes what was on its way when it began", () => {
    const watch = new LiveWatch(false);
    watch.startedAt(10);
    assert.deepEqual(watch.arrived(9, 0), { late: false });
    assert.deepEqual(watch.arrived(10, 0), { late: false });
    assert.equal(watch.isBehind(10), false);
  });

  it("tells what is missing at the end", () => {
    const watch = new LiveWatch(false);
    watch.startedAt(10);
    assert.equal(watch.endedAt(10), undefined);
    assert.deepEqual(watch.endedAt(12), { from: 11, to: 12 });
    assert.equal(watch.endedAt(12), undefined);
    assert.deepEqual(watch.arrived(12, 0), { late: true });
  });

  it("begins at the first end it is told of", () => {
    const watch = new LiveWatch(false);
    assert.equal(watch.isBehind(5), true);
    assert.equal(watch.endedAt(5), undefined);
    assert.deepEqual(watch.arrived(7, 0).missed, { from: 6, to: 6 });
  });
});

describe("LiveWatch of a part", () => {
  it("takes holes for granted, and tells a missed message of a subject", () => {
    const watch = new LiveWatch(true);
    watch.startedAt(10);
    assert.deepEqual(watch.arrived(14, 3), { late: false });
    assert.deepEqual(watch.arrived(20, 14), { late: false });
    assert.deepEqual(watch.arrived(30, 25).missed, { from: 21, to: 25 });
    assert.deepEqual(watch.arrived(31, 12).missed, { from: 12, to: 12 });
    assert.deepEqual(watch.arrived(32, 12), { late: false }, "told already");
  });

  it("knows nothing of what was before it", () => {
    const watch = new LiveWatch(true);
    assert.deepEqual(watch.arrived(14, 13), { late: false });
    assert.deepEqual(watch.arrived(15, 3), { late: false });
  });
});

describe("LiveWatch, whatever is lost", () => {
  it("covers all that is lost by what it tells", () => {
    fc.assert(fc.property(
      fc.array(fc.record({ actor: fc.nat(4), isLost: fc.boolean() }), {
        maxLength: 60,
      }),
      fc.boolean(),
      (messages, isNarrow) => {
        const watch = new LiveWatch(isNarrow);
        watch.startedAt(0);
        const last = new Map<number, number>();
        const told: { from: number; to: number }[] = [];
        const lost: number[] = [];
        let end = 0;
        for (const [i, { actor, isLost }] of messages.entries()) {
          // Of a part, every other sequence belongs to somebody else.
          const sequence = isNarrow ? 2 * i + 1 : i + 1;
          end = sequence;
          const previous = last.get(actor) ?? 0;
          last.set(actor, sequence);
          if (isLost) {
            lost.push(sequence);
            continue;
          }
          const { late, missed } = watch.arrived(sequence, previous);
          assert.equal(late, false);
          if (missed !== undefined) told.push(missed);
        }
        // Of a part, one is only found by a later one of its subject, or at the end.
        if (isNarrow) {
          for (const actor of [0, 1, 2, 3, 4]) {
            end++;
            const { missed } = watch.arrived(end, last.get(actor) ?? 0);
            if (missed !== undefined) told.push(missed);
          }
        }
        const missed = watch.endedAt(end);
        if (missed !== undefined) told.push(missed);
        const found = isNarrow
          // Where two of one subject are lost in a row, the last one names both.
          ? lost.filter((sequence) => [...last.values()].includes(sequence))
          : lost;
        for (const sequence of found) {
          assert.ok(
            told.some(({ from, to }) => from <= sequence && sequence <= to),
            `${sequence} of ${JSON.stringify(told)}`,
          );
        }
      },
    ));
  });
});
