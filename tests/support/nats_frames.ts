/**
 * Cuts a NATS protocol stream into whole frames, whatever the chunks it comes
 * in. A frame is a line up to CR LF; `PUB` and `MSG` (and `HPUB` and `HMSG`,
 * with headers) are followed by as many bytes as the end of the line says, and
 * a CR LF.
 *
 * Source: {@link https://docs.nats.io/reference/reference-protocols/nats-protocol | NATS client protocol}.
 *
 * @module
 */

/** The part of a frame that carries a message. */
export interface FrameMessage {
  /** Subject it is published to. */
  readonly subject: string;
  /** Subject for the answer, if one is wanted. */
  readonly reply?: string;
  /** Headers as sent, with the status line; absent when there are none. */
  readonly headers?: string;
  /** Body without headers. */
  readonly payload: Uint8Array;
}

/** One frame: its bytes, and the message if it has one. */
export interface Frame {
  /** All bytes, to be passed on unchanged. */
  readonly bytes: Uint8Array;
  /** Upper-case verb such as `PUB`, `MSG`, `PING`. */
  readonly verb: string;
  /** Present for PUB, HPUB, MSG and HMSG. */
  readonly message?: FrameMessage;
}

const CR = 13;
const LF = 10;
const decoder = new TextDecoder();

/** Gathers chunks of one direction of one connection. */
export class FrameParser {
  #rest: Uint8Array = new Uint8Array(0);

  /** Frames that are whole now that `chunk` has come. */
  feed(chunk: Uint8Array): Frame[] {
    this.#rest = this.#rest.length === 0 ? chunk : joined(this.#rest, chunk);
    const frames: Frame[] = [];
    for (let start = 0;;) {
      const frame = frameAt(this.#rest, start);
      if (frame === undefined) {
        this.#rest = this.#rest.slice(start);
        return frames;
      }
      frames.push(frame);
      start += frame.bytes.length;
    }
  }
}

function frameAt(bytes: Uint8Array, start: number): Frame | undefined {
  const lineEnd = endOfLine(bytes, start);
  if (lineEnd === undefined) return undefined;
  const words = decoder.decode(bytes.subarray(start, lineEnd - 2)).split(
    /[ \t]+/,
  );
  const verb = (words[0] ?? "").toUpperCase();
  if (!["PUB", "HPUB", "MSG", "HMSG"].includes(verb)) {
    return { bytes: bytes.slice(start, lineEnd), verb };
  }
  const hasHeaders = verb.startsWith("H");
  const size = Number(words.at(-1));
  const end = lineEnd + size + 2;
  if (bytes.length < end) return undefined;
  const headerSize = hasHeaders ? Number(words.at(-2)) : 0;
  // verb subject [sid, to a client] [reply] [header size] size
  const from = verb.endsWith("MSG") ? 3 : 2;
  const reply = words.slice(from, hasHeaders ? -2 : -1)[0];
  return {
    bytes: bytes.slice(start, end),
    verb,
    message: {
      subject: words[1] ?? "",
      payload: bytes.slice(lineEnd + headerSize, lineEnd + size),
      ...(reply === undefined ? {} : { reply }),
      ...(hasHeaders
        ? {
          headers: decoder.decode(
            bytes.subarray(lineEnd, lineEnd + headerSize),
          ),
        }
        : {}),
    },
  };
}

/** Index after the first CR LF from `start` on. */
function endOfLine(bytes: Uint8Array, start: number): number | undefined {
  for (
    let at = bytes.indexOf(CR, start);
    at !== -1;
    at = bytes.indexOf(CR, at + 1)
  ) {
    if (at + 1 === bytes.length) return undefined;
    if (bytes[at + 1] === LF) return at + 2;
  }
  return undefined;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}
