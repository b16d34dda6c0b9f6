import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  CallHeader,
  type CommandRecord,
  CommitHeader,
  CorruptLogError,
  formatCommands,
  formatTrail,
  InvalidArgumentError,
  parseCommands,
  parseTrail,
  TRAIL_LENGTH,
} from "../../event/mod.ts";
import { json, text } from "./_arbitraries.ts";
import { cases, holds, LONG } from "./_property.ts";

describe("CommitHeader and CallHeader", () => {
  it("name each header once, and as HTTP could", () => {
    // One name may stand on both kinds of message, for the same thing.
    for (const headers of [CommitHeader, CallHeader]) {
      const names: string[] = Object.values(headers);
      assert.equal(
        new Set(names.map((name) => name.toLowerCase())).size,
        names.length,
      );
      for (const name of names) assert.match(name, /^[A-Za-z-]+$/);
    }
    const both = Object.entries(CommitHeader).filter(([, name]) =>
      (Object.values(CallHeader) as string[]).includes(name)
    );
    for (const [key, name] of both) {
      assert.equal((CallHeader as Record<string, string>)[key], name);
    }
  });
});

describe("formatTrail() and parseTrail()", () => {
  // Part of the stored format.
  const vectors: ReadonlyArray<readonly [readonly number[], string]> = [
    [[], ""],
    [[1], "AQ"],
    [[127], "fw"],
    [[128], "gAE"],
    [[300, 299, 1], "rAIBqgI"],
    [[16383, 16382], "_38B"],
    [[Number.MAX_SAFE_INTEGER], "_________w8"],
    [[Number.MAX_SAFE_INTEGER, 1], "_________w_-________Dw"],
  ];
  for (const [sequences, written] of vectors) {
    it(`writes [${sequences}] as "${written}" and reads it back`, () => {
      assert.equal(formatTrail(sequences), written);
      assert.deepEqual(parseTrail(written), sequences);
    });
  }

  it(
    "round trips up to 16 falling sequences in a header's characters",
    LONG,
    () => {
      const sequence = fc.oneof(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 10_000_000 }),
        fc.maxSafeNat().map((n) => n + (n === 0 ? 1 : 0)),
      );
      const trail = fc.uniqueArray(sequence, { maxLength: TRAIL_LENGTH })
        .map((found) => found.sort((a, b) => b - a));
      holds(trail, (sequences) => {
        const written = formatTrail(sequences);
        assert.match(written, /^[A-Za-z0-9_-]*$/);
        assert.deepEqual(parseTrail(written), sequences);
      });
    },
  );

  it("takes about 60 characters for 16 commits of a busy log", () => {
    const sequences = Array.from({ length: 16 }, (_, i) => 1e9 - i * 10_000);
    assert.ok(formatTrail(sequences).length <= 60);
  });

  it("reads a broken trail as far as it goes", () => {
    const whole = formatTrail([900, 800, 700]);
    assert.deepEqual(parseTrail(whole.slice(0, -2)), [900, 800]);
    const zero = btoa("\u0005\u0000\u0001").replaceAll("=", "");
    assert.deepEqual(parseTrail(zero), [5]); // a distance of 0 would stand still
    const below = btoa("\u0005\u0005").replaceAll("=", "");
    assert.deepEqual(parseTrail(below), [5]); // 5 before 5 would be 0
    const endless = "_".repeat(400);
    assert.deepEqual(parseTrail(endless), []);
    const beyond = "gICAgICAgICAAQ"; // 2^63
    assert.deepEqual(parseTrail(beyond), []);
  });

  it(
    "never throws, and never reads but falling sequences above 0",
    LONG,
    () => {
      const any = fc.oneof(
        text,
        fc.string({ maxLength: 40 }),
        fc.base64String({ maxLength: 40 }),
        fc.stringMatching(/^[A-Za-z0-9_-]{0,40}$/),
      );
      holds(any, (header) => {
        let last = Infinity;
        for (const sequence of parseTrail(header)) {
          assert.ok(Number.isSafeInteger(sequence) && sequence > 0);
          assert.ok(sequence < last);
          last = sequence;
        }
      });
    },
  );
});

const id = fc.stringMatching(/^[\x21-\x7e]{1,24}$/);
const record: fc.Arbitrary<CommandRecord> = fc.oneof(
  fc.record(
    { id, events: fc.integer({ min: 0, max: 300 }) },
    { noNullPrototype: true },
  ),
  fc.record(
    {
      id,
      events: fc.constant(0),
      rejected: fc.record(
        {
          reason: text,
          message: text,
          details: fc.dictionary(
            fc.stringMatching(/^[a-z]{1,5}$/),
            json,
            { maxKeys: 3, noNullPrototype: true },
          ),
        },
        { requiredKeys: ["reason", "message"], noNullPrototype: true },
      ),
    },
    { noNullPrototype: true },
  ),
);

describe("formatCommands() and parseCommands()", () => {
  const rejected = { reason: "no_funds", message: "balance\u007f is 3 €" };
  // Part of the stored format: records, events of the commit, header.
  const vectors: ReadonlyArray<
    readonly [readonly CommandRecord[], number, string]
  > = [
    [[{ id: "c1", events: 2 }], 2, "c1"],
    [[{ id: "c1", events: 0 }], 0, "c1"],
    [[{ id: "c1", events: 1 }], 2, '[["c1",1]]'],
    [[{ id: "[x", events: 2 }], 2, '[["[x",2]]'],
    [
      [{ id: "c1", events: 1 }, { id: "c2", events: 1 }],
      2,
      '[["c1",1],["c2",1]]',
    ],
    [
      [{ id: "c1", events: 0, rejected }],
      0,
      '[["c1",0,{"reason":"no_funds","message":"balance\\u007f is 3 \\u20ac"}]]',
    ],
    [[], 2, "[]"],
  ];
  for (const [records, events, written] of vectors) {
    it(`writes ${written} and reads it back`, () => {
      assert.equal(formatCommands(records, events), written);
      assert.deepEqual(parseCommands(written, events), records);
    });
  }

  it("reads no header as no commands", () => {
    assert.deepEqual(parseCommands("", 3), []);
  });

  it("round trips in one line of visible ASCII", LONG, () => {
    const commands = fc.array(record, { maxLength: 4 });
    holds(fc.tuple(commands, fc.nat(5)), ([records, extra]) => {
      const events = extra +
        records.reduce((sum, command) => sum + command.events, 0);
      const written = formatCommands(records, events);
      assert.match(written, /^[\x20-\x7e]*$/);
      assert.deepEqual(parseCommands(written, events), records);
    });
  });

  const broken: ReadonlyArray<readonly [string, string]> = [
    ["an id with a space", "a b"],
    ["an id with a line break", "a\n"],
    ["an id beyond ASCII", "é"],
    ["an id too long", "x".repeat(129)],
    ["no JSON", "["],
    ["a string for an entry", '["c1"]'],
    ["null for an entry", "[null]"],
    ["an empty entry", "[[]]"],
    ["an id that is no string", "[[1,1]]"],
    ["an id that breaks its rule", '[["a b",1]]'],
    ["no count", '[["c1"]]'],
    ["a negative count", '[["c1",-1]]'],
    ["half an event", '[["c1",0.5]]'],
    ["a count that is no number", '[["c1","1"]]'],
    ["a rejection that is a number", '[["c1",0,5]]'],
    ["a rejection that is null", '[["c1",0,null]]'],
    ["a rejection without a reason", '[["c1",0,{"message":"m"}]]'],
    ["a rejection without a message", '[["c1",0,{"reason":"r"}]]'],
    [
      "details that are no object",
      '[["c1",0,{"reason":"r","message":"m","details":"d"}]]',
    ],
    [
      "a key no payload may have",
      '[["c1",0,{"reason":"r","message":"m","details":{"__proto__":{}}}]]',
    ],
    [
      "bottomless nesting",
      `[["c1",0,{"reason":"r","message":"m","details":{"a":${
        "[".repeat(70) + "]".repeat(70)
      }}}]]`,
    ],
  ];
  for (const [what, header] of broken) {
    it(`refuses ${what}`, () => {
      assert.throws(() => parseCommands(header, 1), CorruptLogError);
    });
  }

  it("writes nothing that it would not read", LONG, () => {
    const odd = fc.oneof(
      json,
      text,
      fc.constantFrom(undefined, NaN, -0, "\ud800", new Date(0)),
      fc.constantFrom(1, 64, 65, 70).map((levels) =>
        JSON.parse("[".repeat(levels) + "]".repeat(levels))
      ),
    );
    const given = fc.array(
      fc.record({
        id: fc.oneof({ weight: 4, arbitrary: id }, odd),
        events: fc.oneof({ weight: 4, arbitrary: fc.nat(3) }, odd),
        rejected: fc.oneof(
          fc.constant(undefined),
          odd,
          fc.record({
            reason: fc.oneof({ weight: 4, arbitrary: text }, odd),
            message: fc.oneof({ weight: 4, arbitrary: text }, odd),
            details: fc.oneof(odd, odd.map((a) => ({ a }))),
          }, { requiredKeys: ["reason", "message"], noNullPrototype: true }),
        ),
      }, { requiredKeys: ["id", "events"], noNullPrototype: true }),
      { maxLength: 2 },
    ) as fc.Arbitrary<CommandRecord[]>;
    let written = 0, refused = 0;
    holds(given, (records) => {
      let header: string;
      try {
        header = formatCommands(records, 3);
      } catch (error) {
        assert.ok(error instanceof InvalidArgumentError, String(error));
        refused++;
        return;
      }
      written++;
      const wanted = records.map(({ id, events, rejected }) =>
        rejected === undefined ? { id, events } : { id, events, rejected }
      );
      assert.deepEqual(parseCommands(header, 3), wanted);
    });
    assert.ok(
      written > cases(50) && refused > cases(50),
      `${written}, ${refused}`,
    );
  });

  it("throws nothing else, whatever it reads", LONG, () => {
    const any = fc.oneof(
      text,
      json.map((value) => JSON.stringify([value])),
      fc.array(fc.array(json, { maxLength: 4 })).map((v) => JSON.stringify(v)),
      // One character of a real header changed.
      fc.tuple(
        fc.array(record, { minLength: 1, maxLength: 2 }),
        fc.nat(),
        fc.string({ maxLength: 1 }),
      ).map(([records, at, char]) => {
        const header = formatCommands(records, 400);
        const i = at % header.length;
        return header.slice(0, i) + char + header.slice(i + 1);
      }),
    );
    let read = 0, refused = 0;
    holds(any, (header) => {
      try {
        const records = parseCommands(header, 400);
        read++;
        // What is read can be written, and is then read the same.
        const again = formatCommands(records, 400);
        if (records.length > 0) {
          assert.deepEqual(parseCommands(again, 400), records);
        }
      } catch (error) {
        assert.ok(error instanceof CorruptLogError, String(error));
        refused++;
      }
    });
    assert.ok(
      read > cases(20) && refused > cases(20),
      `${read} read, ${refused} refused`,
    );
  });
});
