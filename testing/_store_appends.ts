/** What an append stores and answers. */
import assert from "node:assert/strict";
import { type Event, isUlid, ulid } from "../event/mod.ts";
import {
  assertLog,
  collect,
  conflicting,
  deposits,
  refused,
  type Suite,
} from "./_suite.ts";

export function testAppends(suite: Suite): void {
  suite.group("append() and saveEvent()", () => {
    suite.test("numbers an actor's events 1, 2, 3 …", async ({ store }) => {
      const first = await store.append("account-ada", deposits(1));
      assert.equal(first.version, 1);
      const second = await store.append("account-ada", deposits(2, 3));
      assert.equal(second.version, 3);
      await assertLog(store, "account-ada", 3);
    });

    suite.test("answers what was stored, as it is read", async ({ store }) => {
      const result = await store.append("account-ada", deposits(1, 2));
      assert.deepEqual(await store.getEvents("account-ada"), result.events);
      assert.deepEqual(
        result.events.map((
          event,
        ) => [event.version, event.eventType, event.actorId]),
        [[1, "Deposited", "account-ada"], [2, "Deposited", "account-ada"]],
      );
      for (const event of result.events) {
        assert.equal(event.sequence, result.sequence);
        assert.equal(event.commitId, result.commitId);
      }
    });

    suite.test("makes ids and times where they are left out", async ({ store }) => {
      const before = Date.now();
      const { events } = await store.append("account-ada", deposits(1, 2));
      const after = Date.now();
      assert.equal(new Set(events.map((event) => event.id)).size, 2);
      for (const { id, timestamp } of events) {
        assert.ok(isUlid(id), id);
        assert.ok(timestamp instanceof Date);
        assert.ok(
          timestamp.getTime() >= before && timestamp.getTime() <= after,
        );
      }
    });

    suite.test("keeps the id, time and command an event has", async ({ store }) => {
      const timestamp = new Date("2001-02-03T04:05:06.789Z");
      await store.append("account-ada", [{
        ...deposits(1)[0]!,
        id: "given-1",
        timestamp,
        commandId: "command-1",
      }]);
      const [event] = await store.getEvents("account-ada");
      assert.equal(event!.id, "given-1");
      assert.deepEqual(event!.timestamp, timestamp);
      assert.equal(event!.commandId, "command-1");
    });

    suite.test("keeps the commit id it is given", async ({ store }) => {
      const commitId = ulid();
      const result = await store.append("account-ada", deposits(1), {
        commitId,
      });
      assert.equal(result.commitId, commitId);
      const { commits } = await store.load("account-ada");
      assert.equal(commits[0]!.commitId, commitId);
      assert.equal(commits[0]!.events[0]!.commitId, commitId);
    });

    suite.test("makes each commit a ULID of its own", async ({ store }) => {
      const one = await store.append("account-ada", deposits(1));
      const other = await store.append("account-ada", deposits(2));
      assert.ok(isUlid(one.commitId) && isUlid(other.commitId));
      assert.notEqual(one.commitId, other.commitId);
    });

    suite.test("keeps metadata, the named keys and others", async ({ store }) => {
      const metadata = {
        correlationId: "c-1",
        causationId: "e-1",
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        userId: "ünï 🦆",
        specversion: "not CloudEvents'",
      };
      await store.append("account-ada", [{ ...deposits(1)[0]!, metadata }]);
      const [event] = await store.getEvents("account-ada");
      assert.deepEqual(event!.metadata, metadata);
    });

    suite.test("gives the call's metadata to events that have none", async ({ store }) => {
      const [own, none] = deposits(1, 2);
      await store.append("account-ada", [
        { ...own!, metadata: { userId: "own" } },
        none!,
      ], { metadata: { userId: "call", correlationId: "c" } });
      const events = await store.getEvents("account-ada");
      assert.deepEqual(events.map((event) => event.metadata), [
        { userId: "own" },
        { userId: "call", correlationId: "c" },
      ]);
    });

    suite.test("stores several events as one commit, next to each other", async (t) => {
      const { sequence } = await t.store.append(
        "account-ada",
        deposits(1, 2, 3),
      );
      await t.store.append("account-bob", deposits(4));
      const all = await collect(t.store.read());
      assert.deepEqual(
        all.map((
          event,
        ) => [event.actorId, event.version, event.sequence === sequence]),
        [
          ["account-ada", 1, true],
          ["account-ada", 2, true],
          ["account-ada", 3, true],
          ["account-bob", 1, false],
        ],
      );
      const { commits } = await t.store.load("account-ada");
      assert.equal(commits.length, 1);
      assert.equal(commits[0]!.version, 3);
    });

    suite.test("stores none of several events when one breaks a rule", async ({ store }) => {
      await refused("invalid_argument", () =>
        store.append("account-ada", [
          ...deposits(1),
          { eventType: "Deposited", data: { amount: NaN } },
          ...deposits(3),
        ]));
      await assertLog(store, "account-ada", 0);
    });

    suite.test("refuses no events at all", async ({ store }) => {
      await refused("invalid_argument", () => store.append("account-ada", []));
      await refused(
        "invalid_argument",
        () => store.append("account-ada", [], { fence: false }),
      );
      assert.deepEqual((await store.load("account-ada")).position.trail, []);
    });

    suite.test("says where the log ends, in its position", async ({ store }) => {
      const { position, sequence } = await store.append(
        "account-ada",
        deposits(1, 2),
      );
      assert.deepEqual(position, {
        actorId: "account-ada",
        version: 2,
        trail: [sequence],
      });
      assert.deepEqual((await store.load("account-ada")).position, position);
    });

    suite.test("names the last 17 commits in its position", async (t) => {
      const sequences: number[] = [];
      let position = (await t.store.load("account-ada")).position;
      for (let i = 1; i <= 20; i++) {
        await t.store.append("account-bob", deposits(i));
        const result = await t.store.append("account-ada", deposits(i), {
          expectedVersion: position,
        });
        position = result.position;
        sequences.unshift(result.sequence);
      }
      assert.deepEqual(position, {
        actorId: "account-ada",
        version: 20,
        trail: sequences.slice(0, 17),
      });
      assert.deepEqual((await t.store.load("account-ada")).position, position);
      const elsewhere = await (await t.another()).load("account-ada");
      assert.deepEqual(elsewhere.position, position);
    });

    suite.test("gives commits of all actors one rising order", async (t) => {
      const other = await t.another();
      const sequences: number[] = [];
      for (let i = 0; i < 20; i++) {
        const store = i % 2 === 0 ? t.store : other;
        const { sequence } = await store.append(
          `account-${i % 3}`,
          deposits(i),
        );
        sequences.push(sequence);
      }
      for (let i = 1; i < sequences.length; i++) {
        assert.ok(sequences[i]! > sequences[i - 1]!, sequences.join());
      }
      const read = await collect(t.store.read());
      assert.deepEqual(read.map((event) => event.sequence), sequences);
    });

    suite.test("keeps the commands a commit answers", async ({ store }) => {
      const none = await store.append("account-ada", deposits(0));
      const answers = [
        [{ id: "one", events: 1 }],
        [{ id: "[two]", events: 1 }],
        [{ id: "a", events: 0 }, { id: "b", events: 1 }],
        [{ id: "only-part", events: 0 }],
        [{ id: "done", events: 1 }, {
          id: "no",
          events: 0,
          rejected: {
            reason: "insufficient_funds",
            message: "balance is 3 €\r\n",
            details: { balance: 3, who: "Žofie 🦆" },
          },
        }],
      ];
      for (const commands of answers) {
        await store.append("account-ada", deposits(1), { commands });
      }
      const { commits } = await store.load("account-ada");
      assert.deepEqual(commits.map((commit) => commit.commands), [
        [],
        ...answers,
      ]);
      const after = await store.load("account-ada", { after: none.position });
      assert.deepEqual(after.commits.map((commit) => commit.commands), answers);
    });

    suite.test("marks a command's events as its own", async ({ store }) => {
      await store.append("account-ada", [
        ...deposits(1),
        { ...deposits(2)[0]!, commandId: "own" },
      ], { commands: [{ id: "command-1", events: 2 }] });
      const events = await store.getEvents("account-ada");
      assert.deepEqual(events.map((event) => event.commandId), [
        "command-1",
        "own",
      ]);
    });

    const badCommands: [string, { id: string; events: number }[]][] = [
      ["an id with a space", [{ id: "a b", events: 1 }]],
      ["an empty id", [{ id: "", events: 1 }]],
      ["more events than there are", [{ id: "a", events: 2 }]],
      ["half an event", [{ id: "a", events: 0.5 }]],
      ["one command twice", [{ id: "a", events: 1 }, { id: "a", events: 0 }]],
    ];
    suite.test("refuses commands that cannot be", async ({ store }) => {
      for (const [what, commands] of badCommands) {
        await assert.doesNotReject(
          refused(
            "invalid_argument",
            () => store.append("account-ada", deposits(1), { commands }),
          ),
          what,
        );
      }
      await assertLog(store, "account-ada", 0);
    });

    suite.test("refuses a commit id that is not a ULID", async ({ store }) => {
      for (
        const commitId of ["", "7", "a\r\nb", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ"]
      ) {
        await refused(
          "invalid_argument",
          () => store.append("account-ada", deposits(1), { commitId }),
        );
      }
      await assertLog(store, "account-ada", 0);
    });

    suite.test("saveEvent() keeps every field", async ({ store }) => {
      const event = savable(1, { commandId: "c-1", metadata: { userId: "u" } });
      const saved = await store.saveEvent(event);
      const { commitId, sequence, ...rest } = saved;
      assert.deepEqual(rest, event);
      assert.ok(isUlid(commitId));
      assert.ok(sequence > 0);
      assert.deepEqual(await store.getEvents("account-ada"), [saved]);
    });

    suite.test("saveEvent() takes the next version only", async ({ store }) => {
      for (const version of [1, 2, 3]) await store.saveEvent(savable(version));
      const gap = await conflicting(() => store.saveEvent(savable(5)));
      assert.deepEqual([gap.expectedVersion, gap.actualVersion], [4, 3]);
      assert.deepEqual(gap.newerEvents, []);
      const repeat = await conflicting(() => store.saveEvent(savable(3)));
      assert.deepEqual([repeat.expectedVersion, repeat.actualVersion], [2, 3]);
      assert.deepEqual(
        repeat.newerEvents,
        await store.getEvents("account-ada", 3),
      );
      await assertLog(store, "account-ada", 3);
    });

    suite.test("saveEvent() refuses versions that are none", async ({ store }) => {
      for (const version of [0, -1, 1.5, NaN, Infinity, 2 ** 53]) {
        await refused(
          "invalid_argument",
          () => store.saveEvent(savable(version)),
        );
      }
      await refused(
        "invalid_argument",
        () => store.saveEvent(savable("1" as unknown as number)),
      );
      await assertLog(store, "account-ada", 0);
    });

    suite.test("refuses events whose fields break a rule", async ({ store }) => {
      const bad: [string, Partial<Record<keyof Event, unknown>>][] = [
        ["eventType", { eventType: "" }],
        ["eventType", { eventType: undefined }],
        ["eventType", { eventType: "\ud800" }],
        ["id", { id: "" }],
        ["id", { id: "x".repeat(1025) }],
        ["timestamp", { timestamp: new Date(NaN) }],
        ["timestamp", { timestamp: "2026-01-01" }],
        ["commandId", { commandId: "" }],
        ["metadata", { metadata: { userId: 7 } }],
      ];
      for (const [field, change] of bad) {
        const { version: _version, ...event } = {
          ...savable(1),
          ...change,
        } as Event;
        const error = await refused(
          "invalid_argument",
          () => store.append("account-ada", [event]),
        );
        assert.match(error.message, new RegExp(field));
        await refused(
          "invalid_argument",
          () => store.saveEvent({ ...savable(1), ...change } as Event),
        );
      }
      await assertLog(store, "account-ada", 0);
    });

    suite.test("takes appends and saves of two stores in turn", async (t) => {
      const stores = [t.store, await t.another()];
      for (let version = 1; version <= 40; version++) {
        const store = stores[(version >> 1) % 2]!;
        if (version % 2 === 0) await store.saveEvent(savable(version));
        else {
          const result = await store.append("account-ada", deposits(version), {
            expectedVersion: version - 1,
          });
          assert.equal(result.version, version);
        }
      }
      for (const store of stores) await assertLog(store, "account-ada", 40);
    });
  });
}

function savable(version: number, more: Partial<Event> = {}): Event {
  return {
    id: ulid(),
    eventType: "Deposited",
    actorId: "account-ada",
    version,
    data: { amount: version },
    timestamp: new Date(1_700_000_000_000 + (Number(version) || 0)),
    ...more,
  };
}
