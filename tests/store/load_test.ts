import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  CommitHeader,
  CorruptLogError,
  formatTrail,
  parseActorId,
} from "../../event/mod.ts";
import { connect, type Connection, Deadline } from "../../nats/mod.ts";
import { systemClock } from "../../event/mod.ts";
import type { JetStreamApi } from "../../store/_api.ts";
import { encodeCommit } from "../../store/_commit.ts";
import { loadActor } from "../../store/_load.ts";
import {
  destroyNamespace,
  JetStreamEventStore,
  type LoadedActor,
} from "../../store/mod.ts";
import { testServer, uniqueNamespace } from "../support/mod.ts";
import { contextOf } from "./_context.ts";

const COMMITS = 40;
/** Messages of others between two commits: enough to make a batch the dearer way. */
const GAP = 900;

describe("loadActor()", () => {
  const namespace = uniqueNamespace("load");
  let nc: Connection;
  let store: JetStreamEventStore;
  let expected: readonly number[];

  before(async () => {
    nc = await connect({ servers: (await testServer()).url });
    store = await JetStreamEventStore.open(nc, { namespace });
    const sequences: number[] = [];
    for (let i = 0; i < COMMITS; i++) {
      const { sequence } = await store.append("far-1", [{
        eventType: "Counted",
        data: i,
      }]);
      sequences.push(sequence);
      await fill(GAP, i);
    }
    expected = sequences;
    await store.append("near-1", [{ eventType: "Counted" }, {
      eventType: "Counted",
    }]);
    for (let i = 0; i < 30; i++) {
      await store.append("near-1", [{ eventType: "Counted" }]);
    }
  });
  after(async () => {
    await destroyNamespace(nc, namespace, { confirm: namespace });
    await store.close();
    await nc.close();
  });

  it("fetches commits that lie far apart by their sequences, without a batch", async () => {
    const calls = new Map<string, number>();
    const loaded = await load("far-1", counting(calls));
    assert.deepEqual(loaded.commits.map(({ sequence }) => sequence), expected);
    assert.deepEqual(
      loaded.commits.map(({ version }) => version),
      range(1, COMMITS),
    );
    assert.deepEqual(
      loaded.commits.map(({ events }) => events[0]!.data),
      range(0, COMMITS - 1),
    );
    assert.equal(calls.get("directBatch") ?? 0, 0);
    assert.equal(calls.get("directAt"), COMMITS - 1);
  });

  it("fetches commits that lie close by one batch", async () => {
    const calls = new Map<string, number>();
    const loaded = await load("near-1", counting(calls));
    assert.equal(loaded.position.version, 32);
    assert.equal(loaded.commits.length, 31);
    assert.equal(calls.get("directBatch"), 1);
    assert.equal(calls.get("directAt") ?? 0, 0);
  });

  it("loads only what lies behind a position, by trail and by batch", async () => {
    for (const actorId of ["far-1", "near-1"]) {
      const all = await load(actorId);
      for (const at of [0, 1, 15, 16, 17, all.commits.length - 1]) {
        const before = all.commits.slice(0, at + 1);
        const position = {
          actorId,
          version: before.at(-1)!.version,
          trail: before.map(({ sequence }) => sequence).reverse().slice(0, 17),
        };
        const context = contextOf(nc, namespace);
        const after = await loadActor(context, parseActorId(actorId), {
          after: position,
        }, soon());
        await context.link.close();
        assert.deepEqual(after.commits, all.commits.slice(at + 1));
        assert.deepEqual(after.position, all.position);
      }
    }
  });

  it("asks again, and in the end the leader, where replicas are behind", async () => {
    const whole = await load("near-1");
    // A replica that has nothing, then some, then never anything more.
    const answers = [0, 5, 0, 3, 0, 0, 0, 0, 0, 0, 0];
    const loaded = await load("near-1", (api) =>
      override(api, {
        directBatch: (stream, from, filter, limits, deadline, onMessage) => {
          const batch = answers.shift() ?? 0;
          if (batch === 0) return Promise.resolve({ count: 0, pending: 0 });
          return api.directBatch(
            stream,
            from,
            filter,
            { ...limits, batch },
            deadline,
            onMessage,
          );
        },
      }));
    assert.deepEqual(loaded, whole);
  });

  it("asks the leader for a commit that a replica does not have yet", async () => {
    const whole = await load("far-1");
    let asked = 0;
    const loaded = await load("far-1", (api) =>
      override(api, {
        directAt: (stream, sequence, deadline) =>
          asked++ % 3 === 0
            ? Promise.resolve(undefined)
            : api.directAt(stream, sequence, deadline),
      }));
    assert.ok(asked > 0);
    assert.deepEqual(loaded, whole);
  });

  it("falls back to a batch where a trail leads to another actor's commit", async () => {
    const actorId = "misled-1";
    await store.append(actorId, [{ eventType: "Counted", data: 1 }]);
    const first = await store.load(actorId);
    await fill(GAP, "misled-a");
    await store.append(actorId, [{ eventType: "Counted", data: 2 }]);
    await fill(GAP, "misled-b");
    // A third commit whose trail names a filler instead of the first two.
    await writeRaw(actorId, 2, (await store.load(actorId)).position.trail, [
      first.position.trail[0]! + 5,
    ]);
    const calls = new Map<string, number>();
    const loaded = await load(actorId, counting(calls));
    assert.deepEqual(loaded.commits.map(({ version }) => version), [1, 2, 3]);
    assert.equal(calls.get("directBatch"), 1);
  });

  it("finds a missing commit, loudly", async () => {
    const hide = (api: JetStreamApi) =>
      override(api, {
        directBatch: (stream, from, filter, limits, deadline, onMessage) => {
          let n = 0;
          return api.directBatch(
            stream,
            from,
            filter,
            limits,
            deadline,
            (message) => {
              if (++n !== 7) onMessage(message);
            },
          );
        },
      });
    await assert.rejects(load("near-1", hide), (error) => {
      assert.ok(error instanceof CorruptLogError);
      assert.match(error.message, /version 8 is missing/);
      return true;
    });
  });

  it("takes a snapshot of a later commit than its first look at the log", async () => {
    const actorId = "raced-1";
    await store.append(actorId, [{ eventType: "Counted" }]);
    const early = await contextTail(actorId);
    await store.append(actorId, [{ eventType: "Counted" }]);
    await store.saveSnapshot({
      actorId,
      version: 2,
      state: { n: 2 },
      timestamp: new Date(),
    });
    let looks = 0;
    const loaded = await load(actorId, (api) =>
      override(api, {
        last: (stream, subject, deadline) =>
          looks++ === 0
            ? Promise.resolve(early)
            : api.last(stream, subject, deadline),
      }), 1);
    assert.equal(loaded.snapshot?.version, 2);
    assert.equal(loaded.commits.length, 0);
    assert.equal(loaded.position.version, 2);
  });

  it("does not believe an end of the log before one it has seen", async () => {
    const actorId = "woken-1";
    await store.append(actorId, [{ eventType: "Counted" }]);
    const old = await contextTail(actorId);
    const { position } = await store.append(actorId, [{
      eventType: "Counted",
    }]);
    let looks = 0;
    // A server that led the stream and was frozen: it knows the first commit.
    const context = contextOf(nc, namespace, (api) =>
      override(api, {
        last: (stream, subject, deadline) =>
          looks++ < 3
            ? Promise.resolve(old)
            : api.last(stream, subject, deadline),
      }));
    const info = await context.api.streamInfo(context.eventStream, soon());
    context.created = info?.["created"];
    context.positions.set(position);
    const loaded = await loadActor(context, parseActorId(actorId), {}, soon());
    await context.link.close();
    assert.equal(looks, 4);
    assert.equal(loaded.position.version, 2);
    assert.equal(context.stats.staleReads, 3);
  });

  it("believes a shorter log once the stream is another one", async () => {
    const actorId = "again-1";
    const { position } = await store.append(actorId, [{
      eventType: "Counted",
    }]);
    const context = contextOf(nc, namespace);
    context.created = "another day";
    context.positions.set({
      ...position,
      version: 9,
      trail: [position.trail[0]! + 1_000],
    });
    const loaded = await loadActor(context, parseActorId(actorId), {}, soon());
    await context.link.close();
    assert.equal(loaded.position.version, 1);
    assert.equal(context.positions.get(actorId), undefined);
  });

  it("ignores a snapshot whose commit is not where it says", async () => {
    for (const actorId of ["far-1", "near-1"]) {
      const all = await load(actorId);
      const { commitId, version } = all.commits[10]!;
      await store.saveSnapshot({
        actorId,
        version,
        state: { wrong: true },
        timestamp: new Date(),
        sequence: all.commits[10]!.sequence + 1,
        commitId,
      });
      const loaded = await load(actorId, (api) => api, 1);
      assert.equal(loaded.snapshot, undefined);
      assert.deepEqual(loaded, all);
    }
  });

  async function load(
    actorId: string,
    wrap: (api: JetStreamApi) => JetStreamApi = (api) => api,
    schema?: number,
  ): Promise<LoadedActor> {
    const context = contextOf(nc, namespace, wrap);
    try {
      return await loadActor(
        context,
        parseActorId(actorId),
        { schema },
        soon(),
      );
    } finally {
      await context.link.close();
    }
  }

  async function contextTail(actorId: string) {
    const context = contextOf(nc, namespace);
    const subject = context.subjects.event(parseActorId(actorId));
    const message = await context.api.last(
      context.eventStream,
      subject,
      soon(),
    );
    await context.link.close();
    return message;
  }

  async function fill(count: number, round: number | string): Promise<void> {
    await Promise.all(
      Array.from(
        { length: count },
        (_, i) =>
          store.append(`filler-${round}_${i}`, [{ eventType: "Filled" }], {
            expectedVersion: 0,
          }),
      ),
    );
  }

  async function writeRaw(
    actorId: string,
    version: number,
    trail: readonly number[],
    lie: readonly number[],
  ): Promise<void> {
    const context = contextOf(nc, namespace);
    const event = {
      id: "raw",
      eventType: "Counted",
      actorId,
      version: version + 1,
      data: 3,
      timestamp: new Date(),
    };
    const { body, headers } = encodeCommit(context.codec, {
      namespace,
      commitId: "01K00000000000000000000000",
      position: { actorId, version, trail },
      events: [event],
      commands: [],
    });
    const text = new TextDecoder().decode(headers)
      .replace(formatTrail(trail), formatTrail(lie));
    assert.ok(text.includes(CommitHeader.trail));
    const subject = context.subjects.event(parseActorId(actorId));
    const ack = await context.api.publish(
      subject,
      body,
      new TextEncoder().encode(text),
      soon(),
      2_000,
    );
    assert.ok(ack.ok);
    await context.link.close();
  }
});

function soon(): Deadline {
  return new Deadline(systemClock, 10_000);
}

function override(
  api: JetStreamApi,
  methods: Partial<JetStreamApi>,
): JetStreamApi {
  return new Proxy(api, {
    get(target, name) {
      const value = (methods as Record<PropertyKey, unknown>)[name] ??
        (target as unknown as Record<PropertyKey, unknown>)[name];
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function counting(
  calls: Map<string, number>,
): (api: JetStreamApi) => JetStreamApi {
  return (api) =>
    new Proxy(api, {
      get(target, name) {
        const value = (target as unknown as Record<PropertyKey, unknown>)[name];
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          calls.set(String(name), (calls.get(String(name)) ?? 0) + 1);
          return value.apply(target, args);
        };
      },
    });
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
