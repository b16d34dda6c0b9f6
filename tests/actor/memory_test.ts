/** What is remembered of commands, held against a memory that is too simple to be wrong. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { ulid } from "@flowmade/aether";
import { ulid as ulidOf } from "ulid";
import type { ActorSnapshot, RememberedCommand } from "@flowmade/aether/event";
import { CommandMemory } from "../../actor/_memory.ts";
import { PackedCommands } from "../../actor/_packed_commands.ts";
import { seeded } from "../support/mod.ts";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const digits = (count: number, first = ALPHABET) =>
  fc.tuple(
    fc.constantFrom(...first),
    fc.array(fc.constantFrom(...ALPHABET), {
      minLength: count - 1,
      maxLength: count - 1,
    }),
  ).map(([head, tail]) => head + tail.join(""));
const anyUlid = digits(26, "01234567");
/** Ids that are close to each other in every part. */
const closeUlid = fc.tuple(
  fc.constantFrom("01M8FD00", "01M8FD01", "01M8FC00", "7ZZZZZZZ"),
  digits(2),
  fc.constantFrom("0000000000000", "ZZZZZZZZZZZZZ", "00000000000Z0"),
  digits(3),
).map((parts) => parts.join(""));
const otherId = fc.oneof(
  fc.stringMatching(/^[!-~]{1,40}$/),
  anyUlid.map((id) => id.toLowerCase()),
  fc.constantFrom("8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "01M8FD0000000000000000000U"),
);
const anyCommand = fc.record({
  id: fc.oneof(
    { weight: 4, arbitrary: closeUlid },
    { weight: 3, arbitrary: anyUlid },
    { weight: 2, arbitrary: otherId },
  ),
  events: fc.oneof(
    { weight: 5, arbitrary: fc.nat(3) },
    { weight: 1, arbitrary: fc.nat(600) },
  ),
  gap: fc.oneof(
    { weight: 5, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.nat(600) },
  ),
  isRejected: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  later: fc.nat(10),
});

/** What is remembered of a snapshot of a memory. */
function loadedFrom(
  memory: CommandMemory,
  change: Partial<ActorSnapshot> = {},
): CommandMemory {
  const again = new CommandMemory();
  again.restore({
    actorId: "account-ada",
    version: 1_000_000, // with events that no command has made
    state: 0,
    timestamp: new Date(50_000),
    ...memory.newest(),
    ...change,
  });
  return again;
}

describe("CommandMemory", () => {
  it("remembers exactly what it was told, the first answer of each", () => {
    fc.assert(
      fc.property(
        fc.array(anyCommand, { maxLength: 400, size: "max" }),
        (commands) => {
          const memory = new CommandMemory();
          const model = new Map<string, RememberedCommand>();
          let version = 0;
          let at = 1_000;
          for (const { events, gap, id, isRejected, later } of commands) {
            at += later;
            const record = isRejected
              ? { id, events: 0, rejected: { reason: "no", message: "never" } }
              : { id, events };
            version += gap + record.events;
            memory.add(record, version, at);
            if (!model.has(id)) model.set(id, { ...record, version, at });
          }
          assert.equal(memory.size, model.size);
          const told = new Map(
            memory.newest().commands.map((found) => [found.id, found]),
          );
          assert.equal(told.size, model.size);
          for (const [id, { at, ...expected }] of model) {
            for (const found of [memory.get(id), told.get(id)]) {
              const { at: foundAt, ...rest } = found!;
              assert.deepEqual(rest, expected);
              assert.ok(foundAt >= at);
            }
          }
          const again = loadedFrom(memory);
          assert.deepEqual(again.newest(), memory.newest());
          assert.equal(again.since, memory.since);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("knows no id that it was not told, however alike", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(closeUlid, {
          minLength: 2,
          maxLength: 300,
          size: "max",
        }),
        (ids) => {
          const memory = new CommandMemory();
          const half = ids.length >> 1;
          for (const [i, id] of ids.slice(0, half).entries()) {
            memory.add({ id, events: 1 }, i + 1, i);
          }
          for (const [i, id] of ids.entries()) {
            assert.equal(memory.get(id)?.version, i < half ? i + 1 : undefined);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("keeps at least the last 1,000, and says from when on it knows all", () => {
    const memory = new CommandMemory();
    const ids: string[] = [];
    const minute = 60_000;
    for (let i = 0; i < 5_000; i++) {
      // Some of a kind that is kept apart.
      const id = i % 7 === 0 ? `order-${i}` : ulid();
      ids.push(id);
      memory.add({ id, events: 1 }, i + 1, i * minute);
    }
    assert.ok(memory.size >= 1_000 && memory.size < 1_300);
    for (const [i, id] of ids.entries()) {
      const isKnown = memory.get(id) !== undefined;
      if (i >= 4_000) assert.ok(isKnown, `${i} of 5000`);
      if (!isKnown) assert.ok(i * minute <= memory.since);
    }
  });

  it("never says that it would remember what it has forgotten", () => {
    const random = seeded();
    const minute = 60_000;
    const now = Date.UTC(2026, 0, 1);
    for (let round = 0; round < 20; round++) {
      let memory = new CommandMemory();
      const count = 1_500 + random.int(1_500);
      const ids = Array.from({ length: count }, (_, i) => {
        // As callers make them whose clocks are wrong, and ids of other kinds.
        const off = random.next() < 0.2 ? random.int(180) - 90 : random.int(3);
        const id = random.next() < 0.05
          ? `order-${i}`
          : ulidOf(now + (i + off) * minute);
        const record = random.next() < 0.1
          ? { id, events: 0, rejected: { reason: "no", message: "never" } }
          : { id, events: 1 };
        memory.add(record, i + 1, now + i * minute);
        return id;
      });
      if (round % 2 === 1) memory = loadedFrom(memory);
      const remembered = ids.filter((id) => memory.wouldRemember(id));
      for (const id of remembered) assert.ok(memory.get(id), id);
      const known = ids.filter((id) => memory.get(id) !== undefined);
      assert.ok(remembered.length > known.length * 0.7);
      assert.ok(known.length < count);
      // So it is with what it was never told.
      assert.equal(memory.wouldRemember(ulidOf(now)), false);
      assert.equal(memory.wouldRemember("never told"), false);
      assert.ok(memory.wouldRemember(ulidOf(now + (count + 90) * minute)));
    }
  });

  it("takes a minute for clocks that differ where a snapshot does not say of ids", () => {
    const memory = new CommandMemory();
    memory.restore({
      actorId: "account-ada",
      version: 5_000,
      state: 0,
      timestamp: new Date(0),
      commands: [{ id: ulidOf(5), events: 1, version: 5_000, at: 1_000_005 }],
      commandsSince: 1_000_000,
    });
    assert.equal(memory.wouldRemember(ulidOf(1_060_000)), false);
    assert.equal(memory.wouldRemember(ulidOf(1_060_001)), true);
  });

  it("says in a snapshot what is missing there", () => {
    const memory = new CommandMemory();
    const restored = (since?: number) =>
      loadedFrom(memory, since === undefined ? {} : { commandsSince: since });
    for (let i = 1; i <= 1_000; i++) {
      memory.add({ id: ulid(), events: 1 }, i, i);
    }
    assert.equal(memory.newest().commandsSince, 0);
    assert.equal(restored().since, -Infinity);
    assert.equal(restored(7).since, 7);
    // Two more than a snapshot carries: it lacks what was answered until 1,002 at last.
    memory.add({ id: "order-1", events: 0 }, 1_000, 1_001);
    memory.add({ id: ulid(), events: 1 }, 1_001, 1_002);
    const { since } = restored();
    assert.ok(since >= 2 && since <= 1_002, `${since}`);
    assert.equal(restored().size, 1_000);
  });

  it("keeps those of the last ten minutes, up to 50,000", () => {
    const memory = new CommandMemory();
    const ids = Array.from({ length: 60_000 }, () => ulid());
    for (const [i, id] of ids.entries()) {
      memory.add({ id, events: 1 }, i + 1, i);
    }
    assert.ok(memory.size >= 50_000 && memory.size < 50_300);
    assert.equal(memory.get(ids[12_000]!)?.version, 12_001);
    assert.equal(memory.get(ids[0]!), undefined);
  });
});

describe("PackedCommands", () => {
  it("refuse what does not fit in, and take what does", () => {
    const packed = new PackedCommands();
    const command = { id: ulid(), events: 1, version: 1, at: 1 };
    const rejected = { reason: "no", message: "no" };
    for (
      const not of [
        { ...command, id: "order-1" },
        { ...command, id: command.id.toLowerCase() },
        { ...command, id: "8" + command.id.slice(1) },
        { ...command, events: 256, version: 256 },
        { ...command, events: 0, rejected },
      ]
    ) assert.equal(packed.add(not), false);
    assert.equal(packed.add(command), true);
    assert.equal(packed.add({ ...command, id: ulid(), version: 0 }), false);
    assert.equal(packed.size, 1);
  });
});
