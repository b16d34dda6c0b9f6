/** Appends that end otherwise than done: what the caller hears, and what the actor knows then. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  Aether,
  type AppendOptions,
  type AppendResult,
  InMemoryEventStore,
  type NewEvent,
  OutcomeUnknownError,
  StoreUnavailableError,
  ulid,
} from "@flowmade/aether";
import { Account } from "./_account.ts";

/** A store whose next append ends as it is told to. */
class MoodyStore extends InMemoryEventStore {
  next: "stored_unknown" | "lost_unknown" | "unavailable" | "odd" | undefined;

  override async append(
    actorId: string,
    events: readonly NewEvent[],
    options?: AppendOptions,
  ): Promise<AppendResult> {
    const { next } = this;
    this.next = undefined;
    if (next === "unavailable") throw new StoreUnavailableError("not now");
    if (next === "lost_unknown") throw new OutcomeUnknownError("who knows");
    if (next === "odd") throw new TypeError("a bug");
    const result = await super.append(actorId, events, options);
    if (next === "stored_unknown") throw new OutcomeUnknownError("who knows");
    return result;
  }
}

async function start() {
  const store = new MoodyStore({ namespace: "doubt" });
  const aether = await Aether.start({
    namespace: "doubt",
    actors: [Account],
    store,
  });
  return { store, aether, ada: aether.actor(Account, "ada") };
}

describe("an append of which nothing is known", () => {
  for (const next of ["stored_unknown", "lost_unknown", "odd"] as const) {
    it(`(${next}) is told as unknown, and settled by calling again with the id`, async () => {
      const { aether, store, ada } = await start();
      await ada.deposit({ amount: 1 });
      const commandId = ulid();
      store.next = next;
      const error = await ada.deposit({ amount: 5 }, { commandId })
        .catch((e) => e);
      assert.equal(error.code, "outcome_unknown");
      assert.ok(error.ambiguous && !error.retryable);
      assert.equal(error.details.commandId, commandId);
      // The state was loaded again: it is what the log says.
      assert.equal(await ada.balance(), next === "stored_unknown" ? 6 : 1);
      const { version } = await ada.deposit({ amount: 5 }, { commandId });
      assert.equal(version, 2);
      assert.equal(await ada.balance(), 6);
      await aether.close();
    });
  }
});

describe("an append that was not done", () => {
  it("leaves the actor as it was", async () => {
    const { aether, store, ada } = await start();
    await ada.deposit({ amount: 1 });
    store.next = "unavailable";
    await assert.rejects(ada.deposit({ amount: 5 }), {
      code: "store_unavailable",
    });
    assert.equal(await ada.balance(), 1);
    assert.equal((await ada.deposit({ amount: 5 })).version, 2);
    await aether.close();
  });
});
