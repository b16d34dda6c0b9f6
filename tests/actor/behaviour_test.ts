/** What an actor does, wherever it runs: the same tests in memory and on NATS. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  type Aether,
  type AetherError,
  CommandFailedError,
  DeadlineExceededError,
  defineActor,
  OverloadedError,
  Rejected,
  ulid,
  VersionConflictError,
} from "@flowmade/aether";
import { Account, decided, gate } from "./_account.ts";
import { worlds } from "./_worlds.ts";

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(() => "done", (error: AetherError) => error.code ?? error.name);

async function typesOf(aether: Aether, actorId: string): Promise<string[]> {
  return (await aether.store.getEvents(actorId)).map((e) => e.eventType);
}

for (const [where, open] of worlds) {
  describe(`an actor ${where}`, () => {
    it("answers a command with its version and events as stored", async () => {
      await using world = await open();
      const aether = await world.start();
      const ada = aether.actor(Account, "ada");
      const first = await ada.deposit({ amount: 100 });
      assert.equal(first.version, 1);
      const second = await ada.both({ amount: 1 }, {
        commandId: "cmd-2",
        correlationId: "corr",
        causationId: "cause",
        traceparent: "00-1-2-3",
      });
      assert.equal(second.version, 3);
      const stored = await aether.store.getEvents("account-ada");
      assert.deepEqual([...first.events, ...second.events], stored);
      assert.deepEqual(stored.map((e) => e.version), [1, 2, 3]);
      assert.equal(stored[1]!.commandId, "cmd-2");
      assert.deepEqual(stored[1]!.metadata, {
        correlationId: "corr",
        causationId: "cause",
        traceparent: "00-1-2-3",
      });
      assert.equal(stored[1]!.sequence, stored[2]!.sequence);
    });

    it("answers queries from committed state, with and without input", async () => {
      await using world = await open();
      const aether = await world.start();
      const ada = aether.actor(Account, "ada");
      assert.equal(await ada.balance(), 0);
      await ada.deposit({ amount: 5 });
      assert.equal(await ada.balance(), 5);
      assert.equal(await ada.atLeast({ amount: 6 }), false);
      assert.equal(await ada.version(), 1);
      assert.equal(await ada.nothing2(), undefined);
    });

    it("answers queries while a handler runs", async () => {
      await using world = await open();
      const ada = (await world.start()).actor(Account, "ada");
      await ada.deposit({ amount: 5 });
      const held = gate();
      const holding = ada.hold(held.name);
      await held.gate.entered;
      assert.equal(await ada.balance(), 5);
      held.gate.open();
      assert.equal((await holding).version, 2);
    });

    it("tells a rejection with its reason and details", async () => {
      await using world = await open();
      const aether = await world.start();
      const ada = aether.actor(Account, "ada");
      await ada.deposit({ amount: 5 });
      const error = await ada.withdraw({ amount: 8 }).catch((e) => e);
      assert.ok(error instanceof Rejected);
      assert.equal(error.reason, "insufficient_funds");
      assert.equal(error.message, "balance is 5");
      assert.equal(error.details["missing"], 3);
      assert.deepEqual(await typesOf(aether, "account-ada"), ["Deposited"]);
    });

    it("stores nothing where nothing was decided", async () => {
      await using world = await open();
      const aether = await world.start();
      const ada = aether.actor(Account, "ada");
      assert.deepEqual(await ada.nothing(), { version: 0, events: [] });
      assert.deepEqual(await ada.nothingAtAll(), { version: 0, events: [] });
      assert.deepEqual(await aether.store.load("account-ada"), {
        commits: [],
        position: { actorId: "account-ada", version: 0, trail: [] },
      });
    });

    it("takes events without data", async () => {
      await using world = await open();
      const ada = (await world.start()).actor(Account, "ada");
      await ada.deposit({ amount: 5 });
      const { events } = await ada.close();
      assert.equal(events[0]!.data, undefined);
      assert.equal(await ada.balance(), 0);
    });

    it("runs one command at a time, in order", async () => {
      await using world = await open();
      const ada = (await world.start()).actor(Account, "ada");
      const held = gate();
      const holding = ada.hold(held.name);
      await held.gate.entered;
      const later = [ada.note("a"), ada.note("b"), ada.note("c")];
      held.gate.open();
      await holding;
      await Promise.all(later);
      assert.deepEqual(await ada.notes(), [held.name, "a", "b", "c"]);
    });

    it("refuses at once when its mailbox is full", async () => {
      await using world = await open();
      const ada = (await world.start()).actor(Account, "ada");
      const held = gate();
      const holding = ada.hold(held.name);
      await held.gate.entered;
      const waiting = [ada.note("a"), ada.note("b"), ada.note("c")];
      await assert.rejects(ada.note("d"), (error) => {
        assert.ok(error instanceof OverloadedError);
        assert.equal(error.details["mailbox"], 3);
        assert.ok(error.retryable);
        return true;
      });
      held.gate.open();
      await Promise.all([holding, ...waiting]);
      assert.deepEqual((await ada.notes()).slice(1), ["a", "b", "c"]);
    });

    it("starts nothing past its deadline", async () => {
      await using world = await open();
      const ada = (await world.start()).actor(Account, "ada");
      const held = gate();
      const holding = ada.hold(held.name);
      await held.gate.entered;
      await assert.rejects(
        ada.note("late", { timeout: 20 }),
        DeadlineExceededError,
      );
      held.gate.open();
      await holding;
      await ada.note("then");
      assert.deepEqual(await ada.notes(), [held.name, "then"]);
    });

    it("stores nothing of a handler that ran out of time, and goes on", async () => {
      await using world = await open();
      const ada = (await world.start()).actor(Account, "ada");
      const held = gate();
      await assert.rejects(
        ada.hold(held.name, { timeout: 20 }),
        DeadlineExceededError,
      );
      await ada.note("next"); // its mailbox is free again
      held.gate.open();
      await ada.note("last");
      assert.deepEqual(await ada.notes(), ["next", "last"]);
    });

    it("ends a call when its signal says so", async () => {
      await using world = await open();
      const ada = (await world.start()).actor(Account, "ada");
      const held = gate();
      const controller = new AbortController();
      const holding = ada.hold(held.name, { signal: controller.signal });
      await held.gate.entered;
      const reason = new Error("not wanted any more");
      controller.abort(reason);
      await assert.rejects(holding, reason);
      await assert.rejects(
        ada.note("x", { signal: controller.signal }),
        reason,
      );
      held.gate.open();
      assert.equal(await ada.version(), 0);
    });

    it("turns what a handler throws into command_failed, state untouched", async () => {
      await using world = await open();
      const ada = (await world.start()).actor(Account, "ada");
      await ada.deposit({ amount: 5 });
      await assert.rejects(ada.explode(), (error) => {
        assert.ok(error instanceof CommandFailedError);
        assert.match(error.message, /"explode" of "account-ada".*boom/);
        return true;
      });
      await assert.rejects(ada.mutate(), CommandFailedError);
      assert.equal(await ada.balance(), 5);
      assert.equal(await codeOf(ada.failing()), "command_failed");
    });

    it("refuses event data that JSON would change, with its path", async () => {
      await using world = await open();
      const aether = await world.start();
      const ada = aether.actor(Account, "ada");
      await assert.rejects(ada.undefinedAmount(), (error) => {
        assert.ok(error instanceof CommandFailedError);
        assert.match(
          error.message,
          /undefinedAmount.*account-ada.*data\.amount/s,
        );
        assert.equal(error.details["path"], "data.amount");
        return true;
      });
      assert.deepEqual(await typesOf(aether, "account-ada"), []);
    });

    it("refuses inputs and answers that JSON would change", async () => {
      await using world = await open();
      const ada = (await world.start()).actor(Account, "ada");
      await assert.rejects(
        ada.deposit({ amount: NaN }),
        (error: AetherError) =>
          error.code === "invalid_argument" &&
          /input\.amount/.test(error.message),
      );
      await assert.rejects(
        ada.aDate(),
        (error: AetherError) =>
          error.code === "command_failed" && /value\.at/.test(error.message),
      );
    });

    it("never stores an event that its own handler cannot apply", async () => {
      await using world = await open();
      const aether = await world.start();
      const ada = aether.actor(Account, "ada");
      assert.equal(await codeOf(ada.poison(true)), "command_failed");
      await ada.poison(false);
      assert.deepEqual(await typesOf(aether, "account-ada"), ["Poisoned"]);
    });

    it("shares no data with callers", async () => {
      await using world = await open();
      const ada = (await world.start()).actor(Account, "ada");
      const input = { amount: 5 };
      await ada.deposit(input);
      input.amount = 6; // not frozen
      assert.equal(
        await codeOf(ada.mutateInput({ amount: 5 })),
        "command_failed",
      );
      await ada.note("a");
      const notes = await ada.notes() as string[];
      try {
        notes.push("b");
      } catch { /* frozen where it is local */ }
      assert.deepEqual(await ada.notes(), ["a"]);
    });

    it("decides again when another writer came first", async () => {
      await using world = await open();
      const aether = await world.start();
      const ada = aether.actor(Account, "ada");
      await ada.deposit({ amount: 5 });
      await aether.store.append("account-ada", [
        { eventType: "Withdrawn", data: { amount: 5 } },
      ]);
      const commandId = ulid();
      const { version } = await ada.deposit({ amount: 1 }, { commandId });
      assert.equal(version, 3);
      assert.equal(decided.get(commandId), 2);
      assert.equal(await ada.balance(), 1);
      await aether.store.append("account-ada", [
        { eventType: "Withdrawn", data: { amount: 1 } },
      ]);
      // It was decided on a state of the past, but is true of the present too.
      await assert.rejects(ada.withdraw({ amount: 2 }), Rejected);
    });

    it("takes over from a writer who left commits without events", async () => {
      await using world = await open();
      const aether = await world.start();
      const ada = aether.actor(Account, "ada");
      await ada.deposit({ amount: 5 });
      await aether.store.append("account-ada", [], { fence: true });
      assert.equal((await ada.deposit({ amount: 1 })).version, 2);
    });

    it("gives up deciding again after eight times", async () => {
      await using world = await open();
      const Raced = defineActor("raced", {
        state: () => 0,
        events: { Grown: (s) => s + 1 },
      }).commands({
        // Another writer is quicker every time.
        async grow(_s, _input: undefined, ctx) {
          await aether.store.append(ctx.actorId, [{ eventType: "Grown" }]);
          return { type: "Grown" };
        },
      }).queries({ size: (s) => s });
      const aether = await world.start({ actors: [Raced] });
      const error = await aether.actor(Raced, "1").grow().catch((e) => e);
      assert.ok(error instanceof VersionConflictError);
      assert.ok(error.retryable);
      assert.equal(await aether.store.getLatestVersion("raced-1"), 9);
    });

    it("joins a duplicate of a running command to its answer", async () => {
      await using world = await open();
      const aether = await world.start();
      const ada = aether.actor(Account, "ada");
      const held = gate();
      const commandId = ulid();
      const first = ada.hold(held.name, { commandId });
      await held.gate.entered;
      const second = ada.hold(held.name, { commandId });
      held.gate.open();
      assert.deepEqual(await second, await first);
      assert.equal(held.gate.count, 1);
      assert.equal(await aether.store.getLatestVersion("account-ada"), 1);
    });

    it("gives a remembered command its first answer again", async () => {
      await using world = await open();
      const aether = await world.start();
      const ada = aether.actor(Account, "ada");
      const commandId = ulid();
      const first = await ada.both({ amount: 5 }, { commandId });
      await ada.note("later");
      assert.deepEqual(await ada.both({ amount: 5 }, { commandId }), first);
      assert.equal(await ada.balance(), 5);
      // And another node, which only has the log to go by:
      const other = await world.start();
      const again = await other.actor(Account, "ada")
        .both({ amount: 5 }, { commandId });
      assert.deepEqual(again, first);
      assert.equal(await aether.store.getLatestVersion("account-ada"), 3);
    });

    it("remembers commands across a snapshot", async () => {
      await using world = await open();
      const node = await world.start();
      const commandId = ulid();
      const first = await node.actor(Account, "ada")
        .deposit({ amount: 5 }, { commandId });
      for (let i = 0; i < 12; i++) {
        await node.actor(Account, "ada").deposit({ amount: 1 });
      }
      await node.close();
      const next = await world.start();
      const loaded = await next.store.load("account-ada");
      assert.equal(loaded.snapshot?.version, 13);
      assert.equal(loaded.commits.length, 0);
      const ada = next.actor(Account, "ada");
      assert.deepEqual(await ada.deposit({ amount: 5 }, { commandId }), first);
      assert.equal(await ada.balance(), 17);
    });

    it("uses the snapshot it finds, and the log where it cannot", async () => {
      await using world = await open();
      const node = await world.start();
      await node.actor(Account, "ada").deposit({ amount: 5 });
      await node.close();
      const next = await world.start();
      const { position } = await next.store.load("account-ada");
      await next.store.saveSnapshot!({
        actorId: "account-ada",
        version: 1,
        state: { balance: 1000, notes: [] }, // a lie, to be recognised by
        timestamp: new Date(),
        sequence: position.trail[0]!,
      });
      assert.equal(await next.actor(Account, "ada").balance(), 1000);
      // The same actor with another shape of state.
      const Newer = defineActor("account", {
        state: () => ({ total: 0 }),
        events: {
          Deposited: (s, e: { amount: number }) => ({
            total: s.total + e.amount,
          }),
        },
        schema: 2,
      }).queries({ total: (s) => s.total });
      await next.close();
      const newest = await world.start({ actors: [Newer] });
      assert.equal(await newest.actor(Newer, "ada").total(), 5);
    });

    it("keeps running when its state cannot be a snapshot", async () => {
      await using world = await open();
      const Visits = defineActor("visits", {
        state: () => new Map<string, number>(),
        events: {
          Visited: (s, e: { who: string }) =>
            new Map(s).set(e.who, (s.get(e.who) ?? 0) + 1),
        },
        snapshotEvery: 1,
      }).commands({
        visit: (_s, who: string) => ({ type: "Visited", data: { who } }),
      }).queries({ of: (s, who: string) => s.get(who) ?? 0 });
      const warned = Promise.withResolvers<unknown>();
      const aether = await world.start({
        actors: [Visits],
        log: (entry) => entry.level === "warn" && warned.resolve(entry),
      });
      const home = aether.actor(Visits, "home");
      await home.visit("ada");
      const entry = await warned.promise as Record<string, unknown>;
      assert.equal(entry["message"], "a snapshot could not be saved");
      assert.equal(entry["actorId"], "visits-home");
      await home.visit("ada");
      assert.equal(await home.of("ada"), 2);
      assert.equal(aether.stats().snapshotsFailed, 1);
    });

    it("quarantines an actor that cannot be replayed, and no other", async () => {
      await using world = await open();
      const logged: string[] = [];
      const aether = await world.start({
        log: ({ level, message }) => level === "error" && logged.push(message),
      });
      await aether.store.append("account-bad", [{ eventType: "Unheard" }]);
      const bad = aether.actor(Account, "bad");
      for (const call of [bad.balance(), bad.deposit({ amount: 1 })]) {
        const error = await call.catch((e) => e);
        assert.equal(error.code, "quarantined");
        assert.match(error.message, /account-bad.*"Unheard"/);
        assert.equal(error.details["actorId"], "account-bad");
      }
      assert.deepEqual(logged, ["an actor cannot be replayed"]);
      assert.equal(await aether.actor(Account, "good").balance(), 0);
    });

    it("calls other actors, once, however often it decides", async () => {
      await using world = await open();
      const aether = await world.start();
      const ada = aether.actor(Account, "ada");
      await ada.deposit({ amount: 10 });
      await aether.store.append("account-ada", [
        { eventType: "Noted", data: { text: "a second writer" } },
      ]);
      await ada.pay({ to: "bob", amount: 4 }, {
        commandId: "pay-1",
        correlationId: "corr-1",
      });
      assert.equal(await ada.balance(), 6);
      const paid = await aether.store.getEvents("account-bob");
      assert.equal(paid.length, 1);
      assert.equal(paid[0]!.metadata?.correlationId, "corr-1");
      assert.equal(paid[0]!.metadata?.causationId, "pay-1");
    });

    it("fails at once where a chain of calls comes back", async () => {
      await using world = await open();
      const ada = (await world.start()).actor(Account, "ada");
      await ada.ring(["bob", "cy"]);
      const error = await ada.ring(["bob", "ada", "cy"], { timeout: 60_000 })
        .catch((e) => e);
      assert.match(error.message, /account-ada → account-bob → account-ada/);
      assert.equal(error.code, "cycle");
    });

    it("names what a caller got wrong", async () => {
      await using world = await open();
      const aether = await world.start();
      const unknown = aether.actor(Account, "ada") as unknown as {
        dance(): Promise<unknown>;
      };
      await assert.rejects(
        unknown.dance(),
        /"account" has no such command.*deposit/,
      );
      const ada = aether.actor(Account, "ada");
      assert.equal(
        await codeOf(ada.note("x", { timeout: 0 })),
        "invalid_argument",
      );
      assert.equal(
        await codeOf(ada.note("x", { timeout: 300_001 })),
        "invalid_argument",
      );
      assert.equal(
        await codeOf(ada.note("x", { commandId: "a b" })),
        "invalid_argument",
      );
      assert.throws(() => aether.actor(Account, ""), /needs a key/);
      assert.throws(() => aether.actor(undefined as never, "x"), /neither/);
      assert.equal(await ada.version(), 0);
    });

    it("can be awaited, printed and compared like a value", async () => {
      await using world = await open();
      const ada = (await world.start()).actor(Account, "ada");
      assert.equal(await Promise.resolve(ada), ada);
      assert.equal(`${ada}`, "account-ada");
      assert.equal(ada.deposit, ada.deposit);
    });

    it("lets a running handler call others while it closes", async () => {
      await using world = await open();
      const other = await world.start({ nodeId: "other" });
      const aether = await world.start({ nodeId: "closing" });
      const held = gate();
      const paying = aether.actor(Account, "ada")
        .holdAndPay({ gate: held.name, to: "bob" });
      await held.gate.entered;
      const closing = Promise.all([aether.close()]);
      held.gate.open();
      assert.equal((await paying).version, 1);
      await closing;
      assert.equal(await other.actor(Account, "bob").balance(), 1);
    });

    it("drains when it is closed: what runs is done, what waits is not", async () => {
      await using world = await open();
      const aether = await world.start();
      const ada = aether.actor(Account, "ada");
      const held = gate();
      const holding = ada.hold(held.name);
      await held.gate.entered;
      const waiting = codeOf(ada.note("waits"));
      const closing = aether.close();
      const late = codeOf(ada.note("late"));
      assert.equal(await late, "closed");
      assert.equal(await waiting, "closed");
      held.gate.open();
      assert.equal((await holding).version, 1);
      await closing;
      assert.equal(await codeOf(ada.balance()), "closed");
      const next = await world.start();
      const loaded = await next.store.load("account-ada");
      assert.equal(loaded.snapshot?.version, 1);
      assert.deepEqual(await next.actor(Account, "ada").notes(), [held.name]);
    });
  });
}
