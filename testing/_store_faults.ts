/** A log that somebody has tampered with: found loudly, and nobody else harmed. */
import assert from "node:assert/strict";
import {
  cloudEventsCodec,
  CommitHeader,
  type Event,
  EVENT_BATCH,
  ONE_EVENT,
  ulid,
} from "../event/mod.ts";
import {
  assertLog,
  type Case,
  collect,
  conflicting,
  deposits,
  refused,
  someDeposits,
  type Suite,
} from "./_suite.ts";
import type { Store } from "./store_contract.ts";

interface Broken {
  readonly what: string;
  /** Whether nothing can be read of it, not even a version. */
  readonly unreadable?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly body: (namespace: string) => Uint8Array;
}

const BROKEN: readonly Broken[] = [
  {
    what: "an unknown content-type",
    unreadable: true,
    contentType: "text/plain",
    body: one({}),
  },
  { what: "no content-type", unreadable: true, contentType: "", body: one({}) },
  { what: "a body that is no JSON", unreadable: true, body: text("{not JSON") },
  { what: "an empty body", unreadable: true, body: text("") },
  {
    what: "a body that is no event",
    unreadable: true,
    body: text('{"specversion":"1.0"}'),
  },
  {
    what: "a body that is no UTF-8",
    unreadable: true,
    body: (namespace) => {
      const body = one({ data: "a" })(namespace);
      body[body.lastIndexOf(0x61)] = 0xff; // the "a" of the data
      return body;
    },
  },
  {
    what: "a key no payload may have",
    unreadable: true,
    body: replaced('"amount"', '"__proto__"'),
  },
  {
    what: "an event of another actor",
    unreadable: true,
    body: one({ actorId: "account-bob" }),
  },
  {
    what: "no commit id",
    unreadable: true,
    headers: { [CommitHeader.commit]: "" },
    body: one({}),
  },
  {
    what: "no events and no fence",
    unreadable: true,
    contentType: EVENT_BATCH,
    body: text("[]"),
  },
  {
    what: "a version left out inside",
    unreadable: true,
    contentType: EVENT_BATCH,
    body: several(3, 5),
  },
  {
    what: "commands that cannot be read",
    unreadable: true,
    headers: { [CommitHeader.commands]: "[7" },
    body: one({}),
  },
  { what: "a version left out before", body: one({ version: 5 }) },
  { what: "a version that is there already", body: one({ version: 2 }) },
  {
    what: "a fence of another version",
    contentType: EVENT_BATCH,
    headers: { [CommitHeader.fence]: "7" },
    body: text("[]"),
  },
];

export function testFaults(suite: Suite): void {
  const { deleteCommit, recreate, writeRaw } = suite.faults;
  if (writeRaw !== undefined) {
    suite.group("a broken message", () => {
      for (const { body, contentType, headers, unreadable, what } of BROKEN) {
        suite.test(`with ${what} is found, and harms nobody else`, async (t) => {
          await prepare(t.store);
          await writeRaw.call(
            suite.faults,
            t.namespace,
            "account-ada",
            { [CommitHeader.commit]: ulid(), ...headers },
            body(t.namespace),
            contentType ?? ONE_EVENT,
          );
          for (const store of [t.store, await t.another()]) {
            await assertCorrupt(store);
            if (unreadable) {
              await refused(
                "corrupt_log",
                () => store.getLatestVersion("account-ada"),
              );
              await refused("corrupt_log", () => collect(store.read()));
              for (const expectedVersion of ["any", 2, 3] as const) {
                await refused(
                  "corrupt_log",
                  () =>
                    store.append("account-ada", deposits(9), {
                      expectedVersion,
                    }),
                );
              }
            }
          }
          await assertUnharmed(t);
        });
      }

      suite.test("is passed over by nobody who reads on behind it", async (t) => {
        await prepare(t.store);
        await writeRaw.call(
          suite.faults,
          t.namespace,
          "account-ada",
          { [CommitHeader.commit]: ulid() },
          text("?")(),
          ONE_EVENT,
        );
        await writeRaw.call(
          suite.faults,
          t.namespace,
          "account-ada",
          { [CommitHeader.commit]: ulid() },
          one({ version: 3 })(t.namespace),
          ONE_EVENT,
        );
        await assertCorrupt(t.store);
        await assertUnharmed(t);
      });
    });

    suite.group("a message of another program", () => {
      suite.test("that keeps the format is an event like any other", async (t) => {
        await prepare(t.store);
        const commitId = ulid();
        await writeRaw.call(
          suite.faults,
          t.namespace,
          "account-ada",
          { [CommitHeader.commit]: commitId },
          one({ version: 3 })(t.namespace),
          ONE_EVENT,
        );
        for (const store of [t.store, await t.another()]) {
          const events = await store.getEvents("account-ada", 3);
          assert.deepEqual(events.map((event) => event.commitId), [commitId]);
          await assertLog(store, "account-ada", 3);
        }
        const next = await t.store.append("account-ada", deposits(4), {
          expectedVersion: 3,
        });
        assert.equal(next.version, 4);
        await assertLog(await t.another(), "account-ada", 4);
      });
    });
  }

  if (deleteCommit !== undefined) {
    suite.group("a missing message", () => {
      for (
        const [what, index] of [["first", 0], ["middle", 12], [
          "last but one",
          23,
        ]] as const
      ) {
        suite.test(`the ${what}, is found, and harms nobody else`, async (t) => {
          await t.store.append("account-bob", deposits(1));
          const sequences: number[] = [];
          for (let i = 0; i < 25; i++) {
            sequences.push(
              (await t.store.append("account-ada", someDeposits(1 + i % 2)))
                .sequence,
            );
          }
          await deleteCommit.call(suite.faults, t.namespace, sequences[index]!);
          for (const store of [t.store, await t.another()]) {
            await assertCorrupt(store);
          }
          await assertUnharmed(t);
        });
      }

      suite.test("without events is not missed", async (t) => {
        await t.store.append("account-ada", deposits(1));
        const fence = await t.store.append("account-ada", [], { fence: true });
        await t.store.append("account-ada", deposits(2));
        await deleteCommit.call(suite.faults, t.namespace, fence.sequence);
        for (const store of [t.store, await t.another()]) {
          assert.deepEqual(
            (await store.getEvents("account-ada")).map((event) =>
              event.version
            ),
            [1, 2],
          );
          assert.equal((await store.load("account-ada")).commits.length, 2);
        }
      });

      suite.test("a snapshot ends with it: the snapshot is not believed", async (t) => {
        await prepare(t.store);
        const { sequence } = await t.store.append("account-ada", deposits(3));
        await t.store.append("account-ada", deposits(4));
        await t.store.saveSnapshot({
          actorId: "account-ada",
          version: 3,
          state: 6,
          timestamp: new Date(),
        });
        await deleteCommit.call(suite.faults, t.namespace, sequence);
        const reader = await t.another();
        assert.equal(await reader.getLatestSnapshot("account-ada"), undefined);
        await refused("corrupt_log", () => reader.load("account-ada"));
      });

      suite.test("lies before a snapshot: the actor can be loaded", async (t) => {
        const { sequence } = await t.store.append("account-ada", deposits(1));
        for (let i = 2; i <= 4; i++) {
          await t.store.append("account-ada", deposits(i));
        }
        await t.store.saveSnapshot({
          actorId: "account-ada",
          version: 3,
          state: 6,
          timestamp: new Date(),
        });
        await deleteCommit.call(suite.faults, t.namespace, sequence);
        const { commits, snapshot } = await (await t.another()).load(
          "account-ada",
        );
        assert.equal(snapshot?.version, 3);
        assert.deepEqual(commits.map(({ version }) => version), [4]);
        await refused(
          "corrupt_log",
          () => t.store.load("account-ada", { schema: false }),
        );
      });
    });
  }

  if (recreate !== undefined) {
    suite.group("a log that starts anew", () => {
      suite.test("meets no position of the former one", async (t) => {
        await prepare(t.store);
        const { position } = await t.store.append("account-ada", deposits(3));
        await recreate.call(suite.faults, t.namespace);
        const error = await conflicting(() =>
          t.store.append("account-ada", deposits(4), {
            expectedVersion: position,
          })
        );
        assert.equal(error.actualVersion, 0);
        const other = await t.another();
        await refused(
          "corrupt_log",
          () => other.load("account-ada", { after: position }),
        );
        assert.deepEqual(await collect(other.read()), []);
      });

      suite.test("is written from version 1 by those who knew the former one", async (t) => {
        await prepare(t.store);
        await recreate.call(suite.faults, t.namespace);
        const { version } = await t.store.append("account-ada", deposits(1));
        assert.equal(version, 1);
        const bob = await t.store.append("account-bob", deposits(1), {
          expectedVersion: 0,
        });
        assert.equal(bob.version, 1);
        await assertLog(await t.another(), "account-ada", 1);
      });
    });
  }
}

// Two events of Ada's, one of Bob's between them.
async function prepare(store: Store): Promise<void> {
  await store.append("account-ada", deposits(1));
  await store.append("account-bob", deposits(1));
  await store.append("account-ada", deposits(2));
}

async function assertCorrupt(store: Store): Promise<void> {
  const actorId = "account-ada";
  await refused("corrupt_log", () => store.load(actorId));
  await refused("corrupt_log", () => store.getEvents(actorId));
  await refused("corrupt_log", () => collect(store.read({ actorId })));
  await refused(
    "corrupt_log",
    () => collect(store.read({ actorId, direction: "backward" })),
  );
}

async function assertUnharmed(t: Case): Promise<void> {
  const { version } = await t.store.append("account-bob", deposits(2), {
    expectedVersion: 1,
  });
  assert.equal(version, 2);
  for (const store of [t.store, await t.another()]) {
    await assertLog(store, "account-bob", 2);
  }
  assert.deepEqual(
    (await collect(t.store.listActors())).toSorted(),
    ["account-ada", "account-bob"],
  );
}

function one(change: Partial<Event>): (namespace: string) => Uint8Array {
  return (namespace) =>
    cloudEventsCodec.encode(namespace, [eventOf(change)]).body;
}

function several(...versions: number[]): (namespace: string) => Uint8Array {
  return (namespace) =>
    cloudEventsCodec.encode(
      namespace,
      versions.map((version) => eventOf({ version })),
    ).body;
}

function replaced(what: string, by: string): (namespace: string) => Uint8Array {
  return (namespace) =>
    text(new TextDecoder().decode(one({})(namespace)).replace(what, by))();
}

function text(body: string): () => Uint8Array {
  return () => new TextEncoder().encode(body);
}

function eventOf(change: Partial<Event>): Event {
  return {
    id: ulid(),
    eventType: "Deposited",
    actorId: "account-ada",
    version: 3,
    data: { amount: 3 },
    timestamp: new Date(1_700_000_000_000),
    ...change,
  };
}
