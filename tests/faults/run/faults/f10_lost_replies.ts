import { setTimeout as delay } from "node:timers/promises";
import { Aether } from "../../../../mod.ts";
import type { Fault } from "../fault.ts";
import { startTcpProxy } from "../../../support/mod.ts";
import { anyNode, Findings, keysOf } from "./_findings.ts";
import { mend, proxied } from "./_proxied.ts";

const SHARE = 0.05;

/** What is asked arrives, and some of the answers do not: of the log to a node, of nodes to a caller. */
export const f10: Fault = {
  id: "F10",
  title: "one answer of twenty is lost",
  replicas: [1, 3],
  takes: 40_000,
  quick: true,
  async inject(world, random, quick) {
    const found = new Findings();
    const lasts = quick ? 2_500 : 30_000;
    const name = anyNode(world, random);
    await proxied(world, random, name, async (proxy) => {
      await using far = await startTcpProxy({
        target: random.pick(world.servers.urls),
      });
      await using caller = await Aether.start({
        servers: far.url,
        ignoreClusterUpdates: true,
        namespace: world.namespace,
        nodeId: "caller",
        actors: [],
        provision: false,
      });
      const rules = [proxy, far].map((through) =>
        through.dropReplies(
          ({ subject }) =>
            subject.startsWith("_INBOX.") && random.next() < SHARE,
        )
      );
      const mine = keysOf(world, name, 20);
      const took: number[] = [];
      const calls: Promise<void>[] = [];
      const until = world.now() + lasts;
      for (let turn = 0; world.now() < until; turn++) {
        const key = mine[turn % mine.length]!;
        calls.push(
          world.callBy(caller, key, 10_000).then((ms) => {
            took.push(ms);
          }),
        );
        await delay(20);
      }
      await Promise.all(calls);
      for (const rule of rules) rule.stop();
      const [toNode, toCaller] = rules.map(({ count }) => count);
      found.measured(
        "answers lost on their way to the node",
        [toNode!],
        "count",
      );
      found.measured(
        "answers lost on their way to the caller",
        [toCaller!],
        "count",
      );
      found.measured("call by a caller that loses answers", took, "ms", 10_000);
      found.injected(toNode! > 0, "no answer to the node was lost");
      found.injected(toCaller! > 0, "no answer to the caller was lost");
      mend(proxy);
    });
    return found;
  },
};
