/**
 * A node that is sent anything: requests whose subject, body and headers were
 * changed, and messages on every subject it listens to. Every request is answered as
 * the README says, and what was done is exactly what was answered with "ok".
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import {
  type AetherError,
  errorFromWire,
  parseActorId,
  subjectsOf,
  ulid,
} from "../../event/mod.ts";
import { encodeHeaders, RawHeaders } from "../../nats/mod.ts";
import { eventually, type Random, seeded } from "../support/mod.ts";
import { changeBytes, changeText } from "./_bytes.ts";
import { cases, LONG } from "./_fuzz.ts";
import { changeHeaders } from "./_headers.ts";
import { changeJson } from "./_json.ts";
import { Account, rawHeaders, startWorld, type World } from "./_node.ts";

const README = readFileSync(
  new URL("../../README.md", import.meta.url),
  "utf8",
);
const TOLD = new Set(
  [...README.matchAll(/^\| `(\w+)` +\| (?:yes|no|look) +\|/gm)]
    .map(([, code]) => code!),
);
const KEYS = ["ada", "bob", "j\u00fcrgen", "a.b"];
const INPUTS = ['{"amount":3}', '{"amount":1000,"note":["x",{"y":null}]}', "7"];
const HEADERS = [
  {},
  { "Aether-Command-Id": "invoice-7" },
  { "Aether-Attempt": "2", "Aether-Deadline-Ms": "9000" },
  { "Aether-Consistency": "linear" },
  { "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
].map(encodeHeaders);

/** A request as it is sent. */
interface Sent {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly headers: Uint8Array;
}

describe("a node that is asked anything", () => {
  it("answers as the README says, and does what it answers", LONG, async () => {
    const random = seeded();
    await using world = await startWorld();
    const done = new Map<string, Map<string, number>>();
    const tally = new Map<string, number>();
    const count = cases(400, 20_000);
    for (let at = 0; at < count; at += BATCH) {
      const batch = Array.from(
        { length: BATCH },
        () => changedAsk(random, world.namespace),
      );
      for (let i = 0; i < BATCH; i++) noise(random, world);
      const outcomes = await Promise.all(batch.map(async (sent) => {
        try {
          return await ask(world, sent, done);
        } catch (cause) {
          throw new Error(
            `SEED=${random.seed}: ${(cause as Error).message}\n${show(sent)}`,
            { cause },
          );
        }
      }));
      for (const outcome of outcomes) {
        tally.set(outcome, (tally.get(outcome) ?? 0) + 1);
      }
      await world.assertAlive();
    }
    console.log(`requests: ${count} inputs, ${JSON.stringify([...tally])}`);
    for (const seen of ["taken", "value", "invalid_argument", "rejected"]) {
      assert.ok((tally.get(seen) ?? 0) > 0, `none was "${seen}"`);
    }
    // What was done is what was answered.
    for (const [actorId, events] of done) {
      const stored = await world.aether.store.getEvents(actorId);
      const label = `${actorId} of SEED=${random.seed}`;
      assert.deepEqual(
        new Set(stored.map(({ id }) => id)),
        new Set(events.keys()),
        label,
      );
      const sum = [...events.values()].reduce((a, b) => a + b, 0);
      const { key } = parseActorId(actorId);
      const balance = await world.aether.actor(Account, key).balance();
      assert.equal(balance, sum, label);
    }
    assert.ok(done.size > 0);
    // The victims of requests that name their logs for the answer.
    assert.equal(await world.aether.actor(Account, VICTIM).balance(), 0);
    assert.deepEqual(world.aether.quarantined(), []);
    assert.deepEqual(world.unhandled, []);
  });
});

describe("a request that names where nobody but Aether writes", () => {
  it("is carried out, and answered nowhere", LONG, async () => {
    await using world = await startWorld();
    const { aether, namespace, nc } = world;
    const subjects = subjectsOf(namespace);
    const victim = parseActorId("account-victim");
    const [{ shard }, ada] = [victim, parseActorId("account-ada")];
    const generation = aether.cluster!.shardMap("account").owner(ada.shard)!
      .generation;
    const replies = [
      subjects.event(victim),
      subjects.snapshot(victim),
      subjects.command(victim),
      subjects.note(victim),
      subjects.bus(victim),
      `aether.ctl.${namespace}.leader`,
      `$KV.aether-${namespace}.nodes.node-1`,
      `$JS.API.STREAM.PURGE.AETHER=EV=${namespace}`,
    ];
    const heard: string[] = [];
    for (const subject of [...replies, `aether.cmd.${namespace}.${shard}.>`]) {
      nc.subscribe(subject, {
        callback: (_error, { data, subject }) => {
          const text = Buffer.from(data).toString();
          if (/"ok"|"code"|"run"|^true$|^false$/.test(text)) {
            heard.push(`${subject} ${text}`);
          }
        },
      });
    }
    for (const reply of replies) {
      nc.publish(subjects.ask(ada, "deposit"), '{"amount":1}', { reply });
      nc.publish(subjects.ask(ada, "dance"), "{", { reply });
      nc.publish(
        subjects.owner("account", ada.shard, generation),
        '{"id":"account-ada","name":"deposit","input":{"amount":1}}',
        { reply },
      );
      const { run } = aether.cluster!;
      const node = `aether.node.${namespace}.node-1`;
      nc.publish(`${node}.probe.${run}`, "{}", { reply });
      nc.publish(`${node}.has`, '"x"', { reply });
    }
    await eventually(async () =>
      await aether.actor(Account, "ada").balance() === 2 * replies.length
    );
    await nc.flush();
    assert.deepEqual(heard.filter((text) => !/"write"/.test(text)), []);
    assert.equal(await aether.actor(Account, "victim").balance(), 0);
    await world.assertAlive();
    assert.deepEqual(aether.quarantined(), []);
  });
});

async function ask(
  { nc }: World,
  { body, headers, subject }: Sent,
  done: Map<string, Map<string, number>>,
): Promise<string> {
  const msg = await nc.request(subject, body, {
    timeout: 20_000,
    headers: rawHeaders(headers),
  }).catch((error) => {
    if (error.name === "NoRespondersError") return undefined;
    if (/no responders/i.test(String(error.cause ?? error))) return undefined;
    throw error;
  });
  if (msg === undefined) return "nobody";
  const code = RawHeaders.of(msg).get("Aether-Error");
  const reply = msg.json<Record<string, unknown>>();
  if (code !== "") {
    assert.ok(TOLD.has(code), `nobody was told of "${code}"`);
    assert.equal(reply["code"], code);
    assert.equal(typeof reply["message"], "string");
    const known: AetherError = errorFromWire(reply as never);
    assert.equal(reply["retryable"], known.retryable);
    return code;
  }
  const ok = reply["ok"] as Record<string, unknown>;
  if (!("version" in ok)) {
    assert.equal(typeof ok["value"], "number");
    return "value";
  }
  assert.ok(Number.isSafeInteger(ok["version"]));
  for (const event of ok["events"] as Record<string, never>[]) {
    const events = done.get(event["actorId"]!) ?? new Map();
    done.set(event["actorId"]!, events);
    events.set(event["id"]!, event["data"]!["amount"]);
  }
  return "taken";
}

function changedAsk(random: Random, namespace: string): Sent {
  const subjects = subjectsOf(namespace);
  const command = random.pick(["deposit", "deposit", "balance"]);
  const address = parseActorId(`account-${random.pick(KEYS)}`);
  let subject = subjects.ask(address, command);
  let body = Buffer.from(random.pick(INPUTS)) as Uint8Array;
  let headers = random.pick(HEADERS);
  switch (random.int(4)) {
    case 0: {
      const tokens = subject.split(".");
      const at = tokens.length - 1 - random.int(2);
      const token = changeText(random, tokens[at]!, ["__proto__", "toString"]);
      // What is no token never gets through to the server.
      tokens[at] = token.replace(/[\s\p{C}.*>]/gu, "") || "x";
      subject = tokens.join(".");
      break;
    }
    case 1:
      body = changeBytes(random, body, []);
      break;
    case 2:
      body = Buffer.from(
        changeJson(random, Buffer.from(body).toString(), INPUTS),
      );
      break;
    default:
      headers = changeHeaders(random, headers, HEADERS);
  }
  // Blocks without so much as a version are the fuzz of header blocks alone.
  if (headers.length < 12) headers = HEADERS[0]!;
  if (body.length + headers.length > 500_000) body = Buffer.from("{}");
  return { subject, body, headers };
}

/** Sends something that a node listens to, and that nobody but a node should send. */
function noise(random: Random, { aether, namespace, nc }: World): void {
  const subjects = subjectsOf(namespace);
  const ada = parseActorId("account-ada");
  const victim = parseActorId(`account-${VICTIM}`);
  const generation = aether.cluster!.shardMap("account").owner(ada.shard)
    ?.generation ?? 1;
  const run = aether.cluster!.run;
  const subject = random.pick([
    subjects.owner("account", ada.shard, generation),
    subjects.ask(ada, "balance"),
    `aether.node.${namespace}.node-1.suspect`,
    `aether.node.${namespace}.node-1.released`,
    `aether.node.${namespace}.node-1.witness`,
    `aether.node.${namespace}.node-1.probe.${run}`,
    `aether.node.${namespace}.node-1.has`,
    `aether.ctl.${namespace}.ctl.shards.${namespace}.account`,
    `aether.ctl.${namespace}.leader`,
    `aether.due.${namespace}.${ada.shard}.account`,
    subjects.bus(ada),
    subjects.note(ada),
  ]);
  const body = random.pick([
    '{"id":"account-ada","name":"balance"}',
    `{"run":"${run}"}`,
    `{"other.account":[[7,2],[9,1]]}`,
    `{"target":{"node":"node-2","run":"${ulid()}","hosts":[],"weight":1,"state":"up","servers":[]},"how":"gone"}`,
    '{"from":"node-2"}',
    '"invoice-7"',
    "",
  ]);
  const reply = random.pick([
    undefined,
    "_INBOX.nobody.1",
    subjects.event(victim),
    subjects.snapshot(victim),
    subjects.command(victim),
    `$KV.aether-${namespace}.leader`,
    `$JS.API.STREAM.DELETE.AETHER=EV=${namespace}`,
    subjects.ask(victim, "deposit"),
  ]);
  const changed = random.int(4) === 0
    ? changeBytes(random, Buffer.from(body), [])
    : Buffer.from(changeJson(random, body));
  if (changed.length > 500_000) return;
  const block = changeHeaders(random, HEADERS[1]!, HEADERS);
  nc.publish(subject, changed, {
    ...(random.int(3) === 0 && block.length > 12
      ? { headers: rawHeaders(block) }
      : {}),
    ...(reply === undefined ? {} : { reply }),
  });
}

function show({ body, headers, subject }: Sent): string {
  return `${subject}\nheaders ${Buffer.from(headers).toString("base64")}\n` +
    `body ${Buffer.from(body).toString("base64").slice(0, 2_000)}`;
}

/** Whose log is named as the place for answers; it is never called. */
const VICTIM = "victim";
const BATCH = 40;
