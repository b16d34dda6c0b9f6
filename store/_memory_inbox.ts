/**
 * An inbox in this process, beside a log in memory. What is in it belongs to the
 * log, as a stream belongs to a server: systems that come and go over one log
 * share it. Timers fire on the clock of those who listen.
 */
import {
  type CancelTimer,
  type Clock,
  ClosedError,
  parseActorId,
} from "../event/mod.ts";
import { RawHeaders } from "../nats/mod.ts";
import { decodeDurable, encodeDurable } from "./_inbox_format.ts";
import type {
  DurableCommand,
  FoundParked,
  Inbox,
  InboxCommand,
  InboxPage,
  InboxPlace,
  Mark,
  ParkedCommand,
} from "./inbox.ts";

/** What waits beside a log. */
export class InboxContent {
  /** The last sequence given away. */
  sequence = 0;
  /** Commands by sequence, rising. */
  readonly commands: Map<number, InboxCommand> = new Map();
  /** The same by type and shard. */
  readonly places: Map<string, Map<number, InboxCommand>> = new Map();
  /** By actor and id. */
  readonly alarms: Map<string, { command: DurableCommand; at: number }> =
    new Map();
  /** By actor and command id. */
  readonly parked: Map<string, FoundParked> = new Map();
  /** By the life of a node. */
  readonly marks: Map<string, Mark> = new Map();
  /** Told of what comes. */
  readonly listeners: Set<(place: InboxPlace, sequence: number) => void> =
    new Set();
  /** Told that a timer was set. */
  readonly watchers: Set<() => void> = new Set();
}

/** An inbox in this process. */
export class MemoryInbox implements Inbox {
  readonly tellsAll: boolean = true;
  readonly #content: InboxContent;
  readonly #clock: Clock;
  readonly #stops = new Set<() => void>();
  #cancel: CancelTimer | undefined;
  #closed = false;

  /** Looks at what waits beside a log. */
  constructor(content: InboxContent, clock: Clock) {
    this.#content = content;
    this.#clock = clock;
  }

  // deno-lint-ignore require-await -- what is wrong with the arguments rejects
  async put(command: DurableCommand): Promise<void> {
    this.#assertOpen();
    this.#add(copyOf(command));
  }

  // deno-lint-ignore require-await -- see put
  async setAlarm(command: DurableCommand, at: number): Promise<void> {
    this.#assertOpen();
    const { actorId, commandId } = command;
    this.#content.alarms.set(`${actorId} ${commandId}`, {
      command: copyOf(command),
      at,
    });
    for (const watch of this.#content.watchers) watch();
  }

  clearAlarm(actorId: string, id: string): Promise<void> {
    this.#content.alarms.delete(`${actorId} ${id}`);
    return Promise.resolve();
  }

  // deno-lint-ignore require-await -- see put
  async read(
    place: InboxPlace,
    from: number,
    { actorId, limit = PAGE }: {
      readonly limit?: number;
      readonly actorId?: string;
    } = {},
  ): Promise<InboxPage> {
    this.#assertOpen();
    const commands: InboxCommand[] = [];
    const here = this.#content.places.get(keyOf(place));
    for (const command of here?.values() ?? []) {
      if (command.sequence < from) continue;
      if (actorId !== undefined && command.actorId !== actorId) continue;
      if (commands.length === limit) {
        return {
          commands,
          broken: [],
          last: commands.at(-1)!.sequence,
          more: true,
        };
      }
      commands.push(command);
    }
    const last = commands.at(-1)?.sequence ?? 0;
    return { commands, broken: [], last, more: false };
  }

  remove(sequence: number): Promise<void> {
    const { commands, parked, places } = this.#content;
    const command = commands.get(sequence);
    if (command !== undefined) {
      commands.delete(sequence);
      const key = keyOf(parseActorId(command.actorId));
      places.get(key)?.delete(sequence);
      return Promise.resolve();
    }
    for (const [key, found] of parked) {
      if (found.sequence === sequence) parked.delete(key);
    }
    return Promise.resolve();
  }

  // deno-lint-ignore require-await -- see put
  async places(from: number): Promise<
    { readonly places: readonly InboxPlace[]; readonly next: undefined }
  > {
    this.#assertOpen();
    const places: InboxPlace[] = [];
    for (const commands of this.#content.places.values()) {
      const last = [...commands.values()].at(-1);
      if (last === undefined || last.sequence < from) continue;
      const { shard, type } = parseActorId(last.actorId);
      places.push({ type, shard });
    }
    return { places, next: undefined };
  }

  onArrival(
    listener: (place: InboxPlace, sequence: number) => void,
  ): () => void {
    const { listeners, watchers } = this.#content;
    const own = (place: InboxPlace, sequence: number) =>
      listener(place, sequence);
    const watch = () => this.#arm();
    listeners.add(own);
    watchers.add(watch);
    const stop = () => {
      listeners.delete(own);
      watchers.delete(watch);
      this.#stops.delete(stop);
      if (this.#stops.size > 0) return;
      this.#cancel?.();
      this.#cancel = undefined;
    };
    this.#stops.add(stop);
    this.#arm();
    return stop;
  }

  // deno-lint-ignore require-await -- see put
  async park(parked: ParkedCommand): Promise<void> {
    this.#assertOpen();
    const { actorId, commandId } = parked.command;
    const sequence = ++this.#content.sequence;
    const key = `${actorId} ${commandId}`;
    this.#content.parked.delete(key);
    this.#content.parked.set(key, { ...parked, sequence });
  }

  // deno-lint-ignore require-await -- see put
  async parked(place?: InboxPlace): Promise<readonly FoundParked[]> {
    this.#assertOpen();
    return [...this.#content.parked.values()].filter(({ command }) => {
      if (place === undefined) return true;
      const { shard, type } = parseActorId(command.actorId);
      return type === place.type && shard === place.shard;
    }).sort((a, b) => a.order - b.order);
  }

  findParked(
    actorId: string,
    commandId: string,
  ): Promise<FoundParked | undefined> {
    return Promise.resolve(
      this.#content.parked.get(`${actorId} ${commandId}`),
    );
  }

  mark(run: string): Promise<Mark | undefined> {
    return Promise.resolve(this.#content.marks.get(run));
  }

  marks(): Promise<ReadonlyMap<string, Mark>> {
    return Promise.resolve(new Map(this.#content.marks));
  }

  setMark(run: string, mark: Mark | undefined): Promise<void> {
    const { marks } = this.#content;
    if (mark === undefined) marks.delete(run);
    else marks.set(run, { ...mark, covers: [...mark.covers] });
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const stop of [...this.#stops]) stop();
    return Promise.resolve();
  }

  #add(command: DurableCommand): void {
    const { commands, listeners, places } = this.#content;
    const sequence = ++this.#content.sequence;
    const placed = { ...command, sequence };
    const { shard, type } = parseActorId(command.actorId);
    commands.set(sequence, placed);
    const key = keyOf({ type, shard });
    const here = places.get(key);
    if (here === undefined) places.set(key, new Map([[sequence, placed]]));
    else here.set(sequence, placed);
    for (const listener of [...listeners]) listener({ type, shard }, sequence);
  }

  /** Waits for the first timer that falls due, as long as somebody listens. */
  #arm(): void {
    if (this.#stops.size === 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
    let first = Infinity;
    for (const { at } of this.#content.alarms.values()) {
      first = Math.min(first, at);
    }
    if (first === Infinity) return;
    const left = Math.max(0, first - this.#clock.now());
    this.#cancel = this.#clock.timer(left, () => this.#ring());
  }

  #ring(): void {
    const { alarms } = this.#content;
    const now = this.#clock.now();
    const due = [...alarms]
      .filter(([, { at }]) => at <= now)
      .sort(([, a], [, b]) => a.at - b.at);
    for (const [key, { command }] of due) {
      alarms.delete(key);
      this.#add(command);
    }
    this.#arm();
  }

  #assertOpen(): void {
    if (!this.#closed) return;
    throw new ClosedError("Cannot use an inbox that is closed");
  }
}

function keyOf({ shard, type }: InboxPlace): string {
  return `${type}/${shard}`;
}

// Written and read back, as on a server: nothing is shared with whoever gave it.
function copyOf(command: DurableCommand): DurableCommand {
  const { body, headers } = encodeDurable(command);
  return decodeDurable(
    parseActorId(command.actorId),
    new RawHeaders(new TextDecoder().decode(headers)),
    body,
  );
}

/** Commands a page. */
const PAGE = 256;
