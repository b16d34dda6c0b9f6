/**
 * What waits for a live subscriber, within bounds: the oldest goes first, and
 * what has gone is told as a gap in its place.
 */
import type { Item, Monitor } from "./_feed.ts";
import { Signal } from "./_signal.ts";
import type { BusEvent, Gap } from "./types.ts";

interface Entry {
  readonly item: Item;
  readonly bytes: number;
}

/** A queue of events and gaps that drops the oldest events beyond its bounds. */
export class LiveBuffer {
  readonly signal: Signal = new Signal();
  readonly #bounds: { readonly events: number; readonly bytes: number };
  readonly #monitor: Monitor;
  /** By namespace: what was dropped before the first entry that is left. */
  readonly #lost = new Map<string, Gap>();
  #entries: Entry[] = [];
  #head = 0;
  #events = 0;
  #bytes = 0;

  constructor(
    bounds: { readonly events: number; readonly bytes: number },
    monitor: Monitor,
  ) {
    this.#bounds = bounds;
    this.#monitor = monitor;
  }

  /** Events that wait. */
  get waiting(): number {
    return this.#events;
  }

  /** Puts an event at the end; `bytes` is what it was on its way. */
  push(event: BusEvent, bytes: number): void {
    this.#entries.push({ item: event, bytes });
    this.#events++;
    this.#bytes += bytes;
    // One is kept whatever its size, or it could never be delivered.
    while (
      this.#events > this.#bounds.events ||
      (this.#bytes > this.#bounds.bytes && this.#events > 1)
    ) this.#drop();
    this.signal.raise();
  }

  /** Puts a gap at the end; one right behind another is made one with it. */
  pushGap(gap: Gap): void {
    const last = this.#head < this.#entries.length
      ? this.#entries.at(-1)!.item
      : undefined;
    if (
      last !== undefined && "kind" in last && last.namespace === gap.namespace
    ) {
      this.#entries[this.#entries.length - 1] = {
        item: merged(last as Gap, gap),
        bytes: 0,
      };
    } else this.#entries.push({ item: gap, bytes: 0 });
    this.signal.raise();
  }

  /** Takes what is first. */
  take(): Item | undefined {
    if (this.#lost.size > 0) {
      const [namespace, gap] = this.#lost.entries().next().value!;
      this.#lost.delete(namespace);
      return gap;
    }
    return this.#shift();
  }

  /** Forgets all. */
  clear(): void {
    this.#lost.clear();
    this.#entries = [];
    this.#head = this.#events = this.#bytes = 0;
  }

  #drop(): void {
    const item = this.#shift();
    if (item === undefined) return;
    const { namespace } = item;
    const before = this.#lost.get(namespace);
    let gap: Gap;
    if ("kind" in item) gap = item as Gap;
    else {
      this.#monitor.dropped++;
      const { sequence } = item;
      const place = sequence === undefined
        ? {}
        : { from: sequence, to: sequence };
      gap = {
        kind: "gap",
        namespace,
        reason: "overflow",
        ...place,
        dropped: 1,
      };
    }
    this.#lost.set(namespace, before === undefined ? gap : merged(before, gap));
  }

  #shift(): Item | undefined {
    if (this.#head === this.#entries.length) return undefined;
    const entry = this.#entries[this.#head]!;
    this.#entries[this.#head++] = undefined as unknown as Entry;
    if (this.#head > 1_024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    if (!("kind" in entry.item)) this.#events--;
    this.#bytes -= entry.bytes;
    return entry.item;
  }
}

function merged(one: Gap, other: Gap): Gap {
  const from = least(one.from, other.from, Math.min);
  const to = least(one.to, other.to, Math.max);
  return {
    kind: "gap",
    namespace: one.namespace,
    reason: one.reason === "overflow" ? "overflow" : other.reason,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    dropped: one.dropped + other.dropped,
  };
}

function least(
  a: number | undefined,
  b: number | undefined,
  choose: (a: number, b: number) => number,
): number | undefined {
  return a === undefined ? b : b === undefined ? a : choose(a, b);
}
