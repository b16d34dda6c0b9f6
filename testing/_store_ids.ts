/** Actor ids of every kind. */
import assert from "node:assert/strict";
import { assertLog, collect, deposits, refused, type Suite } from "./_suite.ts";

const GOOD: readonly string[] = [
  "order-123",
  "order-a-b-c",
  "Order-123",
  "order_item-1",
  "order--",
  "order- ",
  "*",
  ">",
  "order-*",
  "order->",
  "a.b",
  "order-a.b",
  "order-.",
  "a b",
  "order-a b",
  "ünï",
  "order-ünï",
  "🦆",
  "order-🦆🏽",
  "2024-report",
  "-leading",
  "_",
  "$JS.API.INFO",
  "x-=41da",
  "x-Ada",
  "x-=3D41da",
  "order-%2E",
  "order-/../x",
  "order-\\",
  'order-"',
  "order-null",
  "order-__proto__",
  "constructor",
  "__proto__",
  "toString-1",
  "日本語-注文",
  `order-${"k".repeat(128)}`,
  `order-${"ü".repeat(21)}`,
  `${"t".repeat(128)}-1`,
];

const BAD: readonly [string, unknown][] = [
  ["empty", ""],
  ["an empty key", "order-"],
  ["a line feed", "order-a\nb"],
  ["NUL", "order-\u0000"],
  ["DEL", "order-\u007f"],
  ["a C1 control", "order-\u0085"],
  ["a lone surrogate", "order-\ud800"],
  ["a lone trail surrogate", "\udc00"],
  ["129 bytes of key", `order-${"k".repeat(129)}`],
  ["132 bytes of encoded key", `order-${"ü".repeat(22)}`],
  ["129 bytes of type", `${"t".repeat(129)}-1`],
  ["a number", 7],
  ["nothing", undefined],
];

export function testIds(suite: Suite): void {
  suite.group("actor ids", () => {
    suite.test("of any text are actors of their own", async (t) => {
      for (const [i, actorId] of GOOD.entries()) {
        const { version } = await t.store.append(actorId, deposits(i), {
          expectedVersion: "no_stream",
        });
        assert.equal(version, 1, actorId);
      }
      const reader = await t.another();
      for (const [i, actorId] of GOOD.entries()) {
        const events = await collect(reader.read({ actorId }));
        assert.deepEqual(
          events.map(({ actorId, data }) => [actorId, data]),
          [[actorId, { amount: i }]],
        );
        const { commits, position } = await reader.load(actorId);
        assert.equal(position.actorId, actorId);
        assert.deepEqual(commits[0]!.events, events);
      }
      assert.deepEqual(await collect(reader.listActors()), GOOD);
      assert.equal((await collect(reader.read())).length, GOOD.length);
    });

    suite.test("of any text conflict with themselves only", async (t) => {
      for (const actorId of GOOD) await t.store.append(actorId, deposits(1));
      for (const actorId of GOOD) {
        await refused(
          "version_conflict",
          () => t.store.append(actorId, deposits(2), { expectedVersion: 0 }),
        );
        const { version } = await t.store.append(actorId, deposits(2), {
          expectedVersion: 1,
        });
        assert.equal(version, 2);
      }
    });

    for (const [what, id] of BAD) {
      const actorId = id as string;
      suite.test(`with ${what} are refused everywhere`, async ({ store }) => {
        const timestamp = new Date();
        const calls: readonly (() => unknown)[] = [
          () => store.append(actorId, deposits(1)),
          () => store.appendAll([{ actorId, events: deposits(1) }]),
          () =>
            store.saveEvent({
              id: "e",
              eventType: "E",
              actorId,
              version: 1,
              data: 1,
              timestamp,
            }),
          () => store.getEvents(actorId),
          () => store.getLatestVersion(actorId),
          () => store.load(actorId),
          () =>
            store.saveSnapshot({ actorId, version: 1, state: 1, timestamp }),
          () => store.getLatestSnapshot(actorId),
        ];
        for (const call of calls) await refused("invalid_argument", call);
        if (actorId !== undefined) {
          await refused(
            "invalid_argument",
            () => collect(store.read({ actorId })),
          );
        }
        assert.deepEqual(await collect(store.listActors()), []);
      });
    }

    suite.test("that differ in normal form only are one actor", async (t) => {
      const composed = "order-caf\u00e9";
      const decomposed = "order-cafe\u0301";
      const first = await t.store.append(decomposed, deposits(1));
      assert.equal(first.events[0]!.actorId, composed);
      assert.equal(first.position.actorId, composed);
      const saved = await t.store.saveEvent({
        id: "e-2",
        eventType: "Deposited",
        actorId: decomposed,
        version: 2,
        data: { amount: 2 },
        timestamp: new Date(),
      });
      assert.equal(saved.actorId, composed);
      await t.store.append(composed, deposits(3), { expectedVersion: 2 });
      for (const actorId of [composed, decomposed]) {
        await assertLog(t.store, actorId, 3);
        const events = await collect((await t.another()).read({ actorId }));
        assert.deepEqual(events.map((event) => event.actorId), [
          composed,
          composed,
          composed,
        ]);
      }
      await t.store.saveSnapshot({
        actorId: decomposed,
        version: 3,
        state: 6,
        timestamp: new Date(),
      });
      assert.equal(
        (await t.store.getLatestSnapshot(composed))?.actorId,
        composed,
      );
      assert.deepEqual(await collect(t.store.listActors()), [composed]);
    });
  });
}
