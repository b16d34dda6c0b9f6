import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  addressOfTokens,
  InvalidArgumentError,
  parseActorId,
  parseCommandSubject,
  parseEventSubject,
  subjectsOf,
} from "../../event/mod.ts";
import { actorId, namespace } from "./_arbitraries.ts";
import { cases, holds, LONG } from "./_property.ts";

// Alike on purpose: what joins tokens, what stands for something, what folds in NFC.
const alike = fc.tuple(
  fc.array(fc.constantFrom("a", "b", "_", "-"), { minLength: 1, maxLength: 3 })
    .map((tokens) => tokens.join(".")),
  fc.oneof(
    actorId,
    fc.string({
      unit: fc.constantFrom(..."ab-_.=*> é2E".split(""), "e\u0301", "\u212a"),
      minLength: 1,
      maxLength: 4,
    }).filter((id) => !/^[A-Za-z][A-Za-z0-9_]*-$/.test(id.normalize("NFC"))),
  ),
);

describe("subjectsOf()", () => {
  it("builds the documented subjects", () => {
    const subjects = subjectsOf("prod.eu");
    const address = parseActorId("order-a.b");
    assert.equal(
      subjects.event(address),
      `aether.ev.prod.eu.${address.shard}.order.a=2Eb`,
    );
    assert.equal(subjects.snapshot(address), "aether.sn.prod.eu.order.a=2Eb");
    assert.equal(subjects.bus(address), "aether.bus.prod.eu.order.a=2Eb");
    assert.equal(
      subjects.ask(address, "place"),
      "aether.ask.prod.eu.order.a=2Eb.place",
    );
    assert.equal(
      subjects.owner("order", 7, 3),
      "aether.do.prod.eu.order.7.3",
    );
    assert.equal(subjects.eventsOfType("_"), "aether.ev.prod.eu.*._.*");
    assert.equal(subjects.asksOfType("order"), "aether.ask.prod.eu.order.*.*");
    assert.equal(subjects.allEvents, "aether.ev.prod.eu.*.*.*");
    assert.equal(subjects.allSnapshots, "aether.sn.prod.eu.*.*");
    assert.equal(
      subjects.busMapping,
      "aether.bus.prod.eu.{{wildcard(2)}}.{{wildcard(3)}}",
    );
    const { shard } = address;
    const behind = `prod.eu.${shard}.order.a=2Eb`;
    assert.equal(subjects.command(address), `aether.cmd.${behind}`);
    assert.equal(
      subjects.alarm(address, "01H@x"),
      `aether.at.${behind}.01H=40x`,
    );
    assert.equal(
      subjects.parked(address, "a.b"),
      `aether.park.${behind}.a=2Eb`,
    );
    assert.equal(subjects.mark("01H"), "aether.mark.prod.eu.01H");
    assert.equal(
      subjects.commandsOfShard("order", 7),
      "aether.cmd.prod.eu.7.order.*",
    );
    assert.equal(subjects.eventsOfShard(7), "aether.ev.prod.eu.7.*.*");
    assert.equal(
      subjects.eventsOfShard(7, "order"),
      "aether.ev.prod.eu.7.order.*",
    );
    assert.equal(subjects.eventsOfShard(), "aether.ev.prod.eu.*.*.*");
    assert.equal(
      subjects.eventsOfShard(undefined, "order"),
      "aether.ev.prod.eu.*.order.*",
    );
    assert.equal(subjects.parkedOf(), "aether.park.prod.eu.*.*.*.*");
    assert.equal(
      subjects.dueMapping,
      "aether.due.prod.eu.{{wildcard(1)}}.{{wildcard(2)}}",
    );
  });

  it("reads the subject of a durable command, in its one spelling", () => {
    const subjects = subjectsOf("prod.eu");
    const address = parseActorId("order-a.b");
    const subject = subjects.command(address);
    assert.deepEqual(parseCommandSubject(subject), address);
    for (
      const other of [
        subject.replace("cmd", "ev"),
        subject.replace("=2E", "=2e"),
        subject.replace(`.${address.shard}.`, ".x."),
        "aether.cmd.order.a",
      ]
    ) {
      assert.throws(() => parseCommandSubject(other), InvalidArgumentError);
    }
  });

  it("gives two actors the same subject only if they are one", LONG, () => {
    let same = 0;
    holds(
      fc.oneof(
        fc.tuple(fc.oneof(alike, fc.tuple(namespace, actorId)), alike),
        alike.map(([ns, id]) => {
          const other: [string, string] = [ns, id.normalize("NFD")];
          return [[ns, id], other] as [[string, string], [string, string]];
        }),
      ),
      ([[ns, id], [otherNs, otherId]]) => {
        const [address, other] = [parseActorId(id), parseActorId(otherId)];
        const one = ns === otherNs && address.id === other.id;
        if (one) same++;
        const [a, b] = [subjectsOf(ns), subjectsOf(otherNs)];
        assert.equal(a.event(address) === b.event(other), one);
        assert.equal(a.snapshot(address) === b.snapshot(other), one);
        assert.equal(a.bus(address) === b.bus(other), one);
        assert.equal(a.ask(address, "x") === b.ask(other, "x"), one);
      },
      10_000,
    );
    assert.ok(same > 0, "the cases were never alike");
  });

  it("keeps kinds and namespaces apart, filters included", LONG, () => {
    holds(fc.tuple(alike, namespace), ([[ns, id], otherNs]) => {
      const address = parseActorId(id);
      const mine = subjectsOf(ns);
      const subjects = [
        mine.event(address),
        mine.snapshot(address),
        mine.bus(address),
        mine.ask(address, "x"),
        mine.owner(address.type, address.shard, 1),
      ];
      const filters = (reader: string) => {
        const s = subjectsOf(reader);
        return [
          s.allEvents,
          s.allSnapshots,
          undefined,
          s.asksOfType(address.type),
          undefined,
        ];
      };
      for (const reader of [ns, otherNs]) {
        for (const [kind, filter] of filters(reader).entries()) {
          if (filter === undefined) continue;
          const matched = subjects.map((subject) => matches(filter, subject));
          const wanted = subjects.map((_, i) => i === kind && reader === ns);
          assert.deepEqual(matched, wanted, filter);
        }
      }
      assert.ok(
        matches(mine.eventsOfType(address.type), mine.event(address)),
      );
      assert.ok(!matches(mine.eventsOfType("other"), mine.event(address)));
    });
  });

  it(
    "never builds a token that is empty, a wildcard or white space",
    LONG,
    () => {
      holds(alike, ([ns, id]) => {
        const s = subjectsOf(ns);
        const a = parseActorId(id);
        for (const subject of [s.event(a), s.snapshot(a), s.bus(a)]) {
          assert.match(subject, /^aether(\.[A-Za-z0-9_=-]+)+$/);
        }
      });
    },
  );

  it("refuses a type that would reach beyond one type", () => {
    const subjects = subjectsOf("shop");
    for (const type of ["*", ">", "", "a.b", "a b", "-", undefined]) {
      const given = type as string;
      assert.throws(() => subjects.eventsOfType(given), InvalidArgumentError);
      assert.throws(() => subjects.asksOfType(given), InvalidArgumentError);
      assert.throws(() => subjects.owner(given, 1, 1), InvalidArgumentError);
    }
  });

  it("refuses a command's name that is not one token", () => {
    const { ask } = subjectsOf("shop");
    const address = parseActorId("order-1");
    assert.equal(
      ask(address, "$place_2-x"),
      "aether.ask.shop.order.1.$place_2-x",
    );
    for (
      const name of [
        "*",
        ">",
        "",
        "a.b",
        "a b",
        "é",
        "x".repeat(129),
        undefined,
      ]
    ) {
      assert.throws(() => ask(address, name as string), InvalidArgumentError);
    }
  });

  it("refuses what is no namespace", () => {
    assert.throws(() => subjectsOf("*"), InvalidArgumentError);
  });
});

describe("parseEventSubject()", () => {
  it("undoes subjectsOf().event()", LONG, () => {
    holds(
      fc.oneof(alike, fc.tuple(namespace, actorId)),
      ([ns, id]) => {
        const address = parseActorId(id);
        assert.deepEqual(parseEventSubject(subjectsOf(ns).event(address)), {
          namespace: ns,
          address,
        });
      },
    );
  });

  const shard = parseActorId("order-1").shard;
  const refused = [
    ["another shard", `aether.ev.shop.${(shard + 1) % 256}.order.1`],
    ["a shard with a zero before it", `aether.ev.shop.0${shard}.order.1`],
    ["a shard that is no number", "aether.ev.shop.*.order.1"],
    ["a key spelled otherwise", `aether.ev.shop.${shard}.order.=31`],
    ["an empty key", `aether.ev.shop.${shard}.order.`],
    ["an empty type", `aether.ev.shop.${shard}..1`],
    ["a type that is none", `aether.ev.shop.${shard}.or=2Eder.1`],
    [
      "a raw id that is a typed one",
      `aether.ev.shop.${shard}._.order-1`,
    ],
    [
      "a key that is not in its normal form",
      // "e" and a combining acute: the actor is "é", which is stored elsewhere
      `aether.ev.shop.${shard}.order.e=CC=81`,
    ],
    ["no namespace", `aether.ev.${shard}.order.1`],
    ["a namespace of five tokens", `aether.ev.a.b.c.d.e.${shard}.order.1`],
    ["another kind", `aether.sn.shop.${shard}.order.1`],
    ["another root", `other.ev.shop.${shard}.order.1`],
    ["a token too many", `aether.ev.shop.${shard}.order.1.`],
    ["nothing", ""],
  ] as const;
  for (const [what, subject] of refused) {
    it(`refuses ${what}: "${subject}"`, () => {
      assert.throws(() => parseEventSubject(subject), InvalidArgumentError);
    });
  }
});

describe("addressOfTokens()", () => {
  it("refuses tokens that are not the one spelling of any actor", () => {
    assert.equal(addressOfTokens("order", "=C3=A9").id, "order-é");
    const others = [
      ["order", "e=CC=81"], // not in normal form
      ["_", "order-1"], // that is the actor 1 of type order
      ["_", "=E2=84=AAey-1"], // with a Kelvin sign: the actor 1 of type Key
      ["_", ""],
      ["", "1"],
      ["2024", "report"],
      ["*", "1"],
      ["order", "*"],
      ["order", "a=00"],
    ] as const;
    for (const [type, key] of others) {
      assert.throws(
        () => addressOfTokens(type, key),
        InvalidArgumentError,
        `${type}.${key}`,
      );
    }
  });

  it("reads tokens only if they are the one spelling", LONG, () => {
    let read = 0;
    const token = fc.string({
      unit: fc.constantFrom(..."abK-_=2Ee1".split("")),
      maxLength: 5,
    });
    holds(fc.tuple(token, token), ([type, key]) => {
      let address;
      try {
        address = addressOfTokens(type, key);
      } catch (error) {
        assert.ok(error instanceof InvalidArgumentError);
        return;
      }
      read++;
      assert.deepEqual([address.type, address.keyToken], [type, key]);
      assert.deepEqual(parseActorId(address.id), address);
    });
    assert.ok(read > cases(20), `${read} read`);
  });
});

/** Whether a filter takes a subject, by the rules of NATS. */
function matches(filter: string, subject: string): boolean {
  const [wanted, found] = [filter.split("."), subject.split(".")];
  return wanted.length === found.length &&
    wanted.every((token, i) => token === "*" || token === found[i]);
}
