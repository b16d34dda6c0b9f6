import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import {
  type ClusterChange,
  ClusterManager,
  type HeldShard,
  isFirstGeneration,
  NodeDiscovery,
} from "../../cluster/mod.ts";
import { type ClosedError, InvalidArgumentError } from "../../event/mod.ts";
import { eventually } from "../support/mod.ts";
import {
  beforeWrites,
  changed,
  leaderAmong,
  openPorts,
  runsOf,
  seizedOf,
  shared,
  TestCluster,
  type TestNode,
  watchHolders,
} from "./_nodes.ts";

const LIMIT = { timeout: 30_000 };
const NOT_ITS_PART = "a node could not do its part in the cluster";

describe("ClusterManager: a node alone", () => {
  it("leads, and holds every shard of what it hosts", LIMIT, async () => {
    await using cluster = new TestCluster();
    const one = await cluster.make("one");
    const { manager } = one;
    assert.equal(manager.isLeader(), false);
    assert.equal(manager.leader(), undefined);
    assert.deepEqual(manager.nodes(), []);
    assert.equal(manager.held(one.type, 0), undefined);
    assert.throws(() => manager.shardMap("job"), InvalidArgumentError);
    assert.equal(manager.start(), manager.start());
    await manager.start();
    assert.equal(manager.isLeader(), true);
    await shared([one]);
    assert.equal(manager.leader()!.node, "one");
    assert.equal(manager.leader()!.run, manager.run);
    assert.deepEqual(
      manager.nodes().map(({ node, state, weight, hosts }) => ({
        node,
        state,
        weight,
        hosts,
      })),
      [{
        node: "one",
        state: "up",
        weight: 1,
        hosts: [`${cluster.name}.job`],
      }],
    );
    const owner = manager.ownerOf("job-42");
    const generation = owner!.generation;
    assert.ok(isFirstGeneration(generation));
    assert.deepEqual(owner, {
      node: "one",
      run: manager.run,
      generation,
      seized: false,
      fence: 0,
    });
    assert.equal(manager.ownerOf("task-42"), undefined);
    assert.deepEqual(manager.held(one.type, 7), {
      ...one.type,
      shard: 7,
      generation,
      seized: false,
      fence: 0,
    });
    assert.equal(
      manager.held({ namespace: cluster.name, type: "task" }, 7),
      undefined,
    );
  });

  it("refuses names and options that break their rules", () => {
    const world = {} as never;
    for (const name of ["", "a.b", "a b", "a*", "x".repeat(65), "ä"]) {
      assert.throws(
        () => new ClusterManager({ control: world } as never, name),
        (error: InvalidArgumentError) =>
          error.code === "invalid_argument" &&
          error.message.includes(JSON.stringify(name)),
      );
    }
    const wrong = [
      { ttl: 999 },
      { ttl: NaN },
      { weight: 0 },
      { weight: Infinity },
      { cluster: "a b" },
      { hosts: [{ namespace: "*", type: "job" }] },
    ];
    for (const options of wrong) {
      assert.throws(
        () => new ClusterManager({ control: world } as never, "n", options),
        InvalidArgumentError,
        JSON.stringify(options),
      );
    }
  });

  it(
    "refuses a name that runs already, and takes that of a dead node",
    LIMIT,
    async () => {
      await using cluster = new TestCluster();
      const first = await cluster.start("one");
      await shared([first]);
      const { generation } = first.map.at(0);
      // Several times: whoever answers for that name must be the first.
      for (let tries = 0; tries < 5; tries++) {
        const second = await cluster.make("one");
        await assert.rejects(second.manager.start(), (error: Error) => {
          assert.ok(error instanceof InvalidArgumentError);
          assert.match(error.message, /has a node of that name already/);
          return true;
        });
      }
      await first.kill();
      const third = await cluster.start("one");
      assert.notEqual(third.manager.run, first.manager.run);
      await shared([third]);
      assert.equal(third.map.owner(0)!.seized, true);
      assert.equal(third.map.at(0).generation, generation + 1);
      assert.deepEqual(first.held(), []);
    },
  );

  it(
    "does not disturb its successor of the same name when it wakes up",
    LIMIT,
    async () => {
      await using cluster = new TestCluster();
      const frozen = Promise.withResolvers<void>();
      let isFrozen = false;
      const old = await cluster.start("one", {
        between: (ports) => ({
          ...ports,
          control: beforeWrites(
            ports,
            () => isFrozen ? frozen.promise : undefined,
          ),
        }),
      });
      const other = await cluster.start("two");
      await shared([old, other]);
      isFrozen = true;
      await using ports = await openPorts({ cluster: cluster.name });
      await using discovery = new NodeDiscovery(ports, { node: "operator" });
      assert.equal(
        await discovery.evict({ node: "one", run: old.manager.run }, 0),
        true,
      );
      await eventually(() => old.held().length === 0);
      const successor = await cluster.start("one");
      await shared([successor, other]);
      const runs = runsOf([successor, other]);
      isFrozen = false;
      frozen.resolve();
      // It comes back, tries to join again and again, and is told of the other.
      await eventually(() => old.said(NOT_ITS_PART) >= 3);
      await delay(500);
      await shared([successor, other]);
      assert.deepEqual(runsOf([successor, other]), runs);
      assert.deepEqual(old.held(), []);
      for (const node of [successor, other]) {
        assert.equal(node.said("a node is dead"), 0);
        assert.equal(node.said("a node lost its record"), 0);
      }
    },
  );

  it("fails to start where NATS has gone", LIMIT, async () => {
    await using cluster = new TestCluster();
    const one = await cluster.make("one");
    await one.kill();
    await assert.rejects(
      one.manager.start(),
      (error: ClosedError) => error.code === "closed",
    );
  });
});

describe("ClusterManager: joins and leaves", () => {
  it(
    "a join moves shards to the newcomer only, and a leave gives them back",
    LIMIT,
    async () => {
      await using cluster = new TestCluster();
      const [one] = await cluster.startAll("one");
      const nodes = [one!];
      const watch = watchHolders(() => nodes);
      let before = one!.map.nodes;
      for (const name of ["two", "three"]) {
        const node = await cluster.start(name);
        nodes.push(node);
        await shared(nodes);
        const after = node.map.nodes;
        const moved = after.filter((owner, shard) => owner !== before[shard]);
        assert.ok(moved.every((owner) => owner === name));
        assert.ok(moved.length <= Math.ceil(256 / nodes.length) + 1);
        before = after;
      }
      assert.ok(
        nodes.every((node) => seizedOf(node).length === 0),
        "nothing had to be seized",
      );
      const leader = await leaderAmong(nodes);
      const leaving = nodes.find((node) => node !== leader)!;
      await leaving.stop();
      nodes.splice(nodes.indexOf(leaving), 1);
      await shared(nodes);
      assert.ok(
        nodes[0]!.map.nodes.every((owner, shard) =>
          owner === before[shard] || before[shard] === leaving.name
        ),
      );
      await changed(nodes[0]!, () => nodes[0]!.manager.nodes().length === 2);
      // The leader goes: another one leads at once, and has everything.
      const epoch = leader.manager.leader()!.epoch;
      await leader.stop();
      nodes.splice(nodes.indexOf(leader), 1);
      await shared(nodes);
      await leaderAmong(nodes);
      assert.ok(nodes[0]!.manager.leader()!.epoch > epoch);
      watch.stop();
      assert.ok(seizedOf(nodes[0]!).length === 0);
      assert.equal(nodes[0]!.said("a node is dead"), 0);
    },
  );

  it(
    "waits for what runs before another node takes the shard",
    LIMIT,
    async () => {
      await using cluster = new TestCluster();
      const running = Promise.withResolvers<void>();
      const asked: HeldShard[] = [];
      const one = await cluster.start("one", {
        release: (shard) => {
          asked.push(shard);
          return running.promise;
        },
      });
      await shared([one]);
      const two = await cluster.start("two");
      await eventually(() => asked.length === 128);
      // Asked again with each probe, and never twice done.
      await delay(600);
      assert.equal(asked.length, 128);
      assert.equal(two.held().length, 0);
      assert.equal(
        one.held().length,
        128,
        "what it was asked for is not served",
      );
      running.resolve();
      await shared([one, two]);
      for (const { shard, generation, seized } of asked) {
        assert.ok(isFirstGeneration(generation));
        assert.equal(seized, false);
        assert.deepEqual(two.map.at(shard), {
          node: "two",
          run: two.manager.run,
          generation: generation + 1,
          fence: 0,
        });
      }
    },
  );

  it("a release that fails counts as done", LIMIT, async () => {
    await using cluster = new TestCluster();
    const one = await cluster.start("one", {
      release: (shard) => {
        if (shard.shard % 2 === 0) throw new Error("no");
        return Promise.reject(new Error("no"));
      },
    });
    await shared([one]);
    const two = await cluster.start("two");
    await shared([one, two], 4_000);
    assert.ok(seizedOf(two).length === 0);
  });

  it("drains a node that stays, and fills it again", LIMIT, async () => {
    await using cluster = new TestCluster();
    const nodes = await cluster.startAll("one", "two", "three");
    const watch = watchHolders(() => nodes);
    const [one, two, three] = nodes as [TestNode, TestNode, TestNode];
    await one.manager.drain();
    await shared([two, three]);
    assert.equal(one.held().length, 0);
    assert.equal(
      two.manager.nodes().find(({ node }) => node === "one")!.state,
      "draining",
    );
    const four = await cluster.start("four");
    nodes.push(four);
    await shared([two, three, four]);
    assert.equal(one.held().length, 0);
    await one.manager.undrain();
    await shared(nodes);
    watch.stop();
  });

  it("keeps serving where all nodes drain", LIMIT, async () => {
    await using cluster = new TestCluster();
    const nodes = await cluster.startAll("one", "two");
    const before = nodes[0]!.map.nodes;
    await Promise.all(nodes.map(({ manager }) => manager.drain()));
    await changed(
      nodes[0]!,
      () => nodes[0]!.manager.nodes().every((n) => n.state === "draining"),
    );
    await nodes[0]!.manager.refresh();
    assert.deepEqual(nodes[0]!.map.nodes, before);
    assert.equal(nodes.flatMap((node) => node.held()).length, 256);
  });

  it("leaves with all others at once", LIMIT, async () => {
    // Whoever leads last must know what it has released for another before.
    for (let round = 0; round < 5; round++) {
      await using cluster = new TestCluster();
      const nodes = await cluster.startAll("one", "two", "three");
      const began = performance.now();
      await Promise.all(nodes.map((node) => node.stop()));
      const took = performance.now() - began;
      assert.ok(took < 3_000, `nothing had to be seized: ${took} ms`);
    }
  });

  it("stops in time where nobody takes what it has", LIMIT, async () => {
    await using cluster = new TestCluster();
    const [one] = await cluster.startAll("one");
    const began = performance.now();
    await one!.stop();
    assert.ok(performance.now() - began < 2_000);
    await using ports = await openPorts({ cluster: cluster.name });
    assert.equal(
      JSON.parse((await ports.control.last("nodes.one", 1_000))!.body).value,
      undefined,
    );
    assert.equal(
      JSON.parse((await ports.control.last("leader", 1_000))!.body).value,
      undefined,
    );
  });
});

describe("ClusterManager: who hosts what", () => {
  it("gives shards of a type only to nodes that host it", LIMIT, async () => {
    await using cluster = new TestCluster();
    const type = (type: string) => ({ namespace: cluster.name, type });
    const nodes = await Promise.all([
      cluster.start("none", { hosts: [] }),
      cluster.start("jobs", { hosts: [type("job")] }),
      cluster.start("tasks", { hosts: [type("task")] }),
      cluster.start("both", { hosts: [type("job"), type("task")] }),
    ]);
    const observer = await cluster.start("observer", { observes: true });
    const all = [...nodes, observer];
    await eventually(() => {
      for (const { manager } of all) {
        const owners = (name: string) =>
          [
            ...new Set(manager.shardMap(name).nodes),
          ].sort();
        assert.deepEqual(owners("job"), ["both", "jobs"]);
        assert.deepEqual(owners("task"), ["both", "tasks"]);
        assert.deepEqual(owners("other"), [undefined]);
      }
      return true;
    });
    assert.deepEqual(
      observer.manager.nodes().map(({ node }) => node),
      ["both", "jobs", "none", "tasks"],
    );
    assert.equal(observer.manager.isLeader(), false);
    assert.ok(observer.manager.leader() !== undefined);
    assert.deepEqual(observer.held(), []);
    assert.deepEqual(nodes[0]!.held(), []);
    // The last node that hosts a type goes: nobody has it, and all know.
    await nodes[1]!.stop();
    await nodes[3]!.stop();
    await changed(
      observer,
      () => observer.map.nodes.every((owner) => owner === undefined),
    );
    assert.equal(observer.manager.ownerOf("job-1"), undefined);
    // One comes back: in a later generation than ever before.
    const again = await cluster.start("again", { hosts: [type("job")] });
    await shared([again]);
    assert.ok(again.map.at(0).generation >= 3);
  });

  it("gives a node of twice the weight twice the shards", LIMIT, async () => {
    await using cluster = new TestCluster();
    const small = await cluster.start("small");
    const large = await cluster.start("large", { weight: 2 });
    await eventually(() => {
      const [a, b] = [small.held().length, large.held().length];
      assert.ok(a + b === 256 && Math.abs(b - 256 * 2 / 3) < 1, `${a}, ${b}`);
      return true;
    });
  });
});

describe("ClusterManager: what it tells", () => {
  it(
    "tells leaders, nodes and shards as they change, and ends with the node",
    LIMIT,
    async () => {
      await using cluster = new TestCluster();
      const one = await cluster.make("one");
      const seen: ClusterChange[] = [];
      const loop = (async () => {
        for await (const change of one.manager.changes()) seen.push(change);
      })();
      await one.manager.start();
      await shared([one]);
      const two = await cluster.start("two");
      await shared([one, two]);
      await two.stop();
      await shared([one]);
      await one.stop();
      await loop;
      const leaders = seen.filter((change) => change.kind === "leader");
      assert.equal(leaders[0]!.leader!.node, "one");
      const rosters = seen.filter((change) => change.kind === "nodes")
        .map(({ nodes }) => nodes.map(({ node, state }) => `${node} ${state}`));
      for (
        const roster of [
          ["one up"],
          ["one up", "two up"],
          ["one up", "two leaving"],
        ]
      ) {
        assert.ok(
          rosters.some((found) => found.join() === roster.join()),
          `${roster} is missing in ${JSON.stringify(rosters)}`,
        );
      }
      const shards = seen.filter((change) => change.kind === "shards");
      assert.ok(shards.length >= 3);
      assert.deepEqual(shards[0]!.shards, one.type);
      // A loop that begins after the end is over at once.
      for await (const _ of one.manager.changes()) assert.fail();
    },
  );
});
