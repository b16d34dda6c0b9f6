/**
 * Whether this node's wall clock is right, by that of the server.
 *
 * The cluster itself goes by monotonic clocks only. But timers are due by the wall
 * clock of the node that sets them, and ids tell when they were made: one that was
 * made more than a minute ahead is looked for in too little of the log. So whoever
 * runs a node has to hear of it.
 *
 * Each renewal of the node's record is a measurement: it was stored after it was
 * begun, and is heard of after it was stored.
 */
import type { Clock } from "../event/mod.ts";
import type { ClusterLog } from "./types.ts";

/** Compares clocks. */
export class WallClock {
  readonly #clock: Clock;
  readonly #node: string;
  readonly #log: ClusterLog;
  #written: { readonly revision: number; readonly began: number } | undefined;
  #heard:
    | { readonly revision: number; readonly at: number; readonly now: number }
    | undefined;
  #isWrong = false;

  /** Tells a node's log. */
  constructor(clock: Clock, node: string, log: ClusterLog) {
    this.#clock = clock;
    this.#node = node;
    this.#log = log;
  }

  /** A write was stored that had been begun at a time of this clock. */
  written(revision: number, began: number): void {
    this.#written = { revision, began };
    this.#compare();
  }

  /** The server tells of a write, and when it stored that. */
  heard(revision: number, at: number | undefined): void {
    if (at === undefined || Number.isNaN(at)) return;
    this.#heard = { revision, at, now: this.#clock.now() };
    this.#compare();
  }

  // Either may come first.
  #compare(): void {
    const [written, heard] = [this.#written, this.#heard];
    if (written === undefined || written.revision !== heard?.revision) return;
    // At least so far: how long the ways took is not known.
    const ahead = written.began - heard.at;
    const behind = heard.at - heard.now;
    const isWrong = Math.max(ahead, behind) > MOST;
    if (isWrong === this.#isWrong) return;
    this.#isWrong = isWrong;
    const node = this.#node;
    if (!isWrong) {
      this.#log({
        level: "info",
        message: "a node's clock is right again",
        node,
      });
      return;
    }
    this.#log({
      level: "warn",
      message: "a node's clock differs from that of its server",
      node,
      ...(ahead > behind ? { ahead } : { behind }),
    });
  }
}

/** Milliseconds by which a clock may be wrong, half of what ids may be made ahead. */
const MOST = 30_000;
