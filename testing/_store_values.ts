/** Data: what comes back is what was given, or it is refused. */
import assert from "node:assert/strict";
import { assertLog, collect, deposits, refused, type Suite } from "./_suite.ts";

const GOOD: readonly [string, unknown][] = [
  ["null", null],
  ["booleans", [true, false]],
  ["an empty string", ""],
  ["an empty object", {}],
  ["an empty array", []],
  ["whole numbers", [0, -1, 2 ** 53 - 1, -(2 ** 53) + 1, 1e21, 2 ** 60]],
  ["fractions", [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -1e-7]],
  ["any text", [
    "ü",
    "日本語",
    "🦆🏽",
    "\u0000\u001f\u007f\u2028\u2029\ufeff",
    '"\\/\b\f\n\r\t',
    "</script>",
  ]],
  ["text that looks like more", [
    "2026-01-01T00:00:00.000Z",
    "null",
    "NaN",
    "1e3",
    "{}",
  ]],
  ["keys of any kind", {
    "": 1,
    " ": 2,
    "a.b": 3,
    toString: 4,
    hasOwnProperty: 5,
    "ü": 6,
    0: 7,
  }],
  ["keys in their order", { b: 1, a: { d: 1, c: [{ z: 1, y: 2 }] } }],
  ["nesting to 64 levels", nested(64)],
  ["long text", "x".repeat(100_000)],
  [
    "many keys",
    Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`k${i}`, i])),
  ],
];

class Money {
  amount = 1;
}

const ring: { self?: unknown } = {};
ring.self = ring;

/** What, the value, and the path an error must name. */
const BAD: readonly [string, unknown, string | RegExp][] = [
  ["undefined inside", { a: undefined }, "data.a"],
  ["undefined in an array", { list: [1, undefined] }, "data.list[1]"],
  ["NaN", { a: { b: NaN } }, "data.a.b"],
  ["Infinity", [Infinity], "data[0]"],
  ["-Infinity", -Infinity, "data"],
  ["-0", { "a b": -0 }, 'data["a b"]'],
  ["a bigint", { n: 1n }, "data.n"],
  ["a symbol", { s: Symbol("s") }, "data.s"],
  ["a function", { f: () => 1 }, "data.f"],
  ["a Date", { at: new Date(0) }, "data.at"],
  ["a Map", { m: new Map([[1, 2]]) }, "data.m"],
  ["a Set", new Set([1]), "data"],
  ["bytes", { bytes: new Uint8Array(2) }, "data.bytes"],
  ["a class instance", { price: new Money() }, "data.price"],
  ["an array with holes", { list: [1, , 3] }, "data.list[1]"], // deno-lint-ignore-line
  [
    "an array with keys",
    { list: Object.assign([1], { more: 2 }) },
    "data.list",
  ],
  ["a key that is a symbol", { o: { [Symbol("k")]: 1 } }, "data.o"],
  ["a lone surrogate", { text: "\ud83e" }, "data.text"],
  ["a key with a lone surrogate", { o: { "\ud83e": 1 } }, "data.o"],
  [
    "a key __proto__",
    JSON.parse('{"o":{"__proto__":{"admin":true}}}'),
    "data.o.__proto__",
  ],
  ["a key constructor", { constructor: 1 }, "data.constructor"],
  ["a key prototype", { prototype: 1 }, "data.prototype"],
  ["nesting to 65 levels", nested(65), /^data(\.in)+$/],
  ["a ring", ring, /^data(\.self)+$/],
  [
    "10,001 keys",
    {
      o: Object.fromEntries(
        Array.from({ length: 10_001 }, (_, i) => [`k${i}`, i]),
      ),
    },
    "data.o",
  ],
];

export function testValues(suite: Suite): void {
  suite.group("data", () => {
    for (const [what, data] of GOOD) {
      suite.test(`${what}: comes back as given`, async (t) => {
        const result = await t.store.append("account-ada", [{
          eventType: "E",
          data,
        }]);
        const reader = await t.another();
        const ways = [
          result.events[0],
          (await reader.getEvents("account-ada"))[0],
          (await collect(reader.read()))[0],
          (await reader.load("account-ada")).commits[0]!.events[0],
        ];
        for (const event of ways) {
          assert.deepEqual(event!.data, data);
          assert.equal(JSON.stringify(event!.data), JSON.stringify(data));
        }
      });
    }

    suite.test("left out: stays out", async ({ store }) => {
      await store.append("account-ada", [
        { eventType: "E" },
        { eventType: "E", data: undefined },
        { eventType: "E", data: null },
      ]);
      const events = await store.getEvents("account-ada");
      assert.deepEqual(events.map((event) => event.data), [
        undefined,
        undefined,
        null,
      ]);
    });

    for (const [what, data, path] of BAD) {
      suite.test(`${what}: is refused, and the place named`, async ({ store }) => {
        const timestamp = new Date();
        const calls: readonly (() => unknown)[] = [
          () => store.append("account-ada", [{ eventType: "E", data }]),
          () =>
            store.append("account-ada", [...deposits(1), {
              eventType: "E",
              data,
            }]),
          () =>
            store.append("account-ada", [{ eventType: "E", data }], {
              expectedVersion: 0,
            }),
          () =>
            store.saveEvent({
              id: "e",
              eventType: "E",
              actorId: "account-ada",
              version: 1,
              data,
              timestamp,
            }),
          () =>
            store.appendAll([
              { actorId: "account-bob", events: deposits(1) },
              { actorId: "account-ada", events: [{ eventType: "E", data }] },
            ]),
        ];
        for (const call of calls) {
          const error = await refused("invalid_argument", call);
          const place = String(error.details["path"]);
          if (typeof path === "string") assert.equal(place, path);
          else assert.match(place, path);
          assert.ok(error.message.includes(place.slice(0, 100)), error.message);
        }
        await assertLog(store, "account-ada", 0);
        assert.deepEqual(await collect(store.listActors()), []);
      });
    }

    suite.test("changed after the call: changes nothing", async (t) => {
      const expectations = ["any", 1, "exists"] as const;
      for (const [i, expectedVersion] of expectations.entries()) {
        const actorId = `account-${i}`;
        // Another store, so that this one must look where the log ends.
        await (await t.another()).append(actorId, deposits(1));
        const data = { list: [1], inner: { a: 1 } };
        const metadata = { userId: "given" };
        const events = [{ eventType: "E", data, metadata }];
        const timestamp = new Date(1_000);
        const commands = [{ id: "c", events: 2 }];
        events.push({ eventType: "Last", data, metadata });
        const stamped = events.map((event) => ({ ...event, timestamp }));
        const storing = t.store.append(actorId, stamped, {
          expectedVersion,
          commands,
        });
        data.list.push(2);
        data.inner.a = 2;
        metadata.userId = "changed";
        timestamp.setTime(2_000);
        commands[0]!.id = "changed";
        stamped.pop();
        const result = await storing;
        const { commits } = await t.store.load(actorId);
        for (const stored of [result.events, commits.at(-1)!.events]) {
          assert.deepEqual(
            stored.map(({ data, eventType, metadata, timestamp }) => ({
              data,
              eventType,
              metadata,
              timestamp,
            })),
            ["E", "Last"].map((eventType) => ({
              data: { list: [1], inner: { a: 1 } },
              eventType,
              metadata: { userId: "given" },
              timestamp: new Date(1_000),
            })),
          );
        }
        assert.deepEqual(commits.at(-1)!.commands, [{ id: "c", events: 2 }]);
      }
    });

    suite.test("changed after it was returned: changes nothing", async ({ store }) => {
      const given = { list: [1], inner: { a: 1 } };
      const result = await store.append("account-ada", [{
        eventType: "E",
        data: given,
      }]);
      await store.saveSnapshot({
        actorId: "account-ada",
        version: 1,
        state: { a: 1 },
        timestamp: new Date(),
      });
      const spoil = (data: unknown) => {
        (data as typeof given).list.push(9);
        (data as typeof given).inner.a = 9;
      };
      spoil(given);
      spoil(result.events[0]!.data);
      spoil((await store.getEvents("account-ada"))[0]!.data);
      spoil(
        (await store.load("account-ada", { schema: false })).commits[0]!
          .events[0]!.data,
      );
      ((await store.load("account-ada")).snapshot!.state as { a: number }).a =
        9;
      (result.position.trail as number[]).length = 0;
      const [event] = await store.getEvents("account-ada");
      assert.deepEqual(event!.data, { list: [1], inner: { a: 1 } });
      const { position, snapshot } = await store.load("account-ada");
      assert.deepEqual(snapshot!.state, { a: 1 });
      assert.deepEqual(position.trail, [result.sequence]);
      const next = await store.append("account-ada", deposits(1), {
        expectedVersion: 1,
      });
      assert.equal(next.version, 2);
    });

    suite.test("too large for one message is refused, and harms nothing", async (t) => {
      const { store } = t;
      const data = "x".repeat(suite.maxPayload + 1);
      const half = "x".repeat(Math.ceil(suite.maxPayload / 2) + 1);
      const event = { eventType: "E", data };
      const calls: readonly (() => unknown)[] = [
        () => store.append("account-ada", [event]),
        () => store.append("account-ada", [event], { expectedVersion: 0 }),
        () =>
          store.append("account-ada", [{ eventType: "E", data: half }, {
            eventType: "E",
            data: half,
          }]),
        () =>
          store.saveEvent({
            ...event,
            id: "e",
            actorId: "account-ada",
            version: 1,
            timestamp: new Date(),
          }),
      ];
      const before = suite.options.sent?.() ?? 0;
      for (const call of calls) await refused("payload_too_large", call);
      const sent = (suite.options.sent?.() ?? 0) - before;
      assert.ok(sent < data.length, `${sent} bytes were sent`);
      await assertLog(store, "account-ada", 0);
      const { version } = await store.append("account-ada", [{
        eventType: "E",
        data: half,
      }]);
      assert.equal(version, 1);
      assert.equal(
        (await (await t.another()).getEvents("account-ada"))[0]!.data,
        half,
      );
    });
  });
}

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = { in: value };
  return value;
}
