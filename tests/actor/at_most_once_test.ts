/** Commands that come again, however late. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  InMemoryLog,
  type LoadedActor,
  type LoadOptions,
  type StoredCommit,
  ulid,
} from "@flowmade/aether";
import type { Clock } from "@flowmade/aether/event";
import { ulid as ulidOf } from "ulid";
import { codeOf, HeldStore, hosted, settled } from "./_hosted.ts";
import { Account } from "./_account.ts";
import { worlds } from "./_worlds.ts";

/** A store whose clock the test sets, that counts the commits it reads back. */
class OldStore extends HeldStore {
  commitsRead = 0;
  readonly loads: (LoadOptions | undefined)[] = [];

  override load(actorId: string, options?: LoadOptions): Promise<LoadedActor> {
    this.loads.push(options);
    return super.load(actorId, options);
  }

  override async *readCommits(actorId: string): AsyncGenerator<StoredCommit> {
    for await (const commit of super.readCommits(actorId)) {
      this.commitsRead++;
      yield commit;
    }
  }
}

const MINUTE = 60_000;

/** A clock whose wall time the test sets. */
function clockOf(now: () => number): Clock {
  return { now, monotonic: () => performance.now(), timer: () => () => {} };
}

/** An account with more commands behind it than are remembered, one a minute. */
async function aged(count = 1_500) {
  const shared = new InMemoryLog("hosted");
  let now = Date.now() - count * MINUTE;
  const clock = clockOf(() => now);
  const store = new OldStore({ namespace: "hosted", log: shared, clock });
  const ids: string[] = [];
  for (let i = 0; i < count; i++, now += MINUTE) {
    const id = i % 2 === 0 ? `order-${i}` : ulidOf(now);
    ids.push(id);
    const rejected = { reason: "full", message: "at 0", details: {} };
    const events = i % 10 === 9
      ? []
      : [{ eventType: "Deposited", data: { amount: 1 } }];
    await store.append("account-ada", events, {
      fence: true,
      commands: [
        events.length > 0 ? { id, events: 1 } : { id, events: 0, rejected },
      ],
    });
  }
  const parts = hosted({ store, clock });
  await parts.ask("balance");
  await settled();
  return { ...parts, store, ids, total: count - count / 10 };
}

describe("a command that comes again long after", () => {
  it("is found in the log, with its events or its rejection", async () => {
    const { ask, ids, store, total } = await aged();
    for (const i of [0, 1, 9, 377]) {
      const again = ask("deposit", { amount: 1 }, {
        commandId: ids[i]!,
        attempt: 2,
      });
      if (i % 10 === 9) assert.equal(await codeOf(again), "full");
      else {
        const version = i + 1 - Math.floor(i / 10);
        assert.equal((await again).version, version);
        assert.equal((await again).events[0].version, version);
      }
    }
    assert.equal(await ask("balance"), total);
    assert.equal(store.appends.length, 1_500);
  });

  it("is looked for as far back as its id was made, in the commits as they come", async () => {
    const { ask, ids, store } = await aged(2_500);
    const loads = store.loads.length;
    await ask("deposit", { amount: 1 }, { commandId: ids[401]!, attempt: 2 });
    const isThatFar = () =>
      assert.ok(
        store.commitsRead > 2_090 && store.commitsRead < 2_110,
        `${store.commitsRead} commits`,
      );
    isThatFar();
    assert.equal(store.loads.length, loads);
    // One that was never stored, made at the same time.
    store.commitsRead = 0;
    const commandId = ids[401]!.slice(0, 10) + ulid().slice(10);
    const { version } = await ask("deposit", { amount: 1 }, {
      commandId,
      attempt: 2,
    });
    assert.equal(version, 2_251);
    isThatFar();
  });

  it("is found at its first attempt too, if its id is older than the memory", async () => {
    const { ask, ids, total } = await aged();
    await ask("deposit", { amount: 1 }, { commandId: ids[7]! });
    assert.equal(await ask("balance"), total);
  });

  it("is not looked for where the memory would know it", async () => {
    const { ask, ids, store } = await aged();
    await ask("deposit", { amount: 1 }, { commandId: ids[1_401]!, attempt: 2 });
    await ask("deposit", { amount: 1 }, { attempt: 2 });
    await ask("deposit", { amount: 1 });
    await ask("deposit", { amount: 1 }, { commandId: "a-new-one" });
    assert.equal(store.commitsRead, 0);
  });

  it("is looked for behind a move, unless its id is younger than all forgotten ones", async () => {
    const store = new OldStore({ namespace: "hosted" });
    const first = hosted({ store });
    const early = ulidOf(Date.now() - 1_000);
    // More within moments than a snapshot carries.
    for (let i = 0; i < 1_200; i++) {
      await first.ask("deposit", { amount: 1 }, { commandId: ulid() });
    }
    await first.host.close(1_000);
    const other = hosted({ store });
    await other.ask("deposit", { amount: 1 }, { commandId: ulid() });
    await other.ask("deposit", { amount: 1 });
    assert.equal(store.commitsRead, 0);
    await other.ask("deposit", { amount: 1 }, { commandId: early });
    assert.ok(store.commitsRead > 1_100, `${store.commitsRead} commits`);
    // Of an id that tells no time, the last minutes have to be known.
    store.commitsRead = 0;
    const third = hosted({ store });
    await third.ask("deposit", { amount: 1 }, { commandId: "invoice-7" });
    assert.ok(store.commitsRead > 1_100, `${store.commitsRead} commits`);
    await other.host.close(1_000);
    await third.host.close(1_000);
  });

  for (const [wrong, by] of [["behind", -1], ["ahead", 1]] as const) {
    it(`is known to a node whose clock is an hour ${wrong}`, async () => {
      let now = Date.now();
      const clock = (offset: number) => clockOf(() => now + offset);
      const store = new OldStore({ namespace: "hosted", clock: clock(0) });
      const odd = hosted({ store, clock: clock(by * 60 * MINUTE) });
      const ids: string[] = [];
      // More than are remembered, within half an hour.
      for (let i = 0; i < 1_600; i++, now += 1_100) {
        ids.push(ulidOf(now));
        await odd.ask("deposit", { amount: 1 }, { commandId: ids[i]! });
      }
      const isRight = async ({ ask }: typeof odd) => {
        for (const i of [0, 300, 900, 1_599]) {
          const again = { commandId: ids[i]!, attempt: 2 };
          const { version } = await ask("deposit", { amount: 1 }, again);
          assert.equal(version, i + 1);
        }
      };
      await isRight(odd);
      await odd.host.close(1_000);
      const next = hosted({ store, clock: clock(0) });
      await isRight(next);
      store.commitsRead = 0;
      const fresh = { commandId: ulidOf(now), attempt: 2 };
      assert.equal(
        (await next.ask("deposit", { amount: 1 }, fresh)).version,
        1_601,
      );
      assert.equal(store.commitsRead, 0);
    });
  }

  it("is looked for once, with all that wait with it", async () => {
    const { ask, ids, store, total } = await aged();
    const again = [1, 3, 11].map((i) =>
      ask("deposit", { amount: 1 }, { commandId: ids[i]!, attempt: 2 })
    );
    const fresh = ask("deposit", { amount: 1 });
    const answers = await Promise.all(again);
    assert.deepEqual(answers.map(({ version }) => version), [2, 4, 11]);
    await fresh;
    assert.ok(store.commitsRead <= 2 * 1_500, `${store.commitsRead} commits`);
    assert.equal(await ask("balance"), total + 1);
  });

  it("runs if it is durable and nothing is found, and what it came to is kept", async () => {
    const { ask, store } = await aged();
    const commandId = "parked-1";
    const refused = () =>
      ask("withdraw", { amount: 9_999 }, { commandId, durable: true });
    assert.equal(await codeOf(refused()), "insufficient_funds");
    assert.equal(store.commitsRead, 1_500);
    assert.deepEqual(store.appends.at(-1)!.events, []);
    await ask("deposit", { amount: 99_999 });
    assert.equal(await codeOf(refused()), "insufficient_funds");
    const none = ask("nothing", undefined, { durable: true });
    assert.deepEqual(await none, { version: 1_351, events: [] });
    assert.equal(store.appends.length, 1_503);
  });

  it("is looked for once, where a whole queue of old ones has waited", async () => {
    const { ask, ids, store, total } = await aged();
    const made = ids[301]!.slice(0, 10);
    for (let i = 0; i < 600; i++) {
      const commandId = made + ulid().slice(10);
      await ask("deposit", { amount: 1 }, { commandId, durable: true });
    }
    assert.ok(
      store.commitsRead > 1_190 && store.commitsRead < 1_210,
      `${store.commitsRead} commits`,
    );
    // These were remembered when it was looked back, and are not any more.
    for (const i of [301, 401, 601, 801]) {
      const commandId = ids[i]!;
      await ask("deposit", { amount: 1 }, { commandId, durable: true });
    }
    assert.equal(await ask("balance"), total + 600);
    assert.ok(store.commitsRead < 1_210, `${store.commitsRead} commits`);
  });

  it("loads all of it from a store that cannot read commits", async () => {
    const { ask, ids, store, total } = await aged();
    (store as { readCommits?: unknown }).readCommits = undefined;
    const again = { commandId: ids[1]!, attempt: 2 };
    assert.equal((await ask("deposit", { amount: 1 }, again)).version, 2);
    assert.equal(await ask("balance"), total);
  });
});

for (const [where, open] of worlds) {
  describe(`a command that comes again ${where}`, () => {
    it("is answered by the next node, however many came in the last minute", async () => {
      await using world = await open();
      const one = await world.start();
      const ada = one.actor(Account, "ada");
      // A snapshot carries the last thousand, which are moments here.
      const ids = ["invoice-7", ulid(), ulid()];
      const first = [];
      for (const commandId of ids) {
        first.push(await ada.deposit({ amount: 1 }, { commandId }));
      }
      for (let i = 0; i < 600; i++) {
        const deposit = () => ada.deposit({ amount: 1 });
        await Promise.all([deposit(), deposit()]);
      }
      await one.close();
      const other = (await world.start()).actor(Account, "ada");
      assert.equal(await other.balance(), 1_203);
      for (const [i, commandId] of ids.entries()) {
        const again = other.deposit({ amount: 1 }, { commandId });
        assert.deepEqual(await again, first[i]);
      }
      await other.deposit({ amount: 1 });
      assert.equal(await other.balance(), 1_204);
    });

    it("is answered from the log by any node, behind a thousand others", async () => {
      await using world = await open();
      const one = await world.start();
      const ada = one.actor(Account, "ada");
      const commandId = ulid();
      const first = await ada.deposit({ amount: 1 }, { commandId });
      // As by a node of another release, and all at once.
      const events = Array.from({ length: 1_300 }, () => ({
        eventType: "Deposited",
        data: { amount: 1 },
      }));
      const commands = events.map((_, i) => ({ id: `c${i}`, events: 1 }));
      for (const from of [0, 650]) {
        await one.store.append("account-ada", events.slice(from, from + 650), {
          commands: commands.slice(from, from + 650),
        });
      }
      await one.close();
      const other = (await world.start()).actor(Account, "ada");
      assert.equal(await other.balance(), 1_301);
      assert.deepEqual(
        await other.deposit({ amount: 1 }, { commandId }),
        first,
      );
      assert.equal(await other.balance(), 1_301);
    });
  });
}
