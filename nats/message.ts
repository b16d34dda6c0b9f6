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
    const { _msg, _rdata } = msg as unknown as ClientMsg;
    if (_msg?.hdr === -1) return NONE;
    if (typeof _msg?.hdr === "number" && _rdata instanceof Uint8Array) {
      const text = utf8.decode(_rdata.subarray(0, _msg.hdr));
      if (text.startsWith(MAGIC)) return new RawHeaders(text);
    }
    return RawHeaders.fromClient(msg);
  }

  /** The slow way, by the client's own reading, for a client that keeps them elsewhere. */
  static fromClient(msg: Msg): RawHeaders {
    const headers = msg.headers;
    if (headers === undefined) return NONE;
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

  /** What the server has added to a stored message; empty where it has not. */
  added(): RawHeaders {
    const at = this.text.lastIndexOf("\r\nNats-Stream:");
    return at < 0 ? NONE : new RawHeaders(this.text.slice(at));
  }

  /** The status, such as 404; 0 for an ordinary message. */
  get status(): number {
    if (this.text.charCodeAt(MAGIC.length) !== 0x20) return 0;
    const code = this.text.slice(MAGIC.length + 1, MAGIC.length + 4);
    return /^\d{3}$/.test(code) ? Number(code) : 0;
  }

  #valueAt(at: number, name: string): string {
    if (at < 0) return "";
    const start = at + name.length + 3;
    return this.text.slice(start, this.text.indexOf("\r\n", start)).trim();
  }
}

/** Where nats.js 3.4 keeps the bytes; elsewhere they are had the slow way. */
interface ClientMsg {
  readonly _msg?: { readonly hdr?: number };
  readonly _rdata?: Uint8Array;
}

const MAGIC = "NATS/1.0";
const NONE = new RawHeaders(`${MAGIC}\r\n\r\n`);
const utf8 = new TextDecoder();
