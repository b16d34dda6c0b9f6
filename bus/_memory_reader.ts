/** Reading a log in this process. */
import { CorruptLogError, type LoggedMessage } from "../event/mod.ts";
import type { LogReader, ReaderStart } from "./_cursor.ts";
import { Signal } from "./_signal.ts";
import type { CommitLog } from "./event_bus.ts";

/** Reads a log from a place on, and is told when there is more. */
export class MemoryReader implements LogReader {
  readonly ready: Promise<void> = Promise.resolve();
  failure: unknown;
  readonly #log: CommitLog;
  readonly #signal = new Signal();
  readonly #stop: () => void;
  readonly #since: number;
  #position: number;
  #closed = false;

  constructor(log: CommitLog, start: ReaderStart) {
    this.#log = log;
    this.#position = start === "now"
      ? log.lastSequence
      : "sequence" in start
      ? start.sequence - 1
      : 0;
    this.#since = typeof start === "object" && "time" in start
      ? start.time.getTime()
      : -Infinity;
    this.#read = this.#position <= log.lastSequence;
    this.#stop = log.onCommit(() => this.#signal.raise());
  }

  /** Whether the position was reached by the log, not only asked for. */
  #read: boolean;

  get ended(): boolean {
    return this.#closed || this.failure !== undefined;
  }

  get position(): number {
    return this.#position;
  }

  get waiting(): number {
    return Math.max(0, this.#log.lastSequence - this.#position);
  }

  take(): LoggedMessage | undefined {
    const log = this.#log;
    if (this.#read && log.lastSequence < this.#position) {
      this.failure = new CorruptLogError(
        `Cannot go on reading "${log.namespace}" behind sequence ${this.#position} as the log ends ` +
          `at ${log.lastSequence}: it was made anew`,
      );
    }
    if (this.ended) return undefined;
    while (this.#position < log.lastSequence) {
      this.#read = true;
      const message = log.at(++this.#position);
      if (message !== undefined && message.at >= this.#since) return message;
    }
    return undefined;
  }

  wait(): Promise<void> {
    return this.ended ? Promise.resolve() : this.#signal.wait();
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#stop();
    this.#signal.raise();
    return Promise.resolve();
  }
}
