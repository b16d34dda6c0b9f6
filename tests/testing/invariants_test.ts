import assert, { AssertionError } from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { defineActor, Rejected } from "../../mod.ts";
import { checkInvariants } from "../../testing/mod.ts";
import { smallerChoices } from "../../testing/_choices.ts";
import { diffLines } from "../../testing/_diff.ts";
import { shrink } from "../../testing/_shrink.ts";
import { Room } from "../../examples/booking/actors.ts";

const account = (mayOverdraw: (balance: number) => boolean) =>
  defineActor("account", {
    state: () => ({ balance: 0 }),
    events: {
      Deposited: (s, e: { amount: number }) => ({
        balance: s.balance + e.amount,
      }),
      Withdrawn: (s, e: { amount: number }) => ({
        balance: s.balance - e.amount,
      }),
    },
  }).commands({
    deposit: (_s, c: { amount: number }) => ({ type: "Deposited", data: c }),
    withdraw(s, c: { amount: number }) {
      if (c.amount > s.balance && !mayOverdraw(s.balance)) {
        throw new Rejected("insufficient_funds");
      }
      return { type: "Withdrawn", data: c };
    },
    fail: (s) => {
      if (s.balance > 50) throw new RangeError("too rich");
      return [];
    },
  });

const amounts = {
  deposit: (chance: { int(below: number): number }) => ({
    amount: 1 + chance.int(100),
  }),
  withdraw: (chance: { int(below: number): number }) => ({
    amount: 1 + chance.int(100),
  }),
};

async function breachOf(run: Promise<unknown>): Promise<string> {
  try {
    await run;
  } catch (error) {
    assert(error instanceof AssertionError, String(error));
    return error.message;
  }
  assert.fail("nothing broke");
}

describe("checkInvariants()", () => {
  it("is content where they hold, and tells what was tried", async () => {
    const report = await checkInvariants(account(() => false), {
      commands: amounts,
      invariants: { "is never overdrawn": (s) => s.balance >= 0 },
      seed: 1,
    });
    assert.equal(report.runs, 100);
    const { decided, rejected } = report;
    const sum = (counts: Readonly<Record<string, number>>) =>
      Object.values(counts).reduce((a, b) => a + b, 0);
    assert.equal(sum(decided) + sum(rejected), 100 * 30);
    assert(decided["withdraw"]! > 100 && rejected["withdraw"]! > 100);
  });

  it("finds the shortest story, with the smallest inputs", async () => {
    // A bug that needs more than 60 in the account: one deposit will do, of this size.
    const Buggy = account((balance) => balance > 60);
    for (let seed = 0; seed < 10; seed++) {
      const message = await breachOf(checkInvariants(Buggy, {
        commands: amounts,
        invariants: { "is never overdrawn": (s) => s.balance >= 0 },
        seed,
      }));
      assert.match(
        message,
        /^"is never overdrawn" breaks for account behind 2 commands/,
      );
      assert(message.includes('Withdrawn {"amount":62}'), message);
      assert(message.includes('state {"balance":-1}'), message);
      assert.match(
        message,
        new RegExp(
          `of seed ${seed}, there behind \\d+ commands. To repeat: seed: ${seed}$`,
        ),
      );
    }
  });

  it("tells the story so that a person can read it", async () => {
    const message = await breachOf(checkInvariants(account(() => true), {
      commands: amounts,
      invariants: { "is never overdrawn": (s) => s.balance >= 0 },
      seed: 7,
    }));
    assert.equal(
      message.split("\n").slice(0, 5).join("\n"),
      `"is never overdrawn" breaks for account behind 1 command

  1. withdraw {"amount":1}  →  Withdrawn {"amount":1}

  state {"balance":-1}`,
    );
  });

  it("finds the same story again by its seed", async () => {
    const tell = () =>
      breachOf(checkInvariants(account((balance) => balance > 90), {
        commands: amounts,
        invariants: { "is never overdrawn": (s) => s.balance >= 0 },
        seed: 42,
      }));
    assert.equal(await tell(), await tell());
  });

  it("makes no input that its maker would not make", async () => {
    const seen = new Set<number>();
    const Odd = defineActor("odd", {
      state: () => 0,
      events: { Added: (s: number, e: { by: number }) => s + e.by },
    }).commands({
      add(_s, c: { by: number }) {
        seen.add(c.by);
        return { type: "Added", data: c };
      },
    });
    await breachOf(checkInvariants(Odd, {
      commands: { add: (chance) => ({ by: chance.pick([11, 13, 17]) }) },
      invariants: { "stays small": (s) => s < 40 },
      seed: 3,
    }));
    assert.deepEqual([...seen].sort(), [11, 13, 17]);
  });

  it("takes a command that fails for a breach, and a throw of an invariant", async () => {
    const failing = await breachOf(checkInvariants(account(() => false), {
      commands: { ...amounts, fail: () => undefined },
      seed: 5,
    }));
    assert.match(
      failing,
      /^"no command fails" breaks for account behind \d+ commands?: RangeError: too rich/,
    );
    const throwing = await breachOf(checkInvariants(account(() => false), {
      commands: amounts,
      invariants: { "is told": (s) => assert(s.balance < 200, "too much") },
      seed: 5,
    }));
    assert.match(
      throwing,
      /^"is told" breaks for account behind \d+ commands?: too much/,
    );
  });

  it("finds an event handler that does not give the same again", async () => {
    let calls = 0;
    const Impure = defineActor("impure", {
      state: () => 0,
      events: { Done: () => ++calls },
    }).commands({ do: () => ({ type: "Done" }) });
    const message = await breachOf(
      checkInvariants(Impure, { commands: { do: () => undefined }, seed: 1 }),
    );
    assert.match(
      message,
      /^"a replay gives the same state" breaks for impure behind 1 command/,
    );
  });

  it("shows invariants the story so far, and starts from what is given", async () => {
    await checkInvariants(Room, {
      given: [{
        type: "Held",
        data: { booking: "b0", nights: ["2026-05-01"] },
      }],
      commands: {
        hold: (chance) => ({
          booking: `b${chance.int(3)}`,
          nights: Array.from(
            { length: 1 + chance.int(3) },
            (_, night) => `2026-05-0${1 + night + chance.int(4)}`,
          ),
        }),
        release: (chance) => ({ booking: `b${chance.int(3)}` }),
      },
      invariants: {
        "no night changes hands without a release": (state, story) => {
          const { when, events } = story.at(-1)!;
          if (when.type !== "hold" || events[0]?.type !== "Held") return;
          const { booking, nights } = when.data as {
            booking: string;
            nights: string[];
          };
          return nights.every((night) => state.nights[night] === booking);
        },
      },
      runs: 50,
      seed: 9,
    });
  });

  it("takes the inputs that the commands take", async () => {
    await checkInvariants(account(() => true), {
      // @ts-expect-error: an amount is a number
      commands: { deposit: () => ({ amount: "1" }) },
      runs: 0,
    });
  });

  it("refuses commands that are not there, and none at all", async () => {
    await assert.rejects(
      checkInvariants(account(() => true), {
        // @ts-expect-error: there is no such command
        commands: { shout: () => 1 },
      }),
      /no such command: known are deposit/,
    );
    await assert.rejects(
      checkInvariants(account(() => true), { commands: {} }),
      /"commands" is empty/,
    );
  });
});

describe("shrink()", () => {
  it("leaves the least that still fails", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat({ max: 100 }), { maxLength: 40 }),
        fc.nat({ max: 100 }),
        fc.nat({ max: 100 }),
        async (items, a, b) => {
          const list = [...items, a, ...items, b];
          // Fails where something of at least a stands before something of at least b.
          const fails = (tried: readonly number[]) =>
            Promise.resolve(
              tried.some((item, at) =>
                item >= a && tried.slice(at + 1).some((next) => next >= b)
              ),
            );
          const least = await shrink(
            list,
            fails,
            (item) => smallerChoices([item]).map(([smaller]) => smaller!),
          );
          assert.deepEqual(least, [a, b]);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("diffLines()", () => {
  it("marks what only one side has, and gives both sides back", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 12 }),
        fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 12 }),
        (expected, got) => {
          const lines = diffLines(expected, got);
          const side = (mark: string) =>
            lines.filter((line) => line[0] === " " || line[0] === mark)
              .map((line) => line.slice(2));
          assert.deepEqual(side("-"), expected);
          assert.deepEqual(side("+"), got);
        },
      ),
    );
  });
});
