/**
 * Backup and restore of a stream by the server's own API, as the `nats` CLI does it:
 * chunks of an archive that the server makes, and reads again. So that a test can
 * see what happens while a backup is under way.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Msg } from "@nats-io/nats-core";
import type { Connection } from "../../nats/mod.ts";

/** What is in a stream. */
interface StreamState {
  readonly messages: number;
  readonly last_seq: number;
}

/** A stream as it was when its backup began, but for what went before its turn came. */
export interface StreamBackup {
  /** Its name. */
  readonly stream: string;
  /** How it is configured. */
  readonly config: unknown;
  /** What was in it when the backup began. */
  readonly state: StreamState;
  /** The archive. */
  readonly chunks: readonly Uint8Array[];
}

/**
 * Has the server make a copy of a stream, with its consumers.
 *
 * @param during Runs when the copy has begun. Until it ends, a chunk a second is taken
 * from the server, which gets no further than its buffers: some megabytes.
 */
export async function backUpStream(
  nc: Connection,
  stream: string,
  during: () => Promise<void> = () => Promise.resolve(),
): Promise<StreamBackup> {
  const chunks: Uint8Array[] = [];
  let isHeld = true;
  let last: Msg | undefined;
  const more = () => {
    last?.respond();
    last = undefined;
  };
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  promise.catch(() => {}); // awaited below, where it comes to that
  // It would give up after 5 s without an answer.
  const trickle = setInterval(() => isHeld && more(), 1_000);
  const subject = `_INBOX_backup.${stream}`;
  const subscription = nc.subscribe(subject, {
    callback: (error, msg) => {
      if (error !== null) return reject(error);
      if (msg.data.length > 0) {
        chunks.push(new Uint8Array(msg.data));
        last = msg;
        if (!isHeld) more();
        return;
      }
      // Of less than a chunk the server says nothing at the end.
      const { code = 204, description } = msg.headers ?? {};
      if (code === 204) resolve();
      else reject(new Error(`the backup has ended: ${code} ${description}`));
    },
  });
  try {
    const { config, state } = await call<
      Pick<StreamBackup, "config" | "state">
    >(
      nc,
      `$JS.API.STREAM.SNAPSHOT.${stream}`,
      // One chunk at a time.
      { deliver_subject: subject, chunk_size: CHUNK, window_size: CHUNK },
    );
    await during();
    isHeld = false;
    more();
    await promise;
    return { stream, config, state, chunks };
  } finally {
    clearInterval(trickle);
    subscription.unsubscribe();
  }
}

/**
 * Has a server make a stream of a copy.
 *
 * @returns What is in it: fewer messages than when the backup began where some went
 * before their turn came.
 */
export async function restoreStream(
  nc: Connection,
  { chunks, config, state, stream }: StreamBackup,
): Promise<StreamState> {
  const { deliver_subject: subject } = await call<{ deliver_subject: string }>(
    nc,
    `$JS.API.STREAM.RESTORE.${stream}`,
    { config, state },
  );
  for (const chunk of chunks) {
    const reply = await nc.request(subject, chunk, { timeout: TIMEOUT });
    assert.equal(reply.data.length, 0, reply.string());
  }
  const restored = await call<{ state: StreamState }>(nc, subject);
  return restored.state;
}

async function call<T>(
  nc: Connection,
  subject: string,
  body?: unknown,
): Promise<T> {
  const text = body === undefined ? "" : JSON.stringify(body);
  const reply = await nc.request(subject, text, { timeout: TIMEOUT });
  const answer = reply.json<T & { error?: unknown }>();
  assert.equal(answer.error, undefined, JSON.stringify(answer.error));
  return answer;
}

const CHUNK = 65_536;
const TIMEOUT = 10_000;
