import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ShardEntry, ShardMap } from "../../cluster/mod.ts";
import { familyOf, typeOf } from "../../cluster/shard_map.ts";
import { SHARDS } from "../../event/mod.ts";

const NOBODY: ShardEntry = {
  node: undefined,
  run: "",
  generation: 0,
  fence: 0,
};
const entry = (node: string | undefined, rest: Partial<ShardEntry> = {}) => ({
  ...NOBODY,
  node,
  run: node === undefined ? "" : `${node}-run`,
  generation: 1,
  ...rest,
});

/** A map in which some shards have owners, some lost theirs, some are late. */
const MAP = ShardMap.empty("bank.account").with(
  new Map([
    [0, entry("a")],
    [1, entry("b", { generation: 4, fence: 3, late: ["a-1", "c-1"] })],
    [2, entry("a")],
    [3, entry(undefined, { generation: 2, fence: 2, late: ["c-1"] })],
    [255, entry("a", { run: "a-2", generation: 9 })],
  ]),
);
const SHARDS_OF_MAP = [
  [0, 1, 0],
  [1, 4, 3, 0, 1],
  [0, 1, 0],
  [-1, 2, 2, 1],
  ...new Array(SHARDS - 5).fill([-1, 0, 0]),
  [2, 9, 0],
];
const WRITTEN = {
  n: [["a", "a-run"], ["b", "b-run"], ["a", "a-2"]],
  l: ["a-1", "c-1"],
  s: SHARDS_OF_MAP,
};

/** All entries of a map. */
function entriesOf(map: ShardMap): ShardEntry[] {
  return Array.from({ length: SHARDS }, (_, shard) => map.at(shard));
}

describe("ShardMap", () => {
  it("is of nobody at first", () => {
    const map = ShardMap.empty("bank.account");
    assert.equal(map.family, "bank.account");
    assert.equal(map.revision, 0);
    assert.deepEqual(entriesOf(map), new Array(SHARDS).fill(NOBODY));
    assert.deepEqual(map.nodes, new Array(SHARDS).fill(undefined));
    assert.equal(map.runs.size, 0);
    assert.equal(map.owner(0), undefined);
    assert(Object.isFrozen(map.at(0)));
  });

  it("tells who has a shard, and whether it was seized", () => {
    assert.deepEqual(MAP.owner(0), {
      node: "a",
      run: "a-run",
      generation: 1,
      seized: false,
      fence: 0,
    });
    assert.deepEqual(MAP.owner(1), {
      node: "b",
      run: "b-run",
      generation: 4,
      seized: true,
      fence: 3,
    });
    assert.equal(MAP.owner(3), undefined);
    assert.deepEqual(MAP.nodes.slice(0, 5), [
      "a",
      "b",
      "a",
      undefined,
      undefined,
    ]);
    assert.equal(MAP.nodes.length, SHARDS);
    assert.deepEqual([...MAP.runs], [
      ["a-run", "a"],
      ["b-run", "b"],
      ["a-2", "a"],
    ]);
  });

  it("is replaced, not changed", () => {
    const before = new ShardMap("x.y", entriesOf(MAP), 17);
    const after = before.with(new Map([[2, entry("b")]]));
    assert.equal(after.family, "x.y");
    assert.equal(after.revision, 17);
    assert.deepEqual(after.at(2), entry("b"));
    assert.deepEqual(before.at(2), entry("a"));
    assert.deepEqual(
      entriesOf(after).filter((_, shard) => shard !== 2),
      entriesOf(before).filter((_, shard) => shard !== 2),
    );
  });

  it("is written as documented, and read back", () => {
    assert.deepEqual(MAP.toJSON(), WRITTEN);
    const read = ShardMap.from("bank.account", WRITTEN, 5)!;
    assert.equal(read.family, "bank.account");
    assert.equal(read.revision, 5);
    assert.deepEqual(entriesOf(read), entriesOf(MAP));
  });

  it("leaves out the late where there are none", () => {
    const map = ShardMap.empty("x.y").with(new Map([[0, entry("a")]]));
    const written = map.toJSON() as Record<string, unknown>;
    assert.deepEqual(Object.keys(written), ["n", "s"]);
    const read = ShardMap.from("x.y", written, 1)!;
    assert.deepEqual(entriesOf(read), entriesOf(map));
    assert(!("late" in read.at(0)));
  });

  it("reads nothing of which a shard points to nobody there", () => {
    const rest = new Array(SHARDS - 1).fill([-1, 0, 0]);
    for (const wrong of [[0, 1, 0], [-2, 1, 0], [-1, 1, 0, 0]]) {
      const s = [wrong, ...rest];
      assert.equal(ShardMap.from("x.y", { n: [], s }, 1), undefined);
    }
    const read = ShardMap.from("x.y", { n: [], s: [[-1, 1, 0], ...rest] }, 1);
    assert.deepEqual(read?.at(0), { ...NOBODY, generation: 1 });
  });

  it("reads nothing that is no map", () => {
    const { n, s } = WRITTEN;
    for (
      const value of [
        undefined,
        null,
        7,
        "map",
        {},
        { n },
        { s },
        { n: {}, s },
        { n, s: {} },
        { n, s: { length: SHARDS } },
        { n, s: s.slice(1) },
        { n, s: [...s, s[0]] },
      ]
    ) {
      assert.equal(ShardMap.from("x.y", value, 1), undefined);
    }
  });
});

describe("familyOf() and typeOf()", () => {
  it("make one word of namespace and type, and two of the word", () => {
    const type = { namespace: "shop.eu", type: "order" };
    assert.equal(familyOf(type), "shop.eu.order");
    assert.deepEqual(typeOf("shop.eu.order"), type);
  });
});
