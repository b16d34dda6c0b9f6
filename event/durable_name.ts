/** Names of durables that belong to something with a name of its own. */
import { checkDurable } from "./pattern.ts";
import { encodeToken } from "./token.ts";

/**
 * Derives the name of a durable from any text: the same in every process and
 * release, and another one for every other text. A short text can still be read
 * in it; of a longer one it is the first 125 bits of FNV-1a (128 bit).
 * Source: {@link https://www.rfc-editor.org/rfc/rfc9923 | RFC 9923}.
 *
 * @param kind What the name begins with: 1 to 6 letters, such as `policy`.
 * @param text Well-formed Unicode.
 * @returns At most 32 letters, digits, "_" and "-".
 * @throws {InvalidArgumentError} `invalid_argument`: a lone surrogate.
 * @example Short and long
 * ```ts
 * import { deriveDurable } from "@flowmade/aether/event";
 * import assert from "node:assert/strict";
 * assert.equal(deriveDurable("policy", "pay out"), "policy-pay_20out");
 * assert.equal(deriveDurable("policy", "when money was withdrawn").length, 32);
 * ```
 */
export function deriveDurable(kind: string, text: string): string {
  // "_" begins what is escaped, so it is escaped itself.
  const readable = encodeToken(text).replaceAll("_", "_5F")
    .replaceAll("=", "_");
  const name = `${kind}-${readable}`;
  if (readable !== "" && name.length <= LONGEST) return checkDurable(name);
  let left = fnv1a128(encoder.encode(text)) >> 3n;
  let tail = "";
  while (tail.length < 25) {
    tail = DIGITS[Number(left & 31n)] + tail;
    left >>= 5n;
  }
  return checkDurable(`${kind}_${tail}`);
}

function fnv1a128(bytes: Uint8Array): bigint {
  let hash = 0x6c62272e07bb014262b821756295c58dn;
  for (const byte of bytes) {
    hash = BigInt.asUintN(128, (hash ^ BigInt(byte)) * PRIME);
  }
  return hash;
}

const encoder = new TextEncoder();
const PRIME = 0x0000000001000000000000000000013bn;
const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";
const LONGEST = 32;
