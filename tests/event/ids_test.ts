import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  checkId,
  InvalidArgumentError,
  isUlid,
  ulid,
  ulidTime,
} from "../../event/mod.ts";
import { text } from "./_arbitraries.ts";
import { holds, LONG } from "./_property.ts";

const SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

describe("ulid()", () => {
  it("makes 26 characters of Crockford's base 32", () => {
    assert.match(ulid(), /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
  });

  it("strictly grows over 100,000 in a row", () => {
    let last = ulid();
    for (let i = 0; i < 100_000; i++) {
      const next = ulid();
      if (!(next > last)) assert.fail(`${next} behind ${last}`);
      last = next;
    }
  });

  it("strictly grows while the wall clock is set back", () => {
    const start = Date.now();
    const first = ulid();
    withClock((set) => {
      let last = first;
      for (const time of [start + 10, start + 10, start - 5_000, 1, start]) {
        set(time);
        const next = ulid();
        assert.ok(next > last, `${next} behind ${last}`);
        last = next;
      }
    });
  });

  it("holds the time it was made", () => {
    // Ahead of every id made so far, which time may not go behind.
    const time = Date.now() + 100;
    withClock((set) => {
      set(time);
      assert.equal(ulidTime(ulid()), time);
    });
  });

  it("draws every symbol at every place, and no random part twice", () => {
    const seen = Array.from({ length: 16 }, () => new Set<string>());
    const parts = new Set<string>();
    const start = Date.now() + 1_000;
    withClock((set) => {
      for (let i = 0; i < 10_000; i++) {
        set(start + i); // a new millisecond draws anew
        const part = ulid().slice(10);
        parts.add(part);
        for (let place = 0; place < 16; place++) seen[place]!.add(part[place]!);
      }
    });
    assert.equal(parts.size, 10_000);
    for (const symbols of seen) {
      assert.equal([...symbols].sort().join(""), SYMBOLS);
    }
  });
});

describe("ulidTime()", () => {
  it("reads the vectors of the ULID specification", () => {
    assert.equal(ulidTime("01ARZ3NDEKTSV4RRFFQ69G5FAV"), 1469922850259);
    assert.equal(ulidTime("01arz3ndektsv4rrffq69g5fav"), 1469922850259);
    assert.equal(ulidTime("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"), 2 ** 48 - 1);
    assert.equal(ulidTime("00000000000000000000000000"), 0);
  });

  it("refuses what is no ULID", () => {
    for (const id of others) {
      assert.throws(
        () => ulidTime(id as string),
        InvalidArgumentError,
        String(id),
      );
    }
  });
});

describe("isUlid()", () => {
  it("knows ULIDs", () => {
    for (let i = 0; i < 100; i++) assert.ok(isUlid(ulid()));
  });

  it("knows others", () => {
    for (const id of others) {
      assert.equal(isUlid(id as string), false, String(id));
    }
  });
});

describe("checkId()", () => {
  it("gives an id back", () => {
    for (const id of ["a", "order-1", "!", "~", "x".repeat(128), ulid()]) {
      assert.equal(checkId(id, "command id"), id);
    }
  });

  it("takes exactly 1 to 128 visible ASCII characters", LONG, () => {
    const any = fc.oneof(text, fc.string({ maxLength: 140 }));
    holds(any, (id) => {
      const good = id.length >= 1 && id.length <= 128 &&
        [...id].every((char) => char > " " && char < "\u007f");
      if (good) assert.equal(checkId(id, "command id"), id);
      else assert.throws(() => checkId(id, "command id"), InvalidArgumentError);
    });
  });

  it("says what was to be an id, and refuses every other type", () => {
    for (const id of ["", "a b", "a\r\n", "é", undefined, null, 7, 1n, {}]) {
      assert.throws(
        () => checkId(id as string, "command id"),
        (error) =>
          error instanceof InvalidArgumentError &&
          error.message.startsWith("Cannot use a command id "),
      );
    }
  });
});

const others: unknown[] = [
  "",
  "01ARZ3NDEKTSV4RRFFQ69G5FA",
  "01ARZ3NDEKTSV4RRFFQ69G5FAVX",
  "01ARZ3NDEKTSV4RRFFQ69G5FAU", // U is no symbol
  "01ARZ3NDEKTSV4RRFFQ69G5FAI",
  "01ARZ3NDEKTSV4RRFFQ69G5FA ",
  "01ARZ3NDEKTSV4RRFFQ69G5FAV\n",
  "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", // beyond 48 bits of time
  "0000000000000000000000000ß", // "SS" in upper case
  "0000000000000000000000000ſ", // "S" in upper case
  undefined,
  null,
  1n,
  [],
];

/** Holds the wall clock while `body` runs. */
function withClock(body: (set: (time: number) => void) => void): void {
  const real = Date.now;
  try {
    body((time) => Date.now = () => time);
  } finally {
    Date.now = real;
  }
}
