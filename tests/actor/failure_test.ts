/** Handlers that fail in every way they can: each harms only its own command. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  Aether,
  defineActor,
  type HandlerFailure,
  Rejected,
} from "@flowmade/aether";
import { HeldClock } from "./_held_clock.ts";
import { codeOf, hosted, settled } from "./_hosted.ts";

const never = new Promise<never>(() => {});
const bad = (value: unknown) => value as never;

/** Everything a handler may come to that it should not. */
const Wild = defineActor("wild", {
  state: () => ({ sum: 0 }),
  events: {
    Added: (s, by: number) => ({ sum: s.sum + by }),
    Async: (s) => bad(Promise.resolve(s)),
  },
}).commands({
  add: (_s, by: number) => ({ type: "Added", data: by }),
  throwsNothing() {
    throw undefined;
  },
  throwsNoText() {
    throw Object.create(null);
  },
  throwsLiar() {
    throw {
      toString() {
        throw new Error("not even this");
      },
    };
  },
  throwsWildRejection() {
    throw new Rejected(bad(7), bad({}));
  },
  throwsDeepRejection() {
    throw new Rejected("no", "no", { when: bad(new Date()) });
  },
  throwsLargeRejection() {
    throw new Rejected("no", "x".repeat(20_000));
  },
  returnsText: () => bad("Added"),
  returnsNull: () => bad(null),
  returnsListOfLists: () => bad([[{ type: "Added", data: 1 }]]),
  returnsHole: () => bad([, { type: "Added", data: 1 }]),
  returnsUnknownEvent: () => bad({ type: "Unheard" }),
  returnsInheritedName: () => bad({ type: "toString" }),
  returnsDate: () => bad({ type: "Added", data: new Date() }),
  returnsCircle() {
    const data: Record<string, unknown> = {};
    data["self"] = data;
    return bad({ type: "Added", data });
  },
  returnsTrap: () =>
    bad({
      get type() {
        throw new Error("a trap");
      },
    }),
  returnsThenTrap: () =>
    bad({
      get then() {
        throw new Error("a trap");
      },
    }),
  returnsThenThrower: () =>
    bad({
      then() {
        throw new Error("a thenable that throws");
      },
    }),
  returnsManyTimes: () =>
    bad({
      then(resolve: (value: unknown) => void, reject: (e: unknown) => void) {
        resolve("nonsense");
        reject(new Error("again"));
        resolve([]);
      },
    }),
  returnsProxy: () =>
    bad(
      new Proxy({}, {
        get() {
          throw new Error("no entry");
        },
      }),
    ),
  returnsAsyncReducer: () => bad({ type: "Async" }),
  rejects: () => Promise.reject(new Error("later")),
  rejectsNothing: () => Promise.reject(undefined),
  async throwsLater() {
    await undefined;
    throw new Error("later still");
  },
  async returnsNonsenseLater() {
    await undefined;
    return bad(7);
  },
}).queries({
  sum: (s) => s.sum,
  throws() {
    throw Object.create(null);
  },
  thenTrap: () =>
    bad({
      get then() {
        throw new Error("a trap");
      },
    }),
  fails: () => Promise.reject(new Error("later")),
  symbol: () => Symbol("x") as unknown,
});

const wild = [...Wild.commandHandlers.keys()].filter((name) => name !== "add");

describe("a handler that fails", () => {
  it("alone, harms only its command", async () => {
    const { ask, store } = hosted({ actors: [Wild] });
    for (const name of wild) {
      assert.equal(await codeOf(ask(name)), "command_failed", name);
    }
    assert.equal(store.appends.length, 0);
    assert.equal((await ask("add", 1)).version, 1);
  });

  it("among others in a message, harms only its command", async () => {
    const { ask, store } = hosted({ actors: [Wild] });
    await ask("sum");
    store.holds = true;
    const adding = [ask("add", 1)];
    await settled();
    const failing = wild.flatMap((name) => {
      const code = codeOf(ask(name));
      adding.push(ask("add", 1));
      return [[name, code] as const];
    });
    store.holds = false;
    store.appends[0]!.end("stored");
    const answers = await Promise.all(adding);
    assert.deepEqual(
      answers.map(({ version }) => version),
      answers.map((_, i) => i + 1),
    );
    for (const [name, code] of failing) {
      assert.equal(await code, "command_failed", name);
    }
    assert.equal(await ask("sum"), wild.length + 1);
    assert.ok(store.appends.length < wild.length);
  });

  it("of a query, harms only the query", async () => {
    const { ask } = hosted({ actors: [Wild] });
    for (const name of ["throws", "thenTrap", "fails", "symbol"]) {
      assert.equal(await codeOf(ask(name)), "command_failed", name);
    }
    assert.equal(await ask("sum"), 0);
  });

  it("by never ending, is left alone at its deadline", async () => {
    const clock = new HeldClock();
    const Stuck = defineActor("stuck", {
      state: () => 0,
      events: { Added: (s, by: number) => s + by },
    }).commands({
      add: (_s, by: number) => ({ type: "Added", data: by }),
      hang: async () => await never,
      hangUnseen: () => never,
    }).queries({ sum: (s) => s, askForEver: () => never });
    const { ask } = hosted({ actors: [Stuck], clock });
    const before = ask("add", 1);
    const stuck = [
      ask("hang", undefined, { timeout: 100 }),
      ask("hangUnseen", undefined, { timeout: 200 }),
      ask("hangUnseen", undefined, { timeout: 300 }),
    ].map(codeOf);
    const query = codeOf(ask("askForEver", undefined, { timeout: 100 }));
    const after = ask("add", 1);
    assert.equal((await before).version, 1);
    for (const next of stuck) {
      await settled();
      clock.advance(100);
      assert.equal(await next, "deadline_exceeded");
    }
    assert.equal(await query, "deadline_exceeded");
    assert.equal((await after).version, 2);
    assert.equal(await ask("sum"), 2);
  });

  it("is told to onError, with what it threw", async () => {
    const told: HandlerFailure[] = [];
    const boom = new TypeError("boom");
    const Bomb = defineActor("bomb", { state: () => 0, events: {} }).commands({
      explode() {
        throw boom;
      },
      refuse() {
        throw new Rejected("no");
      },
      nonsense: () => bad(7),
    }).queries({
      look() {
        throw boom;
      },
    });
    await using aether = await Aether.start({
      namespace: "failures",
      actors: [Bomb],
      onError(failure) {
        told.push(failure);
        throw new Error("a listener that fails too");
      },
    });
    const bomb = aether.actor(Bomb, "a");
    const commandId = "c-1";
    for (
      const call of [
        () => bomb.explode(undefined, { commandId }),
        () => bomb.refuse(),
        () => bomb.nonsense(),
        () => bomb.look(),
      ]
    ) await codeOf(call());
    assert.deepEqual(
      told.map(({ actorId, kind, name }) => [actorId, kind, name]),
      [
        ["bomb-a", "command", "explode"],
        ["bomb-a", "command", "nonsense"],
        ["bomb-a", "query", "look"],
      ],
    );
    assert.equal(told[0]!.commandId, commandId);
    assert.equal(told[0]!.cause, boom);
    assert.equal(told[0]!.error.code, "command_failed");
    assert.match(told[1]!.error.message, /an event is \{ type, data \}/);
  });
});

describe("handlers that fail again and again", () => {
  /** A state that is no plain data: a handler can damage it. */
  const Fragile = defineActor("fragile", {
    state: () => new Map<string, number>(),
    events: {
      Set: (s, e: { key: string; to: number }) => new Map(s).set(e.key, e.to),
    },
  }).commands({
    set: (_s, c: { key: string; to: number }) => ({ type: "Set", data: c }),
    damage(s) {
      s.clear();
      throw new Error("half-way");
    },
  }).queries({ of: (s, key: string) => s.get(key) ?? null });

  it("have their actor loaded anew, with pauses that double", async () => {
    const clock = new HeldClock();
    const logged: unknown[] = [];
    const { ask } = hosted({
      actors: [Fragile],
      clock,
      log: (entry) => logged.push([entry.message, entry["faults"]]),
    });
    await ask("set", { key: "a", to: 1 });
    const damage = async (times: number) => {
      for (let i = 0; i < times; i++) await codeOf(ask("damage"));
    };
    await damage(4);
    assert.equal(await ask("of", "a"), null); // as damaged as it is
    await damage(1);
    assert.equal(await ask("of", "a"), 1);
    await damage(5);
    assert.equal(await ask("of", "a"), null);
    clock.advance(1_000);
    await damage(5);
    assert.equal(await ask("of", "a"), 1);
    clock.advance(1_999);
    await damage(5);
    assert.equal(await ask("of", "a"), null);
    clock.advance(1);
    await damage(5);
    assert.equal(await ask("of", "a"), 1);
    assert.deepEqual(
      logged,
      [5, 15, 25].map((faults) => [
        "an actor is loaded anew, as its handlers fail",
        faults,
      ]),
    );
    // One that goes well starts the count anew.
    await damage(4);
    await ask("set", { key: "b", to: 2 });
    await damage(4);
    assert.equal(logged.length, 3);
  });
});
