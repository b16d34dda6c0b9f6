/** Queries that see all that was stored before they were asked. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  InMemoryLog,
  type LoadedActor,
  StoreUnavailableError,
} from "@flowmade/aether";
import { headers } from "@nats-io/nats-core";
import { Account, gate } from "./_account.ts";
import { codeOf, HeldStore, hosted, settled } from "./_hosted.ts";
import { natsWorld, worlds } from "./_worlds.ts";

/** A store that counts its loads, and can fail them. */
class LoadStore extends HeldStore {
  loads = 0;
  fail: Error | undefined;

  override async load(
    ...args: Parameters<HeldStore["load"]>
  ): Promise<LoadedActor> {
    this.loads++;
    await undefined;
    if (this.fail !== undefined) throw this.fail;
    return await super.load(...args);
  }
}

for (const [where, open] of worlds) {
  describe(`a linear query ${where}`, () => {
    it("sees what another node stored, where an owner's does not", async () => {
      await using world = await open();
      const one = await world.start();
      const ada = one.actor(Account, "ada");
      await ada.deposit({ amount: 1 });
      // Past the actor, as another node would that believes it its own.
      await one.store.append("account-ada", [
        { eventType: "Deposited", data: { amount: 4 } },
      ]);
      assert.equal(await ada.balance(), 1);
      assert.equal(await ada.balance(undefined, { consistency: "owner" }), 1);
      assert.equal(await ada.balance(undefined, { consistency: "linear" }), 5);
      // What was read is not thrown away.
      assert.equal(await ada.balance(), 5);
      assert.equal((await ada.deposit({ amount: 1 })).version, 3);
    });

    it("is asked for by a word that exists", async () => {
      await using world = await open();
      const ada = (await world.start()).actor(Account, "ada");
      const consistency = "strong" as "linear";
      await assert.rejects(ada.balance(undefined, { consistency }), {
        code: "invalid_argument",
        message: /"owner" or "linear": got "strong"/,
      });
    });
  });
}

describe("a linear query from elsewhere", () => {
  it("says so on its way to the owner", async () => {
    await using world = await natsWorld();
    const node = await world.start();
    const client = await world.start({ actors: [] });
    const ada = client.actor(Account, "ada");
    await ada.deposit({ amount: 1 });
    await node.store.append("account-ada", [
      { eventType: "Deposited", data: { amount: 4 } },
    ]);
    assert.equal(await ada.balance(), 1);
    assert.equal(await ada.balance(undefined, { consistency: "linear" }), 5);
  });

  it("says so in a header of a plain client", async () => {
    await using world = await natsWorld();
    const { aether, connection } = await world.startOn();
    await aether.actor(Account, "ada").deposit({ amount: 1 });
    await aether.store.append("account-ada", [
      { eventType: "Deposited", data: { amount: 4 } },
    ]);
    const ask = async (consistency: string) => {
      const said = headers();
      said.set("Aether-Consistency", consistency);
      const subject = `aether.ask.${world.namespace}.account.ada.balance`;
      return (await connection.request(subject, "", {
        headers: said,
        timeout: 5_000,
      })).json();
    };
    assert.deepEqual(await ask("owner"), { ok: { value: 1 } });
    assert.deepEqual(await ask("linear"), { ok: { value: 5 } });
    assert.equal(
      (await ask("strong") as { code: string }).code,
      "invalid_argument",
    );
  });
});

describe("linear queries", () => {
  const stored = (amount: number) => [
    { eventType: "Deposited", data: { amount } },
  ];

  it("that come together share a read that began after them", async () => {
    const store = new LoadStore({ namespace: "hosted" });
    const { ask } = hosted({ store });
    await ask("balance");
    const linear = () => ask("balance", undefined, { linear: true });
    const first = linear();
    const others = [linear(), linear(), linear()];
    await store.append("account-ada", stored(3));
    assert.deepEqual(await Promise.all(others), [3, 3, 3]);
    await first;
    assert.equal(store.loads, 3);
  });

  it("read past a commit that is under way, and leave it alone", async () => {
    const { ask, store } = hosted();
    await ask("deposit", { amount: 1 });
    store.holds = true;
    const deposit = ask("deposit", { amount: 2 });
    await settled();
    assert.equal(await ask("balance", undefined, { linear: true }), 1);
    store.holds = false;
    store.appends.at(-1)!.end("stored");
    assert.equal((await deposit).version, 2);
    assert.equal(await ask("balance"), 3);
  });

  it("do not move the state under a handler that runs", async () => {
    const shared = new InMemoryLog("hosted");
    const { ask, store } = hosted({ shared });
    await ask("balance");
    const held = gate();
    const holding = ask("holdOrReject", { gate: held.name, most: 1 });
    await held.gate.entered;
    await hosted({ shared }).ask("deposit", { amount: 5 });
    assert.equal(await ask("balance", undefined, { linear: true }), 5);
    held.gate.open();
    // Decided on the old state, refused by the store, and decided again.
    assert.equal(await codeOf(holding), "full");
    assert.equal(store.appends.length, 1);
  });

  it("are refused where the store cannot be read, and nothing else is", async () => {
    const store = new LoadStore({ namespace: "hosted" });
    const { ask } = hosted({ store });
    await ask("deposit", { amount: 1 });
    store.fail = new StoreUnavailableError("not now");
    assert.equal(
      await codeOf(ask("balance", undefined, { linear: true })),
      "store_unavailable",
    );
    assert.equal(await ask("balance"), 1);
    assert.equal((await ask("deposit", { amount: 1 })).version, 2);
  });
});
