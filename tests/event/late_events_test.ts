import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type StoredEvent, ulid, withLateEvents } from "../../event/mod.ts";

describe("withLateEvents()", () => {
  it("reads them when they are asked for, and once", () => {
    let reads = 0;
    const target = { version: 1 };
    const answer = withLateEvents(target, () => {
      reads++;
      return [stored(1)];
    });
    assert.equal(answer, target);
    assert.deepEqual(Object.keys(answer), ["version", "events"]);
    assert.equal(reads, 0);
    assert.equal(answer.events, answer.events);
    assert.equal(reads, 1);
  });

  it("reads them again where reading failed", () => {
    let reads = 0;
    const answer = withLateEvents({}, () => {
      if (++reads === 1) throw new Error("not now");
      return [];
    });
    assert.throws(() => answer.events, /not now/);
    assert.deepEqual(answer.events, []);
  });

  it("leaves the object a plain one, each with its own events", () => {
    const events = [stored(1), stored(2)];
    const answers = events.map((event) =>
      withLateEvents({ version: event.version }, () => [event])
    );
    for (const [i, answer] of answers.entries()) {
      const expected = { version: i + 1, events: [events[i]] };
      assert.deepStrictEqual(answer, expected);
      assert.deepStrictEqual({ ...answer }, expected);
      assert.deepStrictEqual(structuredClone(answer), expected);
      assert.equal(JSON.stringify(answer), JSON.stringify(expected));
    }
  });
});

function stored(version: number): StoredEvent {
  return {
    id: ulid(),
    eventType: "Deposited",
    actorId: "account-ada",
    version,
    data: { amount: version },
    timestamp: new Date(0),
    sequence: version,
    commitId: ulid(),
  };
}
