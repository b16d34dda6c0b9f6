/** Changes to bytes and to text that know nothing of what they mean. */
import { Buffer } from "node:buffer";
import type { Random } from "../support/mod.ts";

/** What tears JSON, headers and subjects, and what text may not hold. */
export const SNIPPETS: readonly Uint8Array[] = [
  ...'"\\{}[],:-=.*> \t\r\n\0%@#',
  "\r\n",
  "\r\n\r\n",
  "NATS/1.0",
  "\\u0000",
  "\\ud800",
  "\\udc00\\ud800",
  "-0",
  "1e999",
  "null",
  "NaN",
  "=00",
  "=C3",
  "=c3=bc",
  "e\u0301",
  "\u212a",
  "\u00e9",
  "\ufeff",
  "\ufffe",
  "\ufffd",
  "\u{1f600}",
  "\u2028",
  "__proto__",
  "constructor",
].map((text) => Buffer.from(text)).concat([
  // What is no UTF-8: cut off, overlong, a surrogate, beyond Unicode.
  [0xff],
  [0xc3],
  [0xc0, 0xaf],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
].map((bytes) => Buffer.from(bytes)));

/** Changes bytes in one place, now and then in up to three. */
export function changeBytes(
  random: Random,
  bytes: Uint8Array,
  others: readonly Uint8Array[],
): Uint8Array {
  let changed = bytes;
  for (let left = places(random); left > 0; left--) {
    changed = changeOnce(random, changed, others);
  }
  return changed;
}

/** How many changes are made at once. */
export function places(random: Random): number {
  return 1 + (random.int(3) === 0 ? 1 + random.int(2) : 0);
}

function changeOnce(
  random: Random,
  bytes: Uint8Array,
  others: readonly Uint8Array[],
): Uint8Array {
  const at = random.int(bytes.length + 1);
  const length = 1 + random.int(8);
  switch (random.int(8)) {
    case 0: // a bit
    case 1: { // a byte
      if (bytes.length === 0) return Uint8Array.of(random.int(256));
      const copy = Uint8Array.from(bytes);
      const place = random.int(copy.length);
      copy[place] = random.int(2) === 0
        ? copy[place]! ^ (1 << random.int(8))
        : random.int(256);
      return copy;
    }
    case 2: // left out
      return splice(bytes, at, length, NOTHING);
    case 3: // cut off
      return bytes.slice(0, at);
    case 4: // put in
      return splice(bytes, at, 0, random.pick(SNIPPETS));
    case 5: // put in its place
      return splice(bytes, at, length, random.pick(SNIPPETS));
    case 6: { // said twice
      const end = Math.min(bytes.length, at + 1 + random.int(60));
      return splice(bytes, at, 0, bytes.subarray(at, end));
    }
    default: { // a piece of another one
      const other = others.length === 0 ? bytes : random.pick(others);
      const start = random.int(other.length + 1);
      const piece = other.subarray(start, start + 1 + random.int(60));
      return splice(bytes, at, random.int(60), piece);
    }
  }
}

/** Replaces bytes in the middle by others. */
export function splice(
  bytes: Uint8Array,
  at: number,
  length: number,
  piece: Uint8Array,
): Uint8Array {
  return Buffer.concat([
    bytes.subarray(0, at),
    piece,
    bytes.subarray(at + length),
  ]);
}

/** Changes text as {@link changeBytes} does bytes; lone surrogates may come of it. */
export function changeText(
  random: Random,
  text: string,
  others: readonly string[],
): string {
  let changed = text;
  for (let left = places(random); left > 0; left--) {
    const at = random.int(changed.length + 1);
    const rest = (from: number) => changed.slice(from);
    const other = others.length === 0 ? changed : random.pick(others);
    const start = random.int(other.length + 1);
    const piece = random.pick([
      "",
      UNITS[random.int(UNITS.length)]!,
      String.fromCharCode(random.int(0x100)),
      String.fromCharCode(random.int(0x1_0000)),
      other.slice(start, start + 1 + random.int(12)),
      changed[at] ?? "",
      changed.slice(0, 40),
    ]);
    changed = changed.slice(0, at) + piece +
      rest(at + random.pick([0, 0, 1, 1, 2, 5]));
  }
  return changed;
}

const UNITS = [
  ...SNIPPETS.slice(0, -5).map((bytes) => Buffer.from(bytes).toString()),
  "\ud800",
  "\udc00",
  "x".repeat(33),
  "x".repeat(129),
  "\u00fc".repeat(43),
  ".".repeat(4),
];
const NOTHING = new Uint8Array(0);
