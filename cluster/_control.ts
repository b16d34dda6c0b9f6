/**
 * Writes to the control log whose outcome is known.
 *
 * Every value is written with an id of its own, expecting a sequence. Neither a
 * time-out nor a refusal is taken for an answer: a server that led the log, was
 * frozen and has just woken up refuses from the past what the one that leads now
 * has stored. So the slot is read, the first message behind the expected one: our
 * id there, stored; another's, refused for good; empty, the identical message is
 * sent again until the deadline.
 *
 * The log keeps only the last message of a key. If ours was stored and replaced
 * before we looked, we find another's and say "refused"; for a lease and for
 * control writes that is the truth that counts.
 */
import { parseJson, StoreUnavailableError } from "../event/mod.ts";
import { faultToError, isFault } from "../nats/mod.ts";
import { isRecord } from "./_heard.ts";
import type { ClusterPorts, ControlMessage } from "./ports.ts";

/** A value of the control log. */
export interface ControlEntry {
  /** Its key. */
  readonly key: string;
  /** Its place in the log. */
  readonly revision: number;
  /** The id of the write; empty where the value has expired. */
  readonly write: string;
  /** The epoch of the leader that wrote it; 0 for none. */
  readonly epoch: number;
  /** The value; undefined where it was removed or has expired. */
  readonly value: unknown;
  /** When it was stored by the server's clock, milliseconds since 1970; if that is known. */
  readonly at?: number;
}

/** How a value is to be written. */
export interface WriteOptions {
  /** Sequence of the last message of the boundary; 0 for none. */
  readonly expected: number;
  /** What the sequence is of; the key itself by default. */
  readonly boundary?: string;
  /** The writer's epoch, for what only a leader writes. */
  readonly epoch?: number;
  /** Milliseconds after which the server removes it. */
  readonly ttl?: number;
  /** Milliseconds until it gives up; 2,000 by default. */
  readonly timeout?: number;
  /** Whether it is still to be written, looked at before each attempt; always by default. */
  readonly isWanted?: () => boolean;
}

/** The control log of a cluster, read from its leader and written with care. */
export class Control {
  readonly #ports: ClusterPorts;

  /** Works on a log. */
  constructor(ports: ClusterPorts) {
    this.#ports = ports;
  }

  /** The last entry of a key or filter. */
  async last(filter: string): Promise<ControlEntry | undefined> {
    return entryOf(await this.#patiently((t) => this.#log.last(filter, t)));
  }

  /** The last entry of every key of a filter, by revision. */
  async list(filter: string): Promise<ControlEntry[]> {
    const entries = new Map<string, ControlEntry>();
    for (let from = 1;;) {
      const found = entryOf(
        await this.#patiently((t) => this.#log.next(from, filter, t)),
      );
      if (found === undefined) return [...entries.values()];
      // What is written while this reads is met again: the later one counts.
      entries.delete(found.key);
      entries.set(found.key, found);
      from = found.revision + 1;
    }
  }

  /** Calls back with entries as they are stored, best effort. */
  watch(filter: string, onEntry: (entry: ControlEntry) => void): () => void {
    return this.#log.watch(filter, (message) => onEntry(entryOf(message)!));
  }

  /**
   * Writes a value, or with `undefined` removes it.
   *
   * @returns Its revision; undefined where the log was not as expected, or where
   * it was not wanted any more.
   * @throws {StoreUnavailableError} `store_unavailable`: it could not be known.
   */
  async write(
    key: string,
    value: unknown,
    options: WriteOptions,
  ): Promise<number | undefined> {
    const { clock, newId } = this.#ports;
    const { boundary = key, epoch = 0, expected, isWanted, timeout, ttl } =
      options;
    const write = newId();
    const body = JSON.stringify({ write, epoch, value });
    const removes = value === undefined;
    const until = clock.monotonic() + (timeout ?? 2_000);
    let refusals = 0;
    for (let pause = 10;; pause = Math.min(pause * 2, 250)) {
      if (isWanted?.() === false) return undefined;
      const left = () => Math.max(1, until - clock.monotonic());
      let problem: unknown;
      try {
        const answer = await this.#log.publish(
          { key, body, removes, expected, boundary, ttl },
          Math.min(left(), ATTEMPT),
        );
        if (answer.kind === "stored") return answer.sequence;
        refusals++;
        const slot = await this.#log.next(
          expected + 1,
          boundary,
          Math.min(left(), ATTEMPT),
        );
        if (slot !== undefined) return settle(slot, write);
        // Nothing stands behind the expected message: it has expired itself, or
        // the refusal came out of the past.
        const last = await this.#log.last(boundary, Math.min(left(), ATTEMPT));
        if ((last?.sequence ?? 0) !== expected && refusals > 1) {
          return undefined;
        }
      } catch (error) {
        problem = error;
        if (isFinal(error)) throw faultToError(error, `Cannot write ${key}`);
        const slot = await this.#log.next(
          expected + 1,
          boundary,
          Math.min(left(), ATTEMPT),
        ).catch(() => undefined);
        if (slot !== undefined) return settle(slot, write);
      }
      if (left() <= pause) throw unknown(key, problem);
      await new Promise<void>((resolve) => clock.timer(pause, resolve));
    }
  }

  get #log(): ClusterPorts["control"] {
    return this.#ports.control;
  }

  async #patiently<T>(read: (timeout: number) => Promise<T>): Promise<T> {
    const { clock } = this.#ports;
    const until = clock.monotonic() + READ;
    for (let pause = 20;; pause = Math.min(pause * 2, 250)) {
      const left = until - clock.monotonic();
      try {
        return await read(Math.max(1, Math.min(left, ATTEMPT)));
      } catch (error) {
        if (isFinal(error) || !isFault(error) || left <= pause) {
          throw faultToError(error, "Cannot read the cluster's control log");
        }
        await new Promise<void>((resolve) => clock.timer(pause, resolve));
      }
    }
  }
}

/** Reads a message of the control log; what is no JSON of ours counts as removed. */
export function entryOf(
  message: ControlMessage | undefined,
): ControlEntry | undefined {
  if (message === undefined) return undefined;
  const { at, body, key, sequence: revision } = message;
  let parsed: unknown;
  try {
    if (body !== "") parsed = parseJson(body);
  } catch { /* not one of ours */ }
  const { epoch, value, write } = isRecord(parsed) ? parsed : {};
  return {
    key,
    revision,
    write: typeof write === "string" ? write : "",
    epoch: typeof epoch === "number" ? epoch : 0,
    value,
    ...(at === undefined ? {} : { at }),
  };
}

function settle(slot: ControlMessage, write: string): number | undefined {
  return entryOf(slot)!.write === write ? slot.sequence : undefined;
}

function isFinal(error: unknown): boolean {
  return !isFault(error) ||
    isFault(error, "permission", "closed", "too_large");
}

function unknown(key: string, cause: unknown): StoreUnavailableError {
  return new StoreUnavailableError(
    `Cannot tell whether ${key} was written to the cluster's control log: no answer came in time`,
    { cause, details: { key } },
  );
}

/** Milliseconds one request may take. */
const ATTEMPT = 1_000;
/** Milliseconds a read is tried for. */
const READ = 2_000;
