/**
 * Where projections keep what they have made: a port with two sides, one on a
 * server and one in this process. One document an item, replaced by compare and
 * swap. A document says up to which sequence of the log it has seen its events;
 * so an event that comes again changes nothing, whoever folds it.
 */
import {
  CorruptLogError,
  InvalidArgumentError,
  parseJson,
} from "../event/mod.ts";
import type { CallOptions } from "./types.ts";

/** Which projection, and which version of its handlers. */
export interface ViewName {
  /** The projection's name. */
  readonly name: string;
  /** The version of its handlers. */
  readonly version: number;
}

/** The last event that was folded: where reading goes on. */
export interface Mark {
  readonly id: string;
  readonly actorId: string;
  readonly version: number;
  readonly sequence: number;
  readonly commitId: string;
}

/** What a document holds, as it is stored. */
export interface Content {
  /** All events of the document up to here are in it. */
  readonly sequence: number;
  /** Where reading goes on; only where the document is a checkpoint too. */
  readonly after?: Mark;
  /** The document; absent where there is none. */
  readonly value?: unknown;
}

/**
 * Reads what was stored under an item.
 *
 * @param subject Where it was found, for the message.
 * @throws {CorruptLogError} `corrupt_log`: nothing that a projection stores.
 */
export function decodeContent(data: Uint8Array, subject: string): Content {
  let content: unknown;
  try {
    content = parseJson(strictUtf8.decode(data));
  } catch (cause) {
    throw notContent(subject, cause);
  }
  if (!isContent(content)) throw notContent(subject);
  return content;
}

function isContent(value: unknown): value is Content {
  if (typeof value !== "object" || value === null) return false;
  const { after, sequence } = value as Record<string, unknown>;
  return isCount(sequence) && (after === undefined || isMark(after));
}

function isMark(value: unknown): value is Mark {
  const { actorId, commitId, id, sequence, version } = (value ?? {}) as Record<
    string,
    unknown
  >;
  return typeof id === "string" && typeof actorId === "string" &&
    typeof commitId === "string" && isCount(sequence) && isCount(version);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function notContent(subject: string, cause?: unknown): CorruptLogError {
  return new CorruptLogError(
    `Cannot read ${subject} as it is nothing that a projection stores: raise the projection's version, or remove it`,
    { ...(cause === undefined ? {} : { cause }), details: { subject } },
  );
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

/** What is stored under an item. */
export interface Kept extends Content {
  /** For the next write that expects exactly this. */
  readonly revision: number;
}

/** Keeps the documents of a namespace's projections. */
export interface ViewStore {
  /** Reads an item; what was acknowledged before is seen. */
  read(
    view: ViewName,
    item: string,
    options?: CallOptions,
  ): Promise<Kept | undefined>;
  /**
   * Replaces an item, until that is known to be done or refused.
   *
   * @param expected The revision that has to be there, 0 for none.
   * @returns The new revision; undefined where another was there.
   * @throws {PayloadTooLargeError} `payload_too_large`: larger than the server takes.
   */
  write(
    view: ViewName,
    item: string,
    content: Content,
    expected: number,
  ): Promise<number | undefined>;
  /** All documents of a view; what changes meanwhile may come in either state. */
  list(
    view: ViewName,
    options?: CallOptions,
  ): AsyncIterable<{ readonly key: string; readonly value: unknown }>;
  /** The versions of a projection that are there, rising. */
  versions(name: string): Promise<number[]>;
  /** Removes all that a view has stored. */
  remove(view: ViewName): Promise<void>;
  /** The id of the commit at a sequence of the log; undefined where there is none. */
  commitAt(sequence: number): Promise<string | undefined>;
  /** The last sequence of the log, or of its commits of one actor type; 0 for none. */
  end(type: string | undefined, options?: CallOptions): Promise<number>;
}

/** The item that says how far a projection has got. */
export const STATE = "state";
/** The item of the one document. */
export const ONE = "view";
/** First characters of the item of a key. */
export const OF = "of-";

/**
 * Checks how long a call may take.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: not 1 to 300,000 ms.
 */
export function checkTimeout(action: string, timeout: number): number {
  if (timeout >= 1 && timeout <= 300_000) return timeout;
  throw new InvalidArgumentError(
    `${action} as a timeout is 1 to 300000 ms: got ${timeout}`,
  );
}
