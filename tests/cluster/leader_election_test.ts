import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import {
  type ClusterPorts,
  LeaderElection,
  type LeaderElectionOptions,
} from "../../cluster/mod.ts";
import { MovedError, ulid } from "../../event/mod.ts";
import { eventually, uniqueNamespace } from "../support/mod.ts";
import { openPorts } from "./_nodes.ts";

const LIMIT = { timeout: 30_000 };
const TTL = 1_000;

type World = Awaited<ReturnType<typeof openPorts>>;

/** Candidates of one cluster, each on a connection of its own. */
class Candidates implements AsyncDisposable {
  readonly cluster = uniqueNamespace("election");
  readonly all: { readonly election: LeaderElection; readonly world: World }[] =
    [];

  async add(
    node: string,
    options: Partial<LeaderElectionOptions> = {},
    between: (world: World) => ClusterPorts = (world) => world,
  ): Promise<LeaderElection> {
    const world = await openPorts({ cluster: this.cluster });
    const election = new LeaderElection(between(world), {
      node,
      run: ulid(),
      ttl: TTL,
      ...options,
    });
    this.all.push({ election, world });
    return election;
  }

  worldOf(election: LeaderElection): World {
    return this.all.find((one) => one.election === election)!.world;
  }

  get leading(): LeaderElection[] {
    return this.all.map(({ election }) => election)
      .filter((election) => election.isLeader());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { election, world } of this.all) {
      await election.close();
      await world[Symbol.asyncDispose]();
    }
  }
}

/** Resolves when something has become so, looked at with each change. */
async function when(
  election: LeaderElection,
  isSo: () => boolean,
): Promise<void> {
  const before = election.onChange;
  await new Promise<void>((resolve) => {
    election.onChange = () => {
      before();
      if (isSo()) resolve();
    };
    if (isSo()) resolve();
  });
  election.onChange = before;
}

describe("LeaderElection", () => {
  it(
    "elects one of many that start at once, and all know it",
    LIMIT,
    async () => {
      await using candidates = new Candidates();
      const all = await Promise.all(
        Array.from({ length: 10 }, (_, i) => candidates.add(`n${i}`)),
      );
      assert.equal(all[0]!.leader, undefined);
      await Promise.all(all.map((election) => election.start()));
      assert.equal(candidates.leading.length, 1);
      const [leader] = candidates.leading;
      const { epoch } = leader!;
      assert.ok(epoch !== undefined && epoch > 0);
      await eventually(() => {
        for (const election of all) {
          assert.deepEqual(election.leader, leader!.leader);
          assert.equal(election.epoch, election === leader ? epoch : undefined);
        }
        return true;
      });
      // It stays so over several leases.
      await delay(2.5 * TTL);
      assert.deepEqual(candidates.leading, [leader]);
      assert.equal(leader!.epoch, epoch);
      assert.ok(all.every((election) => election.leader?.epoch === epoch));
    },
  );

  it(
    "is followed at once when it resigns, in a later epoch",
    LIMIT,
    async () => {
      await using candidates = new Candidates();
      const first = await candidates.add("first", { ttl: 60_000 });
      const second = await candidates.add("second", { ttl: 60_000 });
      await first.start();
      await second.start();
      const epoch = first.epoch!;
      assert.equal(second.isLeader(), false);
      const began = performance.now();
      await first.resign();
      assert.equal(first.isLeader(), false);
      await when(second, () => second.isLeader());
      assert.ok(
        performance.now() - began < 3_000,
        "long before the lease ends",
      );
      assert.ok(second.epoch! > epoch);
      await eventually(() => first.leader?.epoch === second.epoch);
      // To and fro, always at once: a change that comes while it looks is not lost.
      for (let round = 0; round < 20; round++) {
        const [from, to] = second.isLeader()
          ? [second, first]
          : [first, second];
        to.stands = true;
        const turned = performance.now();
        await from.resign();
        await when(to, () => to.isLeader());
        assert.ok(performance.now() - turned < 3_000);
      }
      // Who has resigned does not stand again, until told to.
      await second.resign();
      await eventually(() => first.leader === undefined);
      assert.equal(first.isLeader(), false);
      first.stands = true;
      await when(first, () => first.isLeader());
    },
  );

  it(
    "follows at once also where an answer out of the past is on its way",
    LIMIT,
    async () => {
      await using candidates = new Candidates();
      const first = await candidates.add("first", { ttl: 60_000 });
      await first.start();
      const gate = Promise.withResolvers<void>();
      const asked = Promise.withResolvers<void>();
      let reads = 0;
      const second = await candidates.add(
        "second",
        { ttl: 3_000 },
        (world) => ({
          ...world,
          control: {
            publish: (...args) => world.control.publish(...args),
            next: (...args) => world.control.next(...args),
            watch: (...args) => world.control.watch(...args),
            last: async (...args) => {
              const found = await world.control.last(...args);
              if (++reads === 2) {
                asked.resolve();
                await gate.promise;
              }
              return found;
            },
          },
        }),
      );
      await second.start();
      second.stands = true;
      await asked.promise;
      const known = new Promise<void>((resolve) => second.onChange = resolve);
      await first.resign();
      await known;
      gate.resolve();
      const began = performance.now();
      await when(second, () => second.isLeader());
      const took = performance.now() - began;
      assert.ok(took < 5_000, `a third of the TTL was waited for: ${took} ms`);
    },
  );

  it(
    "who does not stand is never elected, and knows who is",
    LIMIT,
    async () => {
      await using candidates = new Candidates();
      const onlooker = await candidates.add("onlooker", { stands: false });
      await onlooker.start();
      assert.equal(onlooker.leader, undefined);
      const other = await candidates.add("other");
      await other.start();
      await when(onlooker, () => onlooker.leader?.node === "other");
      assert.equal(onlooker.isLeader(), false);
    },
  );

  it("takes over when the lease has run out", LIMIT, async () => {
    await using candidates = new Candidates();
    const first = await candidates.add("first");
    const second = await candidates.add("second");
    await first.start();
    await second.start();
    const { leader } = first;
    const changes: unknown[] = [];
    first.onChange = () => changes.push(first.leader);
    const began = performance.now();
    await candidates.worldOf(first).nc.close();
    assert.equal(first.isLeader(), false, "who is cut off does not lead");
    await when(second, () => second.isLeader());
    const took = performance.now() - began;
    // A renewal may have gone out just before.
    assert.ok(took > TTL / 2, `the lease was not waited for: ${took} ms`);
    assert.ok(took < TTL + 3_000, `${took} ms`);
    assert.ok(second.epoch! > leader!.epoch);
    await assert.rejects(first.write("ctl.x", 1), MovedError);
  });

  it(
    "takes the lease from a leader that is said to be dead, and from no other",
    LIMIT,
    async () => {
      await using candidates = new Candidates();
      const first = await candidates.add("first", { ttl: 60_000 });
      const second = await candidates.add("second", { ttl: 60_000 });
      await first.start();
      await second.start();
      const { epoch, run } = first.leader!;
      assert.equal(await second.preempt("another-run"), false);
      assert.equal(first.isLeader(), true);
      assert.equal(await first.write("ctl.map", "first") !== undefined, true);
      assert.equal(await second.preempt(run), true);
      assert.ok(second.epoch! > epoch);
      // The evidence was wrong: the deposed one finds out by its next write.
      await assert.rejects(
        first.write("ctl.map", "stale"),
        (error: MovedError) => error.code === "moved",
      );
      assert.equal(first.isLeader(), false);
      assert.equal(first.epoch, undefined);
      const last = await candidates.worldOf(first).control.last(
        "ctl.map",
        1_000,
      );
      assert.match(last!.body, /"value":"first"/);
      await second.write("ctl.map", "second");
      // Pre-empted back: epochs only grow.
      await eventually(() => first.leader?.node === "second");
      const before = second.epoch!;
      assert.equal(await first.preempt(second.leader!.run), true);
      assert.ok(first.epoch! > before);
    },
  );

  it(
    "refuses at the server what a deposed leader had sent before it knew",
    LIMIT,
    async () => {
      await using candidates = new Candidates();
      const first = await candidates.add("first", { ttl: 60_000 });
      const second = await candidates.add("second", { ttl: 60_000 });
      await first.start();
      await second.start();
      const boundary = await first.write("ctl.map", "first");
      const { epoch, run } = first.leader!;
      assert.equal(await second.preempt(run), true);
      // As a frozen process sends it when it wakes up.
      const answer = await candidates.worldOf(first).control.publish({
        key: "ctl.map",
        body: JSON.stringify({ write: ulid(), epoch, value: "stale" }),
        removes: false,
        expected: boundary!,
        boundary: "ctl.>",
      }, 2_000);
      assert.deepEqual(answer, { kind: "refused" });
    },
  );

  it(
    "writes in order, one after another, and says at which revision",
    LIMIT,
    async () => {
      await using candidates = new Candidates();
      const election = await candidates.add("one");
      await assert.rejects(election.write("ctl.a", 1), MovedError);
      await election.start();
      const revisions = await Promise.all(
        Array.from(
          { length: 20 },
          (_, i) => election.write(`ctl.k${i % 3}`, i),
        ),
      );
      for (const [i, revision] of revisions.entries()) {
        assert.ok(revision !== undefined);
        if (i > 0) assert.ok(revision > revisions[i - 1]!);
      }
    },
  );

  it(
    "another life of the node does not go on with the lease of the one before",
    LIMIT,
    async () => {
      await using candidates = new Candidates();
      const election = await candidates.add("one", { ttl: 60_000 });
      await election.start();
      const { epoch, run } = election.leader!;
      await election.restart("second-life");
      await when(election, () => election.isLeader());
      assert.ok(election.epoch! > epoch);
      assert.notEqual(election.leader!.run, run);
      assert.equal(election.leader!.run, "second-life");
    },
  );

  it("closes twice, and gives the lease back", LIMIT, async () => {
    await using candidates = new Candidates();
    const election = await candidates.add("one", { ttl: 60_000 });
    await election.start();
    const { control } = candidates.worldOf(election);
    assert.match((await control.last("leader", 1_000))!.body, /"node":"one"/);
    await election.close();
    await election.close();
    const after = await control.last("leader", 1_000);
    assert.ok(!after!.body.includes('"node"'));
    assert.equal(election.isLeader(), false);
  });
});
