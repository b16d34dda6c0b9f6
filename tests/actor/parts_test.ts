/** The small parts on their own. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { frozenJson, ReplyTooLargeError, systemClock } from "@flowmade/aether";
import { Deadlines, type Timed } from "../../actor/_deadlines.ts";
import { freezeDeep } from "../../actor/_json.ts";
import { CommandMemory } from "../../actor/_memory.ts";
import { decodeReply, encodeAnswer, encodeError } from "../../actor/_wire.ts";
import { HeldClock } from "./_held_clock.ts";

describe("Deadlines", () => {
  const timed = (deadline: number, log: number[]): Timed => ({
    deadline,
    expire: () => log.push(deadline),
  });

  it("expires each at its time, to the millisecond", () => {
    const clock = new HeldClock();
    const deadlines = new Deadlines(clock);
    const log: number[] = [];
    for (const at of [500, 7, 49, 50, 51, 10_000]) {
      deadlines.add(timed(at, log));
    }
    clock.advance(6);
    assert.deepEqual(log, []);
    clock.advance(1);
    assert.deepEqual(log, [7]);
    clock.advance(43);
    assert.deepEqual(log, [7, 49, 50]);
    clock.advance(9_949);
    assert.deepEqual(log, [7, 49, 50, 51, 500]);
    clock.advance(1);
    assert.deepEqual(log.at(-1), 10_000);
  });

  it("forgets what is removed, and stops its timer when nothing is left", () => {
    const clock = new HeldClock();
    const deadlines = new Deadlines(clock);
    const log: number[] = [];
    const one = timed(100, log);
    deadlines.add(one);
    deadlines.remove(one);
    clock.advance(1_000);
    assert.deepEqual(log, []);
    assert.equal(clock.waiting, 0);
  });
});

describe("CommandMemory", () => {
  const record = (i: number) => ({ id: `c${i}`, events: 1 });

  it("keeps the last 1,000 however old, and younger ones up to 10 minutes", () => {
    const memory = new CommandMemory();
    for (let i = 0; i < 3_000; i++) memory.add(record(i), i + 1, i);
    assert.equal(memory.size, 3_000); // all within three seconds
    memory.add(record(3_000), 3_001, 600_500);
    assert.equal(memory.get("c500"), undefined);
    assert.ok(memory.get("c501") !== undefined);
    assert.equal(memory.since, 500);
    memory.add(record(3_001), 3_002, 9_000_000);
    assert.equal(memory.size, 1_000);
    assert.equal(memory.newest().commands.length, 1_000);
  });

  it("keeps the first answer where an id comes twice", () => {
    const memory = new CommandMemory();
    memory.add(record(1), 1, 1);
    memory.add(record(1), 9, 9);
    assert.equal(memory.get("c1")?.version, 1);
  });

  it("counts versions through a commit of several commands", () => {
    const memory = new CommandMemory();
    memory.addCommit({
      commitId: "x",
      sequence: 7,
      version: 5,
      events: [{}, {}, {}] as never,
      commands: [{ id: "a", events: 2 }, { id: "b", events: 0 }, record(1)],
      at: 1,
    });
    assert.deepEqual(
      ["a", "b", "c1"].map((id) => memory.get(id)?.version),
      [4, 4, 5],
    );
  });
});

describe("replies", () => {
  const sent = (outgoing: { body: Uint8Array; headers?: Uint8Array }) => {
    const text = new TextDecoder().decode(outgoing.headers);
    const headers = Object.assign(
      text.split("\r\n").slice(1).filter((line) => line !== "")
        .map((line) => line.split(": ").map((part) => part) as [string, string])
        .map(([name, value]) => [name, [value]] as [string, string[]]),
      { code: 0, description: "" },
    );
    return {
      subject: "x",
      data: outgoing.body,
      headers: outgoing.headers === undefined ? undefined : headers,
    } as never;
  };

  it("too large name the version that was reached", () => {
    const events = [{ data: "x".repeat(2_000) }];
    const reply = encodeAnswer("command", { version: 7, events }, 1_000);
    assert.throws(() => decodeReply(sent(reply)), (error) => {
      assert.ok(error instanceof ReplyTooLargeError);
      assert.equal(error.details["version"], 7);
      return true;
    });
  });

  it("of errors too large lose details, never the code", () => {
    const error = new ReplyTooLargeError("y".repeat(5_000), {
      details: { much: "x".repeat(5_000) },
    });
    const reply = encodeError(error, 2_000);
    assert.ok(reply.body.length < 2_000);
    assert.throws(() => decodeReply(sent(reply)), { code: "reply_too_large" });
  });

  it("tell a query's value apart from a command's result", () => {
    for (const value of [undefined, null, 0, { events: [], version: 1 }]) {
      assert.deepEqual(
        decodeReply(sent(encodeAnswer("query", value, 999))),
        value,
      );
    }
  });
});

describe("freezing", () => {
  it("copies JSON and freezes all of it", () => {
    const value = { a: [{ b: 1 }], c: null };
    const copy = frozenJson(value, "value", "Cannot copy") as typeof value;
    assert.deepEqual(copy, value);
    assert.ok(Object.isFrozen(copy.a[0]) && !Object.isFrozen(value.a[0]));
  });

  it("leaves what is not JSON as it is", () => {
    const map = new Map();
    const state = freezeDeep({ map, list: [1] });
    assert.ok(Object.isFrozen(state.list));
    assert.ok(!Object.isFrozen(map));
    assert.ok(systemClock.monotonic() > 0);
  });
});
