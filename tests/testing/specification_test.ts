import assert, { AssertionError } from "node:assert/strict";
import { describe, it } from "node:test";
import { defineActor, Rejected } from "../../mod.ts";
import { defineModel } from "../../model/mod.ts";
import {
  checkSpecifications,
  type Conforms,
  observe,
  observePolicies,
  specify,
} from "../../testing/mod.ts";
import { Booking, Room } from "../../examples/booking/actors.ts";
import { booking } from "../../examples/booking/model.ts";

const Account = defineActor("account", {
  state: () => ({ balance: 0, lines: [] as string[] }),
  events: {
    Deposited: (s, e: { amount: number; note?: string }) => ({
      balance: s.balance + e.amount,
      lines: [...s.lines, e.note ?? ""],
    }),
    Withdrawn: (s, e: { amount: number }) => ({
      ...s,
      balance: s.balance - e.amount,
    }),
    Closed: (s) => s,
  },
}).commands({
  deposit: (_s, c: { amount: number; note?: string }) => ({
    type: "Deposited",
    data: c,
  }),
  withdraw(s, c: { amount: number }) {
    if (c.amount > s.balance) throw new Rejected("insufficient_funds");
    return { type: "Withdrawn", data: c };
  },
  close: (s) =>
    s.balance === 0 ? { type: "Closed" } : [
      { type: "Withdrawn", data: { amount: s.balance } },
      { type: "Closed" },
    ],
  look: () => undefined,
  // deno-lint-ignore require-await
  slow: async (_s, _c: unknown, ctx) => ({
    type: "Deposited",
    data: {
      amount: ctx.version,
      note: `${ctx.actorId} ${ctx.now.toISOString()}`,
    },
  }),
  fail: () => {
    throw new TypeError("no such thing");
  },
  other: async (_s, c: { key: string }, ctx) => {
    const balance = await ctx.actor(Other, c.key).balance();
    return { type: "Deposited", data: { amount: balance } };
  },
  grab(s) {
    (s.lines as string[]).push("by the back door");
    return [];
  },
}).queries({ balance: (s) => s.balance, lines: (s) => s.lines });

const Other = defineActor("other", { state: () => 7, events: {} })
  .queries({ balance: (s) => s });

/** What the failure of a specification says. */
async function failureOf(run: Promise<unknown>): Promise<string> {
  try {
    await run;
  } catch (error) {
    assert(error instanceof AssertionError, String(error));
    return error.message;
  }
  assert.fail("it did not fail");
}

describe("specify()", () => {
  it("passes where it comes as it says: events, rejections, answers, nothing", async () => {
    await specify(Account, {
      given: [{ type: "Deposited", data: { amount: 10 } }],
      when: { type: "withdraw", data: { amount: 4 } },
      then: [{ type: "Withdrawn", data: { amount: 4 } }],
      answers: { balance: 6 },
    });
    await specify(Account, {
      when: { type: "withdraw", data: { amount: 4 } },
      then: { rejected: "insufficient_funds" },
      answers: { balance: 0 },
    });
    await specify(Account, { when: { type: "look" }, then: [] });
    await specify(Account, {
      given: [{ type: "Deposited", data: { amount: 10 } }],
      when: { type: "close" },
      then: [{ type: "Withdrawn", data: { amount: 10 } }, { type: "Closed" }],
    });
  });

  it("tells what it observed", async () => {
    const observed = await specify(Account, {
      when: { type: "withdraw", data: { amount: 4 } },
      then: { rejected: "insufficient_funds" },
    });
    assert.deepEqual(observed, {
      of: "account",
      given: [],
      when: { type: "withdraw", data: { amount: 4 } },
      events: [],
      rejected: "insufficient_funds",
    });
  });

  it("shows what was expected and what came, line by line", async () => {
    const message = await failureOf(specify(Account, {
      name: "never more than there is",
      given: [{ type: "Deposited", data: { amount: 10 } }],
      when: { type: "withdraw", data: { amount: 4 } },
      then: { rejected: "insufficient_funds" },
      answers: { balance: 10 },
    }));
    assert.equal(
      message,
      `"never more than there is" of account fails: - is expected, + is what came

  given Deposited {"amount":10}
  when  withdraw {"amount":4}
  then
  - rejected: insufficient_funds
  - balance? 10
  + Withdrawn {"amount":4}
  + balance? 6`,
    );
  });

  it("shows only the lines of a long event that differ as different", async () => {
    const note =
      "a note that is long enough for an event to take a line for each field";
    const message = await failureOf(specify(Account, {
      when: { type: "deposit", data: { amount: 10, note } },
      then: [{ type: "Deposited", data: { amount: 11, note } }],
    }));
    assert(
      message.includes(`
  then
    Deposited {
  -   "amount": 11,
  +   "amount": 10,
      "note": "${note}"
    }`),
      message,
    );
  });

  it("tells a handler that throws, decides nonsense or changes the state", async () => {
    const when = (
      type: "fail" | "grab",
    ) => ({ when: { type }, then: [] } as const);
    assert.match(
      await failureOf(specify(Account, when("fail"))),
      /\+ failed: TypeError: no such thing/,
    );
    assert.match(
      await failureOf(specify(Account, when("grab"))),
      /\+ failed: TypeError/,
    );
    const Odd = defineActor("odd", {
      state: () => 0,
      events: { Done: (s) => s },
    })
      .commands({
        unknown: () => ({ type: "Undone" }) as never,
        unstorable: () => ({ type: "Done", data: new Date() }) as never,
        nothing: () => null as never,
      });
    for (
      const [type, why] of [
        ["unknown", /has no event "Undone": known are Done/],
        ["unstorable", /JSON/],
        ["nothing", /an event is \{ type, data \}: got null/],
      ] as const
    ) {
      assert.match(
        await failureOf(specify(Odd, { when: { type }, then: [] })),
        why,
      );
    }
  });

  it("leaves nothing of a decision that fails half-way", async () => {
    const Half = defineActor("half", {
      state: () => 0,
      events: { Done: (s) => s + 1, Broken: () => assert.fail("broken") },
    }).commands({
      both: () => [{ type: "Done" }, { type: "Broken" }] as const,
    }).queries({ count: (s) => s });
    const message = await failureOf(
      specify(Half, {
        when: { type: "both" },
        then: [],
        answers: { count: 1 },
      }),
    );
    assert.match(message, /\+ failed: AssertionError: broken\n.*\+ count\? 0/s);
  });

  it("gives handlers an actor, a version and a time that stand still", async () => {
    await specify(Account, {
      given: [{ type: "Deposited", data: { amount: 10 } }],
      when: { type: "slow", data: undefined },
      then: [{
        type: "Deposited",
        data: { amount: 1, note: "account-ada 2026-05-01T00:00:00.000Z" },
      }],
    }, { actorId: "account-ada", now: new Date("2026-05-01T00:00:00Z") });
  });

  it("writes down what is sent to other actors, and compares it where it is told", async () => {
    interface Sends {
      send(to: { type: string }, key: string): {
        grow(data: { by: number }): void;
        shrink(): void;
      };
    }
    const Sender = defineActor("sender", {
      state: () => 0,
      events: { Done: (s) => s },
    }).commands({
      async do(_s, _c: unknown, ctx) {
        const { send } = ctx as unknown as Sends;
        send(Other, "x").grow({ by: 1 });
        (await send(Other, "y")).shrink();
        return { type: "Done" };
      },
    });
    const when = { type: "do", data: undefined } as const;
    const then = [{ type: "Done" }] as const;
    await specify(Sender, { when, then });
    const observed = await specify(Sender, {
      when,
      then,
      sends: [
        { to: "other.grow", key: "x", data: { by: 1 } },
        { to: "other.shrink", key: "y" },
      ],
    });
    assert.equal(observed.sends?.length, 2);
    const message = await failureOf(specify(Sender, {
      when,
      then,
      sends: [{ to: "other.grow", key: "x", data: { by: 2 } }],
    }));
    assert(
      message.includes(`
    Done
  - sends other.grow to "x" {"by":2}
  + sends other.grow to "x" {"by":1}
  + sends other.shrink to "y"`),
      message,
    );
  });

  it("asks for an actor to call, and takes one", async () => {
    const other = {
      when: { type: "other", data: { key: "x" } },
      then: [{ type: "Deposited", data: { amount: 7 } }],
    } as const;
    assert.match(
      await failureOf(specify(Account, other)),
      /calls another actor: give one as `actor` in `context`/,
    );
    await specify(Account, other, {
      context: { actor: () => ({ balance: () => Promise.resolve(7) }) },
    });
  });

  it("refuses what the actor does not have, compiled and run", async () => {
    await assert.rejects(
      specify(Account, {
        // @ts-expect-error: there is no such command
        when: { type: "shout" },
        then: [],
      }),
      /"account" has no command "shout": known are deposit/,
    );
    await assert.rejects(
      specify(Account, {
        // @ts-expect-error: there is no such event
        given: [{ type: "Opened" }],
        when: { type: "look" },
        then: [],
      }),
      /"account" has no event "Opened"/,
    );
    await assert.rejects(
      specify(Account, {
        when: { type: "look" },
        then: [],
        // @ts-expect-error: there is no such query
        answers: { colour: "red" },
      }),
      /"account" has no query "colour"/,
    );
    await assert.rejects(specify(Account, {
      // @ts-expect-error: an amount is a number
      when: { type: "deposit", data: { amount: "1" } },
      then: [],
    }));
  });
});

describe("checkSpecifications()", () => {
  it("runs what a model holds", async () => {
    const observed = await checkSpecifications(booking, [Booking, Room]);
    assert.deepEqual(
      observed.map(({ events, rejected }) =>
        rejected ?? events.map(({ type }) => type)
      ),
      [["Requested"], "not_confirmed", ["Refused"]],
    );
  });

  it("tells all that fail, and what has no definition", async () => {
    const message = await failureOf(checkSpecifications({
      name: "bank",
      specifications: [
        {
          of: "account",
          name: "one",
          when: { type: "look" },
          then: [{ type: "Closed" }],
        },
        { of: "till", name: "two", when: { type: "x" }, then: [] },
        { of: "account", name: "three", when: { type: "look" }, then: [] },
        {
          of: "account",
          name: "four",
          when: { type: "fail" },
          then: { rejected: "x" },
        },
      ],
    }, [Account]));
    assert.match(message, /"one".*"two" is of "till".*"four"/s);
    assert(!message.includes("three"));
  });
});

describe("observe()", () => {
  it("tells what came, whatever it is, but a failure", async () => {
    const [one, two] = await observe([Account], [
      { of: "account", when: { type: "close" } },
      { of: "account", when: { type: "withdraw", data: { amount: 1 } } },
    ]);
    assert.deepEqual(one?.events, [{ type: "Closed" }]);
    assert.equal(two?.rejected, "insufficient_funds");
    await assert.rejects(
      observe([Account], [{ of: "account", when: { type: "fail" } }]),
      /"fail" of "account" as it failed: TypeError/,
    );
    await assert.rejects(
      observe([Account], [{ of: "till", when: { type: "x" } }]),
      /"till"/,
    );
  });
});

describe("observePolicies()", () => {
  const Ring = {
    name: "Ring",
    on: {
      account: {
        Closed: (event: { data: { loud: boolean } }, ctx: Ringing) =>
          event.data.loud ? ctx.bell() : undefined,
      },
    },
  };
  interface Ringing {
    bell(): void;
  }

  it("shows the event, and gives the handler what it is told to", async () => {
    let rung = 0;
    const context = { bell: () => void rung++ };
    const scene = { policy: "Ring", of: "account", type: "Closed" };
    const seen = await observePolicies([Ring], [
      { ...scene, data: { loud: true } },
      { ...scene, data: { loud: false } },
    ], { context });
    assert.equal(rung, 1);
    assert.deepEqual(
      seen,
      Array(2).fill({
        policy: "Ring",
        on: "account.Closed",
        sends: [],
      }),
    );
  });

  it("refuses a policy or an event that is not there", async () => {
    const scene = { policy: "Ring", of: "account", type: "Opened" };
    await assert.rejects(observePolicies([], [scene]), /"Ring".*not among/);
    await assert.rejects(
      observePolicies([Ring], [scene]),
      /does not react to "account\.Opened"/,
    );
  });
});

describe("Conforms", () => {
  const model = defineModel({
    name: "bank",
    aggregates: {
      door: {
        events: { Opened: { fields: { by: "string" } }, Closed: {} },
        commands: { open: { fields: { by: "string" }, emits: ["Opened"] } },
        queries: { isOpen: {} },
      },
    },
  });
  const Door = defineActor("door", {
    state: () => false,
    events: { Opened: (_s, _e: { by: string }) => true, Closed: () => false },
  });

  it("is true where the code is what the model says", () => {
    const Good = Door.commands({
      open: (_s, c: { by: string }) => ({ type: "Opened", data: c }),
    }).queries({ isOpen: (s) => s });
    const conforms: Conforms<typeof model, typeof Good> = true;
    const room: Conforms<typeof booking, typeof Room> = true;
    const other: Conforms<typeof booking, typeof Booking> = true;
    assert(conforms && room && other);
  });

  it("is a sentence for each difference where it is not", () => {
    const Bad = Door.commands({
      open: (_s, c: { by: number }) => ({
        type: "Opened",
        data: { by: String(c.by) },
      }),
      close: () => ({ type: "Closed" }),
    });
    type Said = Conforms<typeof model, typeof Bad>;
    const said: Said[] = [
      "the code has no query door.isOpen",
      "the model has no command door.close",
      "the input of command door.open is not what the model says",
    ];
    // @ts-expect-error: it does not conform
    const conforms: Said = true;
    // @ts-expect-error: that is no difference
    const other: Said = "the code has no event door.Opened";
    assert(conforms && other && said.length === 3);
    const none: Conforms<typeof booking, typeof Bad> =
      "the model has no aggregate door";
    assert(none);
  });

  it("tells data that can be more in code than in the model", () => {
    const Wide = defineActor("door", {
      state: () => false,
      events: {
        Opened: (_s, _e: { by: string | number }) => true,
        Closed: () => false,
      },
    }).commands({ open: (_s, _c: { by: string }) => [] })
      .queries({ isOpen: (s) => s });
    const said: Conforms<typeof model, typeof Wide> =
      "the data of event door.Opened can be more in code than in the model";
    assert(said);
  });
});
