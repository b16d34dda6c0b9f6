import { connect, type NatsConnection } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  eventually,
  startTcpProxy,
  type TcpProxy,
  testServer,
} from "../support/mod.ts";

/** A client through a proxy of its own, and one directly at the server. */
interface Setup extends AsyncDisposable {
  readonly proxy: TcpProxy;
  readonly client: NatsConnection;
  readonly direct: NatsConnection;
}

async function setup(
  options: { readonly reconnect?: boolean } = {},
): Promise<Setup> {
  const { url } = await testServer();
  const proxy = await startTcpProxy({ target: url });
  const direct = await connect({ servers: url });
  const client = await connect({
    servers: proxy.url,
    reconnect: options.reconnect ?? false,
    reconnectTimeWait: 20,
    maxReconnectAttempts: -1,
  });
  return {
    proxy,
    client,
    direct,
    async [Symbol.asyncDispose]() {
      await proxy.close();
      await Promise.all([client.close(), direct.close()]);
    },
  };
}

/** Subscribes, and gathers what comes as text. */
async function gather(
  connection: NatsConnection,
  subject: string,
): Promise<string[]> {
  const got: string[] = [];
  connection.subscribe(subject, {
    callback: (_error, message) => void got.push(message.string()),
  });
  await connection.flush();
  return got;
}

let count = 0;
const subject = () => `proxy.${crypto.randomUUID()}.${++count}`;

describe("startTcpProxy()", () => {
  let s: Setup;
  before(async () => {
    s = await setup({ reconnect: true });
  });
  after(async () => {
    await s[Symbol.asyncDispose]();
  });

  it("passes messages both ways, large ones whole", async () => {
    const where = subject();
    const large = new Uint8Array(900_000).fill(7);
    s.direct.subscribe(where, {
      callback: (_error, message) => void message.respond(message.data),
    });
    await s.direct.flush();
    const answer = await s.client.request(where, large, { timeout: 5_000 });
    assert.deepEqual(answer.data.length, large.length);
    assert.ok(
      s.proxy.stats.toServer > large.length &&
        s.proxy.stats.toClient > large.length,
    );
    assert.equal(s.proxy.connections(), 1);
  });

  it("drops chosen requests and lets the rest pass", async () => {
    const where = subject();
    const got = await gather(s.direct, where);
    const rule = s.proxy.dropRequests((message) =>
      message.subject === where &&
      new TextDecoder().decode(message.payload) === "2"
    );
    for (const text of ["1", "2", "3"]) s.client.publish(where, text);
    await s.client.flush();
    await eventually(() => got.length === 2);
    rule.stop();
    s.client.publish(where, "2");
    await s.client.flush();
    await eventually(() => got.length === 3);
    assert.deepEqual(got, ["1", "3", "2"]);
    assert.equal(rule.count, 1);
  });

  it("drops a reply: the request was done, its caller does not know", async () => {
    const where = subject();
    let done = 0;
    s.direct.subscribe(where, {
      callback: (_error, message) => {
        done++;
        message.respond("done");
      },
    });
    await s.direct.flush();
    const rule = s.proxy.dropReplies((message) =>
      message.subject.startsWith("_INBOX.")
    );
    await assert.rejects(s.client.request(where, "", { timeout: 100 }), {
      name: "TimeoutError",
    });
    assert.equal(done, 1);
    rule.stop();
    assert.equal((await s.client.request(where)).string(), "done");
  });

  it("drops a share of replies by the chance it is given", async () => {
    const where = subject();
    const got = await gather(s.client, where);
    let turn = 0;
    const rule = s.proxy.dropReplies(0.5, () => turn++ % 2 === 0 ? 0.4 : 0.6);
    for (let i = 0; i < 10; i++) s.direct.publish(where, String(i));
    await eventually(() => got.length === 5);
    rule.stop();
    assert.deepEqual(got, ["1", "3", "5", "7", "9"]);
    assert.equal(rule.count, 5);
  });

  it("holds a request, which lands after later ones", async () => {
    const where = subject();
    const got = await gather(s.direct, where);
    const hold = s.proxy.holdRequests((message) => message.subject === where);
    s.client.publish(where, "held");
    await hold.first;
    hold.stop();
    s.client.publish(where, "later");
    await eventually(() => got.length === 1);
    hold.release();
    await eventually(() => got.length === 2);
    assert.deepEqual(got, ["later", "held"]);
  });

  it("delays", async () => {
    s.proxy.delay({ toServer: 30, toClient: 30 });
    const started = performance.now();
    await s.client.flush();
    const took = performance.now() - started;
    s.proxy.delay({});
    assert.ok(took >= 58, `took ${took} ms`);
  });

  it("passes so many bytes a second, in order", async () => {
    const where = subject();
    const got = await gather(s.direct, where);
    s.proxy.bandwidth(100_000);
    const started = performance.now();
    for (let i = 0; i < 5; i++) s.client.publish(where, `${i}`.repeat(2_000));
    await s.client.flush();
    const took = performance.now() - started;
    s.proxy.bandwidth();
    await eventually(() => got.length === 5);
    assert.deepEqual(got.map((text) => text[0]), ["0", "1", "2", "3", "4"]);
    assert.ok(took >= 95, `10 kB took ${took} ms`);
  });

  it("sends something else in the place of a reply", async () => {
    const where = subject();
    s.direct.subscribe(where, {
      callback: (_error, message) => void message.respond("yes"),
    });
    await s.direct.flush();
    const rule = s.proxy.rewriteReplies(({ subject }, { bytes }) => {
      if (!subject.startsWith("_INBOX.")) return undefined;
      const [line] = new TextDecoder().decode(bytes).split("\r\n");
      return new TextEncoder().encode(`${line}\r\nno!\r\n`);
    });
    assert.equal((await s.client.request(where)).string(), "no!");
    rule.stop();
    assert.equal((await s.client.request(where)).string(), "yes");
    assert.equal(rule.count, 1);
  });

  it("falls silent with connections open, then passes all in order", async () => {
    const where = subject();
    const got = await gather(s.direct, where);
    s.proxy.halfOpen(true);
    for (let i = 0; i < 5; i++) s.client.publish(where, String(i));
    await assert.rejects(s.client.request(where, "5", { timeout: 100 }));
    assert.deepEqual(got, []);
    assert.equal(s.proxy.connections(), 1);
    s.proxy.halfOpen(false);
    await eventually(() => got.length === 6);
    assert.deepEqual(got, ["0", "1", "2", "3", "4", "5"]);
  });

  it("accepts and says nothing to new connections while silent", async () => {
    s.proxy.halfOpen(true);
    await assert.rejects(
      connect({ servers: s.proxy.url, timeout: 150, reconnect: false }),
    );
    s.proxy.halfOpen(false);
  });

  it("cuts; the client reconnects once it may", async () => {
    const where = subject();
    const got = await gather(s.client, where);
    const accepted = s.proxy.stats.accepted;
    s.proxy.refuse(true);
    s.proxy.cut();
    await eventually(() => s.proxy.connections() === 0);
    await eventually(() => s.proxy.stats.accepted > accepted);
    s.proxy.refuse(false);
    await eventually(async () => {
      s.direct.publish(where, "back");
      await s.client.flush();
      return got.length > 0;
    });
  });
});

describe("startTcpProxy(), to the end of a connection", () => {
  it("cuts inside a message", async () => {
    await using s = await setup();
    const where = subject();
    const got = await gather(s.direct, where);
    s.proxy.cutAfter(1_000);
    s.client.publish(where, new Uint8Array(10_000));
    await s.client.closed();
    await s.direct.flush();
    assert.deepEqual(got, []);
    assert.equal(s.proxy.connections(), 0);
  });

  it("lets a held request land after its client has gone", async () => {
    await using s = await setup();
    const where = subject();
    const got = await gather(s.direct, where);
    const hold = s.proxy.holdRequests((message) => message.subject === where);
    s.client.publish(where, "late");
    await hold.first;
    s.proxy.cut();
    await s.client.closed();
    assert.deepEqual(got, []);
    hold.release();
    await eventually(() => got.length === 1);
    assert.deepEqual(got, ["late"]);
  });
});
