import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { severable, SeverableClock } from "../../testing/_severed.ts";
import { HeldClock } from "../../testing/mod.ts";
import { turn } from "../../testing/_turn.ts";

/** Something with all kinds of methods, that notes how they are called. */
class Target {
  readonly name = "target";
  readonly calls: string[] = [];
  #secret = 7;

  now(): number {
    this.calls.push("now");
    return this.#secret;
  }

  async soon(): Promise<string> {
    this.calls.push("soon");
    await undefined;
    return "soon";
  }

  fail(): Promise<never> {
    this.calls.push("fail");
    return Promise.reject(new Error("no"));
  }

  async *items(): AsyncGenerator<number> {
    try {
      for (let i = 1; i <= 10; i++) yield i;
    } finally {
      this.calls.push("items over");
    }
  }
}

function cuttable() {
  const target = new Target();
  const cut = { isOver: false };
  return {
    target,
    cut,
    whole: severable(target, cut, {
      now: () => 8,
    }),
  };
}

/** Notes what becomes of promises by now. */
async function fates(...promises: Promise<unknown>[]): Promise<string[]> {
  const found = promises.map(() => "waits");
  promises.forEach((promise, i) =>
    promise.then(() => found[i] = "kept", () => found[i] = "broken")
  );
  await turn();
  return found;
}

describe("severable()", () => {
  it("changes nothing before the cut, but what is replaced", async () => {
    const { target, whole } = cuttable();
    assert.equal(whole.name, "target");
    assert.equal(whole.now(), 8); // its own
    assert.equal(target.now(), 7);
    assert.equal(await whole.soon(), "soon");
    await assert.rejects(whole.fail(), /no/);
    const seen: number[] = [];
    for await (const item of whole.items()) if (seen.push(item) === 3) break;
    assert.deepEqual(seen, [1, 2, 3]);
    assert.deepEqual(whole.calls, ["now", "soon", "fail", "items over"]);
  });

  it("lets no call out behind the cut, and answers none", async () => {
    const { cut, target, whole } = cuttable();
    cut.isOver = true;
    const read = async () => {
      for await (const _ of whole.items()) { /* none comes */ }
    };
    assert.deepEqual(await fates(whole.soon(), whole.fail(), read()), [
      "waits",
      "waits",
      "waits",
    ]);
    assert.deepEqual(target.calls, []);
  });

  it("lets no answer in behind the cut", async () => {
    const { cut, whole } = cuttable();
    const seen: number[] = [];
    const read = async () => {
      for await (const item of whole.items()) seen.push(item);
    };
    const waiting = [whole.soon(), whole.fail(), read()];
    cut.isOver = true;
    assert.deepEqual(await fates(...waiting), ["waits", "waits", "waits"]);
    assert.deepEqual(seen, []);
  });
});

describe("SeverableClock", () => {
  it("takes its timers with it, and no others", async () => {
    const clock = new HeldClock();
    const share = new SeverableClock(clock);
    const fired: string[] = [];
    clock.timer(10, () => fired.push("another's"));
    share.timer(10, () => fired.push("before"));
    share.timer(5, () => fired.push("early"));
    share.timer(5, () => fired.push("cancelled"))();
    await clock.advance(5);
    assert.equal(share.now(), clock.now());
    assert.equal(share.monotonic(), 5);
    share.cut();
    share.timer(1, () => fired.push("behind"))();
    share.timer(1, () => fired.push("behind"));
    await clock.advance(5);
    assert.deepEqual(fired, ["early", "another's"]);
  });
});
