/** Who stays in memory: on a clock that the test moves. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  Aether,
  InMemoryEventStore,
  type LoadedActor,
  type LoadOptions,
  ulid,
} from "@flowmade/aether";
import { eventually } from "../support/mod.ts";
import { Account, gate } from "./_account.ts";
import { HeldClock } from "./_held_clock.ts";

/** A store that counts who was loaded. */
class CountingStore extends InMemoryEventStore {
  readonly loads: string[] = [];
  fail: Error | undefined;

  override load(actorId: string, options?: LoadOptions): Promise<LoadedActor> {
    this.loads.push(actorId);
    if (this.fail !== undefined) return Promise.reject(this.fail);
    return super.load(actorId, options);
  }
}

async function start(options: { maxActivations?: number } = {}) {
  const clock = new HeldClock();
  const store = new CountingStore({ namespace: "passivation", clock });
  const aether = await Aether.start({
    namespace: "passivation",
    actors: [Account],
    clock,
    store,
    ...options,
  });
  return { aether, clock, store };
}

describe("passivation", () => {
  it("lets go of an actor idle for two minutes, with a snapshot", async () => {
    const { aether, clock, store } = await start();
    const ada = aether.actor(Account, "ada");
    await ada.deposit({ amount: 5 });
    clock.advance(60_000);
    assert.equal(await ada.balance(), 5); // used again
    clock.advance(119_000);
    assert.equal(aether.stats().activations, 1);
    clock.advance(6_000);
    assert.equal(aether.stats().activations, 0);
    assert.equal(aether.stats().passivations, 1);
    await eventually(() => aether.stats().snapshotsSaved === 1);
    assert.equal(await ada.balance(), 5);
    assert.deepEqual(store.loads, ["account-ada", "account-ada"]);
    const loaded = await store.load("account-ada");
    assert.equal(loaded.snapshot?.version, 1);
    await aether.close();
  });

  it("keeps an actor whose handler runs, however long", async () => {
    const { aether, clock } = await start();
    const held = gate();
    const holding = aether.actor(Account, "ada")
      .hold(held.name, { timeout: 300_000 });
    await held.gate.entered;
    clock.advance(200_000);
    assert.equal(aether.stats().activations, 1);
    held.gate.open();
    await holding;
    clock.advance(200_000);
    assert.equal(aether.stats().activations, 0);
    await aether.close();
  });

  it("lets the longest unused go when there are too many", async () => {
    const { aether, clock, store } = await start({ maxActivations: 2 });
    const [ada, bob, cy] = ["ada", "bob", "cy"]
      .map((key) => aether.actor(Account, key)) as [
        ReturnType<typeof aether.actor<typeof Account>>,
        ReturnType<typeof aether.actor<typeof Account>>,
        ReturnType<typeof aether.actor<typeof Account>>,
      ];
    for (const actor of [ada, bob, ada, cy]) {
      await actor.balance();
      clock.advance(1);
    }
    assert.equal(aether.stats().activations, 2);
    await ada.balance();
    await cy.balance();
    assert.equal(store.loads.length, 3); // both were still there
    await bob.balance();
    assert.equal(store.loads.length, 4);
    await aether.close();
  });

  it("remembers commands over passivation", async () => {
    const { aether, clock } = await start();
    const ada = aether.actor(Account, "ada");
    const commandId = ulid();
    const first = await ada.deposit({ amount: 5 }, { commandId });
    clock.advance(130_000);
    assert.equal(aether.stats().activations, 0);
    assert.deepEqual(await ada.deposit({ amount: 5 }, { commandId }), first);
    assert.equal(await ada.balance(), 5);
    await aether.close();
  });

  it("leaves no timer behind once nothing is in memory", async () => {
    const { aether, clock } = await start();
    await aether.actor(Account, "ada").balance();
    clock.advance(100); // the one for deadlines stops when there are none
    assert.equal(clock.waiting, 1);
    clock.advance(130_000);
    assert.equal(clock.waiting, 0);
    await aether.close();
  });

  it("writes a snapshot every n events, off the reply's path", async () => {
    const { aether, store } = await start();
    const ada = aether.actor(Account, "ada");
    for (let i = 0; i < 25; i++) await ada.deposit({ amount: 1 });
    await eventually(() => aether.stats().snapshotsSaved === 2);
    const { snapshot } = await store.load("account-ada");
    assert.equal(snapshot?.version, 20);
    assert.deepEqual(snapshot?.state, { balance: 20, notes: [] });
    assert.equal(snapshot?.commands?.length, 20);
    await aether.close();
  });
});

describe("quarantine", () => {
  it("tries again after a pause that doubles, so that a repaired actor comes back", async () => {
    const { aether, clock, store } = await start();
    const ada = aether.actor(Account, "ada");
    store.fail = new TypeError("what is this?");
    const quarantined = { code: "quarantined" };
    await assert.rejects(ada.balance(), quarantined);
    await assert.rejects(ada.balance(), quarantined);
    assert.equal(store.loads.length, 1);
    assert.equal(aether.stats().quarantined, 1);
    clock.advance(1_000);
    await assert.rejects(ada.balance(), quarantined);
    clock.advance(1_999);
    await assert.rejects(ada.balance(), quarantined);
    assert.equal(store.loads.length, 2);
    store.fail = undefined;
    clock.advance(1);
    assert.equal(await ada.balance(), 0);
    assert.equal(aether.stats().quarantined, 0);
    await aether.close();
  });
});

describe("deadlines on a held clock", () => {
  it("refuse what waits when its time is over, and not before", async () => {
    const { aether, clock } = await start();
    const ada = aether.actor(Account, "ada");
    const held = gate();
    const holding = ada.hold(held.name, { timeout: 100_000 });
    await held.gate.entered;
    let refused = 0;
    const waiting = ada.note("x").catch((error) => {
      refused++;
      return error;
    });
    clock.advance(9_999);
    await Promise.resolve();
    assert.equal(refused, 0);
    clock.advance(1);
    assert.equal((await waiting).code, "deadline_exceeded");
    held.gate.open();
    await holding;
    await aether.close();
  });
});
