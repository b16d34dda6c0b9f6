/**
 * The raw side of a write: what a plain client sends so that the same bytes and
 * headers are stored as by Aether. What Aether stored is read back and serves as
 * the pattern, so that the two cannot drift apart unnoticed.
 */
import { jetstreamManager } from "@nats-io/jetstream";
import type { Event } from "../event/mod.ts";
import type { Connection } from "../nats/mod.ts";

/**
 * Data of an event, about 200 bytes of JSON; made beforehand, as it is the
 * caller's and not a part of storing it.
 */
export function orderData(n: number): ReturnType<typeof makeOrder> {
  return ORDERS[n % ORDERS.length]!;
}

/** A stored message as a plain client would have to send it. */
export interface Pattern {
  readonly body: Uint8Array;
  /** Without the expectation, which differs each time. */
  readonly headers: ReadonlyMap<string, string>;
  /** Bytes of the header block as stored. */
  readonly headerBytes: number;
}

/** Reads a subject's last message. */
export async function readPattern(
  nc: Connection,
  stream: string,
  subject: string,
): Promise<Pattern> {
  const jsm = await jetstreamManager(nc);
  const stored = await jsm.streams.getMessage(stream, {
    last_by_subj: subject,
  });
  if (stored === null) throw new Error(`No message on ${subject}`);
  const found = new Map<string, string>();
  for (const [name, values] of stored.header) found.set(name, values[0]!);
  const headerBytes = stored.header.toString().length;
  found.delete(EXPECTED);
  return { body: stored.data, headers: found, headerBytes };
}

/** Fails unless two stored messages are of one size, but for the digits of sequences. */
export function assertSameSize(aether: Pattern, raw: Pattern): void {
  const body = Math.abs(aether.body.length - raw.body.length);
  const head = Math.abs(aether.headerBytes - raw.headerBytes);
  if (body > 4 + aether.body.length / 200 || head > 12) {
    throw new Error(
      `The raw client stores other bytes than Aether: bodies of ${aether.body.length} and ` +
        `${raw.body.length}, headers of ${aether.headerBytes} and ${raw.headerBytes}`,
    );
  }
}

/** A commit's body by nothing but `JSON.stringify`. */
export function plainBody(
  namespace: string,
  events: readonly Event[],
): Uint8Array {
  const plain = events.map((event) => ({
    specversion: "1.0",
    id: event.id,
    type: event.eventType,
    source: `/aether/${namespace}`,
    subject: event.actorId,
    time: event.timestamp.toISOString(),
    actorversion: event.version,
    datacontenttype: "application/json",
    data: event.data,
  }));
  return utf8.encode(JSON.stringify(plain.length === 1 ? plain[0] : plain));
}

const EXPECTED = "Nats-Expected-Last-Subject-Sequence";
const utf8 = new TextEncoder();

function makeOrder(n: number) {
  return {
    orderId: `o-${String(n).padStart(6, "0")}`,
    customer: "c-918273",
    currency: "EUR",
    total: 129.9,
    lines: [
      { sku: "SKU-00017", title: "A wooden chair", quantity: 2 },
      { sku: "SKU-04711", title: "A lamp", quantity: 1 },
    ],
    note: "leave it with the neighbours",
  };
}

const ORDERS = Array.from({ length: 1_000 }, (_, n) => makeOrder(n));
