import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NatsEventBus, type SubscribeOptions } from "../../bus/mod.ts";
import { connect } from "../../nats/mod.ts";
import { JetStreamEventStore } from "../../store/mod.ts";
import { seeded, startNatsServer, uniqueNamespace } from "../support/mod.ts";
import {
  assertExact,
  assertLive,
  assertNoConsumers,
  assertNoSubscriptions,
  lastOf,
  logOf,
  nightly,
  report,
  Watcher,
  Writer,
} from "./_bus_world.ts";

const SUBSCRIBERS = 200;
const TURNS = nightly ? 10 : 2;

describe("200 subscribers that join and leave at random", () => {
  it(
    "see all there is, and leave nothing behind",
    { timeout: 240_000 },
    async () => {
      const random = seeded();
      await using servers = await startNatsServer();
      const namespace = uniqueNamespace("buschurn");
      const own = await connect({ servers: servers.url });
      const store = await JetStreamEventStore.open(own, { namespace });
      const connections = await Promise.all(
        Array.from({ length: 4 }, () => connect({ servers: servers.url })),
      );
      const buses = connections.map((nc) => new NatsEventBus(nc));
      const writer = new Writer(store, { pause: 2 });
      await writer.more(20);

      const finished: {
        readonly watcher: Watcher;
        readonly kind: "live" | "catch-up";
        readonly from: number;
        readonly to: number;
      }[] = [];
      await Promise.all(Array.from({ length: SUBSCRIBERS }, async (_, i) => {
        for (let turn = 0; turn < TURNS; turn++) {
          const kind = random.pick(["live", "catch-up"] as const);
          const from = 1 + random.int(20);
          const options: SubscribeOptions = kind === "live"
            ? {}
            : { from: { sequence: from } };
          const watcher = new Watcher(
            random.pick(buses),
            namespace,
            `${kind} ${i}.${turn}`,
            options,
          );
          if (random.int(5) === 0) {
            await watcher.subscription.close(); // before it was ready
            continue;
          }
          await watcher.subscription.ready;
          const { sequence } = await store.append(`mark-${i}`, [{
            eventType: "Joined",
          }]);
          await writer.more(random.int(30));
          if (random.int(2) === 0) await watcher.reach(sequence);
          await watcher.subscription.close();
          await watcher.ended;
          const to = Math.max(
            watcher.seen.at(-1)?.sequence ?? 0,
            watcher.gaps.at(-1)?.to ?? 0,
          );
          finished.push({ watcher, kind, from, to });
        }
      }));
      await writer.stop();
      const log = await logOf(store);
      for (const { from, kind, to, watcher } of finished) {
        const { name, seen } = watcher;
        if (kind === "catch-up") {
          const part = log.filter((e) => e.sequence >= from);
          assertExact(name, seen, part.slice(0, seen.length));
          continue;
        }
        const first = seen[0]?.sequence ?? to;
        const part = log.filter((e) =>
          e.sequence >= first &&
          // It may have left amid the events of one commit.
          e.sequence < to
        );
        assertLive(
          name,
          {
            seen: seen.filter((e) => e.sequence < to),
            gaps: watcher.gaps,
          },
          part,
          first - 1,
        );
      }
      report("200 subscribers", {
        subscriptions: finished.length,
        events: log.length,
        last: lastOf(log),
        seen: finished.reduce(
          (sum, { watcher }) => sum + watcher.seen.length,
          0,
        ),
      });
      assert.ok(finished.length > SUBSCRIBERS / 2);
      for (const bus of buses) {
        assert.equal(bus.subscriberCount(namespace), 0);
      }
      // Before the buses are closed: each subscription cleans up behind itself.
      await assertNoConsumers(own, namespace);
      await assertNoSubscriptions([servers.servers[0]!.monitorUrl]);
      for (const bus of buses) await bus.close();
      await store.close();
      for (const nc of [own, ...connections]) await nc.close();
    },
  );
});
