import assert, { AssertionError } from "node:assert/strict";
import { describe, it } from "node:test";
import { HeldClock } from "../../testing/mod.ts";

const invalid = { code: "invalid_argument" };

describe("HeldClock", () => {
  it("stands still until it is moved", async () => {
    const clock = new HeldClock();
    assert.equal(clock.now(), Date.UTC(2026, 0, 1, 12));
    assert.equal(clock.monotonic(), 0);
    await clock.advance(90_000);
    assert.equal(clock.now(), Date.UTC(2026, 0, 1, 12, 1, 30));
    assert.equal(clock.monotonic(), 90_000);
    await clock.advanceTo(new Date("2027-01-01T00:00:00Z"));
    assert.equal(clock.now(), Date.UTC(2027, 0, 1));
  });

  it("fires timers in order, each at its time", async () => {
    const clock = new HeldClock({ now: new Date(0) });
    const fired: [string, number][] = [];
    const set = (name: string, ms: number) =>
      clock.timer(ms, () => fired.push([name, clock.now()]));
    set("late", 30);
    set("first of two", 20);
    set("second of two", 20);
    set("early", 10);
    set("past", -5);
    set("too late", 31);
    await clock.advance(30);
    assert.deepEqual(fired, [
      ["past", 0],
      ["early", 10],
      ["first of two", 20],
      ["second of two", 20],
      ["late", 30],
    ]);
  });

  it("fires a timer that a timer sets, if it is due by then", async () => {
    const clock = new HeldClock();
    const fired: number[] = [];
    const tick = () => {
      fired.push(clock.monotonic());
      clock.timer(10, tick);
    };
    clock.timer(10, tick);
    await clock.advance(35);
    assert.deepEqual(fired, [10, 20, 30]);
    await clock.advance(5);
    assert.deepEqual(fired, [10, 20, 30, 40]);
  });

  it("fires none that was cancelled, also by one that fires at the same time", async () => {
    const clock = new HeldClock();
    let fired = 0;
    const cancels = [1, 2].map(() =>
      clock.timer(10, () => {
        fired++;
        for (const cancel of cancels) cancel();
      })
    );
    clock.timer(10, () => fired++)();
    await clock.advance(10);
    assert.equal(fired, 1);
  });

  it("does what was set off before time moves, and what a timer sets off before the next", async () => {
    const clock = new HeldClock({ now: new Date(0) });
    const log: string[] = [];
    const chain = async (name: string, turns: number) => {
      for (let i = 0; i < turns; i++) await undefined;
      log.push(`${name} at ${clock.now()}`);
    };
    clock.timer(1, () => void chain("timer", 1_000));
    clock.timer(2, () => void chain("next", 1));
    chain("before", 1_000);
    await clock.advance(5);
    assert.deepEqual(log, ["before at 0", "timer at 1", "next at 2"]);
  });

  it("asks before it moves, and behind each timer, whether it may go on", async () => {
    const asked: [number, boolean | undefined][] = [];
    const clock: HeldClock = new HeldClock({
      settle: ({ leaveRunning }) => {
        asked.push([clock.monotonic(), leaveRunning]);
        return Promise.resolve();
      },
    });
    clock.timer(3, () => {});
    await clock.advance(5, { leaveRunning: true });
    await clock.advance(0);
    assert.deepEqual(asked, [[0, true], [3, true], [5, undefined]]);
  });

  it("goes on from where something went wrong", async () => {
    const clock = new HeldClock();
    clock.timer(10, () => {
      throw new TypeError("boom");
    });
    await assert.rejects(clock.advance(20), TypeError);
    assert.equal(clock.monotonic(), 10);
    await clock.advance(5);
    assert.equal(clock.monotonic(), 15);
  });

  it("says so when timers keep time from moving on", async () => {
    const clock = new HeldClock();
    let fired = 0;
    const again = () => {
      fired++;
      clock.timer(0, again);
    };
    clock.timer(7, again);
    await assert.rejects(
      clock.advance(10),
      (error: Error) =>
        error instanceof AssertionError &&
        /does not get past 2026-01-01T12:00:00.007Z/.test(error.message),
    );
    assert.equal(clock.monotonic(), 7);
    assert.ok(fired >= 10_000);
  });

  it("moves in whole milliseconds, on, and for one at a time", async () => {
    const clock = new HeldClock();
    for (const ms of [-1, 0.5, NaN, Infinity, "1" as unknown as number]) {
      await assert.rejects(clock.advance(ms), invalid);
    }
    await assert.rejects(clock.advanceTo(new Date("2025-12-31")), invalid);
    await assert.rejects(clock.advanceTo(new Date(NaN)), invalid);
    assert.throws(() => new HeldClock({ now: new Date("never") }), invalid);
    const moving = clock.advance(1);
    await assert.rejects(clock.advance(1), /wait for the call before/);
    await moving;
    await clock.advance(1);
    assert.equal(clock.monotonic(), 2);
  });
});
