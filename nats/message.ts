/**
 * A received message, taken apart for less than by the client, which cuts headers
 * and body out anew each time they are asked for, and builds a map of normalised
 * names first: for the ten headers of a stored commit, that costs more than
 * parsing the event. Here the bytes of headers and body become text at one go, and
 * headers are looked up in it as it came.
 */
import type { Msg } from "@nats-io/nats-core";
import { CommitHeader } from "../event/mod.ts";

/** The headers of one message, read on demand. */
export class RawHeaders {
  /** Where they stand in the usual order; null where they do not. */
  #usual: RegExpExecArray | null | undefined;

  /** Reads a header block: `NATS/1.0`, perhaps a status, then `name: value` lines. */
  constructor(readonly text: string) {}

  /** The headers of a message; none where it has none. */
  static of(msg: Msg): RawHeaders {
    return new Received(msg).headers;
  }

  /** The slow way, by the client's own reading, for a client that keeps them elsewhere. */
  static fromClient(msg: Msg): RawHeaders {
    let headers: Msg["headers"];
    try {
      headers = msg.headers;
    } catch {
      // The client refuses names that are none; the server lets them pass.
    }
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
    const group = WRITTEN.get(name);
    return (group === undefined ? undefined : this.#commit()?.[group]) ??
      this.#valueAt(this.text.indexOf(`\r\n${name}:`), name);
  }

  /**
   * What the server has added to a stored message under a name, behind what its
   * writer may have forged; empty where it has not.
   */
  added(name: string): string {
    const group = ADDED.get(name);
    const value = group === undefined ? undefined : this.#commit()?.[group];
    if (value !== undefined) return value;
    const { text } = this;
    let block = -1;
    // Forward, again and again: engines look backward ten times as slowly.
    for (
      let at = text.indexOf(BLOCK);
      at >= 0;
      at = text.indexOf(BLOCK, at + 1)
    ) block = at;
    if (block < 0) return "";
    // It begins a line, unless the writer's last one had no end.
    if (name === "Nats-Stream") return valueOf(text, block + BLOCK.length);
    return this.#valueAt(text.indexOf(`\r\n${name}:`, block), name);
  }

  /** Whether it lies in a stream, whatever its writer has made of its headers. */
  get isStored(): boolean {
    return this.added("Nats-Stream") !== "";
  }

  /** The status, such as 404; 0 for an ordinary message. */
  get status(): number {
    if (!this.text.startsWith(`${MAGIC} `)) return 0;
    const code = this.text.slice(MAGIC.length + 1, MAGIC.length + 4);
    return /^\d{3}$/.test(code) ? Number(code) : 0;
  }

  #commit(): RegExpExecArray | null {
    if (this.#usual === undefined) this.#usual = USUAL.exec(this.text);
    return this.#usual;
  }

  #valueAt(at: number, name: string): string {
    return at < 0 ? "" : valueOf(this.text, at + name.length + 3);
  }
}

function valueOf(text: string, start: number): string {
  const end = text.indexOf("\r\n", start);
  return text.slice(start, end < 0 ? undefined : end).trim();
}

/** A received message; each part of it is read when it is asked for, and once. */
export class Received {
  /** As the client gave it. */
  readonly msg: Msg;
  #headers: RawHeaders | undefined;
  #text: string | undefined;
  #data: Uint8Array | undefined;
  #isRead = false;

  /** Wraps a message, and reads nothing of it yet. */
  constructor(msg: Msg) {
    this.msg = msg;
  }

  /** Where it was sent to. */
  get subject(): string {
    return this.msg.subject;
  }

  /** Its headers; none where it has none. */
  get headers(): RawHeaders {
    if (!this.#isRead) this.#read();
    return this.#headers!;
  }

  /**
   * Its body as text, where that came with the headers; absent where they had to
   * be read by themselves, or where it might not be UTF-8.
   */
  get text(): string | undefined {
    if (!this.#isRead) this.#read();
    return this.#text;
  }

  /** Bytes of its headers and its body. */
  get size(): number {
    const { _rdata } = this.msg as unknown as ClientMsg;
    return _rdata?.length ?? this.headers.text.length + this.data.length;
  }

  /** Its body. */
  get data(): Uint8Array {
    this.#data ??= this.msg.data;
    return this.#data;
  }

  #read(): void {
    this.#isRead = true;
    const { _msg, _rdata } = this.msg as unknown as ClientMsg;
    const size = _msg?.hdr;
    if (size === -1) {
      this.#headers = NONE;
      return;
    }
    if (typeof size !== "number" || !(_rdata instanceof Uint8Array)) {
      this.#headers = RawHeaders.fromClient(this.msg);
      return;
    }
    const whole = utf8.decode(_rdata);
    // So many bytes are as many characters where all of them are ASCII; where the
    // first blank line ends the block, those before it are.
    const isSplit = whole.length === _rdata.length ||
      (whole.indexOf(END) === size - END.length && endsBlock(_rdata, size));
    const head = isSplit
      ? whole.slice(0, size)
      : utf8.decode(_rdata.subarray(0, size));
    this.#headers = new RawHeaders(head);
    // Broken UTF-8 decodes to U+FFFD; so may what is not broken, and is asked again.
    if (isSplit && !whole.includes("\ufffd")) this.#text = whole.slice(size);
  }
}

/** Where nats.js 3.4 keeps the bytes; elsewhere they are had the slow way. */
interface ClientMsg {
  readonly _msg?: { readonly hdr?: number };
  readonly _rdata?: Uint8Array;
}

const MAGIC = "NATS/1.0";
const END = "\r\n\r\n";
const NONE = new RawHeaders(`${MAGIC}${END}`);
const utf8 = new TextDecoder();
/** Begins what the server adds. No value behind it has a space, so it is the last one. */
const BLOCK = "Nats-Stream: ";

/**
 * The whole header block of a commit as the store writes it, perhaps with what the
 * server adds at the end when it republishes it or answers a direct get. To match
 * it at one go costs half of what it does to look for each name; no name that is
 * read out of it can stand there twice.
 */
const USUAL = new RegExp(
  "^NATS/1\\.0\r\n(?:Nats-Expected-Last-Subject-Sequence: \\d+\r\n)?" +
    "Aether-Commit: (\\S+)\r\ncontent-type: (\\S+)\r\n(?:(?:Aether|Nats-Batch)-[^\r]*\r\n)*" +
    "(?:Nats-Stream: (\\S+)\r\nNats-Subject: (\\S+)\r\nNats-Sequence: (\\d+)\r\n" +
    "Nats-Time-Stamp: (\\S+)\r\n(?:Nats-Num-Pending: (\\d+)\r\n)?" +
    "Nats-Last-Sequence: (\\d+)\r\n)?\r\n$",
);
/** The groups of what the writer of a commit says. */
const WRITTEN: ReadonlyMap<string, number> = new Map([
  [CommitHeader.commit, 1],
  [CommitHeader.contentType, 2],
]);
/** The groups of what the server adds. */
const ADDED: ReadonlyMap<string, number> = new Map([
  ["Nats-Stream", 3],
  ["Nats-Subject", 4],
  ["Nats-Sequence", 5],
  ["Nats-Time-Stamp", 6],
  ["Nats-Num-Pending", 7],
  ["Nats-Last-Sequence", 8],
]);

function endsBlock(bytes: Uint8Array, size: number): boolean {
  return bytes[size - 4] === 13 && bytes[size - 3] === 10 &&
    bytes[size - 2] === 13 && bytes[size - 1] === 10;
}
