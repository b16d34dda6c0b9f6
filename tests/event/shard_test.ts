import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { shardOf, SHARDS } from "../../event/mod.ts";
import { fnv1a } from "../../event/_hash.ts";
import { SHARD_VECTORS } from "./_shard_vectors.ts";

describe("fnv1a()", () => {
  // Source: https://www.rfc-editor.org/rfc/rfc9923 and the test suite of its
  // authors, http://www.isthe.com/chongo/src/fnv/test_fnv.c
  const vectors: ReadonlyArray<readonly [string, number]> = [
    ["", 0x811c9dc5],
    ["a", 0xe40c292c],
    ["b", 0xe70c2de5],
    ["c", 0xe60c2c52],
    ["d", 0xe10c2473],
    ["e", 0xe00c22e0],
    ["f", 0xe30c2799],
    ["fo", 0x6222e842],
    ["foo", 0xa9f37ed7],
    ["foob", 0x3f5076ef],
    ["fooba", 0x39aaa18a],
    ["foobar", 0xbf9cf968],
  ];
  for (const [text, hash] of vectors) {
    it(`hashes "${text}"`, () => assert.equal(fnv1a(text), hash));
  }

  it("goes on where it stopped", () => {
    assert.equal(fnv1a("bar", fnv1a("foo")), fnv1a("foobar"));
  });
});

describe("shardOf()", () => {
  for (const [id, shard] of SHARD_VECTORS) {
    it(`finds ${JSON.stringify(id)} in shard ${shard}`, () => {
      assert.equal(shardOf(id), shard);
    });
  }

  it("puts every spelling of a text into the same shard", () => {
    assert.equal(shardOf("order-e\u0301"), shardOf("order-é"));
  });

  it("uses all shards, none much more than another", () => {
    const counts = new Array<number>(SHARDS).fill(0);
    for (let i = 0; i < 256 * 200; i++) counts[shardOf(`order-${i}`)]!++;
    // 200 each on average, with a standard deviation of 14.
    assert.ok(Math.min(...counts) > 100 && Math.max(...counts) < 300);
  });
});
