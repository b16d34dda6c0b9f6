/** Commands that fail: tried again, then parked with what stands behind them. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { type Aether, InMemoryEventStore, ulid } from "@flowmade/aether";
import { Aether as System } from "@flowmade/aether";
import { eventually } from "../support/mod.ts";
import { HeldClock } from "./_held_clock.ts";
import { settled } from "./_hosted.ts";
import { failures, Purse } from "./_purse.ts";
import { worlds } from "./_worlds.ts";

const actors = [Purse];
let next = 0;

/** A key that no other test has. */
const key = () => `p${next++}`;

async function isEmpty(aether: Aether): Promise<boolean> {
  const { inbox } = aether.store as InMemoryEventStore;
  return (await inbox.places(1)).places.length === 0;
}

const because = async (aether: Aether) =>
  (await aether.parked().list()).map((parked) => [
    parked.command.input,
    parked.because,
    parked.attempts,
  ]);

for (const [name, world] of worlds) {
  describe(`a durable command that fails, ${name}`, () => {
    it("is tried again, and blocks its own lane only", async () => {
      await using w = await world();
      const aether = await w.start({ actors });
      const [bob, eve] = [key(), key()];
      failures.set(`${bob}/b`, 3);
      const ada = aether.actor(Purse, "ada");
      await ada.tellFailing({ to: bob, texts: ["a", "b", "c"] });
      await ada.tellFailing({ to: eve, texts: ["x"] });
      await eventually(async () =>
        (await aether.actor(Purse, eve).log()).length === 1
      );
      assert.deepEqual(await aether.actor(Purse, bob).log(), ["a"]);
      await eventually(async () =>
        (await aether.actor(Purse, bob).log()).length === 3
      );
      assert.deepEqual(await aether.actor(Purse, bob).log(), ["a", "b", "c"]);
      assert.deepEqual(await aether.parked().list(), []);
    });

    it("is parked with what comes behind it from the same source, and replayed in order", async () => {
      await using w = await world();
      const aether = await w.start({ actors, parkAfter: 2 });
      const bob = key();
      const purse = aether.actor(Purse, bob);
      failures.set(`${bob}/b`, 3);
      const ada = aether.actor(Purse, "ada");
      await ada.tellFailing({ to: bob, texts: ["a", "b", "c"] });
      await eventually(async () => (await aether.parked().list()).length === 2);
      // Others are not held up, and come before.
      await aether.actor(Purse, "eve").tellFailing({ to: bob, texts: ["e"] });
      await eventually(async () => (await purse.log()).length === 2);
      await ada.tellFailing({ to: bob, texts: ["d"] });
      await eventually(async () => (await aether.parked().list()).length === 3);
      assert.deepEqual(await because(aether), [
        ["b", "failed", 2],
        ["c", "behind", 0],
        ["d", "behind", 0],
      ]);
      const [first] = await aether.parked().list({ source: "purse-ada" });
      assert.equal(first!.code, "command_failed");
      assert.match(first!.reason, /not yet/);
      // The third failure; the next attempt goes well.
      assert.equal(await aether.parked().replay(), 3);
      await eventually(async () => (await purse.log()).length === 5);
      assert.deepEqual(await purse.log(), ["a", "e", "b", "c", "d"]);
      await eventually(async () => (await aether.parked().list()).length === 0);
      await ada.tellFailing({ to: bob, texts: ["f"] });
      await eventually(async () => (await purse.log()).length === 6);
    });

    it("is dropped for good, and what stands behind it can go on", async () => {
      await using w = await world();
      const aether = await w.start({ actors, parkAfter: 1 });
      const bob = key();
      const purse = aether.actor(Purse, bob);
      failures.set(`${bob}/a`, 1);
      const ada = aether.actor(Purse, "ada");
      await ada.tellFailing({ to: bob, texts: ["a", "b"] });
      await eventually(async () => (await aether.parked().list()).length === 2);
      const [first] = await aether.parked().list();
      const { commandId } = first!.command;
      assert.equal(await aether.parked().drop({ commandId }), 1);
      await eventually(async () => (await aether.parked().list()).length === 1);
      await aether.parked().replay();
      await eventually(async () => (await purse.log()).length === 1);
      assert.deepEqual(await purse.log(), ["b"]);
      // It has an outcome now, and would not be carried out any more.
      const { commits } = await aether.store.load(`purse-${bob}`, {
        schema: false,
      });
      const dropped = commits.flatMap(({ commands }) => commands)
        .find(({ id }) => id === commandId);
      assert.equal(dropped?.rejected?.reason, "dropped");
      await eventually(() => isEmpty(aether));
    });

    it("that is rejected with nobody to be told is parked, and blocks nothing", async () => {
      await using w = await world();
      const aether = await w.start({ actors });
      const bob = key();
      await aether.actor(Purse, bob).close();
      const ada = aether.actor(Purse, "ada");
      await ada.putUnheard({ to: bob, coins: 1 });
      await ada.tell({ to: bob, texts: ["after"] });
      await eventually(async () =>
        (await aether.actor(Purse, bob).log()).length === 1
      );
      const [parked] = await aether.parked().list();
      assert.equal(parked!.because, "rejected");
      assert.match(parked!.reason, /nothing goes in/);
      assert.equal(aether.stats().effects.parked, 1);
      // A rejection stands, so there is nothing to replay; only to forget.
      assert.equal(await aether.parked().replay(), 0);
      assert.equal(await aether.parked().drop({ actorId: `purse-${bob}` }), 1);
      await eventually(async () => (await aether.parked().list()).length === 0);
    });
  });
}

for (const [name, world] of worlds) {
  describe(`what an operator does with it, ${name}`, () => {
    it("tells the sender of what is dropped, if it asked", async () => {
      await using w = await world();
      const aether = await w.start({ actors, parkAfter: 1 });
      const { inbox } = aether.store as InMemoryEventStore;
      const [ada, bob] = [key(), key()];
      failures.set(`${bob}/x`, 100);
      await inbox.put({
        commandId: ulid(),
        actorId: `purse-${bob}`,
        command: "sayOrFail",
        input: "x",
        source: `purse-${ada}`,
        onRejected: "noted",
      });
      await eventually(async () => (await aether.parked().list()).length === 1);
      assert.equal(await aether.parked().drop({ source: `purse-${ada}` }), 1);
      await eventually(async () =>
        (await aether.actor(Purse, ada).log()).length === 1
      );
      assert.deepEqual(await aether.actor(Purse, ada).log(), [
        `purse-${bob} sayOrFail: dropped`,
      ]);
    });

    it("changes nothing of what was done long ago, under the same id", async () => {
      await using w = await world();
      const aether = await w.start({ actors });
      const { inbox } = aether.store as InMemoryEventStore;
      const bob = key();
      const command = {
        commandId: ulid(),
        actorId: `purse-${bob}`,
        command: "say",
        input: "once",
        source: "test",
      };
      await aether.actor(Purse, bob).say("once", command);
      for (const what of ["replay", "drop"] as const) {
        await inbox.park({
          command,
          because: "failed",
          reason: "",
          code: "outcome_unknown",
          attempts: 10,
          at: new Date(),
          order: 1,
        });
        assert.equal(await aether.parked()[what](), 1);
        await eventually(async () =>
          (await aether.parked().list()).length === 0
        );
      }
      assert.deepEqual(await aether.actor(Purse, bob).log(), ["once"]);
      const { commits } = await aether.store.load(`purse-${bob}`);
      assert.equal(commits.length, 1);
    });
  });
}

describe("what is parked, and the next owner", () => {
  it("keeps its order over a restart", async () => {
    const clock = new HeldClock();
    const store = new InMemoryEventStore({ namespace: "parked", clock });
    const start = () =>
      System.start({ namespace: "parked", actors, store, clock });
    const bob = key();
    failures.set(`${bob}/a`, 10);
    let aether = await start();
    await aether.actor(Purse, "ada").tellFailing({ to: bob, texts: ["a"] });
    for (let i = 0; i < 20; i++) {
      await settled();
      clock.advance(30_000);
    }
    await settled();
    assert.deepEqual(await because(aether), [["a", "failed", 10]]);
    await aether.close();
    aether = await start();
    await aether.actor(Purse, "ada").tellFailing({ to: bob, texts: ["b"] });
    await settled();
    await settled();
    assert.deepEqual(await because(aether), [
      ["a", "failed", 10],
      ["b", "behind", 0],
    ]);
    await aether.parked().replay();
    await settled();
    await settled();
    assert.deepEqual(await aether.actor(Purse, bob).log(), ["a", "b"]);
    await aether.close();
  });
});
