/**
 * A hash of 32 bits that all runtimes and releases agree on: FNV-1a over UTF-8,
 * with MurmurHash3's finish, as FNV-1a alone leaves names that differ only in
 * their last letters close to each other.
 *
 * @param bytes The UTF-8 of a text.
 * @param hash Where to go on from: {@link startHash} of what stands before.
 */
export function hashBytes(bytes: Uint8Array, hash: number): number {
  hash = addBytes(hash, bytes);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The hash of a text. */
export function hashText(text: string): number {
  return hashBytes(UTF8.encode(text), startHash(""));
}

/** The state of the hash behind a text that more is to follow. */
export function startHash(text: string): number {
  return addBytes(0x811c9dc5, UTF8.encode(text));
}

function addBytes(hash: number, bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length; i++) {
    hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  }
  return hash;
}

/** Text to the bytes that are hashed. */
export const UTF8: TextEncoder = new TextEncoder();
