/**
 * Commands kept in 16 bytes each, id and all. An id that is a ULID is 48 bits of
 * time and 80 of chance; the time is written as its distance from that of the
 * first in its chunk, which leaves room for how many events the command made.
 * What does not fit (another kind of id, a rejection, many events) is not taken.
 *
 * Entries stand in chunks of 256, in the order they came. A command is looked for
 * in the chunks whose ids' times span its own: for a new one, whose id is about
 * as young as the youngest, that is the newest chunk and seldom more.
 */
import type { RememberedCommand } from "../event/mod.ts";

/** Commands of one actor, in the order they were answered. */
export class PackedCommands {
  #chunks: Chunk[] = [];
  #size = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** The oldest, those that go together; undefined where there are none. */
  get oldest(): Together | undefined {
    const chunk = this.#chunks[0];
    return chunk &&
      { size: chunk.count, at: chunk.at, youngest: chunk.youngest };
  }

  /** Takes one more, if it fits; its version must not be below the one before. */
  add(command: RememberedCommand): boolean {
    const { at, events, id, rejected, version } = command;
    if (rejected !== undefined || events > MOST || !readUlid(id)) return false;
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || !chunk.takes(events, version)) {
      const base = chunk?.version ?? 0;
      if (version - events < base) return false;
      chunk = new Chunk(time, version - events, chunk?.youngest);
      this.#chunks.push(chunk);
    }
    chunk.add(events, version, at);
    this.#size++;
    return true;
  }

  /** Finds one by its id. */
  get(id: string): RememberedCommand | undefined {
    if (this.#size === 0 || !readUlid(id)) return undefined;
    for (let i = this.#chunks.length - 1; i >= 0; i--) {
      const chunk = this.#chunks[i]!;
      // Younger than all ids here and in all chunks before: as most new ones are.
      if (time > chunk.youngest) return undefined;
      const found = chunk.find(id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The oldest, those that go together. */
  oldestOnes(): RememberedCommand[] {
    return this.#chunks[0]?.all() ?? [];
  }

  /** Forgets the oldest, those that go together. */
  forgetOldest(): void {
    this.#size -= this.#chunks.shift()?.count ?? 0;
  }

  /** Forgets all. */
  clear(): void {
    this.#chunks = [];
    this.#size = 0;
  }

  /** The newest ones, oldest first, and the latest time of any id before them. */
  newest(most: number): {
    readonly commands: RememberedCommand[];
    readonly idsBefore: number;
  } {
    const found: RememberedCommand[][] = [];
    let count = 0;
    let i = this.#chunks.length;
    while (i > 0 && count < most) {
      const all = this.#chunks[--i]!.all();
      found.push(all);
      count += all.length;
    }
    const commands = found.reverse().flat();
    let idsBefore = this.#chunks[i - 1]?.youngest ?? -Infinity;
    for (const { id } of commands.splice(0, Math.max(0, count - most))) {
      idsBefore = Math.max(idsBefore, timeOfId(id)!);
    }
    return { commands, idsBefore };
  }
}

/** Commands that are forgotten together. */
interface Together {
  readonly size: number;
  /** When the last of them was answered. */
  readonly at: number;
  /** The latest time of any id among them, or forgotten before them. */
  readonly youngest: number;
}

class Chunk {
  count = 0;
  /** The version behind the last one. */
  version: number;
  /** When the last one was answered. */
  at = 0;
  /** The latest time of any id here or in a chunk before. */
  youngest: number;
  #words = new Uint32Array(8 * WORDS);
  readonly #baseTime: number;
  readonly #baseVersion: number;
  #first = Infinity;
  #last = -Infinity;
  #isRising = true;

  constructor(baseTime: number, baseVersion: number, youngest = -Infinity) {
    this.youngest = youngest;
    this.#baseTime = baseTime;
    this.#baseVersion = baseVersion;
    this.version = baseVersion;
  }

  /** Whether the id that was read last fits, with so many events up to a version. */
  takes(events: number, version: number): boolean {
    const gap = version - events - this.version;
    const offset = time - this.#baseTime;
    return this.count < CHUNK && gap >= 0 && gap <= MOST &&
      offset >= -HALF && offset < HALF;
  }

  /** Adds the id that was read last. */
  add(events: number, version: number, at: number): void {
    if (this.count * WORDS === this.#words.length) {
      const larger = new Uint32Array(this.#words.length * 2);
      larger.set(this.#words);
      this.#words = larger;
    }
    const gap = version - events - this.version;
    // The ids of one process rise: then a new one needs no search.
    this.#isRising &&= this.#isBehindLast();
    const place = this.count++ * WORDS;
    this.#words[place] = low;
    this.#words[place + 1] = middle;
    this.#words[place + 2] = high << 16 | events << 8 | gap;
    this.#words[place + 3] = time - this.#baseTime + HALF;
    this.version = version;
    this.at = Math.max(this.at, at);
    this.#first = Math.min(this.#first, time);
    this.#last = Math.max(this.#last, time);
    this.youngest = Math.max(this.youngest, time);
  }

  /** Finds the id that was read last. */
  find(id: string): RememberedCommand | undefined {
    if (time < this.#first || time > this.#last) return undefined;
    const words = this.#words;
    if (this.#isRising && this.#isBehindLast()) return undefined;
    const end = this.count * WORDS;
    for (let place = 0; place < end; place += WORDS) {
      if (words[place] !== low || words[place + 1] !== middle) continue;
      if (
        words[place + 2]! >>> 16 === high &&
        words[place + 3]! === time - this.#baseTime + HALF
      ) return this.#at(place, id);
    }
    return undefined;
  }

  all(): RememberedCommand[] {
    let version = this.#baseVersion;
    return Array.from({ length: this.count }, (_, i) => {
      const place = i * WORDS;
      const { events, gap } = this.#counts(place);
      version += events + gap;
      return { id: this.#idAt(place), events, version, at: this.at };
    });
  }

  /** Whether the id that was read last is higher than the last one here. */
  #isBehindLast(): boolean {
    if (this.count === 0 || time !== this.#last) return time > this.#last;
    const place = (this.count - 1) * WORDS;
    const lastHigh = this.#words[place + 2]! >>> 16;
    if (high !== lastHigh) return high > lastHigh;
    const lastMiddle = this.#words[place + 1]!;
    return middle === lastMiddle
      ? low > this.#words[place]!
      : middle > lastMiddle;
  }

  #at(place: number, id: string): RememberedCommand {
    let version = this.#baseVersion;
    for (let at = 0; at <= place; at += WORDS) {
      const { events, gap } = this.#counts(at);
      version += events + gap;
    }
    return { id, events: this.#counts(place).events, version, at: this.at };
  }

  #counts(place: number): { events: number; gap: number } {
    const word = this.#words[place + 2]!;
    return { events: word >>> 8 & MOST, gap: word & MOST };
  }

  #idAt(place: number): string {
    const words = this.#words;
    return writeUlid(
      words[place + 3]! - HALF + this.#baseTime,
      words[place + 2]! >>> 16,
      words[place + 1]!,
      words[place]!,
    );
  }
}

// The id that was read last. It is read before each look and each addition, ten
// thousands of times a second: an object for it would cost more than the look.
// Two looks mostly follow one another with the same id.
let read = "";
let time = 0;
let high = 0;
let middle = 0;
let low = 0;
let bad = 0;

/** Reads an id; false unless it is a ULID in upper case, as it is made. */
function readUlid(id: string): boolean {
  if (id.length !== 26) return false;
  if (id === read) return true;
  read = "";
  bad = 0;
  const t1 = digits(id, 0, 5);
  const t2 = digits(id, 5, 10);
  const r1 = digits(id, 10, 14);
  const r2 = digits(id, 14, 18);
  const r3 = digits(id, 18, 22);
  const r4 = digits(id, 22, 26);
  if (bad >= BAD || t1 >= 2 ** 23) return false;
  time = t1 * 2 ** 25 + t2;
  high = r1 >>> 4;
  middle = (r1 << 28 | r2 << 8 | r3 >>> 12) >>> 0;
  low = (r3 << 20 | r4) >>> 0;
  read = id;
  return true;
}

/** The time of a ULID in upper case, milliseconds since 1970; undefined for any other id. */
export function timeOfId(id: string): number | undefined {
  return readUlid(id) ? time : undefined;
}

function digits(id: string, from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) {
    const digit = DIGITS[id.charCodeAt(i)] ?? BAD;
    bad |= digit;
    value = value << 5 | digit;
  }
  return value;
}

function writeUlid(t: number, h: number, m: number, l: number): string {
  const t1 = Math.floor(t / 2 ** 20);
  return PAIRS[t1 >>> 20]! + four(t1 & 0xfffff) + four(t % 2 ** 20) +
    four((h << 4 | m >>> 28) & 0xfffff) + four(m >>> 8 & 0xfffff) +
    four((m << 12 | l >>> 20) & 0xfffff) + four(l & 0xfffff);
}

function four(value: number): string {
  return PAIRS[value >>> 10]! + PAIRS[value & 1023]!;
}

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/** What ten bits are written as: a snapshot has a thousand ids, each of 13 of these. */
const PAIRS = Array.from(
  { length: 1024 },
  (_, i) => ALPHABET[i >>> 5]! + ALPHABET[i & 31]!,
);
const BAD = 32;
const DIGITS = new Uint8Array(128).fill(BAD);
for (let i = 0; i < ALPHABET.length; i++) DIGITS[ALPHABET.charCodeAt(i)] = i;
/** Words of an entry. */
const WORDS = 4;
/** Entries of a chunk. */
const CHUNK = 256;
/** The most events, and the most versions of others in between. */
const MOST = 255;
/** How far an id's time may be from the chunk's, in milliseconds: 24 days. */
const HALF = 2 ** 31;
