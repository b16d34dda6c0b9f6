/**
 * Whatever arrives from other nodes and from clients is what a node could have
 * sent, or counts as not said: nothing is thrown where it is heard, as that would
 * end the connection.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import {
  cloudEventsCodec,
  type ErrorCode,
  errorFromWire,
  errorToWire,
  parseActorId,
  systemClock,
  ulid,
} from "../../event/mod.ts";
import { encodeHeaders, RawHeaders } from "../../nats/mod.ts";
import { decodeNotice, encodeNotice } from "../../bus/_notice.ts";
import { entryOf } from "../../cluster/_control.ts";
import { familyOf, ShardMap } from "../../cluster/mod.ts";
import {
  decodeAsk,
  decodeCall,
  decodeReply,
  encodeAnswer,
  encodeAsk,
  encodeCall,
  encodeError,
  type Outgoing,
} from "../../actor/_wire.ts";
import type { Call } from "../../actor/_call.ts";
import type { Random } from "../support/mod.ts";
import { startNode } from "./_cluster.ts";
import { received } from "./_delivery.ts";
import {
  assertSeen,
  cases,
  fuzz,
  LONG,
  outcomeOf,
  showBytes,
} from "./_fuzz.ts";
import { changeHeaders } from "./_headers.ts";
import { changeBody, nested } from "./_json.ts";
import { IDS } from "./_specimens.ts";

const NONE = encodeHeaders({});
const CALLS: readonly Call[] = IDS.map((id, n): Call => ({
  address: parseActorId(id),
  name: "deposit",
  input: [{ amount: 1 }, "t\u00e9xt", undefined, [[]], 0][n],
  commandId: n === 0 ? "invoice-7" : ulid(),
  attempt: n + 1,
  since: 0,
  deadline: 10_000,
  chain: IDS.slice(0, n),
  correlationId: "corr-1",
  causationId: n === 1 ? undefined : "cause-1",
  ...(n === 2 ? { linear: true } : {
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  }),
}));

describe("a request that was changed", () => {
  it("to the owner of a shard is a call, or refused", LONG, async () => {
    const calls = CALLS.map((call) =>
      encodeCall(call, { node: "node-1", generation: 3 }, 9_000)
    );
    const tally = await fuzz<Outgoing>({
      name: "requests to owners",
      count: cases(900, 50_000),
      make: (random) => changed(random, calls),
      feed(sent) {
        const msg = messageOf(sent);
        return outcomeOf(
          () => decodeCall(msg, RawHeaders.of(msg), systemClock),
          assertCall,
        );
      },
      show,
    });
    assertSeen(tally, { taken: 0.1, invalid_argument: 0.2 });
  });

  it("of any client is a call, or refused", LONG, async () => {
    const asks = CALLS.map((call) => encodeAsk(call, 9_000));
    const tally = await fuzz<Outgoing>({
      name: "requests of clients",
      count: cases(900, 50_000),
      make: (random) => changed(random, asks),
      feed: (sent) =>
        outcomeOf(
          () => decodeAsk(messageOf(sent), CALLS[0]!.address, "x", systemClock),
          assertCall,
        ),
      show,
    });
    assertSeen(tally, { taken: 0.1, invalid_argument: 0.1 });
  });
});

function assertCall(call: Call): void {
  const now = systemClock.monotonic();
  assert.ok(call.deadline > now - 60_000 && call.deadline <= now + 300_000);
  assert.ok(Number.isSafeInteger(call.attempt) && call.attempt > 0);
  assert.ok(call.chain.every((id) => typeof id === "string"));
  assert.match(call.commandId, /^[!-~]{1,128}$/);
  const { address } = call;
  assert.deepEqual(parseActorId(address.id), address);
  // It can be passed on.
  assert.ok(encodeAsk(call, 1).body.length >= 0);
}

describe("a reply that was changed", () => {
  const event = {
    ...{ id: ulid(), eventType: "Deposited", actorId: "account-ada" },
    ...{ version: 1, data: { amount: 1 }, sequence: 7, commitId: ulid() },
    timestamp: new Date(0),
  };
  const codes: ErrorCode[] = ["rejected", "moved", "version_conflict"];
  const replies = [
    encodeAnswer("command", { version: 1, events: [event] }, 1_000_000),
    encodeAnswer("query", { balance: 70 }, 1_000_000),
    encodeAnswer("query", undefined, 1_000_000),
    ...codes.map((code) =>
      encodeError(
        errorFromWire({
          ...{ code, message: "no", retryable: false },
          details: { reason: "r", actorId: "account-ada", actualVersion: 3 },
        }),
        1_000_000,
      )
    ),
  ];

  it("is an answer, an error of the other side, or none", LONG, async () => {
    const tally = await fuzz<Outgoing>({
      name: "replies",
      count: cases(900, 50_000),
      make: (random) => changed(random, replies),
      feed: (sent) =>
        outcomeOf(() => decodeReply(messageOf(sent)), (answer) => {
          const events = (answer as { events?: unknown } | null)?.events;
          if (!Array.isArray(events)) return;
          for (const { timestamp } of events) {
            if (timestamp instanceof Date) timestamp.toISOString();
          }
        }),
      show,
    });
    assertSeen(tally, {
      ...{ taken: 0.1, outcome_unknown: 0.1, command_failed: 0 },
      ...{ rejected: 0.01, moved: 0.01, version_conflict: 0.01 },
    });
  });

  it("makes an error whatever stands in it", LONG, async () => {
    const bodies = replies.slice(3).map(({ body }) => body);
    const tally = await fuzz<Uint8Array>({
      name: "errors of others",
      count: cases(400, 20_000),
      make: (random) => changeBody(random, 3, bodies),
      feed(body) {
        let wire: unknown;
        try {
          wire = JSON.parse(Buffer.from(body).toString());
        } catch {
          return "no JSON";
        }
        const error = errorFromWire(wire as never);
        assert.equal(typeof error.message, "string");
        assert.deepEqual(errorToWire(error).code, error.code);
        return "taken";
      },
      show: showBytes,
    });
    assertSeen(tally, { taken: 0.3, "no JSON": 0.1 });
  });
});

describe("a notice that was changed", () => {
  it("is one, or refused", LONG, async () => {
    const notices = IDS.map((actorId) =>
      encodeNotice(cloudEventsCodec, "shop", {
        ...{ id: ulid(), eventType: "Warned", actorId, version: 3 },
        ...{ data: { at: 3 }, timestamp: new Date(0) },
      })
    );
    const tally = await fuzz<{ subject: string } & Outgoing>({
      name: "notices",
      count: cases(500, 30_000),
      make(random) {
        const { contentType, data, subject } = random.pick(notices);
        const headers = encodeHeaders({ "content-type": contentType });
        const [sent] = [{ body: data, headers }];
        return { subject, ...changed(random, [sent!]) };
      },
      feed: ({ subject, ...sent }) =>
        outcomeOf(() => {
          const msg = messageOf(sent);
          const headers = RawHeaders.of(msg);
          return decodeNotice(cloudEventsCodec, "shop", {
            ...{ subject, headers, data: msg.data },
          });
        }),
      show,
    });
    assertSeen(tally, { taken: 0.05, corrupt_log: 0.3 });
  });
});

describe("what a node hears in a cluster", () => {
  it("may be nested beyond all measure", LONG, async () => {
    await using node = await startNode();
    const value = nested(100_000);
    const body = `{"write":"x","epoch":1,"value":${value}}`;
    const keys = node.log.map(({ key }) => key);
    for (const key of [...keys, "nodes.node-2", "ctl.nodes"]) {
      node.stored({ key, body, sequence: 1_000_000 });
    }
    assert.equal(entryOf({ key: "x", body, sequence: 1 })?.value, undefined);
  });

  it("may speak of an epoch that is no number", async () => {
    await using node = await startNode();
    const topics = node.topics.filter((topic) => topic.includes(".probe"));
    assert.ok(topics.length > 0);
    for (const epoch of [{ toString: null, valueOf: null }, [[2]], "2", -1]) {
      for (const topic of topics) {
        const probe = { from: "node-2", leader: ulid(), epoch, release: {} };
        assert.ok(await node.say(topic, probe) !== undefined);
      }
    }
  });
});

describe("what a node hears in a cluster, changed", () => {
  it("throws nothing, and leaves it with a map it can read", LONG, async () => {
    await using node = await startNode();
    const type = { namespace: "shop", type: "account" };
    const first = ShardMap.empty(familyOf(type)).with(
      new Map([[7, {
        ...{ node: "node-2", run: ulid(), generation: 2, fence: 1 },
        late: [ulid()],
      }]]),
    );
    const entries = [...node.log, {
      key: "ctl.shards.shop.account",
      body: JSON.stringify({ write: ulid(), epoch: 2, value: first }),
      sequence: 0,
    }];
    const { run } = node.manager;
    const target = {
      ...{ node: "node-2", run: ulid(), hosts: ["shop.account"], weight: 1 },
      ...{ state: "up", servers: ["server"] },
    };
    const list = { "shop.account": [[7, 2], [9, 1]] };
    const said = [
      { run },
      list,
      { target, how: "silent" },
      { from: "node-2", leader: run, epoch: 2, release: list },
    ].map((body) => Buffer.from(JSON.stringify(body)));
    let sequence = 1_000_000;
    const tally = await fuzz<{ to: string; body: Uint8Array }>({
      name: "messages of a cluster",
      count: cases(700, 30_000),
      make(random) {
        if (random.int(2) === 0) {
          const { body, key } = random.pick(entries);
          return { to: key, body: changeBody(random, 3, [Buffer.from(body)]) };
        }
        const to = random.pick(node.topics);
        return { to, body: changeBody(random, 3, said) };
      },
      async feed({ body, to }) {
        const text = Buffer.from(body).toString();
        if (node.topics.includes(to)) {
          let value: unknown;
          try {
            value = JSON.parse(text);
          } catch { /* as the messenger takes it */ }
          const answer = await node.say(to, value);
          JSON.stringify(answer);
          return answer === undefined ? "heard" : "answered";
        }
        const message = { key: to, body: text, sequence: ++sequence };
        const entry = entryOf(message)!;
        node.stored(message);
        const map = node.manager.shardMap("account", "shop");
        for (let shard = 0; shard < 256; shard++) {
          const { generation, late = [] } = map.at(shard);
          assert.ok(Number.isSafeInteger(generation) && generation >= 0);
          assert.ok(late.every((run) => typeof run === "string"));
        }
        for (const { hosts, node: name, weight } of node.manager.nodes()) {
          assert.match(name, /^[^\s.*>]+$/);
          assert.ok(Array.isArray(hosts) && weight > 0);
        }
        return entry.value === undefined ? "nothing" : "stored";
      },
      show: ({ body, to }) => `${to} ${showBytes(body)}`,
    });
    assertSeen(tally, { heard: 0.1, answered: 0.1, stored: 0.1, nothing: 0.1 });
  });
});

function changed(random: Random, all: readonly Outgoing[]): Outgoing {
  const { body, headers = NONE } = random.pick(all);
  const other = random.pick(all);
  const what = random.int(4);
  return {
    headers: what < 2
      ? changeHeaders(random, headers, [other.headers ?? NONE])
      : headers,
    body: what > 0 ? changeBody(random, 3, [body], [other.body]) : body,
  };
}

function messageOf({ body, headers }: Outgoing) {
  return received("aether.x", headers, body);
}

function show({ body, headers = NONE }: Outgoing): string {
  return `headers ${showBytes(headers)}\nbody ${showBytes(body)}`;
}
