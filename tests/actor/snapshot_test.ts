/** When an actor's snapshots are written. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { codeOf, HeldStore, hosted, settled } from "./_hosted.ts";

/** An account that refused so many durable commands, whose refusals are kept. */
async function refusing(deposits: number, refusals: number) {
  const store = new HeldStore({ namespace: "hosted" });
  const { ask, host } = hosted({ store });
  for (let i = 0; i < deposits; i++) await ask("deposit", { amount: 1 });
  for (let i = 0; i < refusals; i++) {
    const refused = ask("withdraw", { amount: 9_999 }, {
      commandId: `refused-${i}`,
      durable: true,
    });
    assert.equal(await codeOf(refused), "insufficient_funds");
  }
  await settled();
  const behind = async () =>
    (await store.load("account-ada", { schema: 1 })).commits.length;
  return { store, host, behind };
}

describe("the snapshots of an actor", () => {
  for (const deposits of [1, 0]) {
    it(`are written as it refuses, too, with ${deposits} events behind it`, async () => {
      const { behind, host, store } = await refusing(deposits, 330);
      assert.ok(await behind() <= 100, `${await behind()} commits`);
      await host.close(1_000);
      assert.equal(await behind(), 0);
      const { snapshot } = await store.load("account-ada", { schema: 1 });
      assert.equal(snapshot?.version, deposits);
      assert.equal(snapshot?.commands?.length, deposits + 330);
      // Whoever loads it knows of them all, and refuses them again for that.
      const next = hosted({ store });
      await next.ask("deposit", { amount: 99_999 });
      for (const i of [0, 150, 329]) {
        const again = next.ask("withdraw", { amount: 9_999 }, {
          commandId: `refused-${i}`,
          durable: true,
        });
        assert.equal(await codeOf(again), "insufficient_funds");
      }
      await next.host.close(1_000);
    });
  }

  it("are not written at its end for less than one step of a trail", async () => {
    const { behind, host } = await refusing(0, 15);
    await host.close(1_000);
    assert.equal(await behind(), 15);
    const one = await refusing(0, 16);
    await one.host.close(1_000);
    assert.equal(await one.behind(), 0);
  });

  it("count what was read when it was loaded", async () => {
    const { host, store } = await refusing(0, 15);
    await host.close(1_000);
    const next = hosted({ store });
    const refused = next.ask("withdraw", { amount: 1 }, { durable: true });
    assert.equal(await codeOf(refused), "insufficient_funds");
    await next.host.close(1_000);
    const { commits } = await store.load("account-ada", { schema: 1 });
    assert.deepEqual(commits, []);
  });
});
