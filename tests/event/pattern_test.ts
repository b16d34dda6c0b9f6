import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import {
  arrivalNamespace,
  arrivalSubjects,
  checkDurable,
  checkPattern,
  closedPatterns,
  isPattern,
  matchesPattern,
  parseActorId,
  subjectsOf,
} from "../../event/mod.ts";
import { connect, type Connection } from "../../nats/mod.ts";
import { testServer, uniqueNamespace } from "../support/mod.ts";

/** What matches what; nats-server is asked about the same pairs below. */
const VECTORS: readonly [pattern: string, name: string, matches: boolean][] = [
  ["prod", "prod", true],
  ["prod", "prod.eu", false],
  ["prod.eu", "prod", false],
  ["prod.*", "prod.eu", true],
  ["prod.*", "prod", false],
  ["prod.*", "prod.eu.west", false],
  ["prod.>", "prod", false],
  ["prod.>", "prod.eu", true],
  ["prod.>", "prod.eu.west", true],
  ["*", "prod", true],
  ["*", "prod.eu", false],
  [">", "prod", true],
  [">", "prod.eu.west.x", true],
  ["*.eu", "prod.eu", true],
  ["*.eu", "prod.us", false],
  ["*.eu.>", "prod.eu", false],
  ["*.eu.>", "prod.eu.west", true],
  ["*.>", "prod", false],
  ["*.>", "prod.eu", true],
  ["*.*", "prod.eu", true],
  ["prod.*.west", "prod.eu.west", true],
  ["prod.*.west", "prod.eu.east", false],
  ["Prod", "prod", false],
  ["pro", "prod", false],
  ["tenant-a_1", "tenant-a_1", true],
];

const token = fc.constantFrom("a", "b", "c", "x-1");
const name = fc.array(token, { minLength: 1, maxLength: 4 })
  .map((tokens) => tokens.join("."));
const pattern = fc.tuple(
  fc.array(fc.oneof(token, fc.constant("*")), { minLength: 0, maxLength: 3 }),
  fc.oneof(token, fc.constantFrom("*", ">")),
).map(([tokens, last]) => [...tokens, last].join("."));

describe("matchesPattern()", () => {
  it("agrees with the table", () => {
    for (const [pattern, name, matches] of VECTORS) {
      assert.equal(
        matchesPattern(pattern, name),
        matches,
        `${pattern} ${name}`,
      );
    }
  });

  describe("against a server", () => {
    let nc: Connection;
    before(async () => {
      nc = await connect({ servers: (await testServer()).url });
    });
    after(() => nc.close());

    /** Which of some names a server delivers to a pattern. */
    async function delivered(
      pattern: string,
      names: readonly string[],
    ): Promise<boolean[]> {
      const root = uniqueNamespace("pattern");
      const got = new Set<string>();
      const subscription = nc.subscribe(`${root}.${pattern}`, {
        callback: (_error, msg) => void got.add(msg.subject),
      });
      for (const name of names) nc.publish(`${root}.${name}`);
      await nc.flush();
      subscription.unsubscribe();
      return names.map((name) => got.has(`${root}.${name}`));
    }

    it("agrees on the table", async () => {
      for (const [pattern, name, matches] of VECTORS) {
        assert.deepEqual(await delivered(pattern, [name]), [matches], pattern);
      }
    });

    it("agrees on any pattern and any name", async () => {
      await fc.assert(
        fc.asyncProperty(
          pattern,
          fc.array(name, { minLength: 5, maxLength: 20 }),
          async (pattern, names) => {
            assert.deepEqual(
              names.map((name) => matchesPattern(pattern, name)),
              await delivered(pattern, names),
            );
          },
        ),
        { numRuns: 200 },
      );
    });

    it("agrees on where a namespace's events arrive", async () => {
      await fc.assert(
        fc.asyncProperty(pattern, name, async (pattern, namespace) => {
          const address = parseActorId("order-1");
          const subject = subjectsOf(namespace).bus(address);
          let count = 0;
          const root = uniqueNamespace("arrival");
          const subscriptions = arrivalSubjects("bus", pattern).map((subject) =>
            nc.subscribe(`${root}.${subject}`, { callback: () => void count++ })
          );
          nc.publish(`${root}.${subject}`);
          await nc.flush();
          for (const each of subscriptions) each.unsubscribe();
          assert.equal(count, matchesPattern(pattern, namespace) ? 1 : 0);
        }),
        { numRuns: 200 },
      );
    });
  });
});

describe("checkPattern()", () => {
  it("takes namespaces and patterns", () => {
    for (
      const pattern of ["a", "a.b.c.d", "*", ">", "*.*.*.*", "a.*.>", "a.b.c.>"]
    ) {
      assert.equal(checkPattern(pattern), pattern);
    }
  });

  it("refuses what no namespace can match, and what is none", () => {
    const wrong = [
      "",
      ".",
      "a.",
      ".a",
      "a..b",
      ">.a",
      "a.>.b",
      "a*",
      "a.b>",
      "a b",
    ];
    const long = ["a.b.c.d.e", "a.b.c.d.>", "a".repeat(33), "ä", "a\n"];
    for (const pattern of [...wrong, ...long, undefined, null, 3]) {
      assert.throws(() => checkPattern(pattern as string), {
        code: "invalid_argument",
      });
    }
  });

  it("tells a pattern from a namespace", () => {
    assert.deepEqual(["a.b", "a.*", ">"].map(isPattern), [false, true, true]);
  });
});

describe("closedPatterns()", () => {
  it("matches the same namespaces, each once", () => {
    fc.assert(fc.property(pattern, name, (pattern, name) => {
      const count = closedPatterns(pattern).filter((closed) =>
        matchesPattern(closed, name)
      ).length;
      assert.equal(count, matchesPattern(pattern, name) ? 1 : 0);
    }));
  });
});

describe("checkDurable()", () => {
  it("takes one token, and no more", () => {
    assert.equal(checkDurable("billing_2-b"), "billing_2-b");
    for (const wrong of ["", "a.b", "*", ">", "a b", "a".repeat(33), 1]) {
      assert.throws(() => checkDurable(wrong as string), {
        code: "invalid_argument",
      });
    }
  });
});

describe("the subjects of the bus", () => {
  it("are these", () => {
    const subjects = subjectsOf("prod.eu");
    const address = parseActorId("order-ä");
    assert.equal(subjects.bus(address), "aether.bus.prod.eu.order.=C3=A4");
    assert.equal(subjects.note(address), "aether.note.prod.eu.order.=C3=A4");
    assert.equal(subjects.durable("d", "state"), "aether.sub.prod.eu.d.state");
    assert.equal(subjects.allDurables, "aether.sub.prod.eu.*.*");
    assert.equal(subjects.wake("d"), "aether.wake.prod.eu.d");
    assert.equal(subjects.wake("d", "me"), "aether.wake.prod.eu.d.me");
    assert.deepEqual(arrivalSubjects("note", "a", { type: "order" }), [
      "aether.note.a.order.*",
    ]);
    assert.deepEqual(
      arrivalSubjects("bus", "a", { type: "order", keyToken: "1" }),
      ["aether.bus.a.order.1"],
    );
    assert.throws(() => arrivalSubjects("bus", "a", { type: "or-der" }));
  });

  it("are read back", () => {
    fc.assert(fc.property(name, (namespace) => {
      const subjects = subjectsOf(namespace);
      const address = parseActorId("order-1");
      assert.equal(arrivalNamespace(subjects.bus(address)), namespace);
      assert.equal(arrivalNamespace(subjects.note(address)), namespace);
    }));
    for (
      const wrong of [
        "",
        "aether.bus.a.b",
        "aether.ev.a.1.b.c",
        "x.bus.a.b.c",
        "aether.bus.a b.c.d",
      ]
    ) {
      assert.throws(() => arrivalNamespace(wrong), {
        code: "invalid_argument",
      });
    }
  });
});
