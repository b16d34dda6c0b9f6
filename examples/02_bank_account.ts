/**
 * A bank account: commands that are refused, one that comes twice, and a
 * snapshot that spares replaying from the start. In one process, in memory.
 *
 *     deno run -A examples/02_bank_account.ts
 *     bun examples/02_bank_account.ts
 */
import {
  Aether,
  defineActor,
  InMemoryEventStore,
  Rejected,
} from "@flowmade/aether";

/** An account that cannot be overdrawn. */
export const Account = defineActor("account", {
  state: () => ({ balance: 0 }),
  events: {
    Deposited: (s, e: { amount: number }) => ({
      balance: s.balance + e.amount,
    }),
    Withdrawn: (s, e: { amount: number }) => ({
      balance: s.balance - e.amount,
    }),
  },
  snapshotEvery: 5,
}).commands({
  deposit: (_s, c: { amount: number }) => ({ type: "Deposited", data: c }),
  withdraw(s, c: { amount: number }) {
    if (c.amount > s.balance) {
      throw new Rejected("insufficient_funds", `balance is ${s.balance}`);
    }
    return { type: "Withdrawn", data: c };
  },
}).queries({
  balance: (s) => s.balance,
});

async function main() {
  // A store of our own outlives the system that uses it.
  await using store = new InMemoryEventStore({ namespace: "bank" });

  {
    await using aether = await Aether.start({
      namespace: "bank",
      actors: [Account],
      store,
    });
    const ada = aether.actor(Account, "ada");
    await ada.deposit({ amount: 100 });

    try {
      await ada.withdraw({ amount: 500 });
    } catch (error) {
      if (!(error instanceof Rejected)) throw error;
      console.log(`500 refused: ${error.reason}, ${error.message}`);
    }

    // The answer was lost? Send the same command again, under the same id.
    const first = await ada.withdraw({ amount: 30 }, { commandId: "rent-may" });
    const again = await ada.withdraw({ amount: 30 }, { commandId: "rent-may" });
    console.log(
      `paid the rent: version ${first.version}, and again: version ${again.version}`,
    );
    console.log(`balance ${await ada.balance()}`);

    for (let day = 1; day <= 5; day++) await ada.deposit({ amount: 1 });
  } // Here the system leaves, and saves what it holds.

  const snapshot = await store.getLatestSnapshot("account-ada");
  console.log(
    `snapshot at version ${snapshot?.version}: ${
      JSON.stringify(snapshot?.state)
    }`,
  );

  {
    await using aether = await Aether.start({
      namespace: "bank",
      actors: [Account],
      store,
    });
    const ada = aether.actor(Account, "ada");
    console.log(`after a restart: balance ${await ada.balance()}`);
  }

  const { commits } = await store.load("account-ada");
  console.log(
    `of ${await store.getLatestVersion(
      "account-ada",
    )} events ${commits.length} had to be replayed`,
  );
}

if (import.meta.main) await main();
