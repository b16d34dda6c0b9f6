/** How many shards the actors of one type are spread over; part of the stored format. */
export const SHARDS = 256;

/** The shard of two subject tokens; both are ASCII. */
export function shardOfTokens(typeToken: string, keyToken: string): number {
  return fnv1a(keyToken, fnv1a(typeToken)) % SHARDS;
}

/** FNV-1a, 32 bit, of ASCII text; `hash` is that of what stands before it. */
export function fnv1a(ascii: string, hash: number = 0x811c9dc5): number {
  for (let i = 0; i < ascii.length; i++) {
    hash = Math.imul(hash ^ ascii.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}
