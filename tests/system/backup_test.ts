/**
 * A namespace is backed up while nodes go on writing, and restored on a server that
 * has nothing: what was acknowledged before is there, what was promised is carried
 * out, and nothing takes effect twice.
 *
 * It is the server that is tested, so only Deno runs it.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { type BusEvent, connect, type Connection } from "@flowmade/aether";
import { isFirstGeneration } from "../../cluster/mod.ts";
import { streamNames } from "../../event/mod.ts";
import { failures } from "../actor/_purse.ts";
import {
  backUpStream,
  eventually,
  isDeno,
  restoreStream,
  startNatsServer,
} from "../support/mod.ts";
import { NatsCli } from "./_nats_cli.ts";
import { KEYS, type Payment, STUCK, World } from "./_backup_world.ts";

const NAMESPACE = "bank";

/** What makes copies of streams, and streams of copies. */
interface Tool {
  /** Makes one; `during` runs when it has begun, where the tool can be held. */
  copy(
    nc: Connection,
    stream: string,
    during?: () => Promise<void>,
  ): Promise<Copy>;
}

/** A copy of a stream. */
interface Copy {
  /** Makes a stream of it. */
  restore(nc: Connection): Promise<unknown>;
}

/** A backup, and what was known when it was made. */
interface Taken {
  readonly copies: readonly Copy[];
  /** Acknowledged before it began. */
  readonly paid: readonly Payment[];
  /** Handled before the copy that says how far they were was made. */
  readonly audited: readonly BusEvent[];
  readonly worked: readonly BusEvent[];
}

const isNight = process.env["AETHER_NIGHTLY"] === "1";
const LIMIT = { timeout: 120_000 };

describe("a backup of a namespace under load", { skip: !isDeno }, () => {
  const theirs: Tool = {
    async copy(nc, stream, during) {
      const backup = await backUpStream(nc, stream, during);
      return { restore: (to) => restoreStream(to, backup) };
    },
  };

  it("holds what was acknowledged, and nothing twice", LIMIT, async () => {
    await restore(await backUp(theirs));
  });

  it("does so on three servers", {
    ...LIMIT,
    skip: isNight ? false : "it is for the night",
  }, async () => {
    await restore(await backUp(theirs, 3), 3);
  });

  it("may be made by the nats CLI", {
    timeout: 900_000,
    skip: isNight
      ? false
      : "it is for the night, as the CLI takes long to build",
  }, async (t) => {
    const cli = await NatsCli.build();
    if (typeof cli === "string") return t.skip(cli);
    using _ = cli;
    const own: Tool = {
      async copy(nc, stream, during = () => Promise.resolve()) {
        const folder = join(cli.folder, stream);
        const from = nc.getServer();
        await cli.run(
          from,
          "backup",
          "stream",
          "--no-progress",
          stream,
          folder,
        );
        await during();
        await cli.run(from, "backup", "validate", folder);
        return {
          restore: (to) => {
            const args = ["backup", "restore", "stream", "--no-progress"];
            return cli.run(to.getServer(), ...args, folder);
          },
        };
      },
    };
    await restore(await backUp(own));
  });
});

async function backUp(tool: Tool, replicas: 1 | 3 = 1): Promise<Taken> {
  await using nats = await startNatsServer({ servers: replicas });
  await using world = await World.open(nats.url, NAMESPACE, replicas);
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
  const names = streamNames(NAMESPACE);
  const subscriptions = await tool.copy(nc, names.subscriptions);
  const audited = [...world.handled.audit];
  await world.remindLate();
  const inbox = await tool.copy(nc, names.inbox, () => meanwhile(world));
  const events = await tool.copy(nc, names.events);
  const worked = [...world.handled.workers];
  // A cache: of a time when the log was longer.
  await world.more(20);
  const snapshots = await tool.copy(nc, names.snapshots);
  const copies = [subscriptions, inbox, events, snapshots];
  return { copies, paid, audited, worked };
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

async function restore(taken: Taken, replicas: 1 | 3 = 1): Promise<void> {
  await using nats = await startNatsServer({ servers: replicas });
  const nc = await connect({ servers: nats.url });
  for (const copy of taken.copies) await copy.restore(nc);
  await nc.close();
  await using world = await World.open(nats.url, NAMESPACE, replicas);
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
  const within = { timeout: 60_000, interval: 100 };
  await eventually(() => world.assertSettled(), within);
  await world.assertWaiting();
  assert.deepEqual(await world.parkedTexts(), ["stuck"]);
  failures.set(STUCK, 0);
  assert.equal(await world.nodes[0]!.parked().replay(), 1);
  await eventually(async () =>
    (await world.purse("p3").log()).includes("stuck")
  );
  await eventually(() => world.assertProjected(), within);
  await eventually(() => world.assertHandled("audit", taken.audited), within);
  await eventually(() => world.assertHandled("workers", taken.worked), within);
}
