/**
 * Who stands where for which key, as a program in another language computed it:
 * FNV-1a (32 bit) of the UTF-8, finished as in MurmurHash3; point i of a node is
 * the hash of `i#name`. All runtimes and releases agree on these.
 */

/** Texts and their hashes. */
export const HASH_VECTORS: ReadonlyArray<readonly [string, number]> = [
  ["", 0xab3e7c0b],
  ["a", 0x1a80b1b3],
  ["foobar", 0x0c0da6dc],
  ["order-123", 0x82919edb],
  ["0", 0x64f08f61],
  ["255", 0x679cc42a],
  ["node-1", 0xaac87624],
  ["é", 0x8e4756c7],
  ["客", 0x9a4ffb02],
  ["😀", 0x3303a80a],
  ["0#node-1", 0xf712608e],
];

/** The nodes of {@link PREFERENCE_VECTORS} and their weights. */
export const NODES: ReadonlyArray<readonly [string, number]> = [
  ["node-1", 1],
  ["node-2", 1],
  ["node-3", 2],
  ["näher", 1],
  ["z", 0.5],
];

/** Keys and the order of nodes for them, with 128 virtual nodes. */
export const PREFERENCE_VECTORS: ReadonlyArray<
  readonly [string | number, readonly string[]]
> = [
  ["", ["node-1", "node-2", "node-3", "näher", "z"]],
  ["order-1", ["node-3", "node-2", "näher", "node-1", "z"]],
  ["order-2", ["node-1", "näher", "node-2", "node-3", "z"]],
  ["order-123", ["node-1", "näher", "node-2", "node-3", "z"]],
  ["cart-42", ["node-1", "näher", "z", "node-2", "node-3"]],
  ["account-ada", ["node-2", "z", "näher", "node-3", "node-1"]],
  ["客-1", ["node-1", "node-3", "z", "näher", "node-2"]],
  ["room-😀", ["node-1", "node-2", "node-3", "z", "näher"]],
  [0, ["node-3", "näher", "node-1", "node-2", "z"]],
  [1, ["näher", "node-1", "node-2", "z", "node-3"]],
  [2, ["node-3", "node-2", "näher", "node-1", "z"]],
  [3, ["z", "node-1", "node-3", "node-2", "näher"]],
  [42, ["node-3", "z", "node-1", "näher", "node-2"]],
  [128, ["node-3", "node-1", "näher", "node-2", "z"]],
  [254, ["node-3", "node-1", "node-2", "näher", "z"]],
  [255, ["node-1", "node-3", "node-2", "z", "näher"]],
];
