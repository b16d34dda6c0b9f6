/**
 * How any text becomes one token of a NATS subject and back. `[A-Za-z0-9_-]`
 * stay; every other byte of the UTF-8 is `=XX` in upper-case hex. The mapping is
 * one to one in both directions: a token that decodes but would be written
 * otherwise is refused, as two spellings would be two consistency domains.
 */
import { show } from "./_show.ts";
import { InvalidArgumentError } from "./errors.ts";

const SAFE = /^[A-Za-z0-9_-]*$/;
const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Encodes text as one subject token.
 *
 * @param text Well-formed Unicode; may be empty.
 * @returns Characters of `[A-Za-z0-9_=-]` only.
 * @throws {InvalidArgumentError} `invalid_argument`: a lone surrogate.
 */
export function encodeToken(text: string): string {
  if (SAFE.test(text)) return text;
  if (!text.isWellFormed()) {
    // UTF-8 has no bytes for it: the encoder would merge all of them into U+FFFD.
    throw new InvalidArgumentError(
      `Cannot encode text with a lone surrogate as a subject token: got ${
        show(text)
      }`,
    );
  }
  let token = "";
  for (const byte of utf8.encode(text)) token += TOKEN_OF_BYTE[byte]!;
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

const TOKEN_OF_BYTE: readonly string[] = Array.from({ length: 256 }, (_, b) => {
  const char = String.fromCharCode(b);
  return SAFE.test(char)
    ? char
    : "=" + b.toString(16).toUpperCase().padStart(2, "0");
});

function refuse(token: string, cause?: unknown): InvalidArgumentError {
  return new InvalidArgumentError(
    `Cannot decode a subject token that the encoder would not write: got ${
      show(token)
    }`,
    cause === undefined ? {} : { cause },
  );
}
