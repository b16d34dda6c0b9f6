/**
 * A hash of 32 bits that all runtimes and releases agree on: FNV-1a over UTF-8,
 * finished as in MurmurHash3, as FNV-1a alone leaves names close to each other
 * that differ only in their last letters.
 */

/** The hash of a text. */
export function hashText(text: string): number {
  let hash = START;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // Only ASCII is its own UTF-8.
    if (unit > 127) return finish(addBytes(START, UTF8.encode(text)));
    hash = add(hash, unit);
  }
  return finish(hash);
}

/** The hashes of `0#text`, `1#text` and so on, as many as wanted. */
export function hashSeries(text: string, count: number): Uint32Array {
  const bytes = UTF8.encode(`#${text}`);
  const hashes = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    hashes[i] = finish(addBytes(addDigits(START, i), bytes));
  }
  return hashes;
}

function addBytes(hash: number, bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length; i++) hash = add(hash, bytes[i]!);
  return hash;
}

function addDigits(hash: number, number: number): number {
  const rest = number > 9 ? addDigits(hash, Math.floor(number / 10)) : hash;
  return add(rest, 48 + number % 10);
}

function add(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x01000193);
}

function finish(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const START = 0x811c9dc5;
const UTF8 = new TextEncoder();
