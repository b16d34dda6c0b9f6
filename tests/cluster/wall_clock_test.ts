import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NodeDiscovery } from "../../cluster/mod.ts";
import { WallClock } from "../../cluster/_wall_clock.ts";
import { uniqueNamespace } from "../support/mod.ts";
import { type LogEntry, openPorts } from "./_nodes.ts";

const HOUR = 3_600_000;
const SERVER = Date.UTC(2026, 0, 1);

/** A node whose clock the test sets, relative to that of the server. */
function node(off: number) {
  const log: LogEntry[] = [];
  let time = 0;
  const world = {
    log,
    off,
    now: () => SERVER + time + world.off,
    /** Writes, and hears of it some milliseconds later. */
    renews(revision: number, takes = 2, answered: "first" | "last" = "first") {
      const began = world.now();
      const at = SERVER + time + 1;
      time += takes;
      if (answered === "first") wall.written(revision, began);
      wall.heard(revision, at);
      if (answered === "last") wall.written(revision, began);
    },
  };
  const wall = new WallClock(
    { now: world.now, monotonic: () => time, timer: () => () => {} },
    "a",
    (entry) => log.push(entry),
  );
  return { world, wall };
}

describe("WallClock", () => {
  it("says nothing of a clock that is about right, however long an answer takes", () => {
    for (const off of [0, 29_000, -29_000]) {
      for (const takes of [2, 900]) {
        const { world } = node(off);
        for (let i = 1; i < 5; i++) {
          world.renews(i, takes, i % 2 === 0 ? "first" : "last");
        }
        assert.deepEqual(world.log, []);
      }
    }
    // Frozen for a minute between the writing and the hearing.
    const { world } = node(0);
    world.renews(1, 60_000);
    assert.deepEqual(world.log, []);
  });

  it("says once by how much it is wrong, and when it is right again", () => {
    for (const answered of ["first", "last"] as const) {
      const { world } = node(HOUR);
      world.renews(1, 10, answered);
      world.renews(2, 10, answered);
      assert.deepEqual(world.log, [{
        level: "warn",
        message: "a node's clock differs from that of its server",
        node: "a",
        ahead: HOUR - 1,
      }]);
      world.off = -HOUR;
      world.renews(3, 10, answered);
      assert.equal(world.log.length, 1);
      world.off = 0;
      world.renews(4, 10, answered);
      assert.equal(world.log.length, 2);
      assert.deepEqual(world.log[1], {
        level: "info",
        message: "a node's clock is right again",
        node: "a",
      });
      world.off = -HOUR;
      world.renews(5, 10, answered);
      assert.deepEqual(world.log.at(-1), {
        level: "warn",
        message: "a node's clock differs from that of its server",
        node: "a",
        behind: HOUR - 9,
      });
    }
  });

  it("compares only what is of one write, and knows when it was stored", () => {
    const { wall, world } = node(0);
    wall.written(2, SERVER + 2 * HOUR);
    wall.heard(1, SERVER);
    wall.heard(2, undefined);
    wall.heard(2, NaN);
    assert.deepEqual(world.log, []);
    wall.heard(2, SERVER);
    assert.equal(world.log.length, 1);
  });
});

describe("a node whose clock is wrong", () => {
  for (const [what, off] of [["ahead", HOUR], ["behind", -HOUR]] as const) {
    it(`hears of it as soon as it renews its record: ${what}`, {
      timeout: 30_000,
    }, async () => {
      await using world = await openPorts({
        cluster: uniqueNamespace("clock"),
      });
      const told = Promise.withResolvers<LogEntry>();
      const { clock } = world;
      await using discovery = new NodeDiscovery({
        control: world.control,
        messenger: world.messenger,
        random: () => world.random(),
        newId: () => world.newId(),
        clock: {
          now: () => clock.now() + off,
          monotonic: () => clock.monotonic(),
          timer: (ms, run) => clock.timer(ms, run),
        },
      }, {
        node: "a",
        ttl: 1_000,
        log: (entry) => entry.level === "warn" && told.resolve(entry),
      });
      await discovery.join();
      const entry = await told.promise;
      assert.match(entry.message, /clock differs/);
      const by = entry[what] as number;
      assert.ok(by > HOUR - 5_000 && by <= HOUR, `${by}`);
    });
  }
});
