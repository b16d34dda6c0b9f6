/** Far more actors than may be in memory: how many are, and how they come back. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  type ActorSnapshot,
  Aether,
  defineActor,
  InMemoryEventStore,
} from "@flowmade/aether";

const ACTORS = 20_000;
const CAP = 500;
const IN_FLIGHT = 64;
const LIMIT = { timeout: 120_000 };

/** Remembers what it was told, in order. */
const Parcel = defineActor("parcel", {
  state: () => ({ moves: 0, at: "nowhere" }),
  events: {
    Moved: (s, e: { to: string }) => ({ moves: s.moves + 1, at: e.to }),
  },
}).commands({
  move: (_s, to: string) => ({ type: "Moved", data: { to } }),
  /** Longer than others, so that some are busy while others come and go. */
  async moveSlowly(_s, to: string) {
    for (let i = 0; i < 50; i++) await Promise.resolve();
    return { type: "Moved", data: { to } };
  },
}).queries({ where: (s) => `${s.at} after ${s.moves}` });

class Population {
  /** Calls that are under way. */
  busy = 0;
  /** By how many the actors in memory exceeded cap and calls under way. */
  excess = -Infinity;
  readonly #aether: Aether;

  constructor(aether: Aether) {
    this.#aether = aether;
  }

  /** Calls each actor once, so many at a time, and looks now and then. */
  async each(call: (i: number) => Promise<void>, count = ACTORS) {
    let next = 0;
    const work = async () => {
      while (next < count) {
        const i = next++;
        this.busy++;
        const calling = call(i);
        // The call has brought its actor in; looking takes longer than a call.
        if (i % 7 === 0) this.#look();
        await calling;
        this.busy--;
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  }

  #look() {
    const { activations } = this.#aether.stats();
    this.excess = Math.max(this.excess, activations - CAP - this.busy);
  }
}

function start(store: InMemoryEventStore): Promise<Aether> {
  return Aether.start({
    namespace: "population",
    actors: [Parcel],
    store,
    maxActivations: CAP,
  });
}

describe(`${ACTORS} actors where ${CAP} may be in memory`, () => {
  it(
    "never are more than may be and are busy, and come back as they were",
    LIMIT,
    async () => {
      const store = new InMemoryEventStore({ namespace: "population" });
      await using aether = await start(store);
      const population = new Population(aether);
      await population.each(async (i) => {
        const parcel = aether.actor(Parcel, `p${i}`);
        const move = i % 10 === 0 ? "moveSlowly" : "move";
        assert.equal((await parcel[move](`depot ${i}`)).version, 1);
      });
      assert.ok(population.excess <= 0, `${population.excess} too many`);
      assert.ok(aether.stats().activations > CAP / 2);
      assert.ok(aether.stats().passivations >= ACTORS - CAP - IN_FLIGHT);
      // In another order, so that hardly any is still there.
      await population.each(async (n) => {
        const i = (n * 7_919) % ACTORS;
        const parcel = aether.actor(Parcel, `p${i}`);
        assert.equal(await parcel.where(), `depot ${i} after 1`);
        if (i % 4 === 0) assert.equal((await parcel.move("home")).version, 2);
      }, ACTORS / 4);
      assert.ok(population.excess <= 0, `${population.excess} too many`);
      for (let n = 0; n < ACTORS / 4; n += 97) {
        const i = (n * 7_919) % ACTORS;
        const parcel = aether.actor(Parcel, `p${i}`);
        const expected = i % 4 === 0 ? "home after 2" : `depot ${i} after 1`;
        assert.equal(await parcel.where(), expected);
      }
    },
  );

  it("do not wait in memory for snapshots that are written too slowly", async () => {
    const store = new SlowSnapshots({ namespace: "population" });
    await using aether = await start(store);
    const population = new Population(aether);
    const count = 5_000;
    await population.each(async (i) => {
      await aether.actor(Parcel, `p${i}`).move(`depot ${i}`);
      if (i % 7 !== 0) return;
      const { passivations, snapshotsSkipped } = aether.stats();
      const waiting = passivations - snapshotsSkipped - store.begun;
      assert.ok(waiting <= CAP / 4 + CAP / 20 + IN_FLIGHT, `${waiting} wait`);
    }, count);
    assert.ok(population.excess <= 0);
    assert.ok(aether.stats().snapshotsSkipped > count / 2);
    for (let i = 0; i < count; i += 499) {
      const parcel = aether.actor(Parcel, `p${i}`);
      assert.equal(await parcel.where(), `depot ${i} after 1`);
    }
    store.goOn();
  });
});

/** Begins to save snapshots, and ends when it is told to. */
class SlowSnapshots extends InMemoryEventStore {
  begun = 0;
  readonly #gate = Promise.withResolvers<void>();

  goOn(): void {
    this.#gate.resolve();
  }

  override async saveSnapshot(snapshot: ActorSnapshot): Promise<boolean> {
    this.begun++;
    await this.#gate.promise;
    return await super.saveSnapshot(snapshot);
  }
}
