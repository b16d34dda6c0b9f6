/** Which actors there are, and in which namespace. */
import assert from "node:assert/strict";
import { collect, deposits, refused, type Suite } from "./_suite.ts";

export function testLists(suite: Suite): void {
  suite.group("listActors()", () => {
    suite.test("of an empty namespace is empty", async ({ store }) => {
      assert.deepEqual(await collect(store.listActors()), []);
      assert.deepEqual(
        await collect(store.listActors({ type: "account" })),
        [],
      );
    });

    suite.test("names each actor once, by its last activity", async (t) => {
      for (
        const actorId of [
          "account-a",
          "account-b",
          "order-1",
          "account-a",
          "x y",
          "order-1",
        ]
      ) {
        await t.store.append(actorId, deposits(1, 2));
      }
      await t.store.append("account-fenced", [], { fence: true });
      await t.store.append("account-b", [], { fence: true });
      const listed = await collect((await t.another()).listActors());
      assert.deepEqual(listed, [
        "account-a",
        "x y",
        "order-1",
        "account-fenced",
        "account-b",
      ]);
    });

    suite.test("names the actors of one type", async ({ store }) => {
      for (
        const actorId of [
          "account-a",
          "order-1",
          "2024-report",
          "accounts-1",
          "account-b",
        ]
      ) {
        await store.append(actorId, deposits(1));
      }
      const listed = (type: string) => collect(store.listActors({ type }));
      assert.deepEqual(await listed("account"), ["account-a", "account-b"]);
      assert.deepEqual(await listed("_"), ["2024-report"]);
      assert.deepEqual(await listed("Account"), []);
      for (const type of ["", "*", ">", "a.b", "account-"]) {
        await refused("invalid_argument", () => listed(type));
      }
    });

    suite.test("names at once whom another store has made, and each once", async (t) => {
      const reader = await t.another();
      const wrong: string[] = [];
      const expected: string[] = [];
      for (let i = 0; i < 100; i++) {
        const actorId = `account-${i % 40}`;
        await t.store.append(actorId, deposits(i));
        const before = expected.indexOf(actorId);
        if (before >= 0) expected.splice(before, 1);
        expected.push(actorId);
        const listed = await collect(
          reader.listActors(i % 2 === 0 ? {} : { type: "account" }),
        );
        if (listed.join() !== expected.join()) {
          wrong.push(
            `list ${i}: ${listed.length} for ${expected.length}, last ${
              listed.at(-1)
            }`,
          );
        }
      }
      assert.deepEqual(wrong, []);
    });

    suite.test("names all of 1,200 actors", async ({ store }) => {
      const ids = Array.from({ length: 1_200 }, (_, i) => `account-${i}`);
      for (let i = 0; i < ids.length; i += 400) {
        await store.appendAll(
          ids.slice(i, i + 400).map((actorId) => ({
            actorId,
            events: deposits(1),
          })),
        );
      }
      assert.deepEqual(await collect(store.listActors()), ids);
      assert.deepEqual(
        await collect(store.listActors({ type: "account" })),
        ids,
      );
    });
  });

  suite.group("namespaces", () => {
    suite.test("say which they are", async (t) => {
      assert.equal(t.store.namespace, t.namespace);
      const nested = `${t.namespace}.eu`;
      assert.equal((await t.another(nested)).namespace, nested);
    });

    suite.test("never see each other, however alike their names", async (t) => {
      const names = [
        t.namespace,
        `${t.namespace}.eu`,
        `${t.namespace}.eu.west`,
        `${t.namespace}_INBOX`,
        `${t.namespace}-eu`,
        `${t.namespace}_SNAP`,
      ];
      const stores = await Promise.all(names.map((name) => t.another(name)));
      for (const [i, store] of stores.entries()) {
        const { version } = await store.append("account-ada", deposits(i), {
          expectedVersion: "no_stream",
        });
        await store.append(`only-${i}`, deposits(i));
        assert.equal(version, 1);
        await store.saveSnapshot({
          actorId: "account-ada",
          version: 1,
          state: { of: i },
          timestamp: new Date(),
        });
      }
      for (const [i, store] of stores.entries()) {
        const events = await collect(store.read());
        assert.deepEqual(
          events.map(({ actorId, data }) => [actorId, data]),
          [["account-ada", { amount: i }], [`only-${i}`, { amount: i }]],
        );
        assert.deepEqual(await collect(store.listActors()), [
          "account-ada",
          `only-${i}`,
        ]);
        assert.equal(
          await store.getLatestVersion(`only-${(i + 1) % names.length}`),
          0,
        );
        assert.deepEqual((await store.load("account-ada")).snapshot?.state, {
          of: i,
        });
      }
    });

    suite.test("with names that are none are refused", async (t) => {
      for (
        const name of [
          "",
          "a b",
          "a.*",
          "a.>",
          "a..b",
          ".a",
          "a.b.c.d.e",
          "x".repeat(33),
        ]
      ) {
        await refused("invalid_argument", () => t.suite.options.open(name));
      }
    });
  });
}
