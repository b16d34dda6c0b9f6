import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InMemoryEventStore } from "../../store/mod.ts";
import { checkStream, type Model, type ReadEvent } from "../../model/mod.ts";

const model: Model = {
  name: "bank",
  aggregates: {
    account: {
      events: {
        Opened: { first: true, fields: { owner: "string" } },
        Deposited: {
          after: ["Opened"],
          fields: {
            amount: "number",
            note: "string?",
            from: {
              type: "object",
              fields: { bank: "string" },
              optional: true,
            },
          },
        },
        Frozen: { notAfter: ["Frozen"] },
        Closed: { last: true },
      },
    },
    till: { events: { Counted: {} } },
  },
};

type Entry = readonly [actorId: string, type: string, data?: unknown];

async function* log(
  ...events: readonly Entry[]
): AsyncGenerator<ReadEvent> {
  const versions = new Map<string, number>();
  let sequence = 0;
  for (const [actorId, eventType, data] of events) {
    const version = (versions.get(actorId) ?? 0) + 1;
    versions.set(actorId, version);
    yield { actorId, eventType, data, version, sequence: ++sequence };
  }
  await Promise.resolve();
}

const opened: Entry = ["account-ada", "Opened", { owner: "ada" }];

async function rules(
  ...events: readonly Entry[]
): Promise<string[]> {
  const { findings } = await checkStream(model, log(...events));
  return findings.filter(({ rule }) => rule !== "never_seen")
    .map(({ rule, at }) => `${rule} ${at}`);
}

describe("checkStream()", () => {
  it("replays a store and is content with what fits", async () => {
    await using store = new InMemoryEventStore({ namespace: "bank" });
    await store.append("account-ada", [
      { eventType: "Opened", data: { owner: "ada" } },
      { eventType: "Deposited", data: { amount: 1, from: { bank: "x" } } },
      { eventType: "Frozen" },
      { eventType: "Closed" },
    ]);
    await store.append("till-1", [{ eventType: "Counted", data: { any: 1 } }]);
    const report = await checkStream(model, store);
    assert.deepEqual(report, {
      events: 5,
      seen: {
        "account.Opened": 1,
        "account.Deposited": 1,
        "account.Frozen": 1,
        "account.Closed": 1,
        "till.Counted": 1,
      },
      findings: [],
    });
  });

  it("reports actors and events it does not know", async () => {
    assert.deepEqual(
      await rules(opened, ["account-ada", "Robbed"], ["dog-1", "Barked"]),
      ["unknown_event account.Robbed", "unknown_actor dog"],
    );
  });

  it("reports fields that are missing, wrong or unknown", async () => {
    assert.deepEqual(
      await rules(
        opened,
        ["account-ada", "Deposited", {}],
        ["account-ada", "Deposited", { amount: "1", colour: "red" }],
        ["account-ada", "Deposited", { amount: 1, from: {} }],
        ["account-bob", "Opened"],
      ),
      [
        "missing_field account.Deposited.amount",
        "wrong_type account.Deposited.amount",
        "unknown_field account.Deposited.colour",
        "missing_field account.Deposited.from.bank",
        "missing_field account.Opened.owner",
      ],
    );
  });

  it("reports orders that the model forbids, each actor for itself", async () => {
    const deposit = { amount: 1 };
    assert.deepEqual(
      await rules(opened, ["account-ada", "Opened", { owner: "bob" }]),
      ["forbidden_order account.Opened"],
    );
    // Before what has to come first, and before what it has to come after.
    assert.deepEqual(
      await rules(opened, ["account-bob", "Deposited", deposit]),
      [
        "forbidden_order account.Deposited",
        "forbidden_order account.Deposited",
      ],
    );
    assert.deepEqual(
      await rules(opened, ["account-ada", "Frozen"], ["account-ada", "Frozen"]),
      ["forbidden_order account.Frozen"],
    );
    assert.deepEqual(
      await rules(
        opened,
        ["account-ada", "Closed"],
        ["account-ada", "Deposited", deposit],
      ),
      ["forbidden_order account.Deposited"],
    );
  });

  it("reports events that nobody ever stored, last", async () => {
    const { findings } = await checkStream(model, log(opened));
    assert.deepEqual(
      findings.map(({ rule, at, count }) => [rule, at, count]),
      ["account.Deposited", "account.Frozen", "account.Closed", "till.Counted"]
        .map((at) => ["never_seen", at, 0]),
    );
  });

  it("counts what is the same, and shows the first", async () => {
    const { findings } = await checkStream(
      model,
      log(opened, ["account-ada", "Robbed"], ["account-bob", "Robbed"]),
    );
    const robbed = findings.find(({ rule }) => rule === "unknown_event");
    assert.equal(robbed?.count, 2);
    assert.deepEqual(robbed?.first, {
      actorId: "account-ada",
      version: 2,
      sequence: 2,
    });
  });

  it("goes through a hundred thousand events in seconds", async () => {
    async function* many(): AsyncGenerator<ReadEvent> {
      for (let sequence = 1; sequence <= 100_000; sequence++) {
        const version = sequence % 2 === 1 ? 1 : 2;
        yield {
          actorId: `account-${sequence + 1 >> 1}`,
          eventType: version === 1 ? "Opened" : "Deposited",
          version,
          data: version === 1 ? { owner: "x" } : { amount: 1 },
          sequence,
        };
      }
      await Promise.resolve();
    }
    const { events, findings } = await checkStream(model, many());
    assert.equal(events, 100_000);
    assert(findings.every(({ rule }) => rule === "never_seen"));
  });
});
