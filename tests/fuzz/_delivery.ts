/** A message as it comes out of a stream, by the real client's classes, with no server. */
import { Buffer } from "node:buffer";
import type { Msg } from "@nats-io/nats-core";
import { MsgImpl } from "@nats-io/nats-core/internal";
import { systemClock } from "../../event/mod.ts";
import {
  Deadline,
  JetStreamApi,
  type Link,
  type StoredMessage,
} from "../../nats/mod.ts";
import type { Specimen } from "./_specimens.ts";

/** Where the server put it. */
export const SEQUENCE = 42;
const AT = "2026-01-02T03:04:05.006Z";
const STREAM = "AETHER=EV=shop";

/** A received message, as the client makes it of what came over the wire. */
export function received(
  subject: string,
  headers: Uint8Array | undefined,
  body: Uint8Array,
  reply = "",
): Msg {
  const hdr = headers === undefined ? -1 : headers.length;
  const bytes = headers === undefined ? body : Buffer.concat([headers, body]);
  const head = {
    subject: Buffer.from(subject),
    reply: Buffer.from(reply),
    sid: 1,
    hdr,
    size: bytes.length,
  };
  return new MsgImpl(
    head as never,
    Uint8Array.from(bytes),
    undefined as never,
  ) as Msg;
}

/** What a replica answers to a direct read: the headers, with the server's own behind. */
export async function direct(specimen: Specimen): Promise<StoredMessage> {
  const { body, headers, subject } = specimen;
  const added = `Nats-Stream: ${STREAM}\r\nNats-Subject: ${subject}\r\n` +
    `Nats-Sequence: ${SEQUENCE}\r\nNats-Time-Stamp: ${AT}\r\n\r\n`;
  // The server takes the last line break for the end of the block, whatever it is.
  const block = Buffer.concat([
    headers.subarray(0, Math.max(0, headers.length - 2)),
    Buffer.from(added),
  ]);
  const api = answering(() => received("_INBOX.x.1", block, body));
  return (await api.directAt(STREAM, SEQUENCE, deadline()))!;
}

/** What the stream's leader answers: JSON. */
export async function fromLeader(specimen: Specimen): Promise<StoredMessage> {
  const { body, headers, subject } = specimen;
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  const answer = JSON.stringify({
    message: {
      subject,
      seq: SEQUENCE,
      hdrs: base64(headers),
      data: base64(body),
      time: AT,
    },
  });
  const api = answering(() =>
    received("_INBOX.x.1", undefined, Buffer.from(answer))
  );
  return (await api.at(STREAM, SEQUENCE, deadline()))!;
}

function answering(answer: () => Msg): JetStreamApi {
  const request = () => Promise.resolve(answer());
  return new JetStreamApi({ request } as unknown as Link);
}

function deadline(): Deadline {
  return new Deadline(systemClock, 1_000);
}
