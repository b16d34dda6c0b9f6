import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { LiveWatch } from "../../bus/_live_watch.ts";

/** Every sequence that was lost lies in something that was told. */
function assertCovered(
  lost: readonly number[],
  told: readonly { readonly from: number; readonly to: number }[],
): void {
  for (const sequence of lost) {
    assert.ok(
      told.some(({ from, to }) => from <= sequence && sequence <= to),
      `${sequence} of ${JSON.stringify(told)}`,
    );
  }
}

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

describe("LiveWatch of a connection that breaks", () => {
  it("doubts what was stored while it was broken, until that was looked at", () => {
    const watch = new LiveWatch(true);
    watch.startedAt(0);
    watch.arrived(1, 0, "a");
    watch.broke();
    assert.equal(watch.doubt, undefined);
    watch.back();
    // Nothing has come yet: there is no end to what may be missing.
    assert.equal(watch.doubt, undefined);
    watch.arrived(5, 1, "a");
    const doubt = { from: 2, to: 4 };
    assert.deepEqual(watch.doubt, doubt);
    watch.settled({ from: 2, to: 3 });
    assert.deepEqual(watch.doubt, doubt, "another one was looked at");
    watch.settled(doubt);
    assert.equal(watch.doubt, undefined);
  });

  it("goes on to doubt what was not there when it was looked at", () => {
    const watch = new LiveWatch(true);
    watch.startedAt(0);
    watch.arrived(1, 0, "a");
    watch.broke();
    watch.arrived(3, 1, "a"); // on its way when it was back, before we heard of it
    watch.back();
    assert.deepEqual(watch.doubt, { from: 2, to: 3 });
    watch.settled({ from: 2, to: 3 });
    assert.equal(watch.doubt, undefined);
    // 4 is not here and nothing tells of it but the end of the stream, which is
    // asked for; meanwhile another message comes.
    assert.equal(watch.isBehind(4), true);
    watch.arrived(5, 3, "a");
    assert.equal(watch.endedAt(4), undefined);
    assert.deepEqual(watch.doubt, { from: 4, to: 4 });
  });

  it("covers all that is lost by what it tells", () => {
    const steps = [
      "store",
      "store",
      "store",
      "die",
      "break",
      "return",
      "back",
      "look",
      "end",
    ] as const;
    const step = fc.record({
      does: fc.constantFrom(...steps),
      actor: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (drawn) => {
        const watch = new LiveWatch(true);
        watch.startedAt(0);
        const stored: number[] = [];
        const lost: number[] = [];
        const told: { from: number; to: number }[] = [];
        const last = new Map<number, number>();
        let [isUp, isKnown] = [true, true];
        let end: number | undefined;
        const tell = (missed: { from: number; to: number } | undefined) => {
          if (missed !== undefined) told.push(missed);
        };
        const run = (does: (typeof steps)[number], actor: number) => {
          const sequence = 2 * stored.length + 1;
          const { doubt } = watch;
          if (does === "store") {
            const previous = last.get(actor) ?? 0;
            stored.push(sequence);
            last.set(actor, sequence);
            if (!isUp) lost.push(sequence);
            else {
              const of = String(actor);
              tell(watch.arrived(sequence, previous, of).missed);
            }
          } else if (does === "die") isUp = false;
          else if (does === "break" && !isUp) {
            watch.broke();
            isKnown = false;
          } else if (does === "return" && !isKnown) isUp = true;
          else if (does === "back" && isUp && !isKnown) {
            watch.back();
            isKnown = true;
          } else if (does === "look" && isUp && isKnown) {
            // What a check does: it asks for the end, looks at what is in doubt,
            end = stored.at(-1);
            if (doubt === undefined) return;
            for (const one of stored) {
              if (one < doubt.from || one > doubt.to || watch.has(one)) {
                continue;
              }
              tell({ from: one, to: one });
            }
            watch.settled(doubt);
          } else if (does === "end" && isUp && isKnown && end !== undefined) {
            // and a while later at what is behind the end.
            if (watch.isBehind(end)) tell(watch.endedAt(end));
            end = undefined;
          }
        };
        for (const { actor, does } of drawn) run(does, actor);
        const rest = ["break", "return", "back", "look", "end", "look"];
        for (const does of rest) run(does as "look", 0);
        assertCovered(lost, told);
      }),
      { numRuns: 2_000 },
    );
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
        assertCovered(lost, told);
      },
    ));
  });
});
