import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  InvalidArgumentError,
  OutcomeUnknownError,
  OverloadedError,
} from "@flowmade/aether";
import {
  type Answer,
  Driver,
  type DriverOptions,
} from "../../examples/git_history/driver.ts";
import { Meter } from "../../examples/git_history/meter.ts";
import type { Order, Step } from "../../examples/git_history/plan.ts";

const stamp = { commit: "c", author: "Ada", time: "2026-01-01T00:00:00.000Z" };

function change(key: string, id: string): Step {
  return {
    key,
    commandId: id,
    order: {
      verb: "change",
      input: { ...stamp, blob: "b", kind: "text", added: 1, deleted: 0 },
    },
  };
}

function answer(deleted = 0): Answer {
  return { version: 1, events: [{ id: "e", version: 1, data: { deleted } }] };
}

function driverOf(options: Partial<DriverOptions>): Driver {
  return new Driver({
    send: () => Promise.resolve(answer()),
    meter: new Meter(),
    onAnswer: () => {},
    window: 8,
    giveUpAfter: 1_000,
    ...options,
  });
}

describe("Driver", () => {
  it("keeps the order of each file, with many files under way", async () => {
    const sent: string[] = [];
    let underWay = 0, most = 0;
    const driver = driverOf({
      async send(key, _order, id) {
        most = Math.max(most, ++underWay);
        // The later, the sooner it would be done.
        for (let i = Number(id); i < 40; i++) await Promise.resolve();
        sent.push(`${key}${id}`);
        underWay--;
        return answer();
      },
    });
    const steps = Array.from(
      { length: 40 },
      (_, i) => change("abcd"[i % 4]!, String(i)),
    );
    await driver.submit(steps);
    await driver.drain();
    assert.equal(sent.length, 40);
    assert.equal(most, 4);
    for (const key of "abcd") {
      const ids = sent.filter((s) => s[0] === key).map((s) =>
        Number(s.slice(1))
      );
      assert.deepEqual(ids, ids.toSorted((a, b) => a - b));
    }
  });
  it("never has more under way than its window", async () => {
    let underWay = 0, most = 0;
    const driver = driverOf({
      window: 3,
      async send() {
        most = Math.max(most, ++underWay);
        for (let i = 0; i < 20; i++) await Promise.resolve();
        underWay--;
        return answer();
      },
    });
    await driver.submit(
      Array.from({ length: 50 }, (_, i) => change(`f${i}`, "1")),
    );
    await driver.drain();
    assert.equal(most, 3);
  });
  it("sends again under the same id, and counts once", async () => {
    const ids: string[] = [];
    const answered: string[] = [];
    const errors = [
      new OutcomeUnknownError("who knows"),
      new OverloadedError("not now"),
    ];
    const meter = new Meter();
    const driver = driverOf({
      meter,
      send(_key, _order, id) {
        ids.push(id);
        const error = errors.shift();
        return error ? Promise.reject(error) : Promise.resolve(answer());
      },
      onAnswer: ({ commandId }) => answered.push(commandId),
    });
    await driver.submit([change("a", "x")]);
    await driver.drain();
    assert.deepEqual(ids, ["x", "x", "x"]);
    assert.deepEqual(answered, ["x"]);
    assert.deepEqual([...driver.retries], [["outcome_unknown", 1], [
      "overloaded",
      1,
    ]]);
    assert.equal(meter.figures().commands, 1);
    assert.deepEqual(driver.failures, []);
  });
  it("gives up what another try would not mend, and goes on", async () => {
    const driver = driverOf({
      send: (key) =>
        key === "bad"
          ? Promise.reject(new InvalidArgumentError("never"))
          : Promise.resolve(answer()),
    });
    await driver.submit([change("bad", "1"), change("good", "2")]);
    await driver.drain();
    assert.deepEqual(driver.failures.map(({ step }) => step.commandId), ["1"]);
  });
  it("ends the run where a command does not get through", async () => {
    const driver = driverOf({
      giveUpAfter: 20,
      send: () => Promise.reject(new OverloadedError("not now")),
    });
    const steps = Array.from({ length: 20 }, (_, i) => change(`f${i}`, "1"));
    await driver.submit(steps);
    await assert.rejects(
      driver.drain(),
      /did not get through in 20 ms: not now/,
    );
    await assert.rejects(driver.submit(steps), /did not get through/);
    assert.equal(driver.failures.length, 20);
  });
  it("lets a renamed file arrive after it left, with its lines", async () => {
    const sent: Order[] = [];
    const otherSent = Promise.withResolvers<void>();
    const driver = driverOf({
      async send(_key, order) {
        if (order.verb === "rename") await otherSent.promise;
        sent.push(order);
        if (order.verb === "change") otherSent.resolve();
        return answer(order.verb === "rename" ? 10 : 0);
      },
    });
    const leave: Step = {
      key: "old",
      commandId: "1",
      order: { verb: "rename", input: { ...stamp, to: "new" } },
    };
    const arrive: Step = {
      key: "new",
      commandId: "2",
      order: {
        verb: "add",
        input: {
          ...stamp,
          blob: "b",
          kind: "text",
          path: "new",
          from: "old",
          added: 0,
        },
      },
      after: leave,
      edit: { added: 3, deleted: 1 },
    };
    await driver.submit([leave, arrive, change("other", "3")]);
    await driver.drain();
    assert.deepEqual(sent.map(({ verb }) => verb), ["change", "rename", "add"]);
    const added = sent[2]!;
    assert.equal(added.verb === "add" && added.input.added, 12);
  });
});

describe("Meter", () => {
  it("tells percentiles within 2 %", () => {
    const meter = new Meter();
    const now = performance.now();
    for (let i = 1; i <= 100; i++) {
      meter.sent();
      meter.acknowledged(now - i * 10);
    }
    const { commands, p50, p99, max } = meter.figures();
    assert.equal(commands, 100);
    assert.ok(Math.abs(p50 / 500 - 1) < 0.03, `p50 ${p50}`);
    assert.ok(Math.abs(p99 / 990 - 1) < 0.03, `p99 ${p99}`);
    assert.ok(max >= 1_000);
  });
});
