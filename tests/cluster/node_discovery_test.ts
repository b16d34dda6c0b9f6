import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import {
  type ClusterPorts,
  NodeDiscovery,
  type NodeDiscoveryOptions,
} from "../../cluster/mod.ts";
import { eventually, uniqueNamespace } from "../support/mod.ts";
import { openPorts } from "./_nodes.ts";

const LIMIT = { timeout: 30_000 };
const TTL = 1_000;

type World = Awaited<ReturnType<typeof openPorts>>;

/** Nodes of one cluster, each on a connection of its own. */
class Nodes implements AsyncDisposable {
  readonly cluster = uniqueNamespace("discovery");
  readonly #opened: AsyncDisposable[] = [];

  async add(
    node: string,
    options: Partial<NodeDiscoveryOptions> = {},
    between: (world: World) => ClusterPorts = (world) => world,
  ): Promise<{ discovery: NodeDiscovery; world: World }> {
    const world = await openPorts({ cluster: this.cluster });
    const discovery = new NodeDiscovery(between(world), { node, ...options });
    this.#opened.unshift(discovery, world);
    return { discovery, world };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#opened) await one[Symbol.asyncDispose]();
  }
}

describe("NodeDiscovery", () => {
  it(
    "makes nodes known with what they are, and forgets who leaves",
    LIMIT,
    async () => {
      await using nodes = new Nodes();
      const { discovery: a } = await nodes.add("a", {
        hosts: ["shop.cart"],
        weight: 2,
      });
      const { discovery: b, world } = await nodes.add("b");
      assert.deepEqual(await a.list(), []);
      assert.equal(a.run, "");
      assert.equal(a.isValid, false);
      let told = 0;
      const stop = b.watch(() => told++);
      await a.join();
      await b.join();
      assert.equal(a.isValid, true);
      const [first, second] = await b.list();
      assert.equal(typeof first!.revision, "number");
      assert.deepEqual({ ...first!, revision: 0 }, {
        node: "a",
        run: a.run,
        hosts: ["shop.cart"],
        weight: 2,
        state: "up",
        servers: [world.nc.info!.server_id],
        revision: 0,
      });
      assert.equal(second!.node, "b");
      await eventually(() => told === 2);
      // A renewal is no news; another state is.
      await a.prove();
      await a.become("draining");
      await eventually(() => told === 3);
      assert.equal((await b.list())[0]!.state, "draining");
      assert.equal(a.state, "draining");
      await a.leave();
      await eventually(() => told === 4);
      stop();
      assert.deepEqual((await b.list()).map(({ node }) => node), ["b"]);
      assert.equal(a.isValid, false);
      assert.equal(await a.prove(), false);
      // It comes again as another life.
      const { run } = a;
      await a.join();
      assert.notEqual(a.run, run);
      assert.equal(told, 4);
    },
  );

  it(
    "stays known over many leases, and its record runs out without it",
    LIMIT,
    async () => {
      await using nodes = new Nodes();
      const { discovery: a, world } = await nodes.add("a", { ttl: TTL });
      const { discovery: b } = await nodes.add("b");
      let lost = 0;
      a.onLost = () => lost++;
      await a.join();
      const { revision } = (await b.list())[0]!;
      await delay(2.5 * TTL);
      assert.equal((await b.list())[0]!.run, a.run);
      assert.ok((await b.list())[0]!.revision > revision);
      assert.equal(a.isValid, true);
      assert.equal(lost, 0);
      await world.nc.close();
      const began = performance.now();
      await eventually(() => !a.isValid, { timeout: TTL + 50 });
      await eventually(async () => (await b.list()).length === 0);
      const took = performance.now() - began;
      assert.ok(took < TTL + 2_000, `${took} ms`);
    },
  );

  it(
    "an evicted node is told, and is never the same again",
    LIMIT,
    async () => {
      await using nodes = new Nodes();
      const { discovery: a } = await nodes.add("a");
      const { discovery: b } = await nodes.add("b");
      await a.join();
      await b.join();
      const { run } = a;
      const lost = new Promise<void>((resolve) => a.onLost = resolve);
      assert.equal(await b.evict({ node: "a", run: "another" }, 0), true);
      assert.equal((await b.list()).length, 2, "another life was meant");
      assert.equal(await b.evict({ node: "a", run }, 0), true);
      await lost;
      assert.equal(a.isValid, false);
      assert.equal(await a.prove(), false);
      assert.deepEqual((await b.list()).map(({ node }) => node), ["b"]);
      assert.equal(await b.isGone("a", run, 0), true);
      await a.join();
      assert.notEqual(a.run, run);
      assert.equal(await b.isGone("a", run, 0), true);
      assert.equal(await b.isGone("a", a.run, 0), false);
      // What is said of another life may be out of the past.
      const { revision } = (await b.list())[0]!;
      assert.equal(await b.isGone("a", run, revision - 1), true);
      assert.equal(await b.isGone("a", run, revision + 1), false);
      assert.equal(await b.evict({ node: "a", run }, revision + 1), false);
    },
  );

  it(
    "one of an eviction and a renewal that race wins, never both",
    LIMIT,
    async () => {
      await using nodes = new Nodes();
      const { discovery: a } = await nodes.add("a");
      const { discovery: b } = await nodes.add("b");
      const seen = { proven: 0, evicted: 0 };
      for (let round = 0; round < 40; round++) {
        await a.join();
        const { run } = a;
        const [proof, evicted] = await Promise.all([
          a.prove(),
          b.evict({ node: "a", run }, 0),
        ]);
        assert.equal(evicted, true);
        // Proven before, or lost; but from now on it is not there.
        assert.notEqual(proof, undefined);
        seen[proof ? "proven" : "evicted"]++;
        assert.equal(await a.prove(), false);
        assert.deepEqual(await b.list(), []);
      }
      assert.ok(seen.proven > 0 || seen.evicted > 0);
      console.log(`  renewals before ${seen.proven}, after ${seen.evicted}`);
    },
  );

  it("goes on after a renewal of which it has not heard", LIMIT, async () => {
    await using nodes = new Nodes();
    let deaf = 0;
    const { discovery: a } = await nodes.add("a", { ttl: 3_000 }, (world) => ({
      ...world,
      control: {
        last: (...args) => world.control.last(...args),
        next: (...args) => world.control.next(...args),
        watch: (...args) => world.control.watch(...args),
        publish: async (...args) => {
          const answer = await world.control.publish(...args);
          if (deaf === 0) return answer;
          deaf--;
          return { kind: "refused" };
        },
      },
    }));
    await a.join();
    const { run } = a;
    // Stored, but told that it was refused: the record is looked at.
    deaf = 1;
    assert.equal(await a.prove(), true);
    assert.equal(await a.prove(), true);
    assert.equal(a.run, run);
    assert.equal(a.isValid, true);
  });

  it(
    "lists a node once while its record changes all the time",
    LIMIT,
    async () => {
      await using nodes = new Nodes();
      const busy = await Promise.all(
        ["a", "b", "c", "d"].map((name) => nodes.add(name)),
      );
      const { discovery: reader } = await nodes.add("reader");
      await Promise.all(busy.map(({ discovery }) => discovery.join()));
      let isOver = false;
      const writing = busy.map(async ({ discovery }) => {
        for (let n = 0; !isOver; n++) {
          await discovery.become(n % 2 === 0 ? "draining" : "up");
          await delay(2);
        }
      });
      for (let reads = 0; reads < 100; reads++) {
        const names = (await reader.list()).map(({ node }) => node);
        assert.deepEqual(names, ["a", "b", "c", "d"]);
      }
      isOver = true;
      await Promise.all(writing);
    },
  );
});
