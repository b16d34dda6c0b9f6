/**
 * Nodes that die, hang, are cut off or fall ill: who is evicted, and who is not.
 * As each case takes its seconds to come about, all are played at once.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type Clock, systemClock } from "../../event/mod.ts";
import { connect } from "../../nats/mod.ts";
import {
  eventually,
  isDeno,
  startNatsServer,
  startTcpProxy,
  type TcpProxy,
  testServer,
} from "../support/mod.ts";
import {
  beforeWrites,
  inTurn,
  leaderAmong,
  nightly,
  type NodeOptions,
  runsOf,
  seizedOf,
  shared,
  TestCluster,
  type TestNode,
  watchHolders,
} from "./_nodes.ts";
import { withProcesses } from "./_processes.ts";

const LIMIT = { timeout: 120_000 };
/**
 * Half a second on a machine at rest; here only that no lease had to run out,
 * however busy it is.
 */
const SOON = 12_000;
/** A hung node's leases in these tests. */
const TTL = 4_000;
/** Its word counts once a node has been connected for so long. */
const SETTLED = 2_100;
const LOST = "a node lost its record";
const DEAD = "a node is dead";

/** A cluster behind proxies, whose nodes have been connected for a while. */
interface Scene {
  readonly nodes: TestNode[];
  readonly leader: TestNode;
  readonly followers: TestNode[];
  proxyOf(node: TestNode): TcpProxy;
  /** Milliseconds until these nodes have all shards, and all know it. */
  untilSharedBy(nodes: readonly TestNode[], timeout: number): Promise<number>;
}

/** Starts nodes, each behind a proxy of its own, and plays with them. */
async function withNodes(
  names: readonly string[],
  options: NodeOptions,
  play: (scene: Scene) => Promise<void>,
): Promise<void> {
  const { url } = await testServer();
  const proxies = new Map<string, TcpProxy>();
  for (const name of names) {
    proxies.set(name, await startTcpProxy({ target: url }));
  }
  const cluster = new TestCluster({
    // Back at once, where it may come back.
    connection: { reconnectTimeWait: 20, reconnectJitter: 0 },
    ...options,
  });
  try {
    const nodes = await inTurn(() =>
      cluster.startAll(
        ...names.map((name) =>
          [name, { url: proxies.get(name)!.url }] as const
        ),
      )
    );
    await delay(SETTLED);
    const leader = await leaderAmong(nodes);
    await play({
      nodes,
      leader,
      followers: nodes.filter((node) => node !== leader),
      proxyOf: (node) => proxies.get(node.name)!,
      async untilSharedBy(others, timeout) {
        const began = performance.now();
        await shared(others, timeout);
        return performance.now() - began;
      },
    });
  } finally {
    await cluster[Symbol.asyncDispose]();
    for (const proxy of proxies.values()) await proxy.close();
  }
}

const THREE = ["a", "b", "c"];
const TWO = ["a", "b"];
/** The client itself does not notice that nothing comes any more. */
const DEAF = { connection: { pingInterval: 60_000 }, ttl: TTL };

/** A node dies; others have its shards within moments. */
const killed = (names: string[], isLeader: boolean) => () =>
  withNodes(names, {}, async ({ followers, leader, nodes, untilSharedBy }) => {
    const victim = isLeader ? leader : followers[0]!;
    const others = nodes.filter((node) => node !== victim);
    const before = victim.held();
    const epoch = leader.manager.leader()!.epoch;
    const runs = runsOf(others);
    await victim.kill();
    assert.deepEqual(victim.held(), [], "it knows that it is cut off");
    const took = await untilSharedBy(others, 14_000);
    console.log(
      `  ${isLeader ? "leader" : "follower"} of ${names.length} killed: ` +
        `others have all after ${took | 0} ms`,
    );
    assert.ok(took < SOON, `${took} ms`);
    const now = await leaderAmong(others);
    assert.equal(now.manager.leader()!.epoch > epoch, isLeader);
    assert.deepEqual(runsOf(others), runs);
    for (const shard of before) {
      assert.equal(now.map.owner(shard)!.seized, true);
    }
    assert.equal(now.manager.nodes().length, others.length);
  });

/**
 * A node's connection goes dead without a word: others have its shards, it holds
 * nothing any more by its own clock, and it comes back as another life.
 */
const hung = (names: string[], isLeader: boolean) => () =>
  withNodes(names, DEAF, async (scene) => {
    const { followers, leader, nodes, proxyOf, untilSharedBy } = scene;
    const victim = isLeader ? leader : followers[0]!;
    const others = nodes.filter((node) => node !== victim);
    const { run } = victim.manager;
    proxyOf(victim).halfOpen(true);
    const began = performance.now();
    assert.notEqual(victim.held().length, 0, "it does not know it yet");
    const stopped = eventually(
      () => victim.held().length === 0 && !victim.manager.isLeader(),
      { timeout: 10_000, interval: 5 },
    ).then(() => performance.now() - began);
    const [took, until] = await Promise.all([
      untilSharedBy(others, 14_000),
      stopped,
    ]);
    console.log(
      `  ${isLeader ? "leader" : "follower"} of ${names.length} hung: ` +
        `others have all after ${took | 0} ms, it stopped after ${
          until | 0
        } ms`,
    );
    assert.ok(took < 12_000, `${took} ms`);
    assert.ok(until <= TTL + 500, `its leases last ${TTL} ms: ${until} ms`);
    proxyOf(victim).halfOpen(false);
    await shared(nodes, 10_000);
    assert.notEqual(victim.manager.run, run);
    assert.equal(victim.said(LOST), 1);
    assert.ok(others.every((node) => node.said(LOST) === 0));
    await leaderAmong(nodes);
  });

/** A node's link goes dead, and it notices. */
const cutOff = () =>
  withNodes(THREE, {}, async ({ followers, nodes, proxyOf }) => {
    const victim = followers[0]!;
    proxyOf(victim).halfOpen(true);
    const began = performance.now();
    await eventually(() => victim.held().length === 0, {
      timeout: 10_000,
      interval: 5,
    });
    const took = performance.now() - began;
    console.log(`  a dead link was noticed after ${took | 0} ms`);
    assert.ok(took < 6_000, `long before the lease ends: ${took} ms`);
    proxyOf(victim).halfOpen(false);
    proxyOf(victim).cut();
    await shared(nodes, 15_000);
  });

/**
 * A node is cut off for a moment, and answers probes over its other connection:
 * it goes on as the same, once proven.
 */
const cutForAMoment = async () => {
  const bulkConnection = await connect({ servers: (await testServer()).url });
  const options = { bulkConnection };
  await withNodes(THREE, options, async ({ followers, nodes, proxyOf }) => {
    const victim = followers[0]!;
    const runs = runsOf(nodes);
    const { revision } = victim.map;
    const watch = watchHolders(() => nodes);
    for (let cuts = 0; cuts < 5; cuts++) {
      let stopped = 0;
      const stop = victim.manager.onChange(() => {
        if (victim.held().length === 0) stopped++;
      });
      proxyOf(victim).cut();
      await eventually(() => stopped > 0, { interval: 1 });
      await shared(nodes);
      stop();
    }
    watch.stop();
    assert.deepEqual(runsOf(nodes), runs);
    assert.equal(victim.map.revision, revision, "nothing had to move");
    assertNobodyEvicted(nodes);
  });
  await bulkConnection.close();
};

/** A node hears nobody's answers, and accuses everybody: nobody is evicted. */
const sick = (names: string[], isLeader: boolean) => () =>
  withNodes(names, {}, async ({ followers, leader, nodes, proxyOf }) => {
    const sick = isLeader ? leader : followers[0]!;
    const others = nodes.filter((node) => node !== sick);
    const runs = runsOf(nodes);
    const { epoch } = leader.manager.leader()!;
    const rule = dropAnswers(proxyOf(sick));
    // Long enough to condemn a hung node several times over.
    for (let look = 0; look < 70; look++) {
      for (const { manager } of others) sick.manager.suspect(manager.nodeId);
      await delay(100);
    }
    rule.stop();
    console.log(
      `  sick ${isLeader ? "leader" : "follower"} of ${names.length}: ` +
        `${rule.count} answers were lost to it`,
    );
    assert.ok(rule.count >= 5, `only ${rule.count} answers were lost`);
    assert.deepEqual(runsOf(nodes), runs);
    assertNobodyEvicted(nodes);
    if (!isLeader) assert.equal(leader.manager.leader()!.epoch, epoch);
    await shared(nodes);
  });

/** A clock leaps: the wall's is not minded, and after the other's it proves itself. */
async function leapingClock(): Promise<void> {
  const moved = { wall: 0, monotonic: 0 };
  const clock: Clock = {
    now: () => systemClock.now() + moved.wall,
    monotonic: () => systemClock.monotonic() + moved.monotonic,
    timer: systemClock.timer,
  };
  await using cluster = new TestCluster({ ttl: 5_000 });
  const one = await cluster.start("one", { clock });
  const two = await cluster.start("two");
  const nodes = [one, two];
  await shared(nodes);
  const runs = runsOf(nodes);
  const { epoch } = (await leaderAmong(nodes)).manager.leader()!;
  for (const hours of [1, -1, 24 * 365]) {
    moved.wall = hours * 3_600_000;
    await delay(300);
    assert.equal(one.held().length + two.held().length, 256);
  }
  assert.equal(one.manager.leader()!.epoch, epoch);
  // As after a suspended machine: two seconds that were not lived through.
  moved.monotonic += 2_000;
  assert.deepEqual(one.held(), [], "until it has proved that it is there");
  assert.ok(one.said("a node stood still") >= 1);
  await shared(nodes);
  assert.deepEqual(runsOf(nodes), runs);
  // Longer than its lease, while for the server no time has passed.
  moved.monotonic += 60_000;
  assert.deepEqual(one.held(), []);
  assert.equal(one.manager.isLeader(), false);
  await shared(nodes);
  assert.deepEqual(runsOf(nodes), runs);
  await leaderAmong(nodes);
  assertNobodyEvicted(nodes);
}

/** The one server of all nodes goes for a while. */
async function serverRestart(): Promise<void> {
  await using servers = await startNatsServer();
  await using cluster = new TestCluster({ url: servers.url });
  const nodes = await cluster.startAll("one", "two", "three");
  await delay(SETTLED);
  const runs = runsOf(nodes);
  for (const down of [300, 2_000]) {
    await servers.kill();
    await eventually(
      () => nodes.every((node) => node.held().length === 0),
      { timeout: 2_000 },
    );
    await delay(down);
    await servers.restart();
    await shared(nodes, 15_000);
    await leaderAmong(nodes);
  }
  assert.deepEqual(runsOf(nodes), runs);
  assertNobodyEvicted(nodes);
}

/** A leader dies when it has asked for shards and is about to give them away. */
async function leaderDiesInHandOff(): Promise<void> {
  await using cluster = new TestCluster();
  const died = Promise.withResolvers<void>();
  const doom: { node?: TestNode } = {};
  const nodes: TestNode[] = [];
  for (const name of TWO) {
    const node = await cluster.start(name, {
      between: (ports) => ({
        ...ports,
        control: beforeWrites(ports, async ({ key }) => {
          if (doom.node?.name !== name || !key.startsWith("ctl.shards.")) {
            return;
          }
          await doom.node.kill();
          died.resolve();
        }),
      }),
    });
    nodes.push(node);
  }
  await shared(nodes);
  await delay(SETTLED);
  const doomed = doom.node = await leaderAmong(nodes);
  const heir = nodes.find((node) => node !== doomed)!;
  const { epoch } = doomed.manager.leader()!;
  const newcomer = await cluster.start("c");
  await died.promise;
  const watch = watchHolders(() => [heir, newcomer]);
  await shared([heir, newcomer], 14_000);
  watch.stop();
  const { manager } = await leaderAmong([heir, newcomer]);
  assert.ok(manager.leader()!.epoch > epoch);
  // What the survivor had released before is given back, and not taken from it.
  assert.equal(heir.said(LOST), 0);
  assert.ok(heir.held().every((shard) => !heir.map.owner(shard)!.seized));
  assert.equal(seizedOf(heir).length, 128);
}

/** An owner dies while it finishes what runs. */
async function ownerDiesInHandOff(): Promise<void> {
  await using cluster = new TestCluster();
  const leader = await cluster.start("a");
  const asked = Promise.withResolvers<void>();
  const owner = await cluster.start("b", {
    release: () => {
      asked.resolve();
      return new Promise(() => {});
    },
    grace: 100,
  });
  await shared([leader, owner]);
  await delay(SETTLED);
  const newcomer = await cluster.start("c");
  await asked.promise;
  await owner.kill();
  const began = performance.now();
  await shared([leader, newcomer], 14_000);
  const took = performance.now() - began;
  // The newcomer's word counts after two seconds.
  assert.ok(took < SOON, `it was waited for: ${took} ms`);
}

/** An owner does not finish: after five seconds its shards are taken from it. */
async function ownerDoesNotFinish(): Promise<void> {
  await using cluster = new TestCluster();
  const one = await cluster.start("one", {
    release: () => new Promise(() => {}),
    grace: 100,
  });
  await shared([one]);
  const began = performance.now();
  const two = await cluster.start("two");
  await shared([one, two], 9_000);
  const took = performance.now() - began;
  assert.ok(took > 4_900, `it was given five seconds: ${took} ms`);
  assert.equal(seizedOf(two).length, 128);
  for (const shard of two.held()) {
    assert.equal(two.manager.held(two.type, shard)!.seized, true);
  }
  assertNobodyEvicted([one, two]);
}

/** A process is killed; Deno and Bun nodes together. */
const processKilled = (isLeader: boolean) => async () =>
  await withProcesses((await testServer()).url, {}, async (scene) => {
    const leader = scene.leader();
    const victim = isLeader
      ? leader
      : scene.nodes.find((node) => node !== leader)!;
    const others = scene.nodes.filter((node) => node !== victim);
    victim.signal("SIGKILL");
    const took = await scene.untilOwnedBy(
      others.map(({ name }) => name),
      14_000,
    );
    console.log(
      `  ${victim.name}, ${isLeader ? "leader" : "follower"}, killed: ` +
        `others have all by the map after ${took | 0} ms`,
    );
    assert.ok(took < SOON, `${took} ms`);
    await eventually(() =>
      others.reduce((sum, { state }) => sum + state!.held, 0) === 256
    );
  });

/**
 * A process stands still for longer than twice its leases: others have its shards
 * meanwhile, and when it goes on it first holds nothing, then joins anew.
 */
const processStill = (
  isLeader: boolean,
  how: "frozen" | "busy",
  ttl: number,
  ms: number,
) =>
async () =>
  await withProcesses((await testServer()).url, { ttl }, async (scene) => {
    const { nodes, observer, untilOwnedBy } = scene;
    const leader = scene.leader();
    const victim = isLeader ? leader : nodes.find((node) => node !== leader)!;
    const others = nodes.filter((node) => node !== victim);
    const before = victim.state!;
    const told = victim.states.length;
    const { epoch } = observer.manager.leader()!;
    const began = performance.now();
    if (how === "frozen") victim.signal("SIGSTOP");
    else victim.tell(`block ${ms}`);
    const took = await untilOwnedBy(others.map(({ name }) => name), 12_000);
    assert.ok(
      observer.map.nodes.every((_, shard) =>
        observer.map.at(shard).run !== before.run
      ),
    );
    await delay(ms - (performance.now() - began));
    const woken = performance.now();
    victim.signal("SIGCONT");
    await untilOwnedBy(nodes.map(({ name }) => name), 10_000);
    await eventually(() => victim.state!.held >= 85);
    const back = performance.now() - woken;
    console.log(
      `  ${victim.name}, ${
        isLeader ? "leader" : "follower"
      }, ${how} for ${ms} ms: ` +
        `others have all after ${took | 0} ms, back ${
          back | 0
        } ms after it woke`,
    );
    assert.ok(back < 5_000 + (how === "busy" ? 2_000 : 0), `${back} ms`);
    // What it said from then on: that it holds nothing and does not lead.
    const since = victim.states.slice(told);
    assert.equal(since[0]!.held, 0, JSON.stringify(since));
    for (const { held, leads, run } of since) {
      if (run === before.run) assert.deepEqual([held, leads], [0, false]);
    }
    assert.notEqual(victim.state!.run, before.run);
    assert.equal(observer.manager.leader()!.epoch > epoch, isLeader);
    for (const other of others) {
      const lives = other.states.map(({ run }) => run).filter((run) =>
        run !== ""
      );
      assert.equal(new Set(lives).size, 1, `${other.name} was evicted`);
    }
  });

function assertNobodyEvicted(nodes: readonly TestNode[]): void {
  for (const node of nodes) {
    assert.equal(node.said(DEAD), 0, `${node.name} buried somebody`);
    assert.equal(node.said(LOST), 0, `${node.name} was evicted`);
  }
}

/** Lets no answer to a probe come back to a node: for it, nobody answers. */
function dropAnswers(proxy: TcpProxy) {
  return proxy.dropReplies(({ payload, subject }) =>
    subject.startsWith("_INBOX.") &&
    new TextDecoder().decode(payload).startsWith('{"run":')
  );
}

const PLAYS: Record<string, () => Promise<void>> = {
  "a follower dies: others have its shards within moments": killed(
    THREE,
    false,
  ),
  "a leader dies: others have its shards within moments": killed(THREE, true),
  "one of two dies: the other has its shards within moments": killed(TWO, true),
  "a hung follower stops by its own clock, and comes back": hung(THREE, false),
  "a hung leader stops by its own clock, and comes back": hung(THREE, true),
  "one of two hangs: it stops by its own clock, and comes back": hung(
    TWO,
    false,
  ),
  "a node stops serving when it notices that its link is dead": cutOff,
  "a node that was cut off for a moment proves itself and goes on":
    cutForAMoment,
  "a sick leader alone evicts nobody": sick(THREE, true),
  "a sick follower alone evicts nobody": sick(THREE, false),
  "a sick leader of two evicts nobody": sick(TWO, true),
  "a clock that leaps evicts nobody": leapingClock,
  "a server that restarts evicts nobody, where all hang on it": serverRestart,
  "a leader dies between release and grant: the next goes on":
    leaderDiesInHandOff,
  "an owner dies while it releases: its shards are taken": ownerDiesInHandOff,
  "an owner that does not finish loses its shards after 5 s":
    ownerDoesNotFinish,
};

/** The same with processes of both runtimes, whichever tests them. */
const PROCESSES: Record<string, () => Promise<void>> = {
  "the leader's process is killed": processKilled(true),
  "the leader's process is frozen for more than two leases": processStill(
    true,
    "frozen",
    nightly ? 15_000 : 4_000,
    nightly ? 40_000 : 9_000,
  ),
  "a process's event loop is blocked": processStill(
    false,
    "busy",
    nightly ? 15_000 : 4_000,
    nightly ? 40_000 : 9_000,
  ),
  ...(nightly
    ? {
      "a process is killed": processKilled(false),
      "a process is frozen for more than two leases": processStill(
        false,
        "frozen",
        15_000,
        40_000,
      ),
    }
    : {}),
};

/** Plays all, from the first test on; each test tells what became of its own. */
function playAll(plays: Record<string, () => Promise<void>>): void {
  let playing: Map<string, Promise<void>> | undefined;
  const begin = (play: () => Promise<void>) => {
    const played = play();
    played.catch(() => {}); // told by its own test
    return played;
  };
  for (const name of Object.keys(plays)) {
    it(name, LIMIT, () => {
      playing ??= new Map(
        Object.entries(plays).map(([name, play]) => [name, begin(play)]),
      );
      return playing.get(name)!;
    });
  }
}

describe("nodes in trouble", () => playAll(PLAYS));
describe("processes in trouble", () => playAll(isDeno ? PROCESSES : {}));
