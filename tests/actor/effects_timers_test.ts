/** Timers: part of a decision, live until they fire, and harmless when they ring for nothing. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { deriveId, effectId } from "@flowmade/aether/event";
import {
  type DurableCommand,
  InMemoryEventStore,
  InMemoryLog,
  type TimerRef,
} from "@flowmade/aether/store";
import { Aether } from "@flowmade/aether";
import { eventually } from "../support/mod.ts";
import { HeldClock } from "./_held_clock.ts";
import { HeldStore, hosted, settled } from "./_hosted.ts";
import { failures, Purse } from "./_purse.ts";
import { worlds } from "./_worlds.ts";

const actors = [Purse];

/** A system in memory whose time stands still. */
async function held() {
  const clock = new HeldClock();
  const store = new InMemoryEventStore({ namespace: "timers", clock });
  const start = () =>
    Aether.start({ namespace: "timers", actors, store, clock });
  return { clock, store, start, aether: await start() };
}

/** The command of a timer that is not asked for by anybody any more. */
function alarm(timer: TimerRef, text: string): DurableCommand {
  return {
    commandId: timer.id,
    actorId: "purse-ada",
    command: "say",
    input: text,
    source: `purse-ada#${timer.name}`,
    timer,
  };
}

describe("a timer, in memory, on a clock that the test moves", () => {
  it("fires at its time, and once", async () => {
    const { aether, clock } = await held();
    const ada = aether.actor(Purse, "ada");
    await ada.remind({ name: "tea", after: 60_000, text: "tea" });
    await settled();
    clock.advance(59_999);
    await settled();
    assert.deepEqual(await ada.log(), []);
    clock.advance(1);
    await settled();
    assert.deepEqual(await ada.log(), ["tea"]);
    clock.advance(3_600_000);
    await settled();
    assert.deepEqual(await ada.log(), ["tea"]);
    await aether.close();
  });

  it("gives way to another one of its name, and can be cancelled", async () => {
    const { aether, clock } = await held();
    const ada = aether.actor(Purse, "ada");
    await ada.remind({ name: "tea", after: 1_000, text: "first" });
    await ada.remind({ name: "tea", after: 5_000, text: "second" });
    await ada.remind({ name: "cake", after: 1_000, text: "cake" });
    await ada.forget("cake");
    await ada.forget("cake"); // harmless
    const [, , , last, none] =
      (await aether.store.load("purse-ada", { schema: false })).commits;
    assert.equal(last!.effects![0]!.kind, "cancel");
    assert.equal(none, undefined); // nothing to cancel is nothing to store
    await settled();
    clock.advance(2_000);
    await settled();
    assert.deepEqual(await ada.log(), []);
    clock.advance(3_000);
    await settled();
    assert.deepEqual(await ada.log(), ["second"]);
    await aether.close();
  });

  it("is in no state to be fooled by an alarm that is late, doubled or replaced", async () => {
    const { aether, clock, store } = await held();
    const ada = aether.actor(Purse, "ada");
    await ada.remind({ name: "tea", after: 1_000, text: "first" });
    await ada.remind({ name: "tea", after: 2_000, text: "second" });
    const { commits } = await store.load("purse-ada", { schema: false });
    const [first, second] = commits.map(({ commitId }) =>
      effectId(commitId, 0)
    );
    // The relay of somebody who was late: both alarms, again, and again.
    for (const id of [first!, second!, first!]) {
      await store.inbox.put(alarm({ name: "tea", id }, "fooled"));
    }
    await settled();
    // The one that is live counts; it came early, so be it: it fires once.
    assert.deepEqual(await ada.log(), ["fooled"]);
    clock.advance(10_000);
    await settled();
    assert.deepEqual(await ada.log(), ["fooled"]);
    await aether.close();
  });

  it("sets the next one when it fires", async () => {
    const { aether, clock } = await held();
    const ada = aether.actor(Purse, "ada");
    await ada.tick({ after: 1_000 });
    for (let i = 2; i <= 5; i++) {
      await settled();
      clock.advance(1_000);
      await settled();
      const ticks = Array.from({ length: Math.min(i, 3) }, () => "tick");
      assert.deepEqual(await ada.log(), ticks);
    }
    await aether.close();
  });

  it("outlives the system, and the snapshot; missed, it fires at once", async () => {
    const { aether, clock, start, store } = await held();
    const ada = aether.actor(Purse, "ada");
    await ada.remind({ name: "tea", after: 1_000, text: "tea" });
    await ada.remind({ name: "cake", after: 60_000, text: "cake" });
    for (let i = 0; i < 7; i++) await ada.put({ coins: 1 });
    await settled();
    await aether.close();
    const snapshot = await store.getLatestSnapshot("purse-ada");
    assert.deepEqual(snapshot?.timers?.map(({ name }) => name), [
      "tea",
      "cake",
    ]);
    clock.advance(30_000);
    await settled();
    assert.equal(await store.getLatestVersion("purse-ada"), 7);
    const again = await start();
    await settled();
    clock.advance(0);
    await settled();
    assert.deepEqual(await again.actor(Purse, "ada").log(), ["tea"]);
    clock.advance(30_000);
    await settled();
    assert.deepEqual(await again.actor(Purse, "ada").log(), ["tea", "cake"]);
    await again.close();
  });

  it("stays live while its command fails, and is over when it is done", async () => {
    const { aether, clock } = await held();
    const ada = aether.actor(Purse, "ada");
    failures.set("ada/hard", 2);
    await ada.remindAt({
      name: "hard",
      at: clock.now() + 1_000,
      text: "hard",
    });
    for (let i = 0; i < 5; i++) {
      await settled();
      clock.advance(1_000);
    }
    await settled();
    assert.deepEqual(await ada.log(), ["hard"]);
    assert.equal(failures.get("ada/hard"), 0);
    await aether.close();
  });
});

describe("an alarm that rings at an owner who knows nothing of it", () => {
  it("is held against the log before it is dropped", async () => {
    const log = new InMemoryLog("alarms");
    const store = () => new HeldStore({ namespace: "alarms", log });
    const parts = { actors: [Purse], shared: log };
    const late = hosted({ ...parts, store: store() });
    const owner = hosted({ ...parts, store: store() });
    assert.deepEqual(await late.ask("log"), []);
    // Another one owns it now, and has set a timer.
    await owner.ask("remind", { name: "tea", after: 1, text: "tea" });
    const { commits } = await owner.store.load("purse-ada");
    const id = effectId(commits[0]!.commitId, 0);
    const ring = (id: string) =>
      late.ask("say", "tea", {
        commandId: id,
        durable: true,
        timer: { name: "tea", id },
      });
    // That of a setting there never was comes to nothing, and is stored nowhere.
    assert.deepEqual(await ring(deriveId(id, "other")), {
      version: 0,
      events: [],
    });
    assert.equal((await ring(id)).version, 1);
    assert.deepEqual(await late.ask("log"), ["tea"]);
    assert.deepEqual((await ring(id)).version, 1); // its answer, again
    assert.equal((await owner.store.load("purse-ada")).commits.length, 2);
  });
});

for (const [name, world] of worlds) {
  describe(`a timer, ${name}`, () => {
    it("fires, replaced and cancelled ones do not", async () => {
      await using w = await world();
      const aether = await w.start({ actors });
      const ada = aether.actor(Purse, "ada");
      await ada.remind({ name: "a", after: 150, text: "replaced" });
      await ada.remind({ name: "a", after: 300, text: "a" });
      await ada.remind({ name: "b", after: 150, text: "cancelled" });
      await ada.forget("b");
      await ada.remind({ name: "c", after: -10_000, text: "missed" });
      await eventually(async () => (await ada.log()).length >= 2);
      assert.deepEqual(await ada.log(), ["missed", "a"]);
      const { commits } = await aether.store.load("purse-ada", {
        schema: false,
      });
      const fired = commits.flatMap(({ effects }) =>
        (effects ?? []).filter(({ kind }) => kind === "fired")
      );
      assert.equal(fired.length, 2);
    });

    it("is set by a decision without an event, and many at once", async () => {
      await using w = await world();
      const aether = await w.start({ actors });
      const names = Array.from({ length: 12 }, (_, i) => `t ${i}/ü`);
      await Promise.all(
        names.map((name, i) =>
          aether.actor(Purse, `k${i % 4}`).remind({
            name,
            after: 50,
            text: name,
          })
        ),
      );
      for (const i of [0, 1, 2, 3]) {
        const purse = aether.actor(Purse, `k${i}`);
        await eventually(async () => (await purse.log()).length === 3);
        assert.deepEqual(
          [...await purse.log()].sort(),
          names.filter((_, n) => n % 4 === i).sort(),
        );
      }
    });
  });
}
