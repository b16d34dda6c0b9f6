/**
 * Replacing the one message a subject holds, in a stream that keeps one message a
 * subject: the compare and swap under everything that must have one line of writes.
 */
import { StoreUnavailableError } from "../event/mod.ts";
import type { Deadline } from "./deadline.ts";
import { ApiCode, Fault } from "./fault.ts";
import type { JetStreamApi } from "./jetstream_api.ts";

/** What is to be written, and where. */
export interface Replacement {
  /** The stream; it keeps one message a subject. */
  readonly stream: string;
  /** The subject. */
  readonly subject: string;
  /** The new text; absent to remove what is there. */
  readonly text: string | undefined;
  /** The revision that has to be there, 0 for none; absent for any. */
  readonly expected: number | undefined;
}

/**
 * Writes until what is written is known to be there, or to be refused. Where an
 * answer was lost the same message is sent again; refused, what is there is read:
 * the same text behind the expected revision is this very write.
 *
 * @returns The revision; undefined where another was there.
 */
export async function replaceMessage(
  api: JetStreamApi,
  { expected, stream, subject, text }: Replacement,
  deadline: Deadline,
): Promise<number | undefined> {
  const { link } = api;
  const body = utf8.encode(text ?? "");
  const headers = {
    "Nats-Expected-Last-Subject-Sequence": expected === undefined
      ? undefined
      : String(expected),
    // A removal is a message that removes itself.
    "Nats-TTL": text === undefined ? "1s" : undefined,
  };
  for (let delay = 20;; delay = Math.min(500, delay * 2)) {
    let loose = false;
    let problem: unknown;
    try {
      await link.ready(deadline.left, deadline.signal);
      const ack = await api.publish(
        subject,
        body,
        headers,
        deadline,
        deadline.attempt(2_000),
      );
      if (ack.ok) return ack.sequence;
      const { code, description, err_code } = ack.error;
      if (err_code === ApiCode.wrongLastSequence) {
        // Perhaps by an earlier copy of this very write.
        const found = await api.last(stream, subject, deadline);
        const same = found !== undefined &&
          found.sequence > (expected ?? 0) &&
          text !== undefined && decoder.decode(found.data) === text;
        return same ? found.sequence : undefined;
      }
      problem = new StoreUnavailableError(
        `Cannot write ${subject} as the server refused: ${description} (${err_code})`,
      );
      if (
        code !== 503 && err_code !== ApiCode.wrongLastSequenceInFlight &&
        err_code !== ApiCode.duplicateInFlight
      ) throw problem;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const { kind } = error;
      if (kind === "permission" || kind === "closed" || kind === "too_large") {
        throw error;
      }
      problem = error;
      loose = error.sent;
    }
    if (deadline.left <= delay) throw problem;
    await deadline.pause(loose ? 0 : delay);
  }
}

const utf8 = new TextEncoder();
const decoder = new TextDecoder();
