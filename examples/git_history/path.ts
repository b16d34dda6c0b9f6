/**
 * File names are bytes to git, any but NUL; actors want text. This is the map
 * between the two, without loss in either direction.
 *
 * A name in UTF-8 stays as it is, but for `\`, control characters and
 * noncharacters, which become `\xNN`. Where that is not possible (not UTF-8, or text that Unicode
 * normal form C would change, so that two names could become one actor), every
 * byte beyond ASCII is `\xNN` as well.
 */
import { createHash } from "node:crypto";
import { encodeToken } from "@flowmade/aether/event";

/** Text of a file name, in which each name of bytes has its own. */
export function textOfPath(bytes: Uint8Array): string {
  if (isPlain(bytes)) return ascii.decode(bytes);
  const text = strictUtf8(bytes);
  if (text !== undefined) {
    const escaped = text.replace(UNFIT, escape);
    if (escaped.normalize("NFC") === escaped) return escaped;
  }
  let escaped = "";
  for (const byte of bytes) {
    escaped += byte < 0x20 || byte > 0x7e || byte === BACKSLASH
      ? hex(byte)
      : String.fromCharCode(byte);
  }
  return escaped;
}

/** The bytes of a file name from the text that {@link textOfPath} made. */
export function pathOfText(text: string): Uint8Array {
  const parts = text.split(/\\x([0-9a-f]{2})/);
  const bytes: number[] = [];
  parts.forEach((part, index) => {
    if (index % 2 === 1) bytes.push(parseInt(part, 16));
    else bytes.push(...utf8.encode(part));
  });
  return Uint8Array.from(bytes);
}

/**
 * The actor's key for a file: its name, or a digest where the name is too long
 * for an actor id. A digest starts with `\h`, which no name's text does.
 */
export function keyOfPath(text: string): string {
  if (encodeToken(text).length <= LONGEST_KEY) return text;
  return "\\h" + createHash("sha256").update(text).digest("hex");
}

/** The escape's own sign, and what an actor id may not hold. */
const UNFIT = /[\\\p{Control}\p{Noncharacter_Code_Point}]/gu;
const LONGEST_KEY = 128;
const BACKSLASH = 0x5c;
const utf8 = new TextEncoder();
const ascii = new TextDecoder("latin1");
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function isPlain(bytes: Uint8Array): boolean {
  for (const byte of bytes) {
    if (byte < 0x20 || byte > 0x7e || byte === BACKSLASH) return false;
  }
  return true;
}

function strictUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

function escape(character: string): string {
  return Array.from(utf8.encode(character), hex).join("");
}

function hex(byte: number): string {
  return "\\x" + byte.toString(16).padStart(2, "0");
}
