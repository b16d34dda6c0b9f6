/**
 * Many commands to one actor, on two nodes that both believe it their own, over
 * a store that refuses, loses, delays and forgets to answer as it likes. Whatever
 * callers were told has to be what the log says in the end.
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  type AppendOptions,
  type AppendResult,
  defineActor,
  InMemoryEventStore,
  InMemoryLog,
  type NewEvent,
  OutcomeUnknownError,
  Rejected,
  StoreUnavailableError,
  ulid,
} from "@flowmade/aether";
import { type Random, seeded } from "../support/mod.ts";
import { releaseAll } from "./_release.ts";
import { hosted } from "./_hosted.ts";

const Purse = defineActor("purse", {
  state: () => 10,
  events: {
    Put: (s, coins: number) => s + coins,
    Taken: (s, coins: number) => s - coins,
  },
  mailbox: 10_000,
  snapshotEvery: 7,
}).commands({
  put: (_s, coins: number) => ({ type: "Put", data: coins }),
  take(s, coins: number) {
    if (coins > s) throw new Rejected("too_few", `only ${s}`);
    return { type: "Taken", data: coins };
  },
  async takeSlowly(s, coins: number) {
    await pause(2);
    if (coins > s) throw new Rejected("too_few", `only ${s}`);
    return { type: "Taken", data: coins };
  },
  nothing: () => [],
  explode() {
    throw new Error("boom");
  },
}).queries({ coins: (s) => s });

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A store on which little can be relied. */
class WildStore extends InMemoryEventStore {
  calm = false;
  /** Appends of which nobody knows yet that they will come. */
  readonly loose: Promise<unknown>[] = [];

  constructor(log: InMemoryLog, readonly random: Random) {
    super({ namespace: log.namespace, log });
  }

  override async append(
    actorId: string,
    events: readonly NewEvent[],
    options: AppendOptions = {},
  ): Promise<AppendResult> {
    const store = () => super.append(actorId, events, options);
    const chance = this.calm ? 1 : this.random.next();
    if (chance > 0.2) await pause(this.random.int(2));
    if (chance < 0.06) throw new StoreUnavailableError("not now");
    if (chance < 0.10) throw new OutcomeUnknownError("lost");
    if (chance < 0.15) {
      await store();
      throw new OutcomeUnknownError("stored, but who knows");
    }
    if (chance < 0.20) {
      // It comes late, or never gets its place.
      this.loose.push(
        pause(this.random.int(6)).then(store, () => {}).catch(() => {}),
      );
      throw new OutcomeUnknownError("on its way");
    }
    return await store();
  }
}

type Told = "done" | "rejected" | "failed";

async function run(seed: number): Promise<void> {
  const random = seeded(seed);
  const log = new InMemoryLog("wild");
  const nodes = [0, 1].map(() => {
    const store = new WildStore(log, random);
    const { ask, host } = hosted({ store: store as never, actors: [Purse] });
    return { ask, host, store };
  });
  const told = new Map<string, Told>();
  const answers = new Map<string, { version: number; events: unknown[] }>();

  const call = async () => {
    const name = random.pick([
      "put",
      "take",
      "take",
      "takeSlowly",
      "nothing",
      "explode",
    ]);
    const coins = 1 + random.int(6);
    const commandId = random.next() < 0.8 ? ulid() : `own-${ulid()}`;
    let node = random.pick(nodes);
    for (let attempt = 1;;) {
      try {
        const answer = await node.ask(name, coins, { commandId, attempt });
        answers.set(commandId, answer);
        told.set(commandId, "done");
        return;
      } catch (error) {
        const { code } = error as { code?: string };
        if (code === "rejected" || code === "command_failed") {
          told.set(commandId, code === "rejected" ? "rejected" : "failed");
          return;
        }
        assert.ok(
          ["outcome_unknown", "store_unavailable", "version_conflict", "moved"]
            .includes(code!),
          String(error),
        );
      }
      if (random.next() < 0.3) continue; // the same again on the same node
      attempt++;
      node = random.pick(nodes);
    }
  };
  const worker = async () => {
    for (let i = 0; i < 8; i++) {
      await call();
      if (random.next() < 0.3) await pause(random.int(3));
      if (random.next() < 0.03) {
        await releaseAll(random.pick(nodes).host);
      }
    }
  };
  await Promise.all(Array.from({ length: 24 }, worker));
  for (const { store } of nodes) {
    store.calm = true;
    await Promise.all(store.loose);
  }

  const events = await nodes[0]!.store.getEvents("purse-ada");
  let coins = 10;
  const stored = new Map<string, number[]>();
  for (const [i, { commandId, data, eventType, version }] of events.entries()) {
    assert.equal(version, i + 1);
    coins += eventType === "Put" ? data as number : -(data as number);
    assert.ok(coins >= 0, `seed ${seed}: ${coins} coins at version ${version}`);
    stored.set(commandId!, [...stored.get(commandId!) ?? [], version]);
  }
  assert.equal(told.size, 24 * 8);
  for (const [commandId, outcome] of told) {
    const versions = stored.get(commandId) ?? [];
    const answer = answers.get(commandId);
    const expected = answer?.events.length ?? 0;
    assert.equal(
      versions.length,
      expected,
      `seed ${seed}: ${commandId} ${outcome}`,
    );
    if (expected > 0) assert.equal(versions.at(-1), answer!.version);
  }
  for (const { ask } of nodes) {
    assert.equal(await ask("coins", undefined, { linear: true }), coins);
  }
  // Another that knows only the log agrees, and knows every command.
  const fresh = hosted({ store: nodes[0]!.store as never, actors: [Purse] });
  assert.equal(await fresh.ask("coins"), coins);
  for (const [commandId, { version, events }] of answers) {
    if (events.length === 0) continue;
    const again = await fresh.ask("put", 1, { commandId, attempt: 9 });
    assert.equal(again.version, version);
  }
}

describe("what callers are told over a store on which little can be relied", () => {
  const first = Math.floor(Math.random() * 1e9);
  for (let i = 0; i < 12; i++) {
    it(`is what the log says, seed ${first + i}`, () => run(first + i));
  }
});
