/** Headers as they travel: written once, as bytes, without the client's normalising. */
import { InvalidArgumentError } from "../event/mod.ts";

/** Header names and values; `undefined` is left out. */
export type HeaderRecord = Readonly<Record<string, string | undefined>>;

const utf8 = new TextEncoder();

/**
 * Writes a header block.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: a value holds a line break.
 */
export function encodeHeaders(headers: HeaderRecord): Uint8Array {
  let text = "NATS/1.0\r\n";
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined) continue;
    if (value.includes("\n") || value.includes("\r")) {
      throw new InvalidArgumentError(
        `Cannot send a header whose value holds a line break: ${name} is ${
          JSON.stringify(value)
        }`,
      );
    }
    text += `${name}: ${value}\r\n`;
  }
  return utf8.encode(text + "\r\n");
}
