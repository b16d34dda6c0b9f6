import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type ControlLog,
  LeaderElection,
  planShards,
  type ShardChange,
  ShardManager,
  ShardMap,
} from "../../cluster/mod.ts";
import { ulid } from "../../event/mod.ts";
import { eventually, uniqueNamespace } from "../support/mod.ts";
import { openPorts } from "./_nodes.ts";

const LIMIT = { timeout: 30_000 };
const FAMILY = "bank.account";
const KEY = `ctl.shards.${FAMILY}`;

/** Its shards all belong to one node, in a generation. */
function mapOf(node: string, generation: number): ShardMap {
  const entry = { node, run: `run-of-${node}`, generation, fence: 0 };
  return ShardMap.empty(FAMILY).with(
    new Map(Array.from({ length: 256 }, (_, shard) => [shard, entry])),
  );
}

describe("ShardManager", () => {
  it("plans as planShards does", () => {
    const nodes = [{ nodeId: "a" }, { nodeId: "b", weight: 2 }];
    assert.deepEqual(ShardManager.plan([], nodes), planShards([], nodes));
    assert.deepEqual(
      ShardManager.plan([], nodes, FAMILY),
      planShards([], nodes, { seed: FAMILY }),
    );
  });

  it("reads what there is, and follows it", LIMIT, async () => {
    const cluster = uniqueNamespace("shards");
    await using world = await openPorts({ cluster });
    await using election = new LeaderElection(world, {
      node: "leader",
      run: ulid(),
    });
    await election.start();
    await election.write(KEY, mapOf("a", 1).toJSON());
    await using reader = await openPorts({ cluster });
    await using shards = new ShardManager(reader);
    const changes: ShardChange[] = [];
    shards.onChange = (change) => changes.push(change);
    assert.equal(shards.map(FAMILY).at(0).node, undefined);
    await shards.start();
    assert.deepEqual(shards.families, [FAMILY]);
    assert.deepEqual(shards.owner(FAMILY, 7), {
      node: "a",
      run: "run-of-a",
      generation: 1,
      seized: false,
      fence: 0,
    });
    assert.equal(
      shards.owner({ namespace: "bank", type: "account" }, 7)?.node,
      "a",
    );
    assert.equal(shards.owner("bank.other", 7), undefined);
    const revision = await election.write(KEY, mapOf("b", 2).toJSON());
    await eventually(() => shards.map(FAMILY).revision === revision);
    assert.equal(shards.owner(FAMILY, 255)?.generation, 2);
    await election.write("ctl.nodes", [{ node: "a", run: "run-of-a" }]);
    await eventually(() => shards.nodes.length === 1);
    assert.deepEqual(changes.map(({ kind }) => kind), [
      "shards",
      "shards",
      "nodes",
    ]);
    // What is no map is passed over.
    const wrong = await election.write(KEY, { n: [], s: [] });
    await election.write("ctl.nodes", []);
    await eventually(() => shards.nodes.length === 0);
    assert.ok(shards.map(FAMILY).revision < wrong!);
    assert.equal(shards.owner(FAMILY, 255)?.node, "b");
    // Closed, it follows no more.
    await shards.close();
    await election.write(KEY, mapOf("c", 3).toJSON());
    assert.equal(shards.owner(FAMILY, 255)?.node, "b");
  });

  it(
    "finds what it was not told of when it is asked to look",
    LIMIT,
    async () => {
      const cluster = uniqueNamespace("shards");
      await using world = await openPorts({ cluster });
      await using election = new LeaderElection(world, {
        node: "leader",
        run: ulid(),
      });
      await election.start();
      let lists = 0;
      const control: ControlLog = {
        last: (...args) => world.control.last(...args),
        next: (...args) => {
          lists++;
          return world.control.next(...args);
        },
        watch: () => () => {},
        publish: (...args) => world.control.publish(...args),
      };
      await using shards = new ShardManager({ ...world, control });
      await shards.start();
      await election.write(KEY, mapOf("a", 1).toJSON());
      assert.equal(shards.owner(FAMILY, 0), undefined);
      const before = lists;
      await Promise.all([shards.refresh(), shards.refresh(), shards.refresh()]);
      assert.equal(shards.owner(FAMILY, 0)?.node, "a");
      const read = lists - before;
      assert.ok(read > 0);
      await shards.refresh();
      assert.equal(lists - before, read, "nothing new is not read again");
    },
  );

  it("never goes back to an older map", LIMIT, async () => {
    const cluster = uniqueNamespace("shards");
    await using world = await openPorts({ cluster });
    await using shards = new ShardManager(world);
    await shards.start();
    shards.wrote(KEY, mapOf("new", 9).toJSON(), 9);
    shards.wrote(KEY, mapOf("old", 8).toJSON(), 8);
    shards.wrote(KEY, mapOf("same", 9).toJSON(), 9);
    assert.equal(shards.owner(FAMILY, 0)?.node, "new");
    shards.wrote("ctl.nodes", [{ node: "b", run: "run-of-b" }], 12);
    shards.wrote("ctl.nodes", [{ node: "a", run: "run-of-a" }], 11);
    assert.equal(shards.nodes[0]!.node, "b");
  });
});

describe("ShardMap", () => {
  it("comes back from what it wrote", () => {
    const a = { node: "a", run: "r1", generation: 3, fence: 2 };
    const b = { node: "b", run: "r2", generation: 1, fence: 0 };
    const map = ShardMap.empty(FAMILY).with(
      new Map([[0, a], [1, b], [255, a]]),
    );
    const json = JSON.parse(JSON.stringify(map));
    const back = ShardMap.from(FAMILY, json, 7)!;
    assert.equal(back.revision, 7);
    for (let shard = 0; shard < 256; shard++) {
      assert.deepEqual(back.at(shard), map.at(shard));
    }
    assert.deepEqual(back.runs, new Map([["r1", "a"], ["r2", "b"]]));
    assert.deepEqual(back.owner(0), { ...a, seized: true });
    assert.equal(back.owner(1)!.seized, false);
    assert.equal(back.owner(2), undefined);
    assert.equal(back.nodes.filter((node) => node === "a").length, 2);
    // A full map of 50 nodes is small.
    const full = ShardMap.empty(FAMILY).with(
      new Map(
        Array.from({ length: 256 }, (_, shard) => [shard, {
          node: `node-${shard % 50}`,
          run: ulid(),
          generation: 1_000,
          fence: 7,
        }]),
      ),
    );
    assert.ok(JSON.stringify(full).length < 20_000);
  });

  it("is not read from what is no map", () => {
    for (
      const value of [null, undefined, 7, "x", {}, [], { n: [], s: [] }, {
        n: {},
        s: new Array(256).fill([0, 1, 0]),
      }]
    ) {
      assert.equal(ShardMap.from(FAMILY, value, 1), undefined);
    }
  });
});
