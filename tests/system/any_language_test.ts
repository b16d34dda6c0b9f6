/**
 * Actors called from another language: a client in Go, with the plain NATS client
 * of Go, does what the README says, and gets what the README says.
 *
 * The client is the same whichever runtime runs the test, so only Deno does.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import {
  Aether,
  type AetherError,
  defineActor,
  errorFromWire,
  Rejected,
} from "@flowmade/aether";
import { which } from "../../tools/process.ts";
import {
  eventually,
  isDeno,
  testServer,
  uniqueNamespace,
} from "../support/mod.ts";
import { GoClient, type GoSession } from "./_go_client.ts";

const Account = defineActor("account", {
  state: () => ({ balance: 0, notes: [] as readonly string[] }),
  events: {
    Deposited: (s, e: { amount: number }) => ({
      ...s,
      balance: s.balance + e.amount,
    }),
    Withdrawn: (s, e: { amount: number }) => ({
      ...s,
      balance: s.balance - e.amount,
    }),
    Noted: (s, e: { text: string }) => ({ ...s, notes: [...s.notes, e.text] }),
  },
}).commands({
  deposit: (_s, c: { amount: number }) => ({ type: "Deposited", data: c }),
  withdraw(s, c: { amount: number }) {
    if (c.amount > s.balance) {
      throw new Rejected("insufficient_funds", `balance is ${s.balance}`, {
        missing: c.amount - s.balance,
      });
    }
    return { type: "Withdrawn", data: c };
  },
  note: (_s, text: string) => ({ type: "Noted", data: { text } }),
  look: () => [],
  explode: () => {
    throw new TypeError("boom");
  },
  /** Never ends by itself. */
  hang: (_s, _c, ctx) =>
    new Promise<[]>((_, reject) => {
      ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason));
    }),
}).queries({
  balance: (s) => s.balance,
  atLeast: (s, q: { amount: number }) => s.balance >= q.amount,
  notes: (s) => s.notes,
  nothing: () => undefined,
});

const GO = which("go");
if (isDeno && GO === undefined) {
  console.log("skipped: a client in Go, as there is no go on PATH");
}

describe("a client in Go", { skip: !isDeno || GO === undefined }, () => {
  let built: GoClient | string;
  let namespace: string;
  let nodes: Aether[] = [];
  let go: GoSession;
  before(async () => {
    built = await GoClient.build(GO!);
    if (typeof built === "string") return console.log(`skipped: ${built}`);
    const { url: servers } = await testServer();
    namespace = uniqueNamespace("anylang");
    for (const nodeId of ["a", "b"]) {
      nodes.push(
        await Aether.start({ servers, namespace, nodeId, actors: [Account] }),
      );
    }
    // Half of what either of them takes is the other's.
    await eventually(() =>
      nodes.every((node) => {
        const owners = new Set(node.cluster!.shardMap("account").nodes);
        return owners.has("a") && owners.has("b");
      })
    );
    go = built.start(servers, namespace);
  });
  after(async () => {
    await go?.[Symbol.asyncDispose]();
    for (const node of nodes) await node.close();
    if (built instanceof GoClient) built[Symbol.dispose]();
  });
  const test = (name: string, body: () => Promise<void>) =>
    it(name, async (t) => {
      if (typeof built === "string") t.skip(built);
      else await body();
    });

  test("commands and asks, whatever the key", async () => {
    const keys: [key: string, token: string][] = [
      ["ada", "ada"],
      ["k_9-Z", "k_9-Z"],
      ["jürgen", "j=C3=BCrgen"],
      ["a.b *>", "a=2Eb=20=2A=3E"],
      ["=41", "=3D41"],
      ["😀", "=F0=9F=98=80"],
    ];
    for (const [key, token] of keys) {
      const { subject, body, ...rest } = await go.ask({
        key,
        command: "deposit",
        input: '{"amount":100}',
      });
      assert.equal(
        subject,
        `aether.ask.${namespace}.account.${token}.deposit`,
      );
      assert.deepEqual(rest, {});
      const { events, version } = body.ok;
      assert.equal(version, 1);
      const [event] = events;
      const { actorId, eventType, data } = event;
      assert.deepEqual([event.version, actorId, eventType, data], [
        1,
        `account-${key}`,
        "Deposited",
        { amount: 100 },
      ]);
      // It is in the log, under that very actor, and other callers see it.
      const [stored] = await nodes[0]!.store.getEvents(`account-${key}`);
      assert.deepEqual(JSON.parse(JSON.stringify(stored)), event);
      assert.equal(await nodes[1]!.actor(Account, key).balance(), 100);
      const queries: [string, string | undefined, unknown][] = [
        ["balance", undefined, { value: 100 }],
        ["atLeast", '{"amount":101}', { value: false }],
        ["nothing", undefined, {}],
      ];
      for (const [command, input, ok] of queries) {
        const asked = {
          key,
          command,
          ...(input === undefined ? {} : { input }),
        };
        assert.deepEqual((await go.ask(asked)).body, { ok });
      }
    }
    const { body } = await go.ask({ command: "look" });
    assert.deepEqual(body, { ok: { version: 1, events: [] } });
    const linear = { "Aether-Consistency": "linear" };
    assert.deepEqual(
      (await go.ask({ command: "balance", headers: linear })).body,
      { ok: { value: 100 } },
    );
  });

  test("is told why not, in the header and in the body", async () => {
    const { body, error } = await go.ask({
      command: "withdraw",
      input: '{"amount":500}',
    });
    assert.equal(error, "rejected");
    assert.deepEqual(body, {
      code: "rejected",
      message: "balance is 100",
      retryable: false,
      details: { reason: "insufficient_funds", missing: 400 },
    });
    const failed = await go.ask({ command: "explode" });
    assert.equal(failed.error, "command_failed");
    assert.match(failed.body.message, /boom/);
    assert.deepEqual((await go.ask({ command: "balance" })).body, {
      ok: { value: 100 },
    });
  });

  test("gets the first answer again under the same command id", async () => {
    const first = { "Aether-Command-Id": "invoice-1" };
    const deposit = { key: "eve", command: "deposit", input: '{"amount":1}' };
    const { body } = await go.ask({ ...deposit, headers: first });
    assert.equal(body.ok.events[0].commandId, "invoice-1");
    assert.equal((await go.ask(deposit)).body.ok.version, 2);
    const again = { ...first, "Aether-Attempt": "2" };
    for (const headers of [first, again]) {
      const repeated = await go.ask({ ...deposit, headers });
      assert.deepEqual(repeated.body, body);
    }
    // A rejection of a repeated call is kept: what changes later does not change it.
    const much = { key: "eve", command: "withdraw", input: '{"amount":9}' };
    const refused = { ...again, "Aether-Command-Id": "invoice-2" };
    assert.equal(
      (await go.ask({ ...much, headers: refused })).error,
      "rejected",
    );
    await go.ask({ ...deposit, input: '{"amount":100}' });
    assert.equal(
      (await go.ask({ ...much, headers: refused })).error,
      "rejected",
    );
    assert.deepEqual((await go.ask({ key: "eve", command: "balance" })).body, {
      ok: { value: 102 },
    });
  });

  test("is refused what has no such name, or another spelling", async () => {
    const nobody = await go.ask({ type: "dragon", command: "deposit" });
    assert.equal(nobody.failure, "no responders");
    const refusals: [Parameters<GoSession["ask"]>[0], RegExp][] = [
      [{ command: "dance" }, /no such command or query/],
      [{ token: "=61da", command: "balance" }, /encoder would not write/],
      [{ token: "j=c3=bcrgen", command: "balance" }, /encoder would not write/],
      [{ token: "=FF", command: "balance" }, /encoder would not write/],
      // A letter and a combining mark, which are one letter in normal form C.
      [{ key: "u\u0308", command: "balance" }, /not the one spelling/],
      [{ key: "x".repeat(129), command: "balance" }, /longer than 128 bytes/],
      [{ key: "ü".repeat(22), command: "balance" }, /longer than 128 bytes/],
    ];
    for (const [call, message] of refusals) {
      const { body, error } = await go.ask(call);
      assert.equal(error, "invalid_argument", JSON.stringify(call));
      assert.match(body.message, message);
    }
    assert.equal(
      (await go.ask({ key: "x".repeat(128), command: "balance" })).error,
      undefined,
    );
  });

  test("is refused an input that is too much, or no JSON", async () => {
    const refusals: [input: string, code: string, message: RegExp][] = [
      ["{", "invalid_argument", /not JSON/],
      ['{"__proto__":{}}', "invalid_argument", /__proto__/],
      ["[".repeat(65) + "]".repeat(65), "invalid_argument", /64/],
      // It arrives, but what is to be stored of it is larger than a message.
      [`"${"x".repeat(1_048_300)}"`, "payload_too_large", /larger/],
    ];
    for (const [input, code, message] of refusals) {
      const { body, error } = await go.ask({ command: "note", input });
      assert.equal(error, code);
      assert.match(body.message, message);
    }
    // The client itself knows what the server takes.
    const input = `"${"x".repeat(1_048_576)}"`;
    const { failure } = await go.ask({ command: "note", input });
    assert.equal(failure, "too large");
    for (let i = 0; i < 2; i++) {
      const half = `"${"x".repeat(600_000)}"`;
      const { body } = await go.ask({ command: "note", input: half });
      assert.equal(body.ok.version, 2 + i);
    }
    const { error } = await go.ask({ command: "notes" });
    assert.equal(error, "reply_too_large");
  });

  test("is told in time when its time is up", async () => {
    const hang = { key: "slow", command: "hang", wait: 5_000 };
    const { body, error } = await go.ask({
      ...hang,
      headers: { "Aether-Deadline-Ms": "200" },
    });
    assert.equal(error, "deadline_exceeded");
    assert.equal(body.retryable, true);
    assert.equal(
      (await go.ask({ key: "slow", command: "balance" })).body.ok.value,
      0,
    );
    for (const wrong of ["soon", "0", "-1", "1.5"]) {
      const headers = { "Aether-Deadline-Ms": wrong };
      assert.equal(
        (await go.ask({ ...hang, headers })).error,
        "invalid_argument",
      );
    }
  });

  test("gets the first answer from another node, when the first has left", async () => {
    const headers = { "Aether-Command-Id": "invoice-3" };
    // So many that each node has some.
    const keys = Array.from({ length: 24 }, (_, i) => `k${i + 1}`);
    const deposits = keys.map((key) => ({
      key,
      command: "deposit",
      input: '{"amount":7}',
      headers,
    }));
    const first = [];
    for (const deposit of deposits) first.push(await go.ask(deposit));
    const [leaving, ...rest] = nodes;
    nodes = rest;
    const left = keys.filter((key) =>
      leaving!.cluster!.ownerOf(`account-${key}`)?.node === "a"
    );
    await leaving!.close();
    assert.ok(left.length > 0, "the node that has left had none of them");
    for (const [i, deposit] of deposits.entries()) {
      const again = { ...headers, "Aether-Attempt": "2" };
      const { body } = await go.ask({ ...deposit, headers: again });
      assert.deepEqual(body, first[i]!.body);
    }
  });
});

describe("what the README says of errors", () => {
  it("names each code that is told, and whether the call may be repeated", () => {
    const readme = readFileSync(
      new URL("../../README.md", import.meta.url),
      "utf8",
    );
    const rows = [...readme.matchAll(/^\| `(\w+)` +\| (yes|no|look) +\|/gm)];
    const told = new Map(rows.map(([, code, repeat]) => [code!, repeat!]));
    const source = readFileSync(
      new URL("../../event/errors.ts", import.meta.url),
      "utf8",
    );
    const union = /type ErrorCode =([^;]+);/.exec(source)![1]!;
    const codes = [...union.matchAll(/"(\w+)"/g)].map(([, code]) => code!);
    assert.deepEqual([...told.keys()].sort(), [...codes].sort());
    for (const code of codes as AetherError["code"][]) {
      const wire = { code, message: "", retryable: false, details: {} };
      const { ambiguous, retryable } = errorFromWire(wire);
      const repeat = ambiguous ? "look" : retryable ? "yes" : "no";
      assert.equal(told.get(code), repeat, code);
    }
  });
});
