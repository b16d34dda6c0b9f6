/**
 * What is known of one actor: its state as of a commit, where that commit stands
 * in the log, and the commands answered up to there. It moves on in three ways:
 * loaded from the store, caught up with what others wrote, or by a commit of
 * this process.
 */
import {
  type ActorAddress,
  type ActorSnapshot,
  type CommandRecord,
  type RememberedCommand,
  type Timer,
  timersBehind,
} from "../event/mod.ts";
import type {
  ActorPosition,
  AppendResult,
  EventStore,
  LoadedActor,
  StoredCommit,
} from "../store/mod.ts";
import type { AnyActor } from "./definition.ts";
import {
  AT_LEAST_MS,
  CLOCK_SKEW,
  CommandMemory,
  MOST_COMMANDS,
} from "./_memory.ts";
import { timeOfId } from "./_packed_commands.ts";
import { applyCommits, quarantine, replay, type Replayed } from "./_replay.ts";

/** What lies behind a replica. */
export interface Ahead extends Replayed {
  /** Where the replica stood. */
  readonly behind: ActorPosition;
  /** What was read. */
  readonly loaded: LoadedActor;
}

/** What a replica was loaded from. */
export interface LoadedFrom {
  /** The version of the snapshot; 0 for none. */
  readonly snapshot: number;
  /** How many commits were read behind it. */
  readonly commits: number;
}

/** Commands older than those remembered, as they were seen on the way back. */
interface Older {
  /** Nothing that was committed from this time on is missing here and in the memory. */
  readonly since: number;
  readonly commands: Map<string, RememberedCommand>;
  /** Whether anything was looked for here since it was last asked. */
  isWanted: boolean;
  /** When that is asked next: milliseconds since 1970. */
  until: number;
}

/** One actor as this process knows it. */
export class Replica {
  /** The state, frozen. */
  state: unknown = undefined;
  /** The version it is of. */
  version = 0;
  /** The timers that are live; undefined for none. */
  timers: ReadonlyMap<string, Timer> | undefined;
  /** Where the log ends, as far as is known. */
  position: ActorPosition;
  /** The commands answered so far. */
  readonly memory: CommandMemory = new CommandMemory();
  readonly #definition: AnyActor;
  readonly #store: EventStore;
  readonly #id: string;
  #commitId: string | undefined;
  #older: Older | undefined;

  /** Knows nothing until it is loaded. */
  constructor(definition: AnyActor, address: ActorAddress, store: EventStore) {
    this.#definition = definition;
    this.#store = store;
    this.#id = address.id;
    this.position = { actorId: address.id, version: 0, trail: [] };
  }

  /**
   * Loads all of it.
   *
   * @throws {QuarantinedError} `quarantined`: it cannot be replayed.
   */
  async load(timeout: number = LOAD_TIMEOUT): Promise<LoadedFrom> {
    const { schema } = this.#definition.options;
    const loaded = await this.#store.load(this.#id, { schema, timeout });
    const replayed = replay(this.#definition, this.#id, loaded);
    this.memory.clear();
    this.#forgetOlder();
    if (loaded.snapshot !== undefined) this.memory.restore(loaded.snapshot);
    this.timers = timersOf(loaded.snapshot);
    this.#commitId = loaded.snapshot?.commitId;
    this.#takeOver(loaded, replayed);
    const { commits, snapshot } = loaded;
    return { snapshot: snapshot?.version ?? 0, commits: commits.length };
  }

  /**
   * Takes over what others have written meanwhile.
   *
   * @throws {QuarantinedError} `quarantined`: it cannot be replayed.
   */
  async catchUp(): Promise<void> {
    const newer = await this.#store.load(this.#id, {
      after: this.position,
      timeout: LOAD_TIMEOUT,
    });
    const { state, version } = this;
    const start = { state, version };
    this.#takeOver(
      newer,
      applyCommits(this.#definition, this.#id, start, newer.commits),
    );
  }

  /**
   * Reads what others have written meanwhile, and leaves this as it is.
   *
   * @returns The state behind all that was stored when it was asked for.
   * @throws {QuarantinedError} `quarantined`: it cannot be replayed.
   */
  async lookAhead(): Promise<Ahead> {
    const { position, state, version } = this;
    const loaded = await this.#store.load(this.#id, {
      after: position,
      timeout: LOAD_TIMEOUT,
    });
    const { commits } = loaded;
    const start = { state, version };
    return {
      ...applyCommits(this.#definition, this.#id, start, commits),
      behind: position,
      loaded,
    };
  }

  /** Takes over what was read ahead, unless it has moved on since. */
  takeOver(ahead: Ahead): void {
    if (ahead.behind !== this.position) return;
    if (ahead.loaded.commits.length > 0) this.#takeOver(ahead.loaded, ahead);
  }

  /** Takes over a commit of this process, with commands that are not remembered yet. */
  committed(
    state: unknown,
    result: AppendResult,
    records: readonly CommandRecord[],
    timers: ReadonlyMap<string, Timer> | undefined,
    at: number,
  ): void {
    let { version } = this;
    for (const record of records) {
      version += record.events;
      this.memory.addNew(record, version, at);
    }
    this.#agedOlder(at);
    this.state = state;
    this.timers = timers;
    this.version = result.version;
    this.position = result.position;
    this.#commitId = result.commitId;
  }

  /** Whether the command would be remembered if it had ever been answered. */
  wouldRemember(commandId: string): boolean {
    if (this.memory.wouldRemember(commandId)) return true;
    const made = timeOfId(commandId);
    return made !== undefined && this.#hasReadFrom(made - CLOCK_SKEW);
  }

  /**
   * Whether an attempt that is said to be the first may be a later one, of which
   * nothing is remembered: as its id is no younger than all that were forgotten, or
   * as it tells no time, and an actor that was loaded a moment ago remembers less
   * than the last minutes.
   */
  mayHaveForgotten(commandId: string, now: number): boolean {
    const { memory } = this;
    if (memory.wouldRemember(commandId)) return false;
    const made = timeOfId(commandId);
    const older = this.#older;
    if (memory.size + (older?.commands.size ?? 0) >= MOST_REMEMBERED) {
      // So many that minutes are too much: new ids are not looked for each time.
      const since = Math.min(memory.since, older?.since ?? Infinity);
      return made !== undefined && made + CLOCK_SKEW < since;
    }
    const from = fromWhen(made, now);
    const isCovered = made === undefined && from > memory.since;
    return !isCovered && !this.#hasReadFrom(from);
  }

  /** Whether all that was committed from a time on was read back, and is kept. */
  #hasReadFrom(time: number): boolean {
    if (time < (this.#older?.since ?? Infinity)) return false;
    this.#older!.isWanted = true;
    return true;
  }

  /** Finds a command that was answered, as far as is known. */
  answered(commandId: string): RememberedCommand | undefined {
    return this.memory.get(commandId) ?? this.#older?.commands.get(commandId);
  }

  /**
   * Looks for commands in the log, newest commits first. The log is read as it
   * is looked at, and no further back than the oldest of the ids was made.
   *
   * @param now Where none of the commands has to be found however old it is: the
   * present time, and no more than what an actor remembers at most is read.
   * @param isWanted Says whether it is still worth while.
   * @returns Those that were found.
   */
  async lookBack(
    commandIds: ReadonlySet<string>,
    now: number | undefined,
    isWanted: () => boolean,
  ): Promise<ReadonlyMap<string, RememberedCommand>> {
    let made = Infinity;
    for (const id of commandIds) {
      made = Math.min(made, fromWhen(timeOfId(id), now ?? -Infinity));
    }
    const found = new Map<string, RememberedCommand>();
    const passed = new Map<string, RememberedCommand>();
    const { memory } = this;
    const asked = memory.since;
    let isWhole = true;
    for await (const { at, commands, events, version } of this.#commitsBack()) {
      if (at < made) break;
      if (!isWanted()) return found;
      if (now !== undefined && memory.size + passed.size >= MOST_REMEMBERED) {
        made = at + 1;
        break;
      }
      let behind = version - events.length;
      for (const command of commands) {
        behind += command.events;
        const { id } = command;
        // Of two the first is the one that counts.
        if (commandIds.has(id)) {
          found.set(id, { ...command, version: behind, at });
        }
        if (passed.size < MOST_PASSED && memory.get(id) === undefined) {
          passed.set(id, { ...command, version: behind, at });
        }
      }
      isWhole = found.size < commandIds.size;
      if (!isWhole) break;
    }
    // The next question will be about ids as young as these: then it is known.
    if (isWhole && passed.size < MOST_PASSED && memory.since === asked) {
      this.#older = {
        since: made,
        commands: passed,
        isWanted: true,
        until: -Infinity,
      };
      memory.onForget = (forgotten) => this.#keepOlder(forgotten);
    }
    return found;
  }

  // Without what is forgotten meanwhile there would be a hole between the two.
  #keepOlder(forgotten: readonly RememberedCommand[]): void {
    const { commands } = this.#older!;
    for (const command of forgotten) commands.set(command.id, command);
    if (commands.size >= MOST_PASSED) this.#forgetOlder();
  }

  /**
   * Old commands come in numbers, where many have waited: each would be looked for
   * anew. They are kept until none has come for a while.
   */
  #agedOlder(now: number): void {
    const older = this.#older;
    if (older === undefined || now < older.until) return;
    if (!older.isWanted) return this.#forgetOlder();
    older.isWanted = false;
    older.until = now + 3 * CLOCK_SKEW;
  }

  #forgetOlder(): void {
    this.#older = undefined;
    this.memory.onForget = undefined;
  }

  #commitsBack(): AsyncIterable<StoredCommit> {
    const options = { timeout: LOAD_TIMEOUT };
    return this.#store.readCommits?.(this.#id, options) ?? this.#loadAll();
  }

  // For stores that cannot read commits as they are wanted.
  async *#loadAll(): AsyncGenerator<StoredCommit> {
    const options = { schema: false, timeout: LOAD_TIMEOUT } as const;
    const { commits } = await this.#store.load(this.#id, options);
    yield* commits.toReversed();
  }

  /** What there is to be saved. */
  snapshot(now: number): ActorSnapshot {
    const [sequence] = this.position.trail;
    return {
      actorId: this.#id,
      version: this.version,
      state: this.state,
      timestamp: new Date(now),
      schema: this.#definition.options.schema,
      ...this.memory.newest(),
      ...(this.timers === undefined
        ? {}
        : { timers: [...this.timers.values()] }),
      ...(sequence === undefined ? {} : { sequence }),
      ...(this.#commitId === undefined ? {} : { commitId: this.#commitId }),
    };
  }

  #takeOver(loaded: LoadedActor, { state, version }: Replayed): void {
    if (version !== loaded.position.version) {
      throw quarantine(
        this.#id,
        `its log ends at version ${loaded.position.version}, but its events at ${version}`,
      );
    }
    for (const commit of loaded.commits) {
      this.memory.addCommit(commit);
      const { commitId, effects } = commit;
      if (effects !== undefined) {
        this.timers = timersBehind(this.timers, effects, commitId);
      }
    }
    this.state = state;
    this.version = version;
    this.position = loaded.position;
    this.#commitId = loaded.commits.at(-1)?.commitId ?? this.#commitId;
  }
}

function timersOf(
  snapshot: ActorSnapshot | undefined,
): ReadonlyMap<string, Timer> | undefined {
  const timers = snapshot?.timers ?? [];
  if (timers.length === 0) return undefined;
  return new Map(timers.map((timer) => [timer.name, timer]));
}

/** Since when a command may have been answered whose id was made then, or says nothing. */
function fromWhen(made: number | undefined, now: number): number {
  return made === undefined ? now - AT_LEAST_MS + 1 : made - CLOCK_SKEW;
}

const LOAD_TIMEOUT = 10_000;
/** Commands that are kept of those seen on the way back. */
const MOST_PASSED = MOST_COMMANDS;
/** From so many on an actor remembers all it may, but for what is forgotten together. */
const MOST_REMEMBERED = MOST_COMMANDS - 512;
