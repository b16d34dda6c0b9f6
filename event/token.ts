/**
 * How any text becomes one token of a NATS subject and back. `[A-Za-z0-9_-]`
 * stay; every other byte of the UTF-8 is `=XX` in upper-case hex. The mapping is
 * one to one in both directions: a token that decodes but would be written
 * otherwise is refused, as two spellings would be two consistency domains.
 */
import { InvalidArgumentError } from "./errors.ts";

const SAFE = /^[A-Za-z0-9_-]*$/;
const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Encodes text as one subject token.
 *
 * @param text Well-formed Unicode; may be empty.
 * @returns Characters of `[A-Za-z0-9_=-]` only.
 */
export function encodeToken(text: string): string {
  if (SAFE.test(text)) return text;
  let token = "";
  for (const byte of utf8.encode(text)) {
    token += isSafe(byte)
      ? String.fromCharCode(byte)
      : "=" + byte.toString(16).toUpperCase().padStart(2, "0");
  }
  return token;
}

/**
 * Decodes a subject token.
 *
 * @param token What {@link encodeToken} made.
 * @returns The text.
 * @throws {InvalidArgumentError} `invalid_argument`: not what the encoder would
 * have written for any text.
 */
export function decodeToken(token: string): string {
  if (SAFE.test(token)) return token;
  const bytes = new Uint8Array(token.length);
  let length = 0;
  for (let i = 0; i < token.length; i++) {
    if (token[i] !== "=") {
      bytes[length++] = token.charCodeAt(i);
      continue;
    }
    const hex = token.slice(i + 1, i + 3);
    if (!/^[0-9A-F]{2}$/.test(hex)) throw refuse(token);
    bytes[length++] = parseInt(hex, 16);
    i += 2;
  }
  let text: string;
  try {
    text = strictUtf8.decode(bytes.subarray(0, length));
  } catch (cause) {
    throw refuse(token, cause);
  }
  if (encodeToken(text) !== token) throw refuse(token);
  return text;
}

function isSafe(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x61 && byte <= 0x7a) || byte === 0x5f || byte === 0x2d;
}

function refuse(token: string, cause?: unknown): InvalidArgumentError {
  return new InvalidArgumentError(
    `Cannot decode a subject token that the encoder would not write: got ${
      JSON.stringify(token)
    }`,
    cause === undefined ? {} : { cause },
  );
}
