/**
 * Carries out the durable commands for the actors of this node.
 *
 * They wait in the inbox until they are done with: what they came to is stored
 * with the actor's commit, the sender told where it asked, and only then are they
 * removed. So whoever owns the shard next finds all that is not done with, and may
 * find some that is; those are answered from what their actor remembers.
 *
 * Each actor has a lane: one command at a time, in the order of the inbox. One that
 * fails is tried again, with pauses that double, and blocks its lane, no other. After
 * so many failures it is parked, and what comes behind it from the same source is
 * parked as well, so that order is kept, until somebody has it replayed or dropped.
 * Trouble with the store, or a move, is no failure of the command: it is waited out.
 *
 * A shard costs nothing while nothing comes: the inbox says when something does. As
 * that may be lost on the way, it is asked every few seconds where commands wait,
 * with one request for all shards.
 */
import type { AetherError, CancelTimer } from "../event/mod.ts";
import type { Inbox, InboxCommand, InboxPlace } from "../store/mod.ts";
import { Blocks } from "./_blocks.ts";
import {
  Carrier,
  type CarrierOptions,
  type CarrierStats,
  type Holding,
} from "./_carrier.ts";

/** What an intake has done. */
export interface IntakeStats extends CarrierStats {
  /** Messages in the inbox that were no commands, and were removed. */
  readonly refused: number;
}

/** What is known of one shard of one type. */
interface Place extends Holding {
  /** Where to read on. */
  next: number;
  /** The highest sequence that is known to be there. */
  wanted: number;
  isReading: boolean;
  isStopped: boolean;
  /** Whether there was no room to read on. */
  isFull: boolean;
  /** Sequences of commands that were read and are not done with. */
  readonly held: Set<number>;
  readonly lanes: Map<string, Lane>;
  blocked: Blocks | undefined;
  readonly onIdle: (() => void)[];
}

/** The commands of one actor. */
interface Lane {
  readonly waiting: InboxCommand[];
  /** Where it goes on behind those, if there was no room for more. */
  rest: number | undefined;
  /** The last sequence for which there was no room. */
  last: number;
}

/** Carries out durable commands. */
export class Intake {
  readonly #options: CarrierOptions;
  readonly #carrier: Carrier;
  readonly #places = new Map<string, Place>();
  readonly #queue: (() => void)[] = [];
  #running = 0;
  #isLooking = false;
  #lookAgain = false;
  #stop: () => void = () => {};
  #cancelLook: CancelTimer | undefined;
  #closed = false;
  #refused = 0;

  /** Takes nothing yet. */
  constructor(options: CarrierOptions) {
    this.#options = options;
    this.#carrier = new Carrier(options);
  }

  /** What it has done. */
  get stats(): IntakeStats {
    return { ...this.#carrier.stats, refused: this.#refused };
  }

  /** Begins to take. */
  start(): void {
    const { inbox } = this.#options;
    this.#stop = inbox.onArrival((place, sequence) => {
      if (this.#closed || !this.#options.owns(place.type, place.shard)) return;
      this.#arrived(place, sequence);
    });
    this.look();
  }

  /** Looks where commands wait; to be called when shards have come, too. */
  look(): void {
    if (this.#closed) return;
    if (this.#isLooking) {
      this.#lookAgain = true;
      return;
    }
    this.#cancelLook?.();
    this.#isLooking = true;
    this.#lookAround().catch(() => {}).then(() => {
      this.#isLooking = false;
      if (this.#closed) return;
      if (this.#lookAgain) {
        this.#lookAgain = false;
        return this.look();
      }
      const { clock, inbox } = this.#options;
      if (inbox.tellsAll) return;
      this.#cancelLook = clock.timer(LOOK, () => this.look());
    });
  }

  /**
   * Takes nothing more for a shard.
   *
   * @returns When what runs is done with.
   */
  release(place: InboxPlace): Promise<void> {
    const known = this.#places.get(keyOf(place));
    if (known === undefined) return Promise.resolve();
    this.#places.delete(keyOf(place));
    known.isStopped = true;
    this.#carrier.wake();
    if (known.lanes.size === 0 && !known.isReading) return Promise.resolve();
    return new Promise((resolve) => known.onIdle.push(resolve));
  }

  /** Takes nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#carrier.close();
    this.#stop();
    this.#cancelLook?.();
    await Promise.all(
      [...this.#places.values()].map((place) => this.release(place)),
    );
  }

  // ---- finding ----

  async #lookAround(): Promise<void> {
    const { inbox, owns } = this.#options;
    for (let from: number | undefined = 1; from !== undefined;) {
      const found: Awaited<ReturnType<Inbox["places"]>> = await inbox.places(
        from,
      );
      for (const place of found.places) {
        if (this.#closed) return;
        if (owns(place.type, place.shard)) this.#arrived(place, undefined);
      }
      from = found.next;
    }
  }

  #arrived(where: InboxPlace, sequence: number | undefined): void {
    const key = keyOf(where);
    let place = this.#places.get(key);
    if (place === undefined) {
      place = {
        type: where.type,
        shard: where.shard,
        next: 1,
        wanted: 0,
        isReading: false,
        isStopped: false,
        isFull: false,
        held: new Set(),
        lanes: new Map(),
        blocked: undefined,
        onIdle: [],
      };
      this.#places.set(key, place);
    }
    if (sequence === undefined) {
      // Found by looking: it may well be known, then nothing is behind it.
      this.#read(place);
      return;
    }
    // A lower one than before: the stream was made anew.
    if (sequence < place.next && sequence < place.wanted) place.next = 1;
    place.wanted = Math.max(place.wanted, sequence);
    this.#read(place);
  }

  async #read(place: Place): Promise<void> {
    if (place.isReading) return;
    place.isReading = true;
    const { inbox, log } = this.#options;
    try {
      place.blocked ??= await this.#blocksOf(place);
      for (let misses = 0; this.#mayRead(place);) {
        const from = place.next;
        const page = await inbox.read(place, from, { limit: PAGE });
        if (place.isStopped) break;
        for (const { reason, sequence } of page.broken) {
          this.#refused++;
          const { shard, type } = place;
          const message = "a message in the inbox is no command";
          log({ level: "error", message, type, shard, sequence, reason });
          this.#carrier.remove(sequence);
        }
        // A lane may have left something meanwhile, further back than this page.
        const isBehind = place.next < from;
        const isNew = page.last >= place.next;
        if (!isBehind) place.next = Math.max(place.next, page.last + 1);
        for (const command of page.commands) this.#take(place, command);
        if (page.more || isBehind) continue;
        if (place.wanted < place.next) break;
        // What came while this was read is read at once.
        if (isNew) continue;
        if (++misses > MISSES) break;
        // A replica that is behind.
        await this.#carrier.pause(misses * 5);
      }
    } catch (error) {
      const { code, message: reason } = error as AetherError;
      const message = "durable commands could not be read";
      log({ level: "warn", message, place: keyOf(place), code, reason });
    }
    place.isReading = false;
    this.#settle(place);
  }

  #mayRead(place: Place): boolean {
    place.isFull = place.held.size >= WINDOW;
    return !place.isStopped && !this.#closed && !place.isFull;
  }

  async #blocksOf(place: Place): Promise<Blocks> {
    const blocks = new Blocks();
    for (const parked of await this.#options.inbox.parked(place)) {
      blocks.add(parked);
    }
    return blocks;
  }

  // ---- lanes ----

  #take(place: Place, command: InboxCommand): void {
    const { actorId, sequence } = command;
    if (place.held.has(sequence)) return;
    let lane = place.lanes.get(actorId);
    if (lane === undefined) {
      lane = { waiting: [], rest: undefined, last: 0 };
      place.lanes.set(actorId, lane);
      this.#work(place, actorId, lane);
    }
    if (lane.rest !== undefined || lane.waiting.length >= LANE) {
      // One that is blocked must not take the room of others.
      lane.rest = Math.min(lane.rest ?? sequence, sequence);
      lane.last = Math.max(lane.last, sequence);
    } else this.#hold(place, lane, command);
  }

  #hold(place: Place, lane: Lane, command: InboxCommand): void {
    if (place.held.has(command.sequence)) return;
    place.held.add(command.sequence);
    lane.waiting.push(command);
  }

  async #work(place: Place, actorId: string, lane: Lane): Promise<void> {
    await this.#turn();
    try {
      while (!place.isStopped) {
        await this.#refill(place, actorId, lane);
        // Looked at behind that: one may have come in that very turn.
        if (lane.waiting.length === 0) break;
        const command = lane.waiting[0]!;
        if (!await this.#carrier.carryOut(place, command)) break;
        lane.waiting.shift();
        place.held.delete(command.sequence);
        if (place.isFull && place.held.size <= WINDOW / 2) this.#read(place);
      }
    } catch (error) {
      // The next look, or the next owner, goes on.
      const { code, message: reason } = error as AetherError;
      const message = "durable commands wait for another look";
      this.#options.log({ level: "debug", message, actorId, code, reason });
    }
    this.#running--;
    this.#queue.shift()?.();
    // What was left here is there still, and is read again.
    const left = lane.waiting[0]?.sequence ?? lane.rest;
    for (const { sequence } of lane.waiting) place.held.delete(sequence);
    if (left !== undefined) place.next = Math.min(place.next, left);
    place.lanes.delete(actorId);
    this.#settle(place);
  }

  /** Reads those for which there was no room, if a lane has no others. */
  async #refill(place: Place, actorId: string, lane: Lane): Promise<void> {
    while (lane.waiting.length === 0 && lane.rest !== undefined) {
      const { inbox } = this.#options;
      const page = await inbox.read(place, lane.rest, { limit: LANE, actorId });
      for (const command of page.commands) this.#hold(place, lane, command);
      lane.rest = page.more || page.last < lane.last
        ? Math.max(page.last + 1, lane.rest)
        : undefined;
      // A replica that is behind: left to the next look.
      if (page.last === 0) return;
    }
  }

  #settle(place: Place): void {
    if (place.isReading || place.lanes.size > 0) return;
    for (const done of place.onIdle.splice(0)) done();
  }

  /** Waits until another lane may run. */
  async #turn(): Promise<void> {
    if (this.#running >= LANES) {
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    }
    this.#running++;
  }
}

function keyOf({ shard, type }: InboxPlace): string {
  return `${type}/${shard}`;
}

/** Commands read at a time. */
const PAGE = 128;
/** Commands of one shard that may be read ahead. */
const WINDOW = 1_024;
/** Commands of one actor that may be. */
const LANE = 64;
/** Lanes that may run at the same time. */
const LANES = 256;
/** How often it is looked again for what is known to be there. */
const MISSES = 5;
/** Milliseconds between two looks around. */
const LOOK = 5_000;
