import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  checkTimerName,
  CorruptLogError,
  deriveId,
  type Effect,
  effectBytes,
  effectId,
  formatEffects,
  InvalidArgumentError,
  isUlid,
  parseEffects,
  timersBehind,
  ulid,
  ulidTime,
} from "../../event/mod.ts";
import { actorId, attribute, json, text } from "./_arbitraries.ts";
import { holds, LONG } from "./_property.ts";

const name = text.filter((found) => {
  try {
    return checkTimerName(found) === found;
  } catch {
    return false;
  }
});
const word = text.map((found) => found || "x");
const origin = fc.record({
  correlationId: attribute,
  causationId: attribute,
}, { requiredKeys: [] });
const id = fc.stringMatching(/^[A-Z0-9]{1,26}$/);

const effect: fc.Arbitrary<Effect> = fc.oneof(
  fc.tuple(
    fc.record({
      kind: fc.constant("send" as const),
      to: actorId,
      command: word,
      input: json,
      onRejected: word,
    }, { requiredKeys: ["kind", "to", "command"] }),
    origin,
  ).map(([own, rest]) => ({ ...own, ...rest } as Effect)),
  fc.tuple(
    fc.record({
      kind: fc.constant("schedule" as const),
      timer: name,
      at: fc.integer(),
      command: word,
      input: json,
      replaces: id,
    }, { requiredKeys: ["kind", "timer", "at", "command"] }),
    origin,
  ).map(([own, rest]) => ({ ...own, ...rest } as Effect)),
  fc.record({ kind: fc.constant("cancel" as const), timer: name, id }),
  fc.record({ kind: fc.constant("fired" as const), timer: name }),
  fc.record({
    kind: fc.constant("publish" as const),
    eventType: word,
    data: json,
  }, { requiredKeys: ["kind", "eventType"] }) as fc.Arbitrary<Effect>,
);

describe("formatEffects() and parseEffects()", () => {
  // Part of the stored format.
  it("write what is documented", () => {
    const effects: Effect[] = [
      { kind: "send", to: "account-bob", command: "deposit", input: 1 },
      { kind: "schedule", timer: "t", at: 5, command: "expire" },
      { kind: "cancel", timer: "ü", id: "X" },
      { kind: "fired", timer: "t" },
      { kind: "publish", eventType: "Warned", data: { a: 1 } },
    ];
    assert.equal(
      formatEffects(effects),
      '[{"send":"account-bob","command":"deposit","input":1},' +
        '{"schedule":"t","at":5,"command":"expire"},' +
        '{"cancel":"\\u00fc","id":"X"},{"fired":"t"},' +
        '{"publish":"Warned","data":{"a":1}}]',
    );
    assert.equal(formatEffects([]), "");
    assert.deepEqual(parseEffects(""), []);
  });

  it("round trip, in ASCII, in so many bytes", LONG, () => {
    holds(fc.array(effect, { maxLength: 5 }), (effects) => {
      const written = formatEffects(effects);
      assert.match(written, /^[\x20-\x7e]*$/);
      assert.deepEqual(parseEffects(written), structuredClone(effects));
      let bytes = effects.length === 0 ? 0 : 1;
      for (const one of effects) bytes += effectBytes(one);
      assert.equal(written.length, bytes);
    }, 300);
  });

  it("take nothing that stands beside an effect for a part of it", () => {
    const send = '{"send":"account-bob","command":"x"';
    const bare: Effect[] = [
      { kind: "send", to: "account-bob", command: "x" },
    ];
    for (const beside of ['"kind":"odd"', '"kind":"cancel"', '"to":"x-y"']) {
      assert.deepEqual(parseEffects(`[${send},${beside}}]`), bare);
    }
    for (
      const broken of [
        '"correlationId":5',
        '"causationId":{}',
        '"traceparent":"\\u0000"',
        '"onRejected":""',
      ]
    ) {
      assert.throws(
        () => parseEffects(`[${send},${broken}}]`),
        CorruptLogError,
      );
    }
    const at = 8.64e15 + 1;
    assert.throws(
      () => parseEffects(`[{"schedule":"t","at":${at},"command":"x"}]`),
      CorruptLogError,
    );
  });

  it("refuse what could not be carried out", () => {
    for (
      const wrong of [
        { kind: "send", to: "", command: "x" },
        { kind: "send", to: "a-b", command: "" },
        { kind: "send", to: "a-b", command: "x", input: new Date() },
        { kind: "schedule", timer: "", at: 1, command: "x" },
        { kind: "schedule", timer: "t", at: 0.5, command: "x" },
        { kind: "schedule", timer: "t", at: NaN, command: "x" },
        { kind: "cancel", timer: "t\n", id: "x" },
        { kind: "publish", eventType: "" },
      ]
    ) {
      assert.throws(
        () => formatEffects([wrong as Effect]),
        InvalidArgumentError,
      );
    }
    for (const text of ["x", "{}", "[1]", "[null]", '[{"what":1}]', "[{}]"]) {
      assert.throws(() => parseEffects(text), CorruptLogError, text);
    }
  });

  const REFUSED: readonly [object, string][] = [
    [
      { kind: "send", to: "a-b", command: "" },
      'Cannot keep an effect "send" whose command is no text: got ""',
    ],
    [
      { kind: "send", to: "a-b", command: 7 },
      'Cannot keep an effect "send" whose command is no text: got 7',
    ],
    [
      { kind: "send", to: "a-b", command: "c", onRejected: "" },
      'Cannot keep an effect "send" whose onRejected is no text: got ""',
    ],
    [
      { kind: "send", to: "a-b", command: "c", input: { a: NaN } },
      'Cannot keep an effect "send" as JSON would not give "input.a" back as it is: NaN has no JSON form',
    ],
    [
      { kind: "schedule", timer: "t", at: 1, command: "" },
      'Cannot keep an effect "schedule" whose command is no text: got ""',
    ],
    [
      { kind: "schedule", timer: "t", at: 0.5, command: "c" },
      'Cannot keep an effect "schedule" for a time that is no whole number of milliseconds: got 0.5',
    ],
    [
      { kind: "schedule", timer: "t", at: 1, command: "c", input: [-0] },
      'Cannot keep an effect "schedule" as JSON would not give "input[0]" back as it is: -0 becomes 0',
    ],
    [
      { kind: "publish", eventType: "" },
      'Cannot keep an effect "publish" whose type is no text: got ""',
    ],
    [
      { kind: "publish", eventType: "E", data: { a: -0 } },
      'Cannot keep an effect "publish" as JSON would not give "data.a" back as it is: -0 becomes 0',
    ],
  ];
  for (const [effect, words] of REFUSED) {
    it(`refuse in these words: ${words}`, () => {
      assert.throws(() => formatEffects([effect as Effect]), {
        name: "InvalidArgumentError",
        message: words,
      });
    });
  }

  it("refuse timers' names and ids in every effect that has them", () => {
    for (
      const wrong of [
        { kind: "schedule", timer: "\n", at: 1, command: "c" },
        { kind: "cancel", timer: "", id: "x" },
        { kind: "fired", timer: "" },
      ]
    ) {
      assert.throws(
        () => formatEffects([wrong as Effect]),
        /^InvalidArgumentError: Cannot use a timer's name that is not 1 to 64 characters without control characters: got "/,
      );
    }
    for (
      const wrong of [
        { kind: "schedule", timer: "t", at: 1, command: "c", replaces: "" },
        { kind: "cancel", timer: "t", id: "" },
      ]
    ) {
      assert.throws(() => formatEffects([wrong as Effect]), /timer's id/);
    }
  });

  it("say what could not be read, and why", () => {
    assert.throws(() => parseEffects('[{"fired":""}]'), (error) => {
      assert(error instanceof CorruptLogError);
      assert.equal(
        error.message,
        'Cannot read a commit\'s effects: got "[{\\"fired\\":\\"\\"}]"',
      );
      assert(error.cause instanceof InvalidArgumentError);
      return true;
    });
  });

  it("read nothing of a timer that fired but its name", () => {
    assert.deepEqual(parseEffects('[{"fired":"t","id":"x"}]'), [
      { kind: "fired", timer: "t" },
    ]);
  });
});

describe("checkTimerName()", () => {
  it("takes 1 to 64 characters", () => {
    for (const name of ["t", " ", "x".repeat(64), "\u0080é😀"]) {
      assert.equal(checkTimerName(name), name);
    }
  });

  it("refuses others, control characters and lone surrogates", () => {
    const wrong = ["", "x".repeat(65), "a\n", "\u0000", "a\u001fb", "\u007fb"]
      .concat("\ud800");
    for (const name of [...wrong, 7 as unknown as string]) {
      assert.throws(() => checkTimerName(name), {
        name: "InvalidArgumentError",
        message: /^Cannot use a timer's name/,
      });
    }
  });
});

describe("deriveId()", () => {
  it("gives each effect an id of its own, of the commit's time", LONG, () => {
    const seen = new Set<string>();
    for (let i = 0; i < 500; i++) {
      const commit = ulid();
      for (let index = 0; index < 40; index++) {
        const derived = effectId(commit, index);
        assert.ok(isUlid(derived));
        assert.equal(ulidTime(derived), ulidTime(commit));
        seen.add(derived);
      }
      seen.add(commit);
    }
    assert.equal(seen.size, 500 * 41);
  });

  it("is part of the stored format", () => {
    assert.equal(
      effectId("01KB3Z0Q3V8XW4M5N6P7R8S9T0", 0),
      "01KB3Z0Q3VBNR0R1E1FH6PZ3MQ",
    );
    assert.equal(deriveId("any-id", "rejected"), "00000000008555NY1BGHNY6KFK");
  });
});

describe("timersBehind()", () => {
  const set = (timer: string): Effect => ({
    kind: "schedule",
    timer,
    at: 1,
    command: "x",
  });

  it("follows what is set, replaced, cancelled and fired", () => {
    const commit = ulid();
    const timers = timersBehind(undefined, [set("a"), set("b")], commit);
    assert.deepEqual([...timers!.keys()], ["a", "b"]);
    assert.deepEqual(timers!.get("b"), {
      name: "b",
      id: effectId(commit, 1),
      at: 1,
      command: "x",
    });
    const later = ulid();
    const replaced = timersBehind(timers, [set("a")], later, 3)!;
    assert.equal(replaced.get("a")!.id, effectId(later, 3));
    assert.equal(timers!.get("a")!.id, effectId(commit, 0)); // untouched
    const left = timersBehind(
      replaced,
      [{ kind: "fired", timer: "a" }, { kind: "cancel", timer: "b", id: "x" }],
      later,
    );
    assert.equal(left, undefined);
    assert.equal(timersBehind(timers, [], later), timers);
    const others: Effect[] = [
      { kind: "send", to: "a-b", command: "x" },
      { kind: "publish", eventType: "E" },
    ];
    assert.equal(timersBehind(timers, others, later), timers);
    assert.equal(timersBehind(undefined, others, later), undefined);
  });
});
