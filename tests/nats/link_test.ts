import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { CancelTimer, Clock } from "../../event/mod.ts";
import {
  connect,
  type Connection,
  type Fault,
  isFault,
  Link,
  RawHeaders,
} from "../../nats/mod.ts";
import {
  startNatsServer,
  startTcpProxy,
  testServer,
  uniqueNamespace,
} from "../support/mod.ts";

describe("Link", () => {
  let url: string;
  let nc: Connection;
  let link: Link;
  const subject = uniqueNamespace("link");

  before(async () => {
    ({ url } = await testServer());
    nc = await connect({ servers: url });
    link = new Link(nc);
    nc.subscribe(`${subject}.echo`, {
      callback: (_error, msg) => {
        msg.respond(
          msg.data,
          msg.headers === undefined ? {} : { headers: msg.headers },
        );
      },
    });
    nc.subscribe(`${subject}.three`, {
      callback: (_error, msg) => {
        for (const part of ["1", "2", "3"]) msg.respond(part);
      },
    });
    nc.subscribe(`${subject}.silent`, { callback: () => {} });
  });
  after(async () => {
    await link.close();
    await nc.close();
  });

  it("brings an answer back, headers and all", async () => {
    const headers = { "Aether-Commit": "c1", "Left-Out": undefined };
    const reply = await link.request(`${subject}.echo`, "hello", {
      timeout: 1_000,
      headers,
    });
    assert.equal(reply.string(), "hello");
    const found = RawHeaders.of(reply);
    assert.equal(found.get("Aether-Commit"), "c1");
    assert.equal(found.get("Left-Out"), "");
    assert.equal(found.status, 0);
  });

  it("keeps many requests apart", async () => {
    const replies = await Promise.all(
      Array.from(
        { length: 500 },
        (_, i) => link.request(`${subject}.echo`, `n${i}`, { timeout: 5_000 }),
      ),
    );
    replies.forEach((reply, i) => assert.equal(reply.string(), `n${i}`));
  });

  it("hands over several answers until the last one", async () => {
    const parts: string[] = [];
    await new Promise<void>((resolve, reject) => {
      link.requestMany(`${subject}.three`, "", { timeout: 1_000 }, (reply) => {
        parts.push(reply.string());
        if (parts.length === 3) resolve();
        return parts.length === 3;
      }, reject);
    });
    assert.deepEqual(parts, ["1", "2", "3"]);
  });

  it("says at once that nobody listens", async () => {
    const fault = await faultOf(
      link.request(`${subject}.nobody`, "", { timeout: 5_000 }),
    );
    assert.equal(fault.kind, "no_responders");
    assert.equal(fault.sent, false);
  });

  it("gives up in time", async () => {
    const started = performance.now();
    const fault = await faultOf(
      link.request(`${subject}.silent`, "", { timeout: 50 }),
    );
    assert.equal(fault.kind, "timeout");
    assert.equal(fault.sent, true);
    assert.ok(performance.now() - started >= 50);
  });

  it("ends with the signal's reason, before and while waiting", async () => {
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await assert.rejects(
      link.request(`${subject}.echo`, "", { timeout: 1_000, signal }),
      (error) => error === reason,
    );
    const controller = new AbortController();
    const waiting = link.request(`${subject}.silent`, "", {
      timeout: 5_000,
      signal: controller.signal,
    });
    controller.abort(reason);
    await assert.rejects(waiting, (error) => error === reason);
  });

  it("refuses what is too large without hurting the connection", async () => {
    const body = new Uint8Array(link.maxPayload + 1);
    const fault = await faultOf(
      link.request(`${subject}.echo`, body, { timeout: 1_000 }),
    );
    assert.equal(fault.kind, "too_large");
    assert.equal(fault.sent, false);
    const reply = await link.request(`${subject}.echo`, "still", {
      timeout: 1_000,
    });
    assert.equal(reply.string(), "still");
  });

  it("refuses a header with a line break", () => {
    const headers = { Evil: "a\r\nNats-Rollup: all" };
    assert.throws(
      () => link.publish(`${subject}.echo`, "", headers),
      /line break/,
    );
  });

  it("ends what is under way when the connection breaks, and waits for it to be back", async () => {
    await using proxy = await startTcpProxy({ target: url });
    const cut = await connect({
      servers: proxy.url,
      ignoreClusterUpdates: true,
    });
    const own = new Link(cut);
    try {
      await own.request(`${subject}.echo`, "", { timeout: 1_000 });
      const waiting = faultOf(
        own.request(`${subject}.silent`, "", { timeout: 60_000 }),
      );
      proxy.refuse(true);
      proxy.cut();
      const fault = await waiting;
      assert.equal(fault.kind, "disconnected");
      assert.equal(fault.sent, true);
      assert.equal(own.connected, false);
      const refused = await faultOf(
        own.request(`${subject}.echo`, "", { timeout: 60_000 }),
      );
      assert.equal(refused.kind, "disconnected");
      assert.equal(refused.sent, false);
      assert.equal((await faultOf(own.ready(30))).kind, "disconnected");
      proxy.refuse(false);
      await own.ready(10_000);
      const reply = await own.request(`${subject}.echo`, "back", {
        timeout: 5_000,
      });
      assert.equal(reply.string(), "back");
    } finally {
      await own.close();
      await cut.close();
    }
  });

  it("ends everything when it is closed, and leaves the connection open", async () => {
    const own = new Link(nc);
    const waiting = faultOf(
      own.request(`${subject}.silent`, "", { timeout: 60_000 }),
    );
    await own.close();
    assert.equal((await waiting).kind, "closed");
    assert.equal(
      (await faultOf(own.request(subject, "", { timeout: 1 }))).kind,
      "closed",
    );
    assert.equal(nc.isClosed(), false);
    await link.request(`${subject}.echo`, "", { timeout: 1_000 });
  });

  it("names a subject this user may not publish to", async () => {
    await using server = await startNatsServer({
      jetstream: false,
      config: `authorization { users = [ { user: u, password: p, permissions: {
        publish: ["open.>", "_INBOX.>"], subscribe: ["open.>", "_INBOX.>"] } } ] }`,
    });
    const limited = await connect({
      servers: server.url,
      user: "u",
      pass: "p",
    });
    const own = new Link(limited);
    try {
      const fault = await faultOf(
        own.request("shut.door", "", { timeout: 10_000 }),
      );
      assert.equal(fault.kind, "permission");
      assert.equal(fault.subject, "shut.door");
    } finally {
      await own.close();
      await limited.close();
    }
  });

  it("gives answers that wait behind a stalled event loop one more round", async () => {
    const clock = heldClock();
    const own = new Link(nc, { clock });
    let fault: Fault | undefined = undefined;
    const waiting = own.request(`${subject}.silent`, "", { timeout: 100 })
      .catch((error) => fault = error as Fault);
    clock.move(5_000); // one late tick, as after a stall
    await Promise.resolve();
    assert.equal(fault, undefined);
    clock.move(25);
    await waiting;
    assert.equal((fault as Fault | undefined)?.kind, "timeout");
    await own.close();
  });
});

describe("RawHeaders on a connection", () => {
  it("reads the same as the client does", async () => {
    const nc = await connect({ servers: (await testServer()).url });
    const subject = uniqueNamespace("headers");
    const link = new Link(nc);
    const received = new Promise<RawHeaders[]>((resolve) => {
      nc.subscribe(subject, {
        max: 1,
        callback: (_error, msg) =>
          resolve([RawHeaders.of(msg), RawHeaders.fromClient(msg)]),
      });
    });
    link.publish(subject, "body", { A: "1", "B-c": "two words", Empty: "" });
    const [fast, slow] = await received;
    for (const name of ["A", "B-c", "Empty", "Missing", "c"]) {
      assert.equal(fast!.get(name), slow!.get(name), name);
    }
    assert.equal(fast!.get("B-c"), "two words");
    await link.close();
    await nc.close();
  });
});

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  try {
    await promise;
  } catch (error) {
    if (isFault(error)) return error;
    throw error;
  }
  throw new assert.AssertionError({ message: "it succeeded" });
}

function heldClock(): Clock & { move(ms: number): void } {
  let now = 0;
  const timers = new Map<number, { at: number; run: () => void }>();
  let next = 0;
  return {
    now: () => now,
    monotonic: () => now,
    timer(ms, run): CancelTimer {
      const id = next++;
      timers.set(id, { at: now + ms, run });
      return () => timers.delete(id);
    },
    move(ms) {
      now += ms;
      for (const [id, timer] of [...timers]) {
        if (timer.at > now) continue;
        timers.delete(id);
        timer.run();
      }
    },
  };
}
