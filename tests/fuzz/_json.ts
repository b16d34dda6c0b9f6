/**
 * Changes to JSON that know it is JSON: values of another type, keys that no
 * payload may have, keys that stand there twice, numbers that no engine holds, and
 * nesting beyond all measure.
 */
import { Buffer } from "node:buffer";
import type { Random } from "../support/mod.ts";
import { changeBytes, places } from "./_bytes.ts";

/** JSON as it is written: an array, an object that may have a key twice, or text. */
type Node =
  | { readonly kind: "array"; readonly items: Node[] }
  | { readonly kind: "object"; readonly entries: [key: string, value: Node][] }
  | { readonly kind: "text"; text: string };

/** Changes one of several bodies: one in so many as bytes, the others as JSON. */
export function changeBody(
  random: Random,
  asBytes: number,
  bodies: readonly Uint8Array[],
  others: readonly Uint8Array[] = bodies,
): Uint8Array {
  const body = random.pick(bodies);
  if (random.int(asBytes) === 0) return changeBytes(random, body, others);
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  return Buffer.from(changeJson(random, text(body), others.map(text)));
}

/** Changes JSON in one place, now and then in up to three; what is no JSON comes back as it is. */
export function changeJson(
  random: Random,
  json: string,
  others: readonly string[] = [],
): string {
  let root: Node;
  try {
    root = nodeOf(JSON.parse(json));
  } catch {
    return json;
  }
  for (let left = places(random); left > 0; left--) {
    const other = others.length > 0 && random.int(4) === 0
      ? pieceOf(random, random.pick(others))
      : undefined;
    root = changeNode(random, root, other);
  }
  return write(root);
}

function changeNode(random: Random, root: Node, other: Node | undefined): Node {
  const holders: Node[] = [];
  const walk = (node: Node): void => {
    if (node.kind === "text") return;
    holders.push(node);
    for (const child of childrenOf(node)) walk(child);
  };
  walk(root);
  // The whole of it, now and then.
  if (holders.length === 0 || random.int(20) === 0) return strange(random);
  const holder = random.pick(holders);
  const value = other ?? strange(random);
  if (holder.kind === "array") {
    const { items } = holder;
    const at = random.int(items.length + 1);
    switch (random.int(4)) {
      case 0:
        items.splice(at, 1);
        break;
      case 1:
        items.splice(at, 0, value);
        break;
      case 2:
        if (at < items.length) items.push(items[at]!);
        break;
      default:
        items.splice(at, 1, value);
    }
  } else if (holder.kind === "object") {
    const { entries } = holder;
    const at = random.int(entries.length + 1);
    switch (random.int(6)) {
      case 0:
        entries.splice(at, 1);
        break;
      case 1:
        entries.splice(at, 0, [random.pick(KEYS), value]);
        break;
      case 2: // a key twice
        if (at < entries.length) entries.push([entries[at]![0], value]);
        break;
      case 3:
        if (at < entries.length) entries[at]![0] = random.pick(KEYS);
        break;
      default:
        if (at < entries.length) entries[at]![1] = value;
    }
  }
  return root;
}

function strange(random: Random): Node {
  const text = random.pick(VALUES);
  if (text !== "") return { kind: "text", text };
  // Some are dear, and seldom for that.
  const dear = random.int(20);
  if (dear === 0) return { kind: "text", text: nested(100_000) };
  if (dear === 1) return { kind: "text", text: `"${"x".repeat(100_000)}"` };
  if (dear === 2) return { kind: "text", text: manyKeys(10_001) };
  return { kind: "text", text: nested(60 + random.int(12)) };
}

function pieceOf(random: Random, json: string): Node {
  try {
    let node = nodeOf(JSON.parse(json));
    for (
      let depth = random.int(3);
      depth > 0 && node.kind !== "text";
      depth--
    ) {
      const children = childrenOf(node);
      if (children.length === 0) break;
      node = random.pick(children);
    }
    return node;
  } catch {
    return { kind: "text", text: "null" };
  }
}

function childrenOf(node: Node): readonly Node[] {
  if (node.kind === "array") return node.items;
  return node.kind === "object" ? node.entries.map(([, value]) => value) : [];
}

function nodeOf(value: unknown): Node {
  if (Array.isArray(value)) return { kind: "array", items: value.map(nodeOf) };
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map((
      [key, item],
    ): [string, Node] => [JSON.stringify(key), nodeOf(item)]);
    return { kind: "object", entries };
  }
  return { kind: "text", text: JSON.stringify(value) };
}

function write(node: Node): string {
  if (node.kind === "text") return node.text;
  return node.kind === "array"
    ? `[${node.items.map(write).join()}]`
    : `{${node.entries.map(([k, v]) => `${k}:${write(v)}`).join()}}`;
}

/** Arrays in arrays. */
export function nested(depth: number): string {
  return "[".repeat(depth) + "]".repeat(depth);
}

function manyKeys(count: number): string {
  return `{${Array.from({ length: count }, (_, i) => `"k${i}":0`).join()}}`;
}

const KEYS = [
  '"__proto__"',
  '"__pr\\u006fto__"',
  '"constructor"',
  '"prototype"',
  '"toString"',
  '"valueOf"',
  '"toJSON"',
  '"then"',
  '"length"',
  '""',
  '"\\ud800"',
  '"\\u0000"',
  '"data_base64"',
  '"actormetadata"',
  '"id"',
  '"version"',
];

const VALUES = [
  "", // stands for the dear ones
  "null",
  "true",
  "false",
  "0",
  "-0",
  "-1",
  "1.5",
  "1e999",
  "-1e999",
  "1e-400",
  "9007199254740993",
  "2147483648",
  "4294967296",
  "18446744073709551616",
  "1e21",
  "NaN",
  "Infinity",
  "undefined",
  "'x'",
  '""',
  '"x"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\u0000"',
  '"\\ufffe"',
  '"\ufeff"',
  '"e\u0301"',
  '"2024-02-30T00:00:00.000Z"',
  '"-271821-04-20T00:00:00.000Z"',
  '"a.b.*.>"',
  '"__proto__"',
  '"constructor"',
  "[]",
  "{}",
  "[[]]",
  "[null]",
  "[1,2,3]",
  '{"__proto__":{"admin":true}}',
  '{"constructor":{"prototype":{"admin":true}}}',
  '{"toString":1,"valueOf":1}',
  '{"toString":null,"toJSON":null}',
  '{"length":-1,"0":0}',
  '{"then":1}',
  '{"a":1,"a":2}',
];
