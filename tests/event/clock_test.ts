import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { systemClock } from "../../event/mod.ts";

describe("systemClock", () => {
  it("tells the wall-clock time", () => {
    const before = Date.now();
    const now = systemClock.now();
    assert.ok(now >= before && now <= Date.now());
  });

  it("measures without the wall clock", () => {
    const real = Date.now;
    const before = systemClock.monotonic();
    Date.now = () => 0;
    try {
      assert.ok(systemClock.monotonic() >= before);
      assert.equal(systemClock.now(), 0);
    } finally {
      Date.now = real;
    }
  });

  it("runs what a timer holds, once", async () => {
    let runs = 0;
    await new Promise<void>((done) => {
      systemClock.timer(0, () => {
        runs++;
        systemClock.timer(0, done);
      });
    });
    assert.equal(runs, 1);
  });

  it("does not run what was cancelled, and cancels twice without harm", async () => {
    let ran = false;
    const cancel = systemClock.timer(0, () => ran = true);
    cancel();
    cancel();
    await new Promise<void>((done) => systemClock.timer(0, done));
    assert.equal(ran, false);
  });

  it("waits longer than the runtimes' timers can", () => {
    withHeldTimers(({ waits, fire }) => {
      let runs = 0;
      systemClock.timer(2 ** 32, () => runs++);
      fire();
      fire();
      assert.equal(runs, 0);
      fire();
      assert.equal(runs, 1);
      // Each piece fits into 31 bits, and together they are 2^32 ms.
      assert.deepEqual(waits, [2 ** 31 - 1, 2 ** 31 - 1, 2]);
    });
  });

  it("cancels a long timer in whichever piece it is", () => {
    withHeldTimers(({ fire, live }) => {
      const cancel = systemClock.timer(
        Infinity,
        () => assert.fail("ran after all"),
      );
      fire();
      fire();
      assert.equal(live(), 1);
      cancel();
      assert.equal(live(), 0);
    });
  });
});

/** Puts the runtime's timers aside; `fire` ends the one that is held. */
function withHeldTimers(
  body: (held: {
    readonly waits: readonly number[];
    fire(): void;
    live(): number;
  }) => void,
): void {
  const { setTimeout, clearTimeout } = globalThis;
  const waits: number[] = [];
  const held = new Map<number, () => void>();
  const replacement = {
    setTimeout: (run: () => void, ms: number) => {
      held.set(waits.push(ms), run);
      return waits.length;
    },
    clearTimeout: (id: number) => held.delete(id),
  };
  Object.assign(globalThis, replacement);
  try {
    body({
      waits,
      live: () => held.size,
      fire: () => {
        const [id, run] = [...held].at(-1)!;
        held.delete(id);
        run();
      },
    });
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
}
