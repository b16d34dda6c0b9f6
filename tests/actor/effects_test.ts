/** What a decision promises: stored with it or not at all, and carried out once. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { effectId } from "@flowmade/aether/event";
import { eventually } from "../support/mod.ts";
import { Purse } from "./_purse.ts";
import { worlds } from "./_worlds.ts";

const actors = [Purse];

for (const [name, world] of worlds) {
  describe(`a command sent to another actor, ${name}`, () => {
    it("arrives, and money that leaves one purse is in another", async () => {
      await using w = await world();
      const aether = await w.start({ actors });
      const ada = aether.actor(Purse, "ada");
      const bob = aether.actor(Purse, "bob");
      await ada.put({ coins: 10 });
      const { events, version } = await ada.pay({ to: "bob", coins: 4 }, {
        correlationId: "order-7",
        commandId: "pay-1",
      });
      assert.equal(version, 2);
      assert.deepEqual(events.map((event) => event.eventType), ["Taken"]);
      await eventually(async () => await bob.coins() === 4);
      assert.equal(await ada.coins(), 6);
      const [arrived] = await aether.store.getEvents("purse-bob");
      assert.equal(arrived!.metadata?.correlationId, "order-7");
      assert.equal(arrived!.metadata?.causationId, "pay-1");
      // Its id comes from the commit that sent it.
      const [, taken] = await aether.store.getEvents("purse-ada");
      assert.equal(arrived!.commandId, effectId(taken!.commitId, 0));
      await eventually(() => aether.stats().effects.waiting === 0);
      assert.equal(aether.stats().effects.relayed, 1);
    });

    it("is told to the sender when it is rejected", async () => {
      await using w = await world();
      const aether = await w.start({ actors });
      const ada = aether.actor(Purse, "ada");
      await aether.actor(Purse, "bob").close();
      await ada.put({ coins: 10 });
      await ada.pay({ to: "bob", coins: 4 });
      await eventually(async () => await ada.coins() === 10);
      assert.deepEqual(await ada.log(), ["purse-bob: closed"]);
      // The rejection is in the log of who rejected, for ever.
      const { commits } = await aether.store.load("purse-bob", {
        schema: false,
      });
      assert.equal(commits.at(-1)!.commands[0]!.rejected!.reason, "closed");
      assert.deepEqual(await aether.parked().list(), []);
    });

    it("is one of several, in order", async () => {
      await using w = await world();
      const aether = await w.start({ actors });
      const texts = Array.from({ length: 40 }, (_, i) => `${i}`);
      const ada = aether.actor(Purse, "ada");
      await ada.tell({ to: "bob", texts: texts.slice(0, 20) });
      await ada.tell({ to: "bob", texts: texts.slice(20) });
      const bob = aether.actor(Purse, "bob");
      await eventually(async () => (await bob.log()).length === 40);
      assert.deepEqual(await bob.log(), texts);
    });

    it("is not sent by a decision that is rejected or fails", async () => {
      await using w = await world();
      const aether = await w.start({ actors });
      const ada = aether.actor(Purse, "ada");
      const reason = "changed_my_mind";
      await assert.rejects(ada.promiseAndReject("bob"), { reason });
      const code = "command_failed";
      await assert.rejects(ada.promiseAndFail("bob"), { code });
      await assert.rejects(ada.sendUnknown("bob"), { code });
      await assert.rejects(ada.scheduleUnknown(), { code });
      await assert.rejects(ada.promiseTooMuch("bob"), { code });
      // Behind it: whatever was sent before would have come before.
      await ada.tell({ to: "bob", texts: ["after"] });
      const bob = aether.actor(Purse, "bob");
      await eventually(async () => (await bob.log()).length > 0);
      assert.deepEqual(await bob.log(), ["after"]);
      assert.equal(aether.stats().effects.relayed, 1);
    });

    it("keeps its own answers when many are decided together", async () => {
      await using w = await world();
      const aether = await w.start({ actors });
      const ada = aether.actor(Purse, "ada");
      await ada.put({ coins: 100 });
      const pays = Array.from(
        { length: 30 },
        (_, i) => ada.pay({ to: `p${i % 3}`, coins: i < 28 ? 3 : 1_000 }),
      );
      const done = await Promise.allSettled(pays);
      assert.equal(done.filter((p) => p.status === "fulfilled").length, 28);
      const total = async () => {
        let sum = await ada.coins();
        for (let i = 0; i < 3; i++) {
          sum += await aether.actor(Purse, `p${i}`).coins();
        }
        return sum;
      };
      await eventually(async () => await total() === 100);
      assert.equal(await ada.coins(), 16);
      const { commits } = await aether.store.load("purse-ada", {
        schema: false,
      });
      const ids = commits.flatMap(({ commitId, effects }) =>
        (effects ?? []).map((_, i) => effectId(commitId, i))
      );
      assert.equal(new Set(ids).size, 28);
      if (name === "on NATS") assert.ok(commits.length < 20);
    });
  });
}
