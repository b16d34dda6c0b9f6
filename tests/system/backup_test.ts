/**
 * A namespace is backed up while nodes go on writing, and restored on a server that
 * has nothing: what was acknowledged before is there, what was promised is carried
 * out, and nothing takes effect twice.
 *
 * It is the server that is tested, so only Deno runs it.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type BusEvent, connect } from "@flowmade/aether";
import { isFirstGeneration } from "../../cluster/mod.ts";
import { streamNames } from "../../event/mod.ts";
import { failures } from "../actor/_purse.ts";
import {
  backUpStream,
  eventually,
  isDeno,
  restoreStream,
  startNatsServer,
  type StreamBackup,
  uniqueNamespace,
} from "../support/mod.ts";
import { KEYS, type Payment, STUCK, World } from "./_backup_world.ts";

/** A backup, and what was known when it was made. */
interface Taken {
  readonly streams: readonly StreamBackup[];
  /** Acknowledged before it began. */
  readonly paid: readonly Payment[];
  /** Handled before the copy that says how far they were was made. */
  readonly audited: readonly BusEvent[];
  readonly worked: readonly BusEvent[];
}

describe("a backup of a namespace under load", { skip: !isDeno }, () => {
  it(
    "restored elsewhere holds what was acknowledged, and nothing twice",
    { timeout: 60_000 },
    async () => {
      const namespace = uniqueNamespace("backup");
      const taken = await backUp(namespace);
      await restore(namespace, taken);
    },
  );
});

async function backUp(namespace: string): Promise<Taken> {
  await using nats = await startNatsServer();
  await using world = await World.open(nats.url, namespace);
  const { nc } = world;
  await world.start("a");
  await world.prepare();
  // Half of the shards change hands.
  const b = await world.start("b");
  await eventually(() =>
    KEYS.some((key) => b.cluster!.ownerOf(`purse-${key}`)?.node === "b")
  );
  await world.follow();
  world.load();
  await world.more(80);

  const paid = [...world.paid];
  const names = streamNames(namespace);
  const subscriptions = await backUpStream(nc, names.subscriptions);
  const audited = [...world.handled.audit];
  await world.remindLate();
  const inbox = await backUpStream(nc, names.inbox, () => meanwhile(world));
  const events = await backUpStream(nc, names.events);
  const worked = [...world.handled.workers];
  // A cache: of a time when the log was longer.
  await world.more(20);
  const snapshots = await backUpStream(nc, names.snapshots);
  const streams = [subscriptions, inbox, events, snapshots];
  return { streams, paid, audited, worked };
}

/** While the inbox is being copied, what was in it when that began goes out of it. */
async function meanwhile(world: World): Promise<void> {
  const { inbox } = world.store;
  const before = await inbox.marks();
  await world.more(20);
  await eventually(async () => (await world.parkedTexts()).includes("late"));
  await eventually(async () => {
    const marks = await inbox.marks();
    return [...before].every(([run, { sequence }]) =>
      run === "origin" || marks.get(run)!.sequence > sequence
    );
  });
}

async function restore(namespace: string, taken: Taken): Promise<void> {
  await using nats = await startNatsServer();
  const nc = await connect({ servers: nats.url });
  for (const backup of taken.streams) {
    const { messages } = await restoreStream(nc, backup);
    console.log(backup.stream, backup.state.messages, messages);
  }
  await nc.close();
  await using world = await World.open(nats.url, namespace);
  const commits = await world.commits();
  assert.ok(
    commits.some(({ generation = 0 }) => !isFirstGeneration(generation)),
    "no shard had changed hands",
  );
  await world.assertHas(taken.paid);
  await world.start("c");
  await world.start("d");
  await world.follow();
  await world.assertAnswersAgain(taken.paid.slice(-20));
  const within = { timeout: 20_000, interval: 100 };
  await eventually(() => world.assertSettled(), within);
  await world.assertWaiting();
  assert.deepEqual(await world.parkedTexts(), ["stuck"]);
  failures.set(STUCK, 0);
  assert.equal(await world.nodes[0]!.parked().replay(), 1);
  await eventually(async () =>
    (await world.purse("p3").log()).includes("stuck")
  );
  await eventually(() => world.assertProjected());
  await eventually(() => world.assertHandled("audit", taken.audited));
  await eventually(() => world.assertHandled("workers", taken.worked));
}
