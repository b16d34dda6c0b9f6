/**
 * Headers of a received message, looked up in the text as it came. The client
 * builds a map of normalised names first, which for the ten headers of a stored
 * commit costs more than parsing the event.
 */
import type { Msg } from "@nats-io/nats-core";

/** The headers of one message, read on demand. */
export class RawHeaders {
  /** Reads a header block: `NATS/1.0`, perhaps a status, then `name: value` lines. */
  constructor(readonly text: string) {}

  /** The headers of a message; none where it has none. */
  static of(msg: Msg): RawHeaders {
    const { data } = msg;
    // Headers stand right before the payload in the same buffer.
    const size = (msg as { size?: () => number }).size?.() ?? 0;
    const length = size - msg.subject.length - (msg.reply?.length ?? 0) -
      data.length;
    const start = data.byteOffset - length;
    if (length >= MAGIC.length && start >= 0) {
      const text = utf8.decode(new Uint8Array(data.buffer, start, length));
      if (text.startsWith(MAGIC)) return new RawHeaders(text);
    }
    return RawHeaders.fromClient(msg);
  }

  /** The slow way, by the client's own reading, for a client that keeps them elsewhere. */
  static fromClient(msg: Msg): RawHeaders {
    const headers = msg.headers;
    if (headers === undefined) return new RawHeaders(`${MAGIC}\r\n\r\n`);
    let text = headers.code > 0
      ? `${MAGIC} ${headers.code} ${headers.description}`
      : MAGIC;
    for (const [name, values] of headers) {
      for (const value of values) text += `\r\n${name}: ${value}`;
    }
    return new RawHeaders(text + "\r\n\r\n");
  }

  /** The first value of a header, exactly so spelled; empty where there is none. */
  get(name: string): string {
    return this.#valueAt(this.text.indexOf(`\r\n${name}:`), name);
  }

  /** As {@link RawHeaders.get}, but the last value: what the server itself has added. */
  last(name: string): string {
    return this.#valueAt(this.text.lastIndexOf(`\r\n${name}:`), name);
  }

  /** The status, such as 404; 0 for an ordinary message. */
  get status(): number {
    const code = this.text.slice(MAGIC.length + 1, MAGIC.length + 4);
    return /^\d{3}$/.test(code) && this.text[MAGIC.length] === " "
      ? Number(code)
      : 0;
  }

  #valueAt(at: number, name: string): string {
    if (at < 0) return "";
    const start = at + name.length + 3;
    return this.text.slice(start, this.text.indexOf("\r\n", start)).trim();
  }
}

const MAGIC = "NATS/1.0";
const utf8 = new TextDecoder();
