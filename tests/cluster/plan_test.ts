import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type PlannedNode,
  planShards,
  type ShardAssignment,
  type ShardMove,
} from "../../cluster/mod.ts";
import { hashText } from "../../cluster/_hash.ts";
import { SHARDS } from "../../event/mod.ts";
import { dice, holds, LONG } from "../event/_property.ts";

/** Equal nodes `node-1` and so on. */
function equal(count: number): PlannedNode[] {
  return Array.from({ length: count }, (_, i) => ({ nodeId: `node-${i + 1}` }));
}

/** How many shards each owner has. */
function loads(assignment: ShardAssignment): Map<string | undefined, number> {
  const found = new Map<string | undefined, number>();
  for (let shard = 0; shard < SHARDS; shard++) {
    const owner = assignment[shard];
    found.set(owner, (found.get(owner) ?? 0) + 1);
  }
  return found;
}

/** Who may own shards: who is not draining, or all if all are. */
function eligible(nodes: readonly PlannedNode[]): readonly PlannedNode[] {
  const staying = nodes.filter(({ draining }) => !draining);
  return staying.length > 0 ? staying : nodes;
}

/** Each node's share of the shards, without rounding; what is nearly whole is whole. */
function fairShares(nodes: readonly PlannedNode[]): Map<string, number> {
  const sum = nodes.reduce((sum, { weight = 1 }) => sum + weight, 0);
  return new Map(nodes.map(({ nodeId, weight = 1 }) => {
    const fair = SHARDS * weight / sum;
    const whole = Math.round(fair);
    return [nodeId, Math.abs(fair - whole) < 1e-9 ? whole : fair];
  }));
}

/** Checks all that holds of every plan; the plan's moves. */
function checkPlan(
  current: ShardAssignment,
  nodes: readonly PlannedNode[],
): { assignment: ShardAssignment; moves: readonly ShardMove[] } {
  const plan = planShards(current, nodes);
  const { assignment, moves } = plan;
  assert.equal(assignment.length, SHARDS);
  const allowed = eligible(nodes);
  const names = new Set(allowed.map(({ nodeId }) => nodeId));
  for (const owner of assignment) {
    if (allowed.length === 0) assert.equal(owner, undefined);
    else assert.ok(owner !== undefined && names.has(owner));
  }

  const differing: ShardMove[] = [];
  for (const [shard, to] of assignment.entries()) {
    if (current[shard] !== to) {
      differing.push({ shard, from: current[shard], to });
    }
  }
  assert.deepEqual(moves, differing);

  const [before, after] = [loads(current), loads(assignment)];
  let [free, lack] = [SHARDS, 0];
  const fair = fairShares(allowed);
  const held = (nodeId: string) => before.get(nodeId) ?? 0;
  if (allowed.some(({ draining }) => draining)) {
    // All are: each keeps what it has.
    for (const nodeId of names) free -= held(nodeId);
  } else {
    for (const [nodeId, share] of fair) {
      const load = after.get(nodeId) ?? 0;
      assert.ok(load >= Math.floor(share) && load <= Math.ceil(share));
      free -= Math.min(held(nodeId), Math.ceil(share));
      lack += Math.max(0, Math.floor(share) - held(nodeId));
    }
  }
  // No map with such loads differs in less: what is free or too much has to
  // move, and so has what others lack.
  if (allowed.length > 0) assert.equal(moves.length, Math.max(free, lack));

  const again = planShards(assignment, [...nodes].reverse());
  assert.deepEqual(again.moves, []);
  assert.deepEqual(again.assignment, assignment);
  return plan;
}

/** How many other nodes' shares, so rounded, are not what they were. */
function changed(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  round: (share: number) => number,
): number {
  return [...after].filter(([nodeId, share]) =>
    before.has(nodeId) && round(before.get(nodeId)!) !== round(share)
  ).length;
}

/** Checks one join to, or leave from, a map that was planned. */
function checkChange(
  assignment: ShardAssignment,
  nodes: readonly PlannedNode[],
  change: { readonly node: PlannedNode; readonly joins: boolean },
): ShardAssignment {
  const { node: { nodeId }, joins } = change;
  const without = nodes.filter((node) => node.nodeId !== nodeId);
  const next = joins ? [...without, change.node] : without;
  const { assignment: after, moves } = checkPlan(assignment, next);
  if (without.length === 0) return after;
  const all = joins ? next : nodes;
  if (new Set(all.map(({ weight = 1 }) => weight)).size === 1) {
    assert.ok(moves.length <= Math.ceil(SHARDS / all.length));
    for (const { from, to } of moves) {
      assert.equal(joins ? to : from, nodeId);
    }
  }
  const [fair, fairWithout] = [fairShares(all), fairShares(without)];
  const k = joins
    ? changed(fairWithout, fair, Math.ceil)
    : changed(fair, fairWithout, Math.floor);
  const share = Math.ceil(fair.get(nodeId)!);
  assert.ok(moves.length <= share + Math.max(0, k - 1));
  return after;
}

/** What happens to a cluster, by numbers that its state gives a meaning. */
type Happening = readonly [
  kind: "join" | "leave" | "drain" | "undrain" | "reweigh",
  choice: number,
  weight: number,
];

function after(
  nodes: readonly PlannedNode[],
  [kind, choice, weight]: Happening,
  fresh: string,
): PlannedNode[] {
  if (kind === "join") return [...nodes, { nodeId: fresh, weight }];
  const at = choice % Math.max(1, nodes.length);
  if (kind === "leave") return nodes.filter((_, i) => i !== at);
  return nodes.map((node, i) => {
    if (i !== at) return node;
    if (kind === "reweigh") return { ...node, weight };
    return { ...node, draining: kind === "drain" };
  });
}

const weights = fc.oneof(
  fc.integer({ min: 1, max: 4 }),
  fc.double({ min: 0.01, max: 100, noNaN: true }),
);
const happenings = fc.tuple(
  fc.constantFrom<Happening[0]>("join", "leave", "drain", "undrain", "reweigh"),
  fc.nat(1_000),
  weights,
);
const sizes = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 12 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 200 }) },
);
const clusters = fc.tuple(
  sizes,
  fc.boolean(),
  fc.array(weights, {
    minLength: 1,
    maxLength: 5,
  }),
).map(([size, same, weights]): PlannedNode[] =>
  equal(size).map((node, i) => ({
    ...node,
    weight: same ? weights[0]! : weights[i % weights.length]!,
  }))
);

describe("planShards()", () => {
  it("plans in every runtime and release the same", () => {
    const { assignment } = planShards([], [
      { nodeId: "a" },
      { nodeId: "b" },
      { nodeId: "c", weight: 2 },
    ], { seed: "order" });
    assert.equal(assignment.join(""), PINNED);
  });

  it("replans in every runtime and release the same", () => {
    const nodes: readonly PlannedNode[] = [
      { nodeId: "a", weight: 2 },
      { nodeId: "b" },
      { nodeId: "c", weight: 3 },
      { nodeId: "d", weight: 2 },
    ];
    const steps = [
      nodes,
      nodes.filter(({ nodeId }) => nodeId !== "b"),
      nodes,
      nodes.map((n) => n.nodeId === "a" ? { ...n, draining: true } : n),
      nodes.map((n) => n.nodeId === "c" ? { ...n, weight: 1 } : n),
    ];
    let current: ShardAssignment = [];
    for (const [i, nodes] of steps.entries()) {
      current = planShards(current, nodes, { seed: "order" }).assignment;
      assert.equal(current.join(""), REPLANNED[i]);
    }
  });

  it("keeps its promises through any history", LONG, () => {
    const histories = fc.tuple(
      clusters,
      fc.array(happenings, { maxLength: 10 }),
    );
    holds(histories, ([start, happenings]) => {
      let nodes: readonly PlannedNode[] = start;
      let { assignment } = checkPlan([], nodes);
      for (const [i, happening] of happenings.entries()) {
        nodes = after(nodes, happening, `new-${i}`);
        ({ assignment } = checkPlan(assignment, nodes));
      }
    }, 80);
  });

  it("keeps them from any map at all", LONG, () => {
    const maps = fc.array(
      fc.option(fc.integer({ min: 1, max: 20 }).map((i) => `node-${i}`), {
        nil: undefined,
      }),
      { maxLength: SHARDS, size: "max" },
    );
    holds(fc.tuple(maps, clusters), ([map, nodes]) => {
      checkPlan(map, nodes);
    }, 100);
  });

  it("moves little when one node joins or leaves", LONG, () => {
    const changes = fc.array(fc.tuple(fc.boolean(), fc.nat(1_000), weights), {
      maxLength: 8,
    });
    holds(fc.tuple(clusters, changes), ([start, changes]) => {
      const same = new Set(start.map(({ weight }) => weight)).size === 1;
      let nodes: readonly PlannedNode[] = start;
      let { assignment } = planShards([], nodes);
      for (const [i, [joins, choice, weight]] of changes.entries()) {
        const node = joins || nodes.length === 0
          ? { nodeId: `new-${i}`, weight: same ? start[0]!.weight! : weight }
          : nodes[choice % nodes.length]!;
        const change = { node, joins: !nodes.includes(node) };
        assignment = checkChange(assignment, nodes, change);
        nodes = change.joins
          ? [...nodes, node]
          : nodes.filter((other) => other !== node);
      }
    }, 80);
  });

  it("moves at most ⌈256/n⌉ shards whatever the number of nodes", () => {
    for (const [least, most] of [[1, 70], [125, 132], [252, 260]] as const) {
      let { assignment } = planShards([], equal(least));
      for (let n = least + 1; n <= most; n++) {
        const { assignment: next, moves } = planShards(assignment, equal(n));
        assert.ok(moves.length <= Math.ceil(SHARDS / n));
        assert.ok(moves.length >= Math.floor(SHARDS / n));
        assert.ok(moves.every(({ to }) => to === `node-${n}`));
        assignment = next;
      }
      for (let n = most; n > least; n--) {
        const { assignment: next, moves } = planShards(
          assignment,
          equal(n - 1),
        );
        assert.ok(moves.length <= Math.ceil(SHARDS / n));
        assert.ok(moves.every(({ from }) => from === `node-${n}`));
        assignment = next;
      }
    }
  });

  it("hardly ever moves shards between others, with weights of 1 to 4", () => {
    const roll = dice(7);
    let nodes: PlannedNode[] = [];
    let assignment: ShardAssignment = [];
    let [moved, between] = [0, 0];
    for (let i = 0; i < 200; i++) {
      const joins = nodes.length < 2 ||
        (nodes.length < 40 && roll(3) < (i < 100 ? 2 : 1));
      const node = joins
        ? { nodeId: `node-${i}`, weight: 1 + roll(4) }
        : nodes[roll(nodes.length)]!;
      nodes = joins
        ? [...nodes, node]
        : nodes.filter((other) => other !== node);
      const plan = planShards(assignment, nodes);
      moved += plan.moves.length;
      between += plan.moves.filter(({ from, to }) =>
        (joins ? to : from) !== node.nodeId
      ).length;
      assignment = plan.assignment;
    }
    assert.ok(moved > 2_000, `${moved} moved`);
    assert.ok(between <= moved / 1_000, `${between} of ${moved}`);
  });

  it("plans the same whatever the order of the nodes", LONG, () => {
    holds(fc.tuple(clusters, fc.nat()), ([nodes, seed]) => {
      const { assignment } = planShards([], nodes.slice(1));
      const roll = dice(seed);
      const shuffled = [...nodes];
      for (let i = shuffled.length; i > 1; i--) {
        const other = roll(i);
        [shuffled[i - 1], shuffled[other]] = [
          shuffled[other]!,
          shuffled[i - 1]!,
        ];
      }
      assert.deepEqual(
        planShards(assignment, shuffled),
        planShards(assignment, nodes),
      );
    }, 100);
  });

  it("gives the odd shard to the first by name of two that hash alike", () => {
    const [first, second] = ["1i5yeg9", "1lgttuh"] as const;
    assert.equal(hashText(`order/${first}`), hashText(`order/${second}`));
    for (const order of [[first, second, "z"], [second, first, "z"]]) {
      const nodes = order.map((nodeId) => ({ nodeId }));
      const { assignment } = planShards([], nodes, { seed: "order" });
      assert.deepEqual(
        [first, second, "z"].map((nodeId) => loads(assignment).get(nodeId)),
        [86, 85, 85],
      );
    }
  });

  it("has no owners without nodes", () => {
    const none = planShards([], []);
    assert.deepEqual(none.moves, []);
    assert.deepEqual(none.assignment, new Array(SHARDS).fill(undefined));
    const { assignment } = planShards([], equal(1));
    const { moves } = planShards(assignment, []);
    assert.equal(moves.length, SHARDS);
    assert.deepEqual(moves[7], { shard: 7, from: "node-1", to: undefined });
  });

  it("gives shards by weight, and none for too little of it", () => {
    const { assignment } = planShards([], [
      { nodeId: "small" },
      { nodeId: "large", weight: 3 },
      { nodeId: "tiny", weight: 1e-9 },
    ]);
    const found = loads(assignment);
    assert.deepEqual(
      ["small", "large", "tiny"].map((nodeId) => found.get(nodeId)),
      [64, 192, undefined],
    );
  });

  it("takes weights of any size", () => {
    for (const unit of [5e-324, 1e-300, 0.1, 1e300, 4e307]) {
      const found = loads(
        planShards([], [
          { nodeId: "a", weight: unit },
          { nodeId: "b", weight: unit },
          { nodeId: "c", weight: 2 * unit },
        ]).assignment,
      );
      assert.deepEqual(["a", "b", "c"].map((node) => found.get(node)), [
        64,
        64,
        128,
      ]);
    }
  });

  it("takes weights that are as far apart as numbers get", () => {
    const nodes = [
      { nodeId: "a", weight: Number.MIN_VALUE },
      { nodeId: "b", weight: Number.MAX_VALUE },
      { nodeId: "c", weight: Number.MAX_VALUE },
    ];
    const found = loads(planShards([], nodes).assignment);
    assert.deepEqual(["a", "b", "c"].map((node) => found.get(node)), [
      undefined,
      128,
      128,
    ]);
  });

  it("takes for whole what floating point leaves a little off", () => {
    // 24, 176.00000000000003 and 55.99999999999999, if added in this order; the
    // seed decides on it.
    const nodes = [
      { nodeId: "a", weight: 0.3 },
      { nodeId: "b", weight: 2.2 },
      { nodeId: "c", weight: 0.7 },
    ];
    const current = Array.from(
      { length: SHARDS },
      (_, shard) => shard < 24 ? "a" : shard < 24 + 177 ? "b" : "c",
    );
    for (let seed = 0; seed < 20; seed++) {
      const plan = planShards(current, nodes, { seed: `${seed}` });
      const found = loads(plan.assignment);
      assert.deepEqual(["a", "b", "c"].map((node) => found.get(node)), [
        24,
        176,
        56,
      ]);
    }
  });

  it("gives one shard each to 256 of more nodes", () => {
    const { assignment } = planShards([], equal(300));
    assert.equal(loads(assignment).size, SHARDS);
  });

  it("empties a node that drains, and fills it again", () => {
    const { assignment } = planShards([], equal(4));
    const draining = equal(4).map((node) =>
      node.nodeId === "node-2" ? { ...node, draining: true } : node
    );
    const drained = planShards(assignment, draining);
    assert.equal(loads(drained.assignment).get("node-2"), undefined);
    assert.equal(drained.moves.length, 64);
    assert.ok(drained.moves.every(({ from }) => from === "node-2"));

    const filled = planShards(drained.assignment, equal(4));
    assert.equal(filled.moves.length, 64);
    assert.ok(filled.moves.every(({ to }) => to === "node-2"));
  });

  it("leaves all where they are when all nodes drain", () => {
    const draining = equal(4).map((node) => ({ ...node, draining: true }));
    const { assignment } = planShards([], equal(3));
    assert.deepEqual(planShards(assignment, draining).moves, []);

    // One of them is gone: its shards have nowhere else to go.
    const two = planShards(assignment, draining.slice(0, 2));
    assert.equal(two.moves.length, loads(assignment).get("node-3"));
    assert.deepEqual(
      [...loads(two.assignment).values()],
      [SHARDS / 2, SHARDS / 2],
    );
  });

  it("moves all away as soon as one node does not drain", () => {
    const { assignment } = planShards([], equal(3));
    const nodes = [
      ...equal(3).map((node) => ({ ...node, draining: true })),
      { nodeId: "new" },
    ];
    const { moves } = planShards(assignment, nodes);
    assert.equal(moves.length, SHARDS);
    assert.ok(moves.every(({ to }) => to === "new"));
  });

  it("gives a node that comes back most of what it had", () => {
    // A fifth by chance alone. How much varies with the names: so, all of many.
    let [had, regained] = [0, 0];
    for (let cluster = 0; cluster < 10; cluster++) {
      const nodes = equal(5).map(({ nodeId }) => ({
        nodeId: `${cluster}-${nodeId}`,
      }));
      const { assignment } = planShards([], nodes);
      for (const { nodeId } of nodes) {
        const others = nodes.filter((node) => node.nodeId !== nodeId);
        const without = planShards(assignment, others);
        const back = planShards(without.assignment, nodes);
        for (let shard = 0; shard < SHARDS; shard++) {
          if (assignment[shard] !== nodeId) continue;
          had++;
          if (back.assignment[shard] === nodeId) regained++;
        }
      }
    }
    assert.equal(had, 10 * SHARDS);
    assert.ok(regained > had * 0.75, `${regained} of ${had}`);
  });

  it("gives the odd shards of different maps to different nodes", () => {
    const total = new Map<string | undefined, number>();
    for (let i = 0; i < 50; i++) {
      const { assignment } = planShards([], equal(200), { seed: `type${i}` });
      for (const [owner, load] of loads(assignment)) {
        total.set(owner, (total.get(owner) ?? 0) + load);
      }
    }
    // 56 of 200 nodes have two shards, so one map alone would give 50 or 100.
    assert.ok(Math.max(...total.values()) < 80);
    assert.ok(Math.min(...total.values()) > 50);
  });

  it("leaves what it was given as it was", () => {
    const current = Object.freeze(new Array<undefined>(SHARDS).fill(undefined));
    const nodes = Object.freeze(equal(3).map((node) => Object.freeze(node)));
    planShards(current, nodes);
  });

  it("refuses maps, nodes and weights that are none", () => {
    const refused = (
      message: RegExp,
      nodes: readonly PlannedNode[],
      current: ShardAssignment = [],
    ) =>
      assert.throws(() => planShards(current, nodes), {
        name: "InvalidArgumentError",
        message,
      });
    refused(/^Cannot plan with a node that is there twice: got "a"$/, [
      { nodeId: "a" },
      { nodeId: "a", draining: true },
    ]);
    refused(/name is not a text of at least one character: got ""$/, [
      { nodeId: "" },
    ]);
    for (const weight of [0, -1, NaN, Infinity]) {
      refused(/^Cannot give node "a" a weight that is not a number above 0/, [
        { nodeId: "a", weight },
      ]);
    }
    refused(
      /^Cannot plan from a map that is not a list of at most 256 owners: got 257 entries$/,
      [],
      new Array(257),
    );
    refused(/owners: got a$/, [], "a" as unknown as ShardAssignment);
  });
});

/** The owners of 256 shards, planned for one `a`, one `b` and a `c` of twice the weight. */
const PINNED =
  "cccaaccccacacbccacccaabacccbcbccaccbaccccacbcbaaacacbbcaccabccca" +
  "cbcabbbaaccabcbccabccbabacbccbbbbcccccccbabcbcacbbcacbcbbbcabaab" +
  "cbcbccccaabbccacacccbccaacbcccaccacacacbccbbbcbbbaaccbaabbccccbc" +
  "cbcacbccbcaacbbbacaaacccabcbacccaccbbcbcaccabcccccacccaccccaaaaa";

/** The owners after each step: all come, b goes, comes back, a drains, c weighs less. */
const REPLANNED = [
  "cccaacccdacacdccacacddbacccbdbdcadcbacaccadbddaaacadbbcacaadccaa" +
  "cdaadbbaacdadabccabacddbdcdccbbbdcacacccdabcbcacbbadcbabbbcabadb" +
  "cbcbccccaabdccacdcccbccdacbccadccdaacdcbacddbcdcadacddaaddcccadc" +
  "cccdcdacdcdaadadadaaacacaacdacdcacacacdcddcccccdccccdddddddddddd",
  "cccaacccdacacdccacacdddacccadadcadcaacaccadaddaaacadaacacaadccaa" +
  "cdaadaaaacdadaaccacacddddcdccddddcacacccdadcdcacdcadcdaccccacadc" +
  "ccccccccaacdccacdccccccdaccccadccdaacdccacddccdcadacddaaddcccadc" +
  "cccdcdacdcdaadadadaaacacaacdacdcacacacdcddcccccdccccdddddddddddd",
  "cccaacccdacacdccacacdddacccbdbdcadcbacaccadbddaaacadbbcacaadccaa" +
  "cdaadbbaacdadabccabacddbdcdccddddcacacccdadcdcacdbadcdabbbcacadb" +
  "cbcbccccaabdccacdcccbccdacbccadccdaacdcbacddbcdcadacddaaddcccadc" +
  "cccdcdacdcdaadadadaaacacaacdacdcacacacdcddccbccdccccbbdbbdbdbbbd",
  "cccdbcccdccdcdccccccdddccccbdbdcbdcbcccccbdbddcbdccdbbcccccdcccd" +
  "cdcddbbbccdbdcbccdbccddbdcdccddddcccccccdcdcdcccdbddcdcbbbcccbdb" +
  "cbcbccccdcbdccccdcccbccdbcbcccdccddccdcbccddbcdcbdbcddbcddcccddc" +
  "cccdcddcdcdcddcdcdcddcdcddcddcdcdcdcdcdcddccbccdccccbbdbbdbdbbbd",
  "aaadbaaadaadadcaacacdddaaaabdbdcbdcbacacabdbddabdaadbbaacaadacad" +
  "adaddbbbacdbdabcadbacddbdadaaddddcaaaaaadadadaaadbddadabbbaaabdb" +
  "cbcbaaacdabdcaacdcccbccdbabccadaaddacdcbaaddbadcbdbcddbaddcccddc" +
  "accdcddcdadaddadadaddadaddaddadcdcdcdadaddcabaadccaabbdbbdbdbbbd",
];
