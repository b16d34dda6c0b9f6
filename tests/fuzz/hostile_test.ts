/**
 * What lies in a stream and nobody should have written: each such message harms the
 * one it is about, loudly, and nobody else.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { after, before, describe, it } from "node:test";
import {
  type Aether,
  type AetherError,
  cloudEventsCodec,
  defineActor,
  definePolicy,
  defineProjection,
  type Event,
  type JetStreamEventStore,
  parseActorId,
  subjectsOf,
  type Subscription,
  ulid,
} from "../../mod.ts";
import { encodeCommit } from "../../store/_commit.ts";
import { eventually } from "../support/mod.ts";
import { LONG } from "./_fuzz.ts";
import { nested } from "./_json.ts";
import { Account, rawHeaders, startWorld, type World } from "./_node.ts";

/** Counts what the policy tells it. */
const Teller = defineActor("teller", {
  state: () => ({ sum: 0 }),
  events: { Told: (s, e: { amount: number }) => ({ sum: s.sum + e.amount }) },
}).commands({
  tell: (_s, c: { amount: number }) => ({ type: "Told", data: c }),
})
  .queries({ sum: (s) => s.sum });

const policy = definePolicy("what was deposited is told", {
  from: "beginning",
  on: [Account, {
    Deposited({ data }, ctx) {
      ctx.send(Teller, "all").tell({ amount: data.amount });
    },
  }],
});
const Total = defineProjection("total", {
  initial: () => ({ sum: 0 }),
  on: [Account, { Deposited: (t, { data }) => ({ sum: t.sum + data.amount }) }],
});
const Each = defineProjection("each", {
  initial: () => ({ sum: 0 }),
  key: ({ actorId }) => actorId,
  on: [Account, { Deposited: (t, { data }) => ({ sum: t.sum + data.amount }) }],
});

/** A message in a log: its headers and its body. */
interface Raw {
  readonly headers: Uint8Array;
  readonly body: Uint8Array;
}

/** What somebody wrote into a log, as whose, and what is said of it. */
const HOSTILE: readonly [
  name: string,
  make: (good: Raw, key: string) => Raw,
  reason: RegExp,
][] = [
  ["no JSON", ({ headers }) => raw(headers, '{"specversion":'), /not JSON/],
  ["no UTF-8", ({ headers, body }) => {
    const at = body.indexOf(0x3a);
    return {
      headers,
      body: Buffer.concat([
        body.subarray(0, at),
        Uint8Array.of(0xff),
        body.subarray(at),
      ]),
    };
  }, /not JSON in UTF-8/],
  ["__proto__", swap('"amount":5', '"__proto__":{"admin":true}'), /__proto__/],
  [
    "an escaped __proto__",
    swap('"amount":5', '"\\u005f_proto__":{}'),
    /__proto__/,
  ],
  ["constructor", swap('"amount":5', '"constructor":{}'), /constructor/],
  [
    "100,000 levels",
    swap('"amount":5', `"amount":${nested(100_000)}`),
    /64 levels/,
  ],
  [
    "10,001 keys",
    swap(
      '"amount":5',
      Array.from({ length: 10_001 }, (_, i) => `"k${i}":0`).join(),
    ),
    /10000 keys/,
  ],
  [
    "a lone surrogate",
    swap('"amount":5', '"amount":"\\ud800"'),
    /lone surrogate/,
  ],
  ["a number beyond all", swap('"amount":5', '"amount":1e999'), /Infinity/],
  [
    "an event nobody knows",
    swap('"type":"Deposited"', '"type":"Unheard"'),
    /"Unheard"/,
  ],
  [
    "an event of another",
    swap(/account-bad\d+/, "account-good"),
    /holds an event of/,
  ],
  [
    "no version",
    swap('"actorversion":1', '"actorversion":null'),
    /actorversion/,
  ],
  [
    "version 0",
    swap('"actorversion":1', '"actorversion":0'),
    /actorversion is 0/,
  ],
  [
    "a gap before it",
    swap('"actorversion":1', '"actorversion":3'),
    /version|missing|trail/,
  ],
  [
    "another content type",
    header("content-type", "application/json"),
    /content-type/,
  ],
  ["no content type", header("content-type", undefined), /content-type/],
  ["no commit id", header("Aether-Commit", undefined), /no Aether-Commit/],
  [
    "a commit id that is none",
    header("Aether-Commit", "x y"),
    /Aether-Commit is/,
  ],
  ["commands that are none", header("Aether-Commands", "[[]]"), /commands/],
  [
    "effects of no kind",
    header("Aether-Effects", '[{"kind":"send"}]'),
    /effects/,
  ],
  [
    "effects to nobody",
    header("Aether-Effects", '[{"send":"","command":"x"}]'),
    /effects/,
  ],
  [
    "a header without an end",
    ({ body }) =>
      raw("NATS/1.0\r\nAether-Commit: x", Buffer.from(body).toString()),
    /content-type|Aether-Commit/,
  ],
  [
    "what the server says",
    ({ body }) => raw("NATS/1.0 503\r\n\r\n", Buffer.from(body).toString()),
    /Aether-Commit/,
  ],
  ["nothing", () => raw("NATS/1.0\r\n\r\n", ""), /Aether-Commit/],
];

describe("a log in which somebody else wrote", () => {
  let world: World;
  let aether: Aether;
  let subscriptions: Subscription[];
  const seen: Event[][] = [[], [], [], []];
  const told: AetherError[] = [];
  before(async () => {
    world = await startWorld({
      actors: [Account, Teller],
      policies: [policy],
      projections: [Total, Each],
    });
    aether = world.aether;
    const onError = (error: AetherError) => void told.push(error);
    const options = [
      {},
      { from: "beginning" },
      { durable: "reader", from: "beginning" },
      { durable: "team", mode: "competing", from: "beginning" },
    ] as const;
    subscriptions = options.map((option) =>
      aether.bus.subscribe(world.namespace, {
        ...option,
        actorType: "account",
        onError,
      })
    );
    await Promise.all(subscriptions.map(({ ready }) => ready));
    for (const [i, subscription] of subscriptions.entries()) {
      subscription.each((event) => void seen[i]!.push(event as Event));
    }
    for (const key of GOOD) {
      await aether.actor(Account, key).deposit({ amount: 2 });
    }
    for (const [i, [name, make]] of HOSTILE.entries()) {
      await put(world, `account-bad${i}`, make(good(world, `bad${i}`), name));
    }
    // No actor has this subject; and none that shard.
    const { event } = subjectsOf(world.namespace);
    const nobody = event(parseActorId("account-x"));
    for (
      const subject of [
        nobody + "=2D=41",
        nobody.replace(/\d+\.account/, "999.account"),
      ]
    ) {
      await publish(world, subject, good(world, "x"));
    }
    for (const key of GOOD) {
      await aether.actor(Account, key).deposit({ amount: 3 });
    }
  }, LONG);
  after(async () => {
    for (const subscription of subscriptions) await subscription.close();
    await world[Symbol.asyncDispose]();
  });

  it("quarantines each actor of it, and says why", LONG, async () => {
    for (const [i, [name, , reason]] of HOSTILE.entries()) {
      const bad = aether.actor(Account, `bad${i}`);
      for (
        const call of [() => bad.balance(), () => bad.deposit({ amount: 1 })]
      ) {
        const error: AetherError = await call().then(
          () => assert.fail(`${name} was taken`),
          (error) => error,
        );
        assert.equal(error.code, "quarantined", `${name}: ${error.message}`);
        assert.equal(error.details["actorId"], `account-bad${i}`);
        assert.match(error.message, reason, name);
      }
    }
    const named = aether.quarantined().map(({ actorId }) => actorId).sort();
    const all = HOSTILE.map((_, i) => `account-bad${i}`).sort();
    assert.deepEqual(named, all);
  });

  it("harms no other actor, and none that reads on", LONG, async () => {
    for (const key of GOOD) {
      assert.equal(await aether.actor(Account, key).balance(), 5);
    }
    const sum = 5 * GOOD.length;
    const isGood = ({ actorId }: Event) => GOOD.includes(actorId.slice(8));
    for (const [i, events] of seen.entries()) {
      await eventually(() => events.filter(isGood).length === 2 * GOOD.length);
      const { gaps, late, refused } = subscriptions[i]!.stats();
      // Where the server sends it on, a subject says nothing of the shard.
      const nobodys = i === 0 ? NOBODYS - 1 : NOBODYS;
      const expected = HOSTILE.length - WELL_FORMED.length + nobodys;
      // What is read again is refused again; what a live one has missed it tells.
      if (i > 0 || gaps + late === 0) {
        assert.ok(refused >= expected, `${refused} of ${expected} by ${i}`);
      }
    }
    // What is a well-formed commit is delivered: whether it fits its actor's log
    // is for the actor to say.
    const names = new Set(
      seen[1]!.filter((event) => !isGood(event))
        .map(({ actorId }) => HOSTILE[Number(actorId.slice(11))]![0]),
    );
    assert.deepEqual([...names].sort(), WELL_FORMED);
    for (const error of told) assert.equal(error.code, "corrupt_log");
    await aether.actor(Account, "last").deposit({ amount: 7 });
    const folded = sum + 7 + WELL_FORMED_SUM;
    await eventually(async () =>
      (await aether.projection(Total).get())?.sum === folded
    );
    await eventually(async () =>
      await aether.actor(Teller, "all").sum() === folded
    );
    assert.deepEqual(world.unhandled, []);
    await world.assertAlive();
  });

  it("is gone through by shards all the same", LONG, async () => {
    const { shard } = parseActorId("account-ada");
    const { event } = subjectsOf(world.namespace);
    const nobody = event(parseActorId("account-ada")) + "=2D=41";
    const none = encodeCommit(cloudEventsCodec, {
      namespace: world.namespace,
      commitId: ulid(),
      position: { actorId: "account-ada", version: 0, trail: [] },
      ...{ events: [], commands: [] },
    });
    await publish(world, nobody, none);
    await publish(world, nobody, raw("NATS/1.0 503\r\n\r\n", ""));
    await publish(world, nobody, raw("NATS/1.0 404\r\n\r\n", "x"));
    await publish(world, nobody, raw("xx", ""));
    await aether.actor(Account, "ada").deposit({ amount: 1 });
    const { commits } = aether.store as JetStreamEventStore;
    const found: string[] = [];
    const all = commits.call(aether.store, { from: 1, shard, type: "account" });
    for await (const { actorId, version } of all) {
      found.push(`${actorId} ${version}`);
    }
    assert.equal(found.at(-1), "account-ada 3");
    assert.ok(found.includes("account-ada 1"));
    assert.ok(!found.some((entry) => entry.startsWith("account-ada-")));
  });

  it("is listed, loaded and read all the same", LONG, async () => {
    const ids: string[] = [];
    for await (const id of aether.store.listActors()) ids.push(id);
    for (const key of GOOD) assert.ok(ids.includes(`account-${key}`), key);
    assert.ok(!ids.includes("account-x"));
    for (const key of GOOD) {
      const events = await aether.store.getEvents(`account-${key}`);
      assert.deepEqual(events.slice(0, 2).map(({ version }) => version), [
        1,
        2,
      ]);
    }
  });
});

describe("what is kept beside the log, and somebody wrote over", () => {
  it("harms the one it is about at most", LONG, async () => {
    await using world = await startWorld({
      actors: [Account],
      projections: [Total, Each],
    });
    const { aether, namespace } = world;
    const subjects = subjectsOf(namespace);
    for (const key of GOOD) {
      await aether.actor(Account, key).deposit({ amount: 2 });
    }
    const each = aether.projection(Each);
    await eventually(async () => (await each.get("account-ada"))?.sum === 2);

    // A snapshot is a cache: junk in its place is as good as none.
    const ada = parseActorId("account-ada");
    const time = '{"toString":1,"valueOf":1}';
    for (
      const body of [
        "{",
        nested(100_000),
        `{"actorId":"account-ada","commitId":"x","state":{},"version":1,"sequence":2,"schema":1,"timestamp":${time}}`,
        '{"actorId":"account-ada","commitId":"x","state":{"__proto__":{}}}',
      ]
    ) {
      await publish(
        world,
        subjects.snapshot(ada),
        raw("NATS/1.0\r\n\r\n", body),
      );
      const { position, snapshot } = await aether.store.load(ada.id);
      assert.equal(position.version, 1);
      assert.equal(snapshot, undefined);
    }

    // Commands that are none are dropped, and those behind them carried out.
    for (
      const [headers, body] of [
        ["NATS/1.0\r\n\r\n", "{"],
        ["NATS/1.0 404\r\nAether-Command-Id: x\r\n\r\n", "null"],
        ["NATS/1.0 503\r\n\r\n", ""],
        ["xx", '{"command":"deposit","source":"s"}'],
      ] as const
    ) {
      await publish(world, subjects.command(ada), raw(headers, body));
    }
    await (aether.store as JetStreamEventStore).inbox.put({
      ...{ commandId: ulid(), actorId: "account-ada", command: "deposit" },
      ...{ input: { amount: 4 }, source: "test" },
    });
    await eventually(async () =>
      await aether.actor(Account, "ada").balance() === 6
    );
    await publish(
      world,
      subjects.parked(ada, "x"),
      raw("NATS/1.0\r\n\r\n", "{"),
    );
    assert.deepEqual(await aether.parked().list(), []);

    // A document that no projection wrote is named, and the others are there.
    const bob = subjects.view("each", "v1", "of-account-bob");
    await publish(world, bob, raw("NATS/1.0\r\n\r\n", '{"sequence":"x"}'));
    await assert.rejects(each.get("account-bob"), { code: "corrupt_log" });
    assert.equal((await each.get("account-ada"))?.sum, 6);
    assert.deepEqual(aether.quarantined(), []);
    assert.deepEqual(world.unhandled, []);
    await world.assertAlive();
  });

  it("ends the one durable whose place it was", LONG, async () => {
    await using world = await startWorld();
    const { aether, namespace } = world;
    const subjects = subjectsOf(namespace);
    const open = (durable: string) =>
      aether.bus.subscribe(namespace, { durable, from: "beginning" });
    const first = open("broken");
    await first.ready;
    await first.close();
    for (
      const junk of [
        "{",
        "null",
        '{"holder":5}',
        '{"holder":"","place":{"sequence":-1}}',
      ]
    ) {
      await publish(
        world,
        subjects.durable("broken", "state"),
        raw("NATS/1.0\r\n\r\n", junk),
      );
      await assert.rejects(open("broken").ready, { code: "corrupt_log" });
    }
    await publish(
      world,
      subjects.durable("whole", "7-0"),
      raw("NATS/1.0\r\n\r\n", "{"),
    );
    const whole = open("whole");
    await whole.ready;
    await world.assertAlive();
    for await (const event of whole) {
      assert.equal((event as Event).actorId, "account-good");
      break;
    }
    // Forgotten, it can begin anew.
    await aether.bus.forget(namespace, "broken");
    const again = open("broken");
    await again.ready;
    await again.close();
  });
});

const GOOD = ["ada", "bob", "j\u00fcrgen"];
/** Messages on subjects of no actor. */
const NOBODYS = 2;
/** What holds events like any other commit: only its own actor can tell what is wrong. */
const WELL_FORMED = [
  "a gap before it",
  "an event nobody knows",
  "commands that are none",
  "effects of no kind",
  "effects to nobody",
];
/** What those hold that is folded: one of them is no Deposited. */
const WELL_FORMED_SUM = 20;

function good({ namespace }: World, key: string): Raw {
  return encodeCommit(cloudEventsCodec, {
    namespace,
    commitId: ulid(),
    position: { actorId: `account-${key}`, version: 0, trail: [] },
    events: [{
      ...{ id: ulid(), eventType: "Deposited", actorId: `account-${key}` },
      ...{ version: 1, data: { amount: 5 }, timestamp: new Date() },
    }],
    commands: [],
  });
}

function raw(headers: Uint8Array | string, body: string): Raw {
  return { headers: Buffer.from(headers as string), body: Buffer.from(body) };
}

function swap(what: string | RegExp, by: string) {
  return ({ headers, body }: Raw): Raw =>
    raw(headers, Buffer.from(body).toString().replace(what, () => by));
}

function header(name: string, value: string | undefined) {
  return ({ headers, body }: Raw): Raw => {
    const lines = Buffer.from(headers).toString().trimEnd().split("\r\n")
      .filter((line) => !line.startsWith(`${name}:`));
    if (value !== undefined) lines.push(`${name}: ${value}`);
    return { body, headers: Buffer.from(`${lines.join("\r\n")}\r\n\r\n`) };
  };
}

function put(world: World, actorId: string, message: Raw): Promise<void> {
  const { event } = subjectsOf(world.namespace);
  return publish(world, event(parseActorId(actorId)), message);
}

async function publish(
  { nc }: World,
  subject: string,
  { body, headers }: Raw,
): Promise<void> {
  const ack = await nc.request(subject, body, {
    timeout: 10_000,
    headers: rawHeaders(headers),
  });
  const { error, seq } = ack.json<{ error?: unknown; seq?: number }>();
  assert.ok(seq! > 0, JSON.stringify(error));
}
