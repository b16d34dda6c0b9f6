import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Control } from "../../cluster/_control.ts";
import type { ControlAnswer, ControlWrite } from "../../cluster/mod.ts";
import { StoreUnavailableError } from "../../event/mod.ts";
import {
  eventually,
  startTcpProxy,
  testServer,
  uniqueNamespace,
} from "../support/mod.ts";
import { openPorts } from "./_nodes.ts";

const LIMIT = { timeout: 30_000 };

type World = Awaited<ReturnType<typeof openPorts>>;

/** A world of its own, and a second one that sees the same log. */
async function twoWorlds() {
  const cluster = uniqueNamespace("control");
  const a = await openPorts({ cluster });
  const b = await openPorts({ cluster });
  return {
    a,
    b,
    async [Symbol.asyncDispose]() {
      await a[Symbol.asyncDispose]();
      await b[Symbol.asyncDispose]();
    },
  };
}

/** The same world with another way to publish. */
function publishingBy(
  world: World,
  publish: (
    write: ControlWrite,
    send: () => Promise<ControlAnswer>,
  ) => Promise<ControlAnswer>,
): World {
  const { control } = world;
  return {
    ...world,
    control: {
      last: (...args) => control.last(...args),
      next: (...args) => control.next(...args),
      watch: (...args) => control.watch(...args),
      publish: (write, timeout) =>
        publish(write, () => control.publish(write, timeout)),
    },
  };
}

describe("the control log", () => {
  it("holds the last value of each key, compared and set", LIMIT, async () => {
    await using worlds = await twoWorlds();
    const [a, b] = [new Control(worlds.a), new Control(worlds.b)];
    assert.equal(await a.last("x"), undefined);
    assert.deepEqual(await a.list("nodes.>"), []);
    const first = await a.write("x", { by: "a" }, { expected: 0, epoch: 3 });
    assert.equal(typeof first, "number");
    const { write, ...seen } = (await b.last("x"))!;
    assert.ok(write.length > 0);
    assert.deepEqual(seen, {
      key: "x",
      revision: first,
      epoch: 3,
      value: { by: "a" },
    });
    assert.equal(await b.write("x", 1, { expected: 0 }), undefined);
    assert.equal(await b.write("x", 1, { expected: first! + 1 }), undefined);
    const second = await b.write("x", 2, { expected: first! });
    assert.ok(second! > first!);
    assert.equal(await a.write("x", 3, { expected: first! }), undefined);
    assert.equal((await a.last("x"))!.value, 2);
    // Removed, it is there as what was removed, and its revision counts.
    const gone = await a.write("x", undefined, { expected: second! });
    assert.equal((await b.last("x"))!.value, undefined);
    assert.equal(await b.write("x", 4, { expected: 0 }), undefined);
    assert.ok(await b.write("x", 4, { expected: gone! }) !== undefined);
  });

  it("compares one boundary for several keys", LIMIT, async () => {
    await using worlds = await twoWorlds();
    const [a, b] = [new Control(worlds.a), new Control(worlds.b)];
    const boundary = "ctl.>";
    const first = await a.write("ctl.a", 1, { expected: 0, boundary });
    assert.equal(
      await b.write("ctl.b", 1, { expected: 0, boundary }),
      undefined,
    );
    const second = await b.write("ctl.b", 1, { expected: first!, boundary });
    assert.equal(
      await a.write("ctl.a", 2, { expected: first!, boundary }),
      undefined,
    );
    assert.equal((await a.last("ctl.>"))!.revision, second);
    assert.deepEqual(
      (await a.list("ctl.>")).map(({ key, value }) => [key, value]),
      [["ctl.a", 1], ["ctl.b", 1]],
    );
  });

  it("lets exactly one of many writers win", LIMIT, async () => {
    await using worlds = await twoWorlds();
    const controls = [new Control(worlds.a), new Control(worlds.b)];
    let expected = 0;
    for (let round = 0; round < 40; round++) {
      const revisions = await Promise.all(
        Array.from(
          { length: 8 },
          (_, i) =>
            controls[i % 2]!.write("contested", [round, i], { expected }),
        ),
      );
      const won = revisions.filter((revision) => revision !== undefined);
      assert.equal(won.length, 1);
      expected = won[0]!;
      const winner = revisions.indexOf(expected);
      const last = (await controls[0]!.last("contested"))!;
      assert.deepEqual(last.value, [round, winner]);
    }
  });

  it(
    "tells who watches what is stored, what is removed and what expires",
    LIMIT,
    async () => {
      await using worlds = await twoWorlds();
      const [a, b] = [new Control(worlds.a), new Control(worlds.b)];
      const seen: unknown[] = [];
      const stop = b.watch(
        "nodes.>",
        ({ key, revision, value }) => seen.push([key, revision, value]),
      );
      await worlds.b.nc.flush();
      const one = await a.write("nodes.a", 1, { expected: 0, ttl: 1_000 });
      await a.write("other", 1, { expected: 0 });
      const two = await a.write("nodes.b", 2, { expected: 0 });
      const three = await a.write("nodes.b", undefined, { expected: two! });
      await eventually(() => seen.length === 4);
      const expired = seen[3] as [string, number, unknown];
      assert.deepEqual(seen.slice(0, 3), [
        ["nodes.a", one, 1],
        ["nodes.b", two, 2],
        ["nodes.b", three, undefined],
      ]);
      assert.deepEqual([expired[0], expired[2]], ["nodes.a", undefined]);
      assert.equal((await a.last("nodes.a"))?.value, undefined);
      // Who still expects what has expired is refused.
      assert.equal(await a.write("nodes.a", 3, { expected: one! }), undefined);
      stop();
      await a.write("nodes.a", 4, { expected: expired[1] });
      await worlds.b.nc.flush();
      assert.equal(seen.length, 4);
    },
  );

  it(
    "settles a write whose answer was lost: it is stored once",
    LIMIT,
    async () => {
      const { url } = await testServer();
      await using proxy = await startTcpProxy({ target: url });
      await using world = await openPorts({
        cluster: uniqueNamespace("control"),
        url: proxy.url,
      });
      const control = new Control(world);
      let lost = 0;
      // Answers to publishes say which stream has it.
      const rule = proxy.dropReplies(({ payload }) =>
        new TextDecoder().decode(payload).startsWith('{"stream":"KV_') &&
        lost++ < 1
      );
      const revision = await control.write("x", "once", { expected: 0 });
      assert.equal(lost, 1);
      assert.equal((await control.last("x"))!.revision, revision);
      assert.equal(await control.write("y", 1, { expected: 0 }), revision! + 1);
      rule.stop();
    },
  );

  it("does not take a refusal for an answer", LIMIT, async () => {
    await using worlds = await twoWorlds();
    let calls = 0;
    const stored = new Control(publishingBy(worlds.a, async (_, send) => {
      calls++;
      await send();
      return { kind: "refused" };
    }));
    // It was stored, whatever was said.
    const revision = await stored.write("x", 1, { expected: 0 });
    assert.ok(revision !== undefined);
    assert.equal(calls, 1);
    // It was not stored, and nobody stands in its place: it is sent again.
    calls = 0;
    const late = new Control(
      publishingBy(
        worlds.a,
        async (_, send) => calls++ < 2 ? { kind: "refused" } : await send(),
      ),
    );
    assert.ok(await late.write("y", 1, { expected: 0 }) !== undefined);
    assert.equal(calls, 3);
    assert.equal((await late.last("y"))!.value, 1);
  });

  it("says in time that it cannot be known", LIMIT, async () => {
    const { url } = await testServer();
    await using proxy = await startTcpProxy({ target: url });
    await using world = await openPorts({
      cluster: uniqueNamespace("control"),
      url: proxy.url,
      connection: { pingInterval: 60_000 },
    });
    const control = new Control(world);
    proxy.halfOpen(true);
    const began = performance.now();
    await assert.rejects(
      control.write("x", 1, { expected: 0, timeout: 500 }),
      (error: unknown) => {
        assert.ok(error instanceof StoreUnavailableError);
        assert.match(error.message, /Cannot tell whether x was written/);
        assert.equal(error.details?.["key"], "x");
        return true;
      },
    );
    const took = performance.now() - began;
    assert.ok(took < 2_000, `${took} ms`);
    await assert.rejects(control.last("x"), StoreUnavailableError);
    proxy.halfOpen(false);
    // What was on its way has arrived: once at most.
    const last = await control.last("x");
    assert.ok(last === undefined || last.value === 1);
  });
});
