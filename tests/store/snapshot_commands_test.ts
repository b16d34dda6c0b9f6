/** Remembered commands as a snapshot carries them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ulid } from "@flowmade/aether";
import { parseActorId, type RememberedCommand } from "@flowmade/aether/event";
import {
  packCommands,
  unpackCommands,
} from "../../store/_snapshot_commands.ts";
import { decodeSnapshot } from "../../store/_snapshot_format.ts";

const written = (commands: readonly RememberedCommand[]): unknown =>
  JSON.parse(JSON.stringify(packCommands(commands)));

const anyCommand = fc.record({
  id: fc.oneof(
    { weight: 5, arbitrary: fc.constant(undefined).map(() => ulid()) },
    { weight: 1, arbitrary: fc.stringMatching(/^[!-~]{1,30}$/) },
    { weight: 1, arbitrary: fc.stringMatching(/^[!-~]{26}$/) },
  ),
  events: fc.oneof(
    { weight: 5, arbitrary: fc.constant(1) },
    { weight: 1, arbitrary: fc.constantFrom(0, 2, 35, 36, 700) },
  ),
  gap: fc.constantFrom(0, 0, 0, 0, 3),
  later: fc.constantFrom(0, 0, 0, 0, 7),
  isRejected: fc.constantFrom(false, false, false, true),
});

describe("the commands of a snapshot", () => {
  it("come back as they were, in order", () => {
    fc.assert(fc.property(fc.array(anyCommand), (drawn) => {
      let version = 0;
      let at = 1_700_000_000_000;
      const commands = drawn.map(
        ({ events, gap, id, isRejected, later }): RememberedCommand => {
          version += gap + (isRejected ? 0 : events);
          at += later;
          const rejected = { reason: "no", message: "never", details: {} };
          return isRejected
            ? { id, events: 0, rejected, version, at }
            : { id, events, version, at };
        },
      );
      assert.deepEqual(unpackCommands(written(commands)), commands);
    }));
  });

  it("take little more than their ids where they are all alike", () => {
    const commands = Array.from({ length: 1_000 }, (_, i) => ({
      id: ulid(),
      events: 1,
      version: 8 + i,
      at: 5,
    }));
    const packed = packCommands(commands);
    assert.equal(packed.length, 1);
    assert.ok(JSON.stringify(packed).length < 26_100);
    // Each of another number: a digit more for each.
    const two = commands.map((one, i) => ({
      ...one,
      events: 2,
      version: 8 + 2 * i,
    }));
    assert.ok(JSON.stringify(packCommands(two)).length < 27_100);
    assert.deepEqual(unpackCommands(written(two)), two);
  });

  it("are read as 0.1.0 wrote them", () => {
    const commands: RememberedCommand[] = [
      { id: "order-1", events: 1, version: 1, at: 1 },
      {
        id: ulid(),
        events: 0,
        rejected: { reason: "no", message: "never" },
        version: 1,
        at: 2,
      },
      { id: ulid(), events: 2, version: 3, at: 3 },
    ];
    assert.deepEqual(unpackCommands(commands), commands);
  });

  it("make a snapshot good for nothing where they are broken", () => {
    const id = ulid();
    const good = [5, 0, id + id, "12"];
    assert.equal(unpackCommands([good])?.length, 2);
    const broken: unknown[] = [
      null,
      {},
      "text",
      [null],
      [1],
      [[]],
      [["5", 0, id]],
      [[5, -1, id]],
      [[5, 0.5, id]],
      [[5, 0, 7]],
      [[5, 0, id + "X"]],
      [[5, 0, id, 1]],
      [[5, 0, id, "12"]],
      [[5, 0, id + id, "1"]],
      [[5, 0, id, "!"]],
      [[5, 0, id, "Z"]],
      [{ id, events: -1, version: 1, at: 1 }],
      [{ id, events: 1, version: 1, at: 1, rejected: {} }],
    ];
    const body = (commands: unknown) =>
      new TextEncoder().encode(JSON.stringify({
        actorId: "account-ada",
        version: 3,
        sequence: 7,
        commitId: "commit",
        schema: 1,
        timestamp: "2026-01-01T00:00:00.000Z",
        state: {},
        commands,
      }));
    const address = parseActorId("account-ada");
    assert.equal(decodeSnapshot(address, body([good]))?.commands?.length, 2);
    assert.equal(decodeSnapshot(address, body(undefined))?.commands, undefined);
    for (const commands of broken) {
      assert.equal(unpackCommands(commands), undefined);
      assert.equal(decodeSnapshot(address, body(commands)), undefined);
    }
  });
});
