import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { LiveWatch } from "../../bus/_live_watch.ts";

describe("LiveWatch of a whole namespace", () => {
  it("tells a hole, and drops what comes late", () => {
    const watch = new LiveWatch(false);
    watch.startedAt(10);
    assert.deepEqual(watch.arrived(11, 0, "a"), { late: false });
    assert.deepEqual(watch.arrived(14, 0, "a"), {
      late: false,
      missed: { from: 12, to: 13 },
    });
    assert.deepEqual(watch.arrived(12, 0, "a"), { late: true });
    assert.deepEqual(watch.arrived(14, 0, "a"), { late: true });
    assert.deepEqual(watch.arrived(15, 0, "a"), { late: false });
  });

  it("tells what is missing before the first", () => {
    const watch = new LiveWatch(false);
    watch.startedAt(10);
    assert.deepEqual(watch.arrived(13, 0, "a").missed, { from: 11, to: 12 });
  });

  it("takes what was on its way when it began", () => {
    const watch = new LiveWatch(false);
    watch.startedAt(10);
    assert.deepEqual(watch.arrived(9, 0, "a"), { late: false });
    assert.deepEqual(watch.arrived(10, 0, "a"), { late: false });
    assert.equal(watch.isBehind(10), false);
  });

  it("tells what is missing at the end", () => {
    const watch = new LiveWatch(false);
    watch.startedAt(10);
    assert.equal(watch.endedAt(10), undefined);
    assert.deepEqual(watch.endedAt(12), { from: 11, to: 12 });
    assert.equal(watch.endedAt(12), undefined);
    assert.deepEqual(watch.arrived(12, 0, "a"), { late: true });
  });

  it("begins at the first end it is told of", () => {
    const watch = new LiveWatch(false);
    assert.equal(watch.isBehind(5), true);
    assert.equal(watch.endedAt(5), undefined);
    assert.deepEqual(watch.arrived(7, 0, "a").missed, { from: 6, to: 6 });
  });
});

describe("LiveWatch of a part", () => {
  it("takes holes for granted, and tells a missed message of a subject", () => {
    const watch = new LiveWatch(true);
    watch.startedAt(10);
    assert.deepEqual(watch.arrived(14, 3, "a"), { late: false });
    assert.deepEqual(watch.arrived(20, 14, "a"), { late: false });
    assert.deepEqual(watch.arrived(30, 25, "a").missed, { from: 21, to: 25 });
    assert.deepEqual(watch.arrived(31, 12, "b").missed, { from: 11, to: 12 });
    assert.deepEqual(
      watch.arrived(32, 12, "b"),
      { late: false },
      "told already",
    );
  });

  it("tells all that is missing of a subject, though others were seen since", () => {
    const watch = new LiveWatch(true);
    watch.startedAt(0);
    watch.arrived(1, 0, "a");
    // 2 and 3 of the same subject are lost.
    watch.arrived(4, 0, "b");
    assert.deepEqual(watch.arrived(5, 3, "a").missed, { from: 2, to: 3 });
  });

  it("knows nothing of what was before it", () => {
    const watch = new LiveWatch(true);
    assert.deepEqual(watch.arrived(14, 13, "a"), { late: false });
    assert.deepEqual(watch.arrived(15, 3, "b"), { late: false });
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
          const { late, missed } = watch.arrived(
            sequence,
            previous,
            String(actor),
          );
          assert.equal(late, false);
          if (missed !== undefined) told.push(missed);
        }
        // Of a part, one is only found by a later one of its subject, or at the end.
        if (isNarrow) {
          for (const actor of [0, 1, 2, 3, 4]) {
            end++;
            const { missed } = watch.arrived(
              end,
              last.get(actor) ?? 0,
              String(actor),
            );
            if (missed !== undefined) told.push(missed);
          }
        }
        const missed = watch.endedAt(end);
        if (missed !== undefined) told.push(missed);
        for (const sequence of lost) {
          assert.ok(
            told.some(({ from, to }) => from <= sequence && sequence <= to),
            `${sequence} of ${JSON.stringify(told)}`,
          );
        }
      },
    ));
  });
});
