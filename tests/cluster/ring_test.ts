import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { ConsistentHashRing } from "../../cluster/mod.ts";
import { hashSeries, hashText } from "../../cluster/_hash.ts";
import { InvalidArgumentError } from "../../event/mod.ts";
import { holds, LONG } from "../event/_property.ts";
import { HASH_VECTORS, NODES, PREFERENCE_VECTORS } from "./_ring_vectors.ts";

const KEYS = Array.from({ length: 256 }, (_, shard) => shard);

/** A ring of nodes with weights. */
function ringOf(
  nodes: Iterable<readonly [string, number]>,
  virtualNodes = 128,
): ConsistentHashRing {
  const ring = new ConsistentHashRing({ virtualNodes });
  for (const [nodeId, weight] of nodes) ring.addNode(nodeId, weight);
  return ring;
}

/** Equal nodes `node-1` and so on. */
function equal(count: number): [string, number][] {
  return Array.from({ length: count }, (_, i) => [`node-${i + 1}`, 1]);
}

/** How many of many keys each node owns, relative to the mean. */
function loads(ring: ConsistentHashRing, keys = 20_000): Map<string, number> {
  const nodes = ring.getNodes();
  const found = new Map(nodes.map((nodeId) => [nodeId, 0]));
  for (let i = 0; i < keys; i++) {
    const owner = ring.getNode(`key-${i}`)!;
    found.set(owner, found.get(owner)! + nodes.length / keys);
  }
  return found;
}

describe("hashText()", () => {
  for (const [text, hash] of HASH_VECTORS) {
    it(`hashes ${JSON.stringify(text)}`, () => {
      assert.equal(hashText(text), hash);
    });
  }

  it("numbers a series in front of the text", () => {
    assert.deepEqual(
      [...hashSeries("é", 121)],
      Array.from({ length: 121 }, (_, i) => hashText(`${i}#é`)),
    );
  });
});

describe("ConsistentHashRing", () => {
  for (const [key, nodes] of PREFERENCE_VECTORS) {
    it(`prefers ${nodes[0]} for ${JSON.stringify(key)}`, () => {
      assert.deepEqual(ringOf(NODES).preference(key), nodes);
    });
  }

  it("has 128 virtual nodes unless told otherwise", () => {
    const ring = new ConsistentHashRing();
    for (const [nodeId, weight] of NODES) ring.addNode(nodeId, weight);
    for (const [key, nodes] of PREFERENCE_VECTORS) {
      assert.deepEqual(ring.preference(key), nodes);
    }
  });

  it("answers other things with other virtual nodes", () => {
    const ring = ringOf(NODES, 3);
    assert.deepEqual(ring.preference(0), [
      "node-3",
      "node-2",
      "z",
      "näher",
      "node-1",
    ]);
  });

  it("owns nothing without nodes", () => {
    const ring = new ConsistentHashRing();
    assert.equal(ring.isEmpty(), true);
    assert.equal(ring.getNode("order-1"), undefined);
    assert.deepEqual(ring.preference("order-1"), []);
    assert.deepEqual(ring.getNodes(), []);
  });

  it("lists its nodes by name", () => {
    const ring = ringOf([["b", 1], ["a", 3], ["B", 1]]);
    assert.deepEqual(ring.getNodes(), ["B", "a", "b"]);
    assert.equal(ring.isEmpty(), false);
  });

  it("says whether a node was there to be removed", () => {
    const ring = ringOf(equal(1));
    assert.equal(ring.removeNode("node-1"), true);
    assert.equal(ring.removeNode("node-1"), false);
    assert.equal(ring.isEmpty(), true);
  });

  it("names as many nodes as wanted", () => {
    const ring = ringOf(NODES);
    for (const [key, nodes] of PREFERENCE_VECTORS) {
      assert.deepEqual(ring.preference(key, 2), nodes.slice(0, 2));
      assert.deepEqual(ring.preference(key, 0), []);
      assert.deepEqual(ring.preference(key, 99), nodes);
      assert.equal(ring.getNode(key), nodes[0]);
    }
  });

  it("chooses the first in the order that is accepted", () => {
    const ring = ringOf(NODES);
    for (const [key, nodes] of PREFERENCE_VECTORS) {
      const accepted = new Set([nodes[2], nodes[4]]);
      assert.equal(ring.getNode(key, (node) => accepted.has(node)), nodes[2]);
      assert.equal(ring.getNode(key, () => false), undefined);
    }
  });

  it("gives a key at a node's very point to that node", () => {
    const ring = ringOf(equal(20));
    for (let point = 0; point < 128; point++) {
      assert.equal(ring.getNode(`${point}#node-7`), "node-7");
    }
  });

  it("gives a point that two nodes share to the first by name", () => {
    // One of the first pairs of names whose first points hash alike.
    const [first, second] = ["node-1002154", "node-833489"] as const;
    assert.equal(hashText(`0#${first}`), hashText(`0#${second}`));
    for (const order of [[first, second], [second, first]]) {
      const ring = ringOf(order.map((nodeId) => [nodeId, 1]), 1);
      assert.deepEqual(ring.preference("order-1"), [first, second]);
    }
  });

  it("answers the same for a node that left and came back", () => {
    const ring = ringOf(NODES);
    ring.removeNode("node-3");
    ring.addNode("node-3", 7);
    ring.addNode("node-3", 2);
    for (const [key, nodes] of PREFERENCE_VECTORS) {
      assert.deepEqual(ring.preference(key), nodes);
    }
  });

  it("gives a node with twice the weight about twice the keys", () => {
    const found = loads(ringOf([...equal(8), ["big", 2]], 512));
    const others = [...found].filter(([nodeId]) => nodeId !== "big");
    const mean = others.reduce((sum, [, load]) => sum + load, 0) / 8;
    assert.ok(Math.abs(found.get("big")! / mean - 2) < 0.2);
  });

  it("gives the least weight a place", () => {
    const ring = ringOf([["big", 1], ["tiny", 1e-9]]);
    assert.equal(ring.preference("order-1").length, 2);
  });

  it("shares out as evenly as it says", () => {
    // The documented figures for 10 nodes, over fewer keys: 87 … 113 %.
    let [least, most] = [0, 0];
    for (let ringNo = 0; ringNo < 10; ringNo++) {
      const nodes = equal(10).map(([nodeId]) =>
        [`ring-${ringNo}-${nodeId}`, 1] as const
      );
      const found = [...loads(ringOf(nodes), 5_000).values()];
      least += Math.min(...found) / 10;
      most += Math.max(...found) / 10;
    }
    assert.ok(least > 0.82 && least < 0.92, `quietest: ${least}`);
    assert.ok(most > 1.08 && most < 1.18, `busiest: ${most}`);
  });

  it("keeps each answer whatever the order of arrivals", LONG, () => {
    const orders = fc.shuffledSubarray(NODES as [string, number][], {
      minLength: NODES.length,
    });
    holds(orders, (nodes) => {
      const ring = ringOf(nodes);
      for (const [key, expected] of PREFERENCE_VECTORS) {
        assert.deepEqual(ring.preference(key), expected);
      }
    }, 50);
  });

  const rings = fc.record({
    nodes: fc.uniqueArray(
      fc.tuple(
        fc.string({ unit: "grapheme", minLength: 1 }),
        fc.double({ min: 0.1, max: 4, noNaN: true }),
      ),
      { minLength: 1, maxLength: 12, selector: ([nodeId]) => nodeId },
    ),
    virtualNodes: fc.integer({ min: 1, max: 64 }),
  });

  it("names every node once for every key", LONG, () => {
    holds(rings, ({ nodes, virtualNodes }) => {
      const ring = ringOf(nodes, virtualNodes);
      for (const key of KEYS.slice(0, 32)) {
        const order = ring.preference(key);
        assert.deepEqual([...order].sort(), ring.getNodes());
      }
    }, 200);
  });

  it("moves keys only to who joins, and back when it leaves", LONG, () => {
    holds(rings, ({ nodes, virtualNodes }) => {
      const ring = ringOf(nodes.slice(1), virtualNodes);
      const before = KEYS.map((key) => ring.preference(key));
      const [newcomer, weight] = nodes[0]!;
      ring.addNode(newcomer, weight);
      for (const key of KEYS) {
        // The others keep their order, so this holds for each to own it in turn.
        const others = ring.preference(key).filter((node) => node !== newcomer);
        assert.deepEqual(others, before[key]);
      }
      ring.removeNode(newcomer);
      assert.deepEqual(KEYS.map((key) => ring.preference(key)), before);
    }, 100);
  });

  it("moves keys only to who gains weight", LONG, () => {
    holds(rings, ({ nodes, virtualNodes }) => {
      const ring = ringOf(nodes, virtualNodes);
      const before = KEYS.map((key) => ring.getNode(key));
      const [grown, weight] = nodes[0]!;
      ring.addNode(grown, weight * 2);
      for (const key of KEYS) {
        const owner = ring.getNode(key);
        assert.ok(owner === before[key] || owner === grown);
      }
    }, 100);
  });

  it("refuses what is no node, weight or number of virtual nodes", () => {
    const ring = new ConsistentHashRing({ virtualNodes: 100 });
    assert.throws(() => ring.addNode(""), {
      name: "InvalidArgumentError",
      message: /not a text of at least one character: got ""$/,
    });
    assert.throws(() => ring.addNode(7 as unknown as string), {
      code: "invalid_argument",
      message: /not a text of at least one character: got 7$/,
    });
    for (const weight of [0, -1, NaN, Infinity, "1" as unknown as number]) {
      assert.throws(() => ring.addNode("a", weight), {
        name: "InvalidArgumentError",
        message:
          `Cannot give node "a" a weight that is not a number above 0: got ${weight}`,
      });
    }
    assert.throws(() => ring.addNode("a", 655.4), {
      message:
        'Cannot give node "a" a weight that makes more than 65536 points of 100 for each 1: got 655.4',
    });
    assert.deepEqual(ring.getNodes(), []);
    ring.addNode("a", 655.36);
    for (const virtualNodes of [0, -1, 1.5, NaN, Infinity, 65_537]) {
      assert.throws(
        () => new ConsistentHashRing({ virtualNodes }),
        (error) =>
          error instanceof InvalidArgumentError && error.message ===
            `Cannot make a ring whose virtualNodes are not a whole number from 1 to 65536: got ${virtualNodes}`,
      );
    }
    for (const virtualNodes of [1, 65_536]) {
      assert.equal(new ConsistentHashRing({ virtualNodes }).isEmpty(), true);
    }
  });
});
