/** Inputs and events that go through schemas, of three libraries and by hand. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import {
  Aether,
  type AetherError,
  checked,
  defineActor,
  InMemoryEventStore,
  Rejected,
  type StandardSchema,
} from "@flowmade/aether";
import { gate } from "./_account.ts";
import { codeOf, hosted } from "./_hosted.ts";

const Zod = defineActor("zodded", {
  state: () => ({ balance: 0, texts: [] as readonly string[] }),
})
  .events({
    Deposited: checked(
      z.object({
        amount: z.number().positive(),
        text: z.string().default("-"),
      }),
      (s, e) => ({
        balance: s.balance + e.amount,
        texts: [...s.texts, e.text.toUpperCase()],
      }),
    ),
  })
  .commands({
    deposit: checked(z.object({ amount: z.number().positive() }), (_s, c) => ({
      type: "Deposited",
      data: c,
    })),
    /** Decides what its event's schema refuses. */
    withdraw: (_s, amount: number) => ({
      type: "Deposited",
      data: { amount: -amount },
    }),
  })
  .queries({
    balance: (s) => s.balance,
    texts: (s) => s.texts,
    atLeast: checked(
      z.object({ amount: z.coerce.number() }),
      (s, q) => s.balance >= q.amount,
    ),
  });

const amount = { amount: 0 };
const Valibot = defineActor("valibotted", { state: () => amount })
  .events({
    Deposited: checked(
      v.object({ amount: v.pipe(v.number(), v.minValue(1)) }),
      (s, e) => ({ amount: s.amount + e.amount }),
    ),
  })
  .commands({
    deposit: checked(
      v.object({ amount: v.pipe(v.number(), v.minValue(1)) }),
      (_s, c) => ({ type: "Deposited", data: c }),
    ),
    withdraw: (_s, amount: number) => ({
      type: "Deposited",
      data: { amount: -amount },
    }),
  })
  .queries({ balance: (s) => s.amount });

const positive = type({ amount: "number > 0" });
const Arktype = defineActor("arktyped", { state: () => amount })
  .events({
    Deposited: checked(positive, (s, e) => ({ amount: s.amount + e.amount })),
  })
  .commands({
    deposit: checked(positive, (_s, c) => ({ type: "Deposited", data: c })),
    withdraw: (_s, amount: number) => ({
      type: "Deposited",
      data: { amount: -amount },
    }),
  })
  .queries({ balance: (s) => s.amount });

for (
  const [name, definition] of [
    ["zod", Zod],
    ["valibot", Valibot],
    ["arktype", Arktype],
  ] as const
) {
  describe(`a schema of ${name}`, () => {
    it("refuses an input that does not fit, and says where", async () => {
      await using aether = await start(definition);
      const ada = aether.actor(definition as typeof Zod, "ada");
      assert.equal((await ada.deposit({ amount: 2 })).version, 1);
      for (const wrong of [{ amount: -1 }, { amount: "2" }, {}]) {
        const error: AetherError = await ada.deposit(wrong as never)
          .then(() => assert.fail("it was taken"), (e) => e);
        assert.equal(error.code, "invalid_argument");
        assert.match(error.message, /"deposit" of ".*-ada".*amount/);
        const [issue] = error.details["issues"] as {
          message: string;
          path: string[];
        }[];
        assert.deepEqual(issue!.path, ["amount"]);
        assert.ok(issue!.message.length > 5);
      }
      assert.equal(await ada.balance(), 2);
    });

    it("keeps an event that does not fit out of the log", async () => {
      await using aether = await start(definition);
      const ada = aether.actor(definition as typeof Zod, "ada");
      const error: AetherError = await ada.withdraw(3).catch((e) => e);
      assert.equal(error.code, "command_failed");
      assert.match(error.message, /schema of "Deposited".*amount/);
      assert.equal((error.details["issues"] as unknown[]).length, 1);
      assert.equal(await ada.balance(), 0);
    });

    it("puts an actor whose log does not fit into quarantine", async () => {
      await using aether = await start(definition);
      const actorId = `${definition.type}-ada`;
      await aether.store.append(actorId, [
        { eventType: "Deposited", data: { amount: 1 } },
        { eventType: "Deposited", data: { amount: "many" } },
      ]);
      const ada = aether.actor(definition as typeof Zod, "ada");
      await assert.rejects(ada.balance(), {
        code: "quarantined",
        message: /event 2, a "Deposited", is not what its schema takes: amount/,
      });
      const [found, ...others] = aether.quarantined();
      assert.deepEqual(others, []);
      assert.equal(found!.actorId, actorId);
      assert.match(found!.error.message, /event 2/);
      assert.ok(found!.retryIn > 0 && found!.retryIn <= 1_000);
    });
  });
}

function start(definition: typeof Zod | typeof Valibot | typeof Arktype) {
  return Aether.start({ namespace: "schemas", actors: [definition] });
}

describe("checked()", () => {
  it("gives the handler what the schema makes, and stores what was decided", async () => {
    await using aether = await start(Zod);
    const ada = aether.actor(Zod, "ada");
    await ada.deposit({ amount: 1 });
    // Events of a time without the field read as if they had it.
    assert.deepEqual(await ada.texts(), ["-"]);
    const [event] = await aether.store.getEvents("zodded-ada");
    assert.deepEqual(event!.data, { amount: 1 });
    assert.equal(await ada.atLeast({ amount: "1" }), true);
    assert.equal(await ada.atLeast({ amount: "2" }), false);
    assert.equal(
      await codeOf(ada.atLeast({ amount: "x" })),
      "invalid_argument",
    );
  });

  it("types what callers give as the schema's input", () => {
    const Typed = defineActor("typed", { state: () => 0 }).events({
      Set: checked(z.object({ to: z.number().default(7) }), (_s, e) => e.to),
    }).commands({
      set: checked(z.object({ to: z.string().transform(Number) }), (_s, c) => ({
        type: "Set",
        data: { to: c.to },
      })),
      reset: () => ({ type: "Set", data: {} }),
    });
    Typed.commands({
      // @ts-expect-error: the event's data is a number
      wrong: (_s, c: { to: string }) => ({ type: "Set", data: c }),
    });
    Typed.queries({
      // @ts-expect-error: what the schema makes has no such field
      missing: checked(z.object({ to: z.string() }), (_s, c) => c.from),
    });
    type Calls = ReturnType<typeof refer>;
    const refer = (aether: Aether) => aether.actor(Typed, "1");
    type Input = Parameters<Calls["set"]>[0];
    const right: Input = { to: "7" };
    // @ts-expect-error: the schema takes a text
    const wrong: Input = { to: 7 };
    assert.notDeepEqual(right, wrong);
  });

  it("takes a validator that is async for a command and a query", async () => {
    const held = gate();
    const slow: StandardSchema<number> = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: async (value) => {
          await held.gate.pass();
          return value === 0
            ? { issues: [{ message: "zero", path: [{ key: "a" }, 0] }] }
            : { value: value as number };
        },
      },
    };
    const Slow = defineActor("slow", {
      state: () => 0,
      events: { Added: (s, by: number) => s + by },
    }).commands({
      add: checked(slow, (_s, by) => ({ type: "Added", data: by })),
      plainly: (_s, by: number) => ({ type: "Added", data: by }),
    }).queries({ plus: checked(slow, (s, by) => s + by), sum: (s) => s });
    const { ask } = hosted({ actors: [Slow] });
    const waiting = [ask("add", 1), codeOf(ask("add", 0)), ask("plainly", 2)];
    await held.gate.entered;
    held.gate.open();
    await Promise.all(waiting);
    assert.equal(await waiting[1], "invalid_argument");
    assert.equal(await ask("plus", 4), 7);
    await assert.rejects(ask("plus", 0), { message: /a\.0: zero/ });
    assert.equal(await ask("sum"), 3);
  });

  it("refuses a validator that is async for an event", async () => {
    const later: StandardSchema<number> = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: (value) => Promise.resolve({ value: value as number }),
      },
    };
    const Late = defineActor("late", {
      state: () => 0,
      events: { Added: checked(later, (s: number, by) => s + by) },
    }).commands({ add: (_s, by: number) => ({ type: "Added", data: by }) })
      .queries({ sum: (s) => s });
    const { ask, store } = hosted({ actors: [Late] });
    await assert.rejects(ask("add", 1), {
      code: "command_failed",
      message: /has to be synchronous/,
    });
    await store.append("late-ada", [{ eventType: "Added", data: 1 }]);
    await assert.rejects(ask("sum", undefined, { linear: true }), {
      code: "quarantined",
      message: /has to be synchronous/,
    });
  });

  it("is looked at after the memory: what was done stays done", async () => {
    const store = new InMemoryEventStore({ namespace: "hosted" });
    const define = (schema: StandardSchema<number>) =>
      hosted({
        store: store as never,
        actors: [
          defineActor("sum", {
            state: () => 0,
            events: { Added: (s, by: number) => s + by },
          }).commands({
            add: checked(schema, (s, by) => {
              if (s > 100) throw new Rejected("full");
              return { type: "Added", data: by };
            }),
          }),
        ],
      });
    const first = await define(z.number()).ask("add", 1, { commandId: "a" });
    const stricter = define(z.number().min(5));
    assert.deepEqual(await stricter.ask("add", 1, { commandId: "a" }), first);
    assert.equal(await codeOf(stricter.ask("add", 1)), "invalid_argument");
  });

  it("wants a Standard Schema", () => {
    for (
      const wrong of [undefined, null, {}, { "~standard": { version: 2 } }]
    ) {
      assert.throws(() => checked(wrong as never, () => 0), {
        code: "invalid_argument",
        message: /no Standard Schema/,
      });
    }
  });
});
