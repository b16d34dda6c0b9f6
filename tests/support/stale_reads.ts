/**
 * Direct reads out of the past, as a replica answers them that is behind: a
 * message that is younger than some age is not there yet.
 *
 * @module
 */
import type { Frame, FrameMessage } from "./nats_frames.ts";
import type { ProxyRule } from "./proxy_rule.ts";
import type { TcpProxy } from "./tcp_proxy.ts";

/**
 * Lets whoever connects through a proxy read what was there `age` milliseconds ago.
 * Reads that go to a stream's leader are left as they are.
 */
export function serveStale(proxy: TcpProxy, age: number): ProxyRule {
  return proxy.rewriteReplies((message, frame) => {
    const headers = message.headers ?? "";
    // Only answers to direct reads have these headers and come to an inbox.
    if (!message.subject.startsWith("_INBOX.")) return undefined;
    const stored = header(headers, "Nats-Time-Stamp");
    if (stored === undefined || Date.now() - Date.parse(stored) >= age) {
      return undefined;
    }
    // One of several is left out, and the end of the batch follows; a single one
    // is answered as not found.
    return header(headers, "Nats-Num-Pending") === undefined
      ? notFound(message, frame)
      : NOTHING;
  });
}

function header(headers: string, name: string): string | undefined {
  return new RegExp(`^${name}:[ ]*(.*?)\\r?$`, "im").exec(headers)?.[1];
}

/** The same frame, as nats-server says that there is no such message. */
function notFound({ reply }: FrameMessage, { bytes }: Frame): Uint8Array {
  const [line = ""] = new TextDecoder().decode(bytes).split("\r\n");
  const [, subject, sid] = line.split(" ");
  const status = "NATS/1.0 404 Message Not Found\r\n\r\n";
  const where = reply === undefined ? "" : ` ${reply}`;
  return new TextEncoder().encode(
    `HMSG ${subject} ${sid}${where} ${status.length} ${status.length}\r\n${status}\r\n`,
  );
}

const NOTHING = new Uint8Array(0);
