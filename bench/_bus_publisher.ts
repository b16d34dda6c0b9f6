/**
 * What a server republishes, sent by a process of its own, so that the bench's
 * process only receives. Takes the server's URL; asked on `bench.bus` with a
 * {@link Burst}, it answers when the server has all of it. Runs until its
 * standard input ends.
 *
 * @module
 */
import { connect } from "@nats-io/transport-node";
import process from "node:process";

/** Messages to be sent. */
export interface Burst {
  readonly subject: string;
  /** The header block, with `SEQUENCE` where each message's own goes. */
  readonly headers: string;
  readonly body: string;
  /** The first one's sequence. */
  readonly first: number;
  readonly count: number;
}

if (import.meta.main) {
  const nc = await connect({ servers: process.argv[2]! });
  const utf8 = new TextEncoder();
  nc.subscribe("bench.bus", {
    callback: (_error, msg) =>
      void (async () => {
        const { body, count, first, headers, subject } = msg.json<Burst>();
        const data = utf8.encode(body);
        for (let i = 0; i < count; i++) {
          const block = utf8.encode(
            headers.replaceAll("SEQUENCE", String(first + i)),
          );
          const encoded = { encode: () => block } as unknown as NonNullable<
            typeof msg.headers
          >;
          nc.publish(subject, data, { headers: encoded });
        }
        await nc.flush();
        msg.respond();
      })(),
  });
  await nc.flush();
  console.log("ready");
  for await (const _ of process.stdin) { /* until it ends */ }
  await nc.close();
}
