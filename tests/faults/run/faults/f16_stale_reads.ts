import { connect } from "../../../../nats/mod.ts";
import {
  destroyNamespace,
  JetStreamEventStore,
} from "../../../../store/mod.ts";
import {
  serveStale,
  startTcpProxy,
  uniqueNamespace,
} from "../../../support/mod.ts";
import type { Random, TcpProxy } from "../../../support/mod.ts";
import type { Fault, World } from "../fault.ts";
import { anyNode, Findings, keysOf } from "./_findings.ts";
import { proxied } from "./_proxied.ts";

/** Milliseconds that direct reads are behind. */
const AGE = 5_000;
/** Commands between two loads of an actor elsewhere. */
const EVERY = 10;
const ACTORS = 64;

/**
 * Direct reads are behind, for one of two stores that write into the same logs in
 * turn; of three servers, also by themselves. Then for a node, in all it loads.
 */
export const f16: Fault = {
  id: "F16",
  title: "reads of the log are stale",
  replicas: [1, 3],
  takes: 75_000,
  quick: true,
  async inject(world, random, quick) {
    const found = new Findings();
    const proxy = await startTcpProxy({
      target: random.pick(world.servers.urls),
    });
    try {
      await takeTurns(world, proxy, quick, found);
    } finally {
      await proxy.close();
    }
    if (!quick) await loadAll(world, random, found);
    return found;
  },
};

/** One store writes, the other one loads and goes on. */
async function takeTurns(
  world: World,
  proxy: TcpProxy,
  quick: boolean,
  found: Findings,
): Promise<void> {
  const namespace = uniqueNamespace("stale");
  const { replicas } = world;
  const nc = await connect({ servers: [...world.servers.urls] });
  const far = await connect({ servers: proxy.url, ignoreClusterUpdates: true });
  const near = await JetStreamEventStore.open(nc, { namespace, replicas });
  const behind = await JetStreamEventStore.open(far, { namespace, replicas });
  const rule = serveStale(proxy, AGE);
  let reads = 0;
  let stale = 0;
  const until = world.now() + (quick ? 2_500 : 40_000);
  try {
    await Promise.all(Array.from({ length: ACTORS }, async (_, i) => {
      const actorId = `turn-${i}`;
      let version = 0;
      let state = 0;
      for (let turn = 0; world.now() < until; turn++) {
        const [writer, reader] = turn % 2 === 0
          ? [near, behind]
          : [behind, near];
        for (let command = 0; command < EVERY; command++) {
          const data = command + turn;
          const { version: stored } = await writer.append(actorId, [
            { eventType: "Added", data },
          ], { expectedVersion: version, timeout: 10_000 });
          version = stored;
          state += data;
          reads++;
          if (await reader.getLatestVersion(actorId) !== version) stale++;
        }
        // Loaded where it was not written: all of it, or by what is told last.
        const { commits, position } = await reader.load(actorId, {
          schema: false,
          timeout: 10_000,
        });
        const events = commits.flatMap((commit) => commit.events);
        const sum = events.reduce((all, { data }) => all + Number(data), 0);
        reads++;
        const isWhole = position.version === version && sum === state &&
          events.every((event, at) => event.version === at + 1);
        if (!isWhole) stale++;
      }
    }));
    const { staleReads } = behind.stats();
    found.measured("strong reads", [reads], "count");
    found.measured("direct reads that came short", [
      staleReads,
      near.stats().staleReads,
    ], "count");
    found.injected(rule.count > 0 && staleReads > 0, "no read was stale");
    found.promised(stale === 0, `${stale} of ${reads} strong reads were stale`);
  } finally {
    rule.stop();
    await Promise.all([near.close(), behind.close()]);
    await destroyNamespace(nc, namespace, { confirm: namespace });
    await Promise.all([nc.close(), far.close()]);
  }
}

/** A node loads all its actors from reads that are behind, under the load. */
async function loadAll(
  world: World,
  random: Random,
  found: Findings,
): Promise<void> {
  const name = anyNode(world, random);
  await proxied(world, random, name, async (proxy) => {
    const rule = serveStale(proxy, AGE);
    // The others' actors come to it, and are loaded as they do.
    for (const other of [...world.nodes.keys()].sort()) {
      if (other !== name) await world.restartNode(other);
    }
    await world.settled();
    const took = await Promise.all(
      keysOf(world, name, 50).map((key) => world.call(key)),
    );
    rule.stop();
    found.injected(rule.count > 0, "no read of the node was stale");
    found.measured(
      "reads of a node answered from the past",
      [rule.count],
      "count",
    );
    found.measured("call of an actor loaded by stale reads", took, "ms", 1_000);
  });
}
