import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { parseActorId } from "@flowmade/aether/event";
import {
  keyOfPath,
  pathOfText,
  textOfPath,
} from "../../examples/git_history/path.ts";
import { seeded } from "../support/mod.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const utf8 = (text: string) => new Uint8Array(Buffer.from(text));

describe("textOfPath()", () => {
  it("leaves names in UTF-8 as they are", () => {
    for (
      const name of ["a.txt", "with space", "файл", "日本", "-x", '"', "😀"]
    ) {
      assert.equal(textOfPath(utf8(name)), name);
    }
  });
  it("escapes the backslash, control characters and what is not UTF-8", () => {
    assert.equal(textOfPath(utf8("a\\b")), "a\\x5cb");
    assert.equal(textOfPath(utf8("a\nb\u0085")), "a\\x0ab\\xc2\\x85");
    assert.equal(textOfPath(bytes("f\xff\xe9")), "f\\xff\\xe9");
  });
  it("keeps two normal forms of one text apart", () => {
    assert.equal(textOfPath(utf8("caf\u00e9")), "caf\u00e9");
    assert.equal(textOfPath(utf8("cafe\u0301")), "cafe\\xcc\\x81");
    // An escape must not combine with what follows it.
    assert.equal(textOfPath(utf8("\r\u030c")), "\\x0d\\xcc\\x8c");
  });
  it("loses nothing, and each name has a key of its own that an actor can have", () => {
    const random = seeded(1);
    const alphabet = [..."ab/.\\x0d-="].map((c) => c.charCodeAt(0))
      .concat(0x0a, 0x0d, 0x7f, 0xc3, 0xa9, 0xcc, 0x81, 0xff, 0xef, 0xbb, 0xbf);
    const names = new Map<string, string>();
    for (let i = 0; i < 20_000; i++) {
      const name = Uint8Array.from(
        { length: 1 + random.int(i % 100 === 0 ? 300 : 8) },
        () => random.pick(alphabet),
      );
      const text = textOfPath(name);
      assert.deepEqual(pathOfText(text), name);
      const key = keyOfPath(text);
      assert.equal(parseActorId(`file-${key}`).key, key);
      const hex = Buffer.from(name).toString("hex");
      assert.equal(names.get(key) ?? hex, hex);
      names.set(key, hex);
    }
  });
});
