import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import {
  assertJson,
  frozenJson,
  InvalidArgumentError,
  MAX_DEPTH,
  MAX_KEYS,
  parseJson,
} from "../../event/mod.ts";
import {
  copySound,
  findFault,
  isSound,
  isSoundGiven,
  UNSOUND,
} from "../../event/_json_fault.ts";
import { json, text, UNSAFE_KEYS } from "./_arbitraries.ts";
import { cases, holds, LONG } from "./_property.ts";

class Money {
  amount = 3;
}
class Lines extends Array<number> {}

/** What JSON would change: what it is, how to make it, and where in it the fault is. */
const BAD: ReadonlyArray<readonly [string, () => unknown, string]> = [
  ["undefined", () => undefined, ""],
  ["NaN", () => NaN, ""],
  ["Infinity", () => Infinity, ""],
  ["-Infinity", () => -Infinity, ""],
  ["-0", () => -0, ""],
  ["a bigint", () => 1n, ""],
  ["a symbol", () => Symbol("s"), ""],
  ["a function", () => () => 1, ""],
  ["a class", () => Money, ""],
  ["a Date", () => new Date(0), ""],
  ["an invalid Date", () => new Date(NaN), ""],
  ["a Map", () => new Map([["a", 1]]), ""],
  ["a Set", () => new Set([1]), ""],
  ["a WeakMap", () => new WeakMap(), ""],
  ["a RegExp", () => /a/, ""],
  ["an Error", () => new Error("no"), ""],
  ["a URL", () => new URL("http://localhost"), ""],
  ["a Promise", () => Promise.resolve(1), ""],
  ["a class instance", () => new Money(), ""],
  ["an heir of a plain object", () => Object.create({ a: 1 }), ""],
  ["an heir of an heir of null", () => Object.create(Object.create(null)), ""],
  ["a boxed number", () => Object(1), ""],
  ["a boxed string", () => Object("s"), ""],
  ["a boxed boolean", () => Object(false), ""],
  ["a boxed bigint", () => Object(1n), ""],
  ["bytes", () => new Uint8Array([1]), ""],
  ["an ArrayBuffer", () => new ArrayBuffer(1), ""],
  ["a DataView", () => new DataView(new ArrayBuffer(1)), ""],
  ["an iterator", () => [1].values(), ""],
  ["arguments", () =>
    (function () {
      return arguments;
    })(), ""],
  ["Math", () => Math, ""],
  ["a lone high surrogate", () => "a\ud800", ""],
  ["a lone low surrogate", () => "\udc00a", ""],
  ["a key with a lone surrogate", () => ({ "\ud800": 1 }), ""],
  // deno-lint-ignore no-sparse-arrays
  ["a hole", () => [1, , 3], "[1]"],
  ["a hole at the end", () => new Array(2), "[0]"],
  ["an array of a class of its own", () => Lines.from([1]), ""],
  ["an array without a prototype", () => Object.setPrototypeOf([1], null), ""],
  ["an heir of an array", () => Object.setPrototypeOf([1], [2]), ""],
  ["an array with a key", () => Object.assign([1], { a: 1 }), ""],
  [
    "an array with a symbol",
    () => Object.assign([1], { [Symbol("s")]: 1 }),
    "",
  ],
  ["the match of a pattern", () => /a/.exec("a"), ""],
  ["an object with a symbol", () => ({ [Symbol("s")]: 1 }), ""],
  ["a toJSON", () => ({ toJSON: () => 1 }), ""],
  ["a hidden toJSON", () => hiding({ a: 1 }, "toJSON", () => 1), ""],
  ["an array with a hidden toJSON", () => hiding([1], "toJSON", () => 1), ""],
  ["a getter of a Date", () => ({
    get at() {
      return new Date(0);
    },
  }), ".at"],
  ...UNSAFE_KEYS.map((key) =>
    [
      `a key ${key}`,
      () => Object.defineProperty({}, key, { value: 1, enumerable: true }),
      `.${key}`,
    ] as const
  ),
  ["a cycle", () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    return cycle;
  }, "…"],
  ["too many keys", () =>
    Object.fromEntries(
      Array.from({ length: MAX_KEYS + 1 }, (_, i) => [i, i]),
    ), ""],
  ["too many levels", () => nested(MAX_DEPTH + 1), "…"],
];

describe("assertJson()", () => {
  for (const [what, make, where] of BAD) {
    it(`refuses ${what} and says where`, () => {
      for (const [wrap, path] of WRAPS) {
        refusedAt(wrap(make()), `data${path}`, where);
      }
    });
  }

  it("names exactly the place of one bad value in a good one", LONG, () => {
    const bad = fc.constantFrom(...BAD);
    holds(fc.tuple(json, bad, fc.nat()), ([good, [, make, where], place]) => {
      assertJson(good, "data", "Cannot store");
      const { value, path } = plant(structuredClone(good), place, make());
      refusedAt(value, `data${path}`, where);
    });
  });

  it("takes whatever JSON gives back as it is, and only that", LONG, () => {
    let taken = 0, refused = 0;
    const odd = fc.oneof(
      json,
      fc.anything({
        key: fc.oneof(text, fc.constantFrom("toJSON", "length", "0")),
        maxDepth: 3,
        maxKeys: 4,
        withBigInt: true,
        withBoxedValues: true,
        withDate: true,
        withMap: true,
        withNullPrototype: true,
        withObjectString: true,
        withSet: true,
        withSparseArray: true,
        withTypedArray: true,
      }),
    );
    const value = fc.tuple(
      odd,
      fc.nat(),
      fc.constantFrom(...ODD),
      odd,
    ).map(([base, place, make, inner]) => {
      if (!isJson(base)) return base;
      return plant(structuredClone(base), place, make(inner)).value;
    });
    holds(value, (given) => {
      const message = refusal(given);
      if (message === undefined) {
        taken++;
        unchanged(given);
      } else {
        refused++;
        // JSON keeps these two, and still they may not be stored.
        if (/surrogate|no payload may have|toJSON/.test(message)) return;
        assert.ok(!survives(given), message);
      }
    }, 3_000);
    assert.ok(
      taken > cases(300) && refused > cases(300),
      `${taken} taken, ${refused} refused`,
    );
  });

  it("takes plain objects without a prototype or of another realm", () => {
    const bare = Object.assign(Object.create(null), { a: [1] });
    const foreign = runInNewContext(`({ a: [1, { b: "c" }] })`);
    assert.notEqual(Object.getPrototypeOf(foreign), Object.prototype);
    for (const value of [bare, foreign, [bare, foreign]]) {
      assertJson(value, "data", "Cannot store");
    }
  });

  it("refuses another realm's Date, Map and class instances", () => {
    for (
      const source of [
        "new Date()",
        "new Map()",
        "new (class A { a = 1 })()",
        "[new Date()]",
        "new (class L extends Array {})(1)",
      ]
    ) {
      const foreign = runInNewContext(source);
      assert.throws(
        () => assertJson(foreign, "data", "Cannot store"),
        InvalidArgumentError,
        source,
      );
    }
  });

  it("takes frozen values", () => {
    const frozen = Object.freeze({ a: Object.freeze([1, "b"]) });
    assertJson(frozen, "data", "Cannot store");
  });

  it("takes as many levels and keys as are allowed, in width all", () => {
    assertJson(nested(MAX_DEPTH), "data", "Cannot store");
    assertJson(Array(100).fill(nested(MAX_DEPTH - 1)), "data", "Cannot store");
    const many = Object.fromEntries(
      Array.from({ length: MAX_KEYS }, (_, i) => [`k${i}`, i]),
    );
    assertJson([many, many], "data", "Cannot store");
  });

  it("says what was done, where, and why", () => {
    assert.throws(
      () => assertJson({ lines: [{ "a b": NaN }] }, "data", "Cannot append"),
      (error: InvalidArgumentError) => {
        assert.equal(
          error.message,
          'Cannot append as JSON would not give "data.lines[0]["a b"]" back as it is: NaN has no JSON form',
        );
        assert.deepEqual(error.details, { path: 'data.lines[0]["a b"]' });
        return true;
      },
    );
  });
});

describe("isSound()", () => {
  it("is findFault() without the words", LONG, () => {
    const value = fc.oneof(
      json,
      fc.jsonValue(),
      fc.constantFrom("-0", "[1e999]", '{"a":"\\ud800"}', '{"\\udc00":1}')
        .map((text) => JSON.parse(text) as unknown),
      fc.constantFrom(...UNSAFE_KEYS).map((key) =>
        JSON.parse(`[{"a":{"${key}":1}}]`) as unknown
      ),
      fc.nat(70).map((levels) => nested(levels + 1)),
    );
    holds(value, (found) => {
      const sound = findFault(found, 0, true) === undefined;
      assert.equal(isSound(found, 0, false), sound);
      // Where no text can be broken, it need not be looked at.
      if (sound) assert.ok(isSound(found, 0, true));
    });
  });

  it("counts keys and levels as findFault() does", () => {
    for (const keys of [10_000, 10_001]) {
      const wide = Object.fromEntries(
        Array.from({ length: keys }, (_, i) => [`k${i}`, i]),
      );
      assert.equal(isSound(wide, 0, true), keys === 10_000);
    }
    for (const levels of [64, 65]) {
      assert.equal(isSound(nested(levels), 0, true), levels === 64);
    }
  });
});

describe("isSoundGiven() and copySound()", () => {
  it("take what findFault() finds nothing in", LONG, () => {
    holds(json, (value) => {
      assert.ok(isSoundGiven(value));
      assert.deepStrictEqual(copySound(value), value);
    });
  });

  it("take nothing that JSON would change, wherever it is", () => {
    for (const [what, make] of BAD) {
      for (const value of [make(), [make()], { a: { b: make() } }]) {
        assert.ok(!isSoundGiven(value), what);
        assert.equal(copySound(value), UNSOUND, what);
      }
    }
  });

  it("count keys and levels as findFault() does", () => {
    for (const keys of [MAX_KEYS, MAX_KEYS + 1]) {
      const wide = Object.fromEntries(
        Array.from({ length: keys }, (_, i) => [`k${i}`, i]),
      );
      assert.equal(isSoundGiven(wide), keys === MAX_KEYS);
      assert.equal(copySound(wide) !== UNSOUND, keys === MAX_KEYS);
    }
    for (const levels of [MAX_DEPTH, MAX_DEPTH + 1]) {
      assert.equal(isSoundGiven(nested(levels)), levels === MAX_DEPTH);
      assert.equal(copySound(nested(levels)) !== UNSOUND, levels === MAX_DEPTH);
    }
  });

  it("take no key that somebody gave to all objects for an own one", () => {
    const everybodys = Object.prototype as { everybodys?: unknown };
    everybodys.everybodys = 1;
    try {
      const copy = frozenJson({ a: [{ b: 1 }] }, "data", "Cannot store");
      assert.equal(JSON.stringify(copy), '{"a":[{"b":1}]}');
      everybodys.everybodys = () => {};
      frozenJson({ a: 1 }, "data", "Cannot store");
      assertJson({ a: 1 }, "data", "Cannot store");
    } finally {
      delete everybodys.everybodys;
    }
  });
});

describe("parseJson()", () => {
  it("parses what assertJson() lets through", LONG, () => {
    holds(fc.tuple(json, fc.constantFrom(0, 1, "\t")), ([value, space]) => {
      const written = JSON.stringify(value, null, space);
      assert.deepStrictEqual(parseJson(written), value);
    });
  });

  const spelling = fc.tuple(
    fc.constantFrom(...UNSAFE_KEYS),
    fc.array(fc.constantFrom("plain", "lower", "upper"), {
      minLength: 11,
      maxLength: 11,
    }),
  ).map(([key, ways]) =>
    `"${
      [...key].map((char, i) => {
        const hex = char.charCodeAt(0).toString(16).padStart(4, "0");
        if (ways[i] === "plain") return char;
        return "\\u" + (ways[i] === "upper" ? hex.toUpperCase() : hex);
      }).join("")
    }"`
  );
  const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/);

  it("refuses an unsafe key however it is escaped and spaced", LONG, () => {
    holds(
      fc.tuple(json, fc.nat(), spelling, space, space, json),
      ([good, place, key, before, after, inner]) => {
        const { value } = plant(structuredClone(good), place, "\u0000here");
        const written = JSON.stringify(value).replace(
          '"\\u0000here"',
          () =>
            `{"a":1,${before}${key}${after}:${before}${JSON.stringify(inner)}}`,
        );
        JSON.parse(written); // it is JSON, so the refusal is not for syntax
        assert.throws(
          () => parseJson(written),
          (error: Error) =>
            error instanceof SyntaxError && /no payload/.test(error.message),
          written,
        );
      },
    );
  });

  it("takes the same words as values, spelled any way", LONG, () => {
    holds(fc.tuple(spelling, space, json), ([word, gap, value]) => {
      const written =
        `{"a":${gap}${word}${gap},"b":[${word},${gap}${word}],"c":${
          JSON.stringify(`{"__proto__":1} "constructor":`)
        },"d":${JSON.stringify(value)},"__proto":1,"prototypes":2}`;
      assert.deepStrictEqual(parseJson(written), JSON.parse(written));
    });
  });

  it("allows four levels more than a payload has, and no more", () => {
    for (const make of [nested, nestedObjects]) {
      const most = JSON.stringify(make(MAX_DEPTH + 4));
      assert.deepStrictEqual(parseJson(most), JSON.parse(most));
      const more = JSON.stringify(make(MAX_DEPTH + 5));
      assert.throws(() => parseJson(more), SyntaxError);
    }
  });

  it("counts no brackets in text", () => {
    const value = { a: "[{".repeat(500), b: '"[{\\'.repeat(500) };
    assert.deepStrictEqual(parseJson(JSON.stringify(value)), value);
  });

  it("counts depth, not brackets", () => {
    const wide = Array.from({ length: 500 }, () => ({ a: [[]] }));
    assert.deepStrictEqual(parseJson(JSON.stringify(wide)), wide);
  });

  it("refuses a million levels with the same error", () => {
    const bottomless = "[".repeat(1e6) + "]".repeat(1e6);
    assert.throws(() => parseJson(bottomless), SyntaxError);
    const unfinished = '{"a":'.repeat(1e6);
    assert.throws(() => parseJson(unfinished), SyntaxError);
  });

  it("refuses JSON that no assertJson() would have let through", () => {
    for (const written of ["1e999", "[-1e999]", "-0", '"\\ud800"', "[-0.0]"]) {
      JSON.parse(written);
      assert.throws(() => parseJson(written), SyntaxError, written);
    }
  });

  it("refuses what is not JSON", () => {
    for (
      const written of ["", "{", "undefined", "{'a':1}", "[1,]", "\ufeff1"]
    ) {
      assert.throws(() => parseJson(written), SyntaxError, written);
    }
  });
});

/** Ways to stand around a value, with the path each adds. */
const WRAPS: ReadonlyArray<readonly [(value: unknown) => unknown, string]> = [
  [(value) => value, ""],
  [(value) => ({ a: value }), ".a"],
  [(value) => [0, value], "[1]"],
  [(value) => ({ "a b": { c: [[value]] } }), '["a b"].c[0][0]'],
];

/** Odd things that may be fine or not, around a value. */
const ODD: ReadonlyArray<(inner: unknown) => unknown> = [
  (inner) => inner,
  (inner) => Object.freeze([inner]),
  (inner) => Object.freeze({ inner }),
  (inner) => Object.assign(Object.create(null), { inner }),
  (inner) => ({
    get inner() {
      return inner;
    },
  }),
  (inner) => Object.defineProperty([0], 0, { get: () => inner }),
  (inner) => ({ [Symbol("s")]: inner }),
  (inner) => ({ toJSON: () => inner }),
  (inner) => ({ toJSON: inner }),
  (inner) => hiding({ inner }, "toJSON", () => inner),
  (inner) => hiding({ inner }, "hidden", inner),
  (inner) => Object.assign(new Money(), { inner }),
  (inner) => Object.create({ inner }),
  (inner) => Lines.of(inner as number),
  (inner) => new Proxy({ inner }, {}),
  (inner) => new Proxy([inner], {}),
  (inner) => Object.assign(foreignObject(), { inner }),
  (inner) => [, inner],
  (inner) => Object.assign([inner], { inner }),
  (inner) => Object(inner),
  (inner) => () => inner,
];

function foreignObject(): object {
  return FOREIGN();
}
const FOREIGN: () => object = runInNewContext("() => ({})");

function hiding(object: object, key: string, value: unknown): object {
  return Object.defineProperty(object, key, { value, enumerable: false });
}

function nested(levels: number): unknown {
  let value: unknown = [];
  for (let i = 1; i < levels; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
}

function nestedObjects(levels: number): unknown {
  let value: unknown = {};
  for (let i = 1; i < levels; i++) value = { a: value };
  return value;
}

function refusal(value: unknown): string | undefined {
  try {
    assertJson(value, "data", "Cannot store");
    return undefined;
  } catch (error) {
    assert.ok(error instanceof InvalidArgumentError, String(error));
    return error.message;
  }
}

/** `where` is the path within the bad value; "…" is somewhere below it. */
function refusedAt(value: unknown, path: string, where: string): void {
  assert.throws(
    () => assertJson(value, "data", "Cannot store"),
    (error) => {
      assert.ok(error instanceof InvalidArgumentError, String(error));
      const found = String(error.details["path"]);
      if (where === "…") assert.ok(found.startsWith(path), found);
      else assert.equal(found, path + where);
      assert.ok(error.message.includes(`"${found}"`));
      return true;
    },
  );
}

/** Puts `bad` into one of the places of `good`, and tells its path. */
function plant(
  good: unknown,
  place: number,
  bad: unknown,
): { value: unknown; path: string } {
  const holder: { root: unknown } = { root: good };
  const places: Array<readonly [object, string | number, string]> = [
    [holder, "root", ""],
  ];
  const visit = (value: unknown, path: string) => {
    if (Array.isArray(value)) {
      places.push([value, value.length, `${path}[${value.length}]`]);
      value.forEach((item, i) => {
        places.push([value, i, `${path}[${i}]`]);
        visit(item, `${path}[${i}]`);
      });
    } else if (typeof value === "object" && value !== null) {
      for (const [key, item] of Object.entries({ ...value, planted: 0 })) {
        const step = /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(key)
          ? `.${key}`
          : `[${JSON.stringify(key)}]`;
        places.push([value, key, path + step]);
        visit(item, path + step);
      }
    }
  };
  visit(good, "");
  const [parent, key, path] = places[place % places.length]!;
  (parent as Record<string | number, unknown>)[key] = bad;
  return { value: holder.root, path };
}

/** Whether a value is what the `json` arbitrary makes: it may be cloned and planted in. */
function isJson(value: unknown): boolean {
  return refusal(value) === undefined && survives(value);
}

/** Whether JSON gives a value back as it is. */
function survives(value: unknown): boolean {
  try {
    unchanged(value);
    return true;
  } catch {
    return false;
  }
}

/** Asserts that JSON gives a value back as it is. */
function unchanged(value: unknown): void {
  const own = rehome(value);
  assert.deepStrictEqual(JSON.parse(JSON.stringify(value)), own);
  // Neither runtime's deepStrictEqual tells {} from Object.create({}).
  assert.ok(isPlain(own), "a prototype is not the plain one");
}

function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  const wanted = Array.isArray(value) ? Array.prototype : Object.prototype;
  return Object.getPrototypeOf(value) === wanted &&
    Object.values(value).every(isPlain);
}

describe("frozenJson()", () => {
  const copyOf = (value: unknown) => frozenJson(value, "value", "Cannot copy");

  it("copies all that JSON holds, frozen all the way down", LONG, () => {
    const assertFrozen = (value: unknown) => {
      if (typeof value !== "object" || value === null) return;
      assert.ok(Object.isFrozen(value));
      Object.values(value).forEach(assertFrozen);
    };
    holds(json, (value) => {
      const copy = copyOf(value);
      assert.deepEqual(copy, value);
      if (typeof value === "object" && value !== null) {
        assert.notEqual(copy, value);
        assertFrozen(copy);
        assert.equal(copyOf(copy), copy); // known by now
        assertJson(copy, "value", "Cannot take");
        // Only as it is: what is around it is looked through as ever.
        assert.throws(() => assertJson([copy, NaN], "value", "Cannot take"));
      }
    });
  });

  it("refuses what assertJson refuses", () => {
    for (const [what, make] of BAD) {
      assert.throws(() => copyOf(make()), InvalidArgumentError, what);
      assert.throws(() => copyOf([make()]), InvalidArgumentError, what);
    }
  });
});

/** The same value with the plain objects and arrays of this realm. */
function rehome(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const prototype = Object.getPrototypeOf(value);
  const plain = prototype === null || prototype === Object.prototype ||
    prototype === FOREIGN_PROTOTYPE;
  if (Array.isArray(value) && prototype === Array.prototype) {
    const array: unknown[] = [];
    array.length = value.length;
    for (const key of Reflect.ownKeys(value)) {
      if (key !== "length") copy(value, array, key);
    }
    return array;
  }
  if (!plain) return value;
  const object = {};
  for (const key of Reflect.ownKeys(value)) copy(value, object, key);
  return object;
}

function copy(from: object, to: object, key: PropertyKey): void {
  Object.defineProperty(to, key, {
    value: rehome((from as Record<PropertyKey, unknown>)[key]),
    enumerable: Object.getOwnPropertyDescriptor(from, key)?.enumerable ?? false,
    configurable: true,
    writable: true,
  });
}

const FOREIGN_PROTOTYPE: unknown = Object.getPrototypeOf(FOREIGN());
